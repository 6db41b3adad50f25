"""The journal: the stream of an embedded installation, on this machine's disk."""
