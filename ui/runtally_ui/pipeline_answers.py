"""`GET /api/v1/integrity` as the page Pipeline reads it."""

from typing import Any

from pydantic import Field

from runtally_ui.answers import Answer, QueryAnswer, QueryMeta

INTEGRITY_PATH = "/api/v1/integrity"


class Check(Answer):
    """One thing that the product looks at. `ok` is None where a number is no fault by itself, or nothing is known."""

    name: str
    ok: bool | None = None
    value: float | None = None
    meaning: str = ""


class Integrity(Answer):
    """What the product finds when it checks itself. The ledger and the rollups are None for callers who may not see
    all workspaces.
    """

    ok: bool
    checks: list[Check] = Field(default_factory=list)
    split: list[dict[str, Any]] = Field(default_factory=list)
    stored: dict[str, Any] = Field(default_factory=dict)
    ledger: dict[str, Any] | None = None
    rollups: dict[str, Any] | None = None
    meta: QueryMeta = QueryMeta()

    def rows(self) -> QueryAnswer:
        """The checks, for downloads."""
        return QueryAnswer(data=[check.model_dump() for check in self.checks], meta=self.meta)

    def split_rows(self) -> QueryAnswer:
        return QueryAnswer(data=self.split, meta=self.meta)

    def gap_rows(self) -> QueryAnswer:
        return QueryAnswer(data=list((self.ledger or {}).get("gaps", [])), meta=self.meta)

    def value(self, name: str) -> float | None:
        """What a check found."""
        return next((check.value for check in self.checks if check.name == name), None)
