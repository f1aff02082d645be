"""The consumer's settings, read from `RUNTALLY_*` variables at its composition root and passed down."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from runtally_consumer.engine import EngineLimits
from runtally_consumer.signatures import ProducerKeys


class ConsumerSettings(BaseSettings):
    """What can be set about the consumer; where Kafka and ClickHouse are is in their own settings."""

    model_config = SettingsConfigDict(env_prefix="RUNTALLY_", frozen=True, extra="ignore")

    host: str = Field("127.0.0.1", description="Address that the consumer's health port listens on.")
    consumer_port: int = Field(9464, ge=0, le=65535, description="Port of the consumer's /live, /ready, /metrics.")
    consumer_group: str = Field("runtally", min_length=1, description="Kafka consumer group.")
    batch_rows: int = Field(50_000, ge=1, description="Records in a batch, at most.")
    batch_bytes: int = Field(32 * 1024 * 1024, ge=1024, description="Bytes of records in a batch, at most.")
    linger_ms: int = Field(500, ge=1, description="How long a batch waits for more records.")
    buffer_bytes: int = Field(128 * 1024 * 1024, ge=1024 * 1024, description="Bytes of records held, at most.")
    session_timeout_ms: int = Field(30_000, ge=1000, description="Silence after which Kafka gives partitions away.")
    drain_seconds: float = Field(20.0, gt=0, description="How long leaving waits for inserts in flight.")
    store_check_seconds: float = Field(
        30.0, gt=0, description="How often the store's tables and settings are looked at."
    )
    outage_budget_hours: float = Field(24.0, gt=0, description="The longest outage that must lose nothing.")
    rollup_hot_seconds: float = Field(45.0, ge=1, description="A bucket is recomputed at most this often.")
    rollup_share: float = Field(0.1, gt=0, le=1, description="Share of the time spent on rollups, at most.")
    rollup_keep_seconds: float = Field(300.0, ge=1, description="Longer than any question runs.")
    rollup_memory_bytes: int = Field(
        1024 * 1024 * 1024, ge=16 * 1024 * 1024, description="Memory of the store that a recomputation may take."
    )

    producer_keys: Path | None = Field(
        None, description="File of the keys that records must be signed with, and their workspaces; without it none."
    )

    def read_producer_keys(self) -> ProducerKeys | None:
        """The keys, None where records need no signature. Raises `InvalidKeys`."""
        return None if self.producer_keys is None else ProducerKeys.read(self.producer_keys)

    def limits(self) -> EngineLimits:
        return EngineLimits(
            batch_rows=self.batch_rows,
            batch_bytes=self.batch_bytes,
            linger_seconds=self.linger_ms / 1000,
            buffer_bytes=self.buffer_bytes,
        )
