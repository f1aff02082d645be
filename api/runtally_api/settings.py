"""The API's settings, read from `RUNTALLY_*` variables at its composition root and passed down."""

import re
from datetime import timedelta
from typing import Literal

from pydantic import Field, SecretStr
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
    consumer_group: str = Field("runtally", min_length=1, description="The consumers' group, whose lag is told.")

    api_routes: Literal["all", "read", "ingest"] = Field("all", description="Which routes this process has.")
    reads_per_minute: int = Field(30_000, ge=0, description="Questions a minute, by caller and route; 0 is no limit.")
    writes_per_minute: int = Field(120_000, ge=0, description="POSTs of events a minute, by caller and route.")
    refused_per_minute: int = Field(300, ge=0, description="Refused sign-ins a minute, by address.")
    rate_storage_url: SecretStr | None = Field(None, description="Where requests are counted.")
    questions_at_once: int = Field(32, ge=1, le=38, description="Questions that are answered at once.")
    tenant_questions_at_once: int = Field(16, ge=1, description="Those of one tenant among them.")
    tenant_queue: int = Field(500, ge=0, description="Questions of one tenant that may wait for their turn.")
    tenant_threads: int = Field(0, ge=0, description="Threads of the store for a question while other tenants ask.")
    trusted_proxies: str = Field("", description="Networks whose X-Forwarded-For is believed, with commas between.")
    cors_origins: str = Field("", description="Origins whose pages may ask, with commas between.")
    hsts_seconds: int = Field(0, ge=0, description="Strict-Transport-Security; 0 sends none.")
    body_seconds: float = Field(60.0, gt=0, description="How long the body of a request may take to come.")

    @property
    def allowed_origins(self) -> list[str]:
        return [origin.strip().rstrip("/") for origin in self.cors_origins.split(",") if origin.strip()]

    @property
    def max_range(self) -> timedelta:
        return timedelta(days=self.max_range_days)

    @property
    def stalled_after(self) -> timedelta:
        return timedelta(hours=self.stalled_after_hours)
