"""Pages of groups, the busiest first: what a cursor carries, and the range that all pages of a list share. Pure."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from runtally_clickhouse.catalogue import EPOCH, FIRST_INSTANT, LAST_INSTANT, unix_ms
from runtally_clickhouse.measures.asking import Answer, AnswerRow
from runtally_clickhouse.measures.question import After

from runtally_api.dependencies import RunQuery
from runtally_api.problems import FieldError, InvalidRequest

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class GroupCursor:
    """The range of the first page, and the last group of the page before. Runs that come in between may move groups
    from one page to another; no group without new runs is left out or shown twice.
    """

    start_ms: int
    end_ms: int
    runs: int
    key: tuple[str, ...]

    def encode(self) -> str:
        text = json.dumps([self.start_ms, self.end_ms, self.runs, *self.key])
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str, keys: int, longest: timedelta) -> "GroupCursor":
        """Raises `InvalidRequest` for anything that `encode` did not make."""
        try:
            start, end, runs, *key = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            for name in key:
                name.encode("utf-8")
            numbers = all(type(number) is int for number in (start, end, runs)) and 0 <= runs < 2**63
            bounds = [unix_ms(instant) for instant in (FIRST_INSTANT - _DAY, LAST_INSTANT + _DAY)]
            if not numbers or len(key) != keys or not bounds[0] <= start < end <= bounds[1]:
                raise TypeError("not a cursor")
            if timedelta(milliseconds=end - start) > longest + _DAY:
                raise TypeError("longer than a range may be")
            return cls(start, end, runs, tuple(key))
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise InvalidRequest(
                FieldError("cursor", "is not one of ours", "send next_cursor of the page before, unchanged")
            ) from error

    def applied(self, query: RunQuery) -> RunQuery:
        """The question of the first page."""
        start, end = (EPOCH + timedelta(milliseconds=bound) for bound in (self.start_ms, self.end_ms))
        return replace(
            query,
            scope=replace(query.scope, start=start, end=end),
            time=replace(query.time, start=start, end=end),
        )

    @property
    def after(self) -> After:
        return After(self.runs, self.key)


def page(answer: Answer, query: RunQuery, limit: int) -> tuple[Sequence[AnswerRow], dict[str, Any]]:
    """The groups of a page, asked for with one more than fits, and the fields of the answer that lead to the next."""
    groups = [row for row in answer.rows if row.group.key is not None]
    has_more = len(groups) > limit
    following = None
    if has_more:
        last = groups[limit - 1]
        key = tuple(str(name) for name in last.group.key or ())
        runs = last.values["runs"]
        assert isinstance(runs, int)
        following = GroupCursor(unix_ms(query.time.start), unix_ms(query.time.end), runs, key).encode()
    return groups[:limit], {"next_cursor": following, "has_more": has_more}
