"""A believable fleet of agents, as Kafka records: pure, and the same for the same seed."""
