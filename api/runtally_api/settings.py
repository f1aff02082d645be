"""The API's settings, read from `RUNTALLY_*` variables at its composition root and passed down."""

import re
from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ApiSettings(BaseSettings):
    """What can be set about the API; where Kafka and ClickHouse are is in their own settings."""

    model_config = SettingsConfigDict(env_prefix="RUNTALLY_", frozen=True, extra="ignore")

    host: str = Field("127.0.0.1", description="Address that the API listens on.")
    api_port: int = Field(8000, ge=0, le=65535, description="Port of the API.")
    max_range_days: int = Field(400, ge=1, description="Longest range that a question may have.")
    max_query_seconds: int = Field(30, ge=1, description="Longest time that a question may take.")
    max_query_memory_bytes: int = Field(2 * 1024**3, ge=1, description="Most memory of the store for a question.")
    max_query_rows: int = Field(100_000, ge=1, description="Most rows that an answer of /query may have.")
    use_rollups: bool = Field(True, description="Whether answers are read from rollups; else from single runs.")
    answer_cache_bytes: int = Field(
        64 * 1024**2, ge=0, description="Memory for answers that are given again while no data change; 0 keeps none."
    )
    stalled_after_hours: float = Field(24.0, gt=0, description="A run still running after this counts as stalled.")
    redact_error_messages: re.Pattern[str] | None = Field(
        None,
        description="Regular expression; what it matches in error messages and dead letters is shown as [redacted].",
    )
    publish_seconds: float = Field(10.0, gt=0, description="How long a POST waits for the broker.")

    @property
    def max_range(self) -> timedelta:
        return timedelta(days=self.max_range_days)

    @property
    def stalled_after(self) -> timedelta:
        return timedelta(hours=self.stalled_after_hours)
