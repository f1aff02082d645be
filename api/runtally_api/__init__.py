"""The HTTP door: runs go in through Kafka, answers come out of the store."""
