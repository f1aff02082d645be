"""What the dashboard is told from outside, read once by whoever starts it."""

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class UiSettings(BaseSettings):
    """Frozen; built in the entry script (or by the command line) and passed down."""

    model_config = SettingsConfigDict(env_prefix="RUNTALLY_", frozen=True, extra="ignore")

    api_url: str = "http://127.0.0.1:8000"
    host: str = "127.0.0.1"
    ui_port: int = Field(default=8501, ge=1, le=65535)
    ui_timeout_seconds: float = Field(default=10.0, gt=0)

    @field_validator("api_url")
    @classmethod
    def _without_trailing_slash(cls, value: str) -> str:
        return value.rstrip("/")
