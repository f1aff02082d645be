"""The settings of the local stack, read from `RUNTALLY_*` variables at its composition root."""

from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class LocalSettings(BaseSettings):
    """Ports and folders of the stack that `runtally up` starts on one machine."""

    model_config = SettingsConfigDict(env_prefix="RUNTALLY_", frozen=True, extra="ignore")

    data_dir: Path = Field(Path(".runtally"), description="Folder of the local store, broker and logs.")
    host: str = Field("127.0.0.1", description="Address that the API and the dashboard listen on.")
    api_port: int = Field(8000, ge=1, le=65535, description="Port of the API.")
    ui_port: int = Field(8501, ge=1, le=65535, description="Port of the dashboard.")
    kafka_port: int = Field(9092, ge=1, le=65535, description="Port of the local broker.")
    consumer_port: int = Field(9464, ge=1, le=65535, description="Port of the consumer's /live, /ready, /metrics.")
    broker: Literal["tansu", "kafka"] = Field("tansu", description="Local broker; `kafka` needs Java and Maven.")
    kafka_bootstrap: str | None = Field(None, description="Brokers elsewhere: then none is started here.")
    clickhouse_url: str | None = Field(None, description="A ClickHouse server: then no embedded engine is used.")
    drain_seconds: float = Field(20.0, gt=0, description="How long leaving waits for inserts in flight.")

    @property
    def logs(self) -> Path:
        return self.data_dir / "logs"
