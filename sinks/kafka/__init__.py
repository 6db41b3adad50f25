"""
The stream of many machines: Apache Kafka through aiokafka.

`producer` is the producing side (behind `sinks.kafka.spill`), `consumer` the store's. A topic for every kind of record,
keyed by the provider's message id, with the JSON values that `sinks.records` writes.
"""
