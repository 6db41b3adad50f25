"""The journal: append-only files on this machine's disk, which are the stream where there is no Kafka, and else the spill."""
