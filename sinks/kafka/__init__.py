"""
The stream between several machines: Apache Kafka through aiokafka.

Receivers append through `spill`, which uses `producer`; the drain reads through `consumer`. Each kind of record has a
topic, keyed by the provider's message id, with the JSON values of `sinks.records`.
"""
