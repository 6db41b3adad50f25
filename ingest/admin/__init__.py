"""The admin listener: probes, metrics and submissions."""
