"""The consumer's Prometheus metrics, in a registry of their own."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class ConsumerMetrics:
    """Each metric with its meaning; `registry` is what /metrics shows."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.accepted = Counter(
            "runtally_consumer_accepted_records",
            "Records that are in the store.",
            ["topic"],
            registry=self.registry,
        )
        self.withdrawn = Counter(
            "runtally_consumer_withdrawn_records",
            "Accepted records that are in no answer: `erased`, or `retired` as older than what is kept.",
            ["topic", "why"],
            registry=self.registry,
        )
        self.erasures_failed = Gauge(
            "runtally_consumer_erasures_failed",
            "Erasures whose rows were still there when they were counted; tried again.",
            registry=self.registry,
        )
        self.dead = Counter(
            "runtally_consumer_dead_letters",
            "Records kept as dead letters, by the field at fault; `store` when the store refused the row.",
            ["topic", "field"],
            registry=self.registry,
        )
        self.unknown_fields = Counter(
            "runtally_consumer_unknown_fields",
            "Fields that the contract does not know, ignored.",
            ["topic"],
            registry=self.registry,
        )
        self.failures = Counter(
            "runtally_consumer_failed_writes",
            "Tries to write a batch that failed and will be repeated.",
            ["kind"],
            registry=self.registry,
        )
        self.rebalances = Counter(
            "runtally_consumer_rebalances",
            "Times that partitions were assigned.",
            registry=self.registry,
        )
        self.step_seconds = Counter(
            "runtally_consumer_step_seconds",
            "Time spent in each step of a batch's way; `account` is marks and ledger.",
            ["step"],
            registry=self.registry,
        )
        self.batch_rows = Histogram(
            "runtally_consumer_batch_records",
            "Records in a batch.",
            buckets=(1, 10, 100, 1_000, 10_000, 50_000, 100_000),
            registry=self.registry,
        )
        self.lag_records = Gauge(
            "runtally_consumer_lag_records",
            "Records that the broker has and that are not yet durable here.",
            registry=self.registry,
        )
        self.lag_seconds = Gauge(
            "runtally_consumer_lag_seconds",
            "Age of the oldest record that is not yet durable; of unread ones an upper bound.",
            ["topic"],
            registry=self.registry,
        )
        self.buffer_bytes = Gauge(
            "runtally_consumer_buffer_bytes",
            "Bytes of records that were read and are not yet durable.",
            registry=self.registry,
        )
        self.breaker_open = Gauge(
            "runtally_consumer_breaker_open",
            "1 while writes of the topic fail for a reason that a person must mend, else 0.",
            ["topic"],
            registry=self.registry,
        )
        self.lost_records = Counter(
            "runtally_consumer_lost_offsets",
            "Offsets that retention or a truncation took before they were read.",
            ["topic"],
            registry=self.registry,
        )
        self.ledger_gaps = Gauge(
            "runtally_consumer_ledger_gaps",
            "Ranges of committed offsets of our partitions that the ledger does not cover, also those removed since.",
            ["topic"],
            registry=self.registry,
        )
        self.topics_made_anew = Counter(
            "runtally_consumer_topics_made_anew",
            "Times that a topic was found deleted and made again: its records are read from the first on.",
            ["topic"],
            registry=self.registry,
        )
        self.stopped_partitions = Gauge(
            "runtally_consumer_stopped_partitions",
            "Partitions that stand still until someone resumes them: too many dead letters, or records lost.",
            ["topic"],
            registry=self.registry,
        )
        self.rollup_seconds = Counter(
            "runtally_consumer_rollup_seconds",
            "Time spent on rollups: `look` for dirty ones, `refresh`, `drop` of what is not read, `compare` with runs.",
            ["step"],
            registry=self.registry,
        )
        self.rollup_refreshed = Counter(
            "runtally_consumer_rollup_refreshed_buckets",
            "Buckets, of any width, that were recomputed and published.",
            registry=self.registry,
        )
        self.rollup_dropped = Counter(
            "runtally_consumer_rollup_dropped_generations",
            "Generations of buckets that were dropped, as nobody reads them any more.",
            registry=self.registry,
        )
        self.rollup_failures = Counter(
            "runtally_consumer_rollup_failures",
            "Times that looking, refreshing, dropping or comparing failed; it goes again.",
            registry=self.registry,
        )
        self.rollup_compared = Counter(
            "runtally_consumer_rollup_compared_buckets",
            "Clean buckets of each width whose rollup was compared with their runs.",
            ["width"],
            registry=self.registry,
        )
        self.rollup_drifted = Counter(
            "runtally_consumer_rollup_drifted_buckets",
            "Clean buckets of each width whose rollup was not what their runs said; they were rolled up anew.",
            ["width"],
            registry=self.registry,
        )
        self.rollup_dirty_buckets = Gauge(
            "runtally_consumer_rollup_dirty_buckets",
            "Buckets of each width whose rollup was not up to date at the last look, so that narrower ones are read.",
            ["width"],
            registry=self.registry,
        )
