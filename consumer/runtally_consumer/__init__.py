"""Kafka to ClickHouse: a pure engine that decides, thin adapters that act, one place that puts them together."""
