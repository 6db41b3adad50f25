"""The journal: append-only files on this machine's disk. It is the stream without Kafka, and the spill with it."""
