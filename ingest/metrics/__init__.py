"""The metrics: a catalogue of the series, and how the figures of several processes add up."""
