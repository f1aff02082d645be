"""Pages of groups, the busiest first: what a cursor carries, and the range that all pages of a list share. Pure."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from runtally_clickhouse.catalogue import EPOCH, FIRST_INSTANT, LAST_INSTANT, unix_ms
from runtally_clickhouse.measures.asking import Answer, AnswerRow
from runtally_clickhouse.measures.question import After, Order

from runtally_api.cursor_seals import not_ours, sealed
from runtally_api.dependencies import RunQuery

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
        return _encoded([self.start_ms, self.end_ms, self.runs, *self.key])

    @classmethod
    def decode(cls, text: str, keys: int, longest: timedelta) -> "GroupCursor":
        """Raises `InvalidRequest` for anything that `encode` did not make."""
        try:
            start, end, runs, *key = _decoded(text)
            for name in key:
                name.encode("utf-8")
            _check_range(start, end, longest)
            if type(runs) is not int or not 0 <= runs < 2**63 or len(key) != keys:
                raise TypeError("not a cursor")
            return cls(start, end, runs, tuple(key))
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise not_ours() from error

    def applied(self, query: RunQuery) -> RunQuery:
        """The question of the first page."""
        return _of_range(query, self.start_ms, self.end_ms)

    @property
    def after(self) -> After:
        return After(self.runs, self.key)


@dataclass(frozen=True, slots=True)
class OrderedCursor:
    """The range of the first page of a list in another order, that order, and how many groups came before. Runs that
    come in between may move a group over the edge of a page.
    """

    start_ms: int
    end_ms: int
    sort: str
    descending: bool
    skip: int

    def encode(self) -> str:
        return _encoded([self.start_ms, self.end_ms, self.sort, self.descending, self.skip])

    @classmethod
    def decode(cls, text: str, sort: str, descending: bool, longest: timedelta) -> "OrderedCursor":
        """Raises `InvalidRequest` for anything that `encode` did not make for this order."""
        try:
            start, end, named, downwards, skip = _decoded(text)
            _check_range(start, end, longest)
            if (named, downwards) != (sort, descending) or type(skip) is not int or not 0 < skip < 2**31:
                raise TypeError("not a cursor of this order")
            return cls(start, end, sort, descending, skip)
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise not_ours() from error

    def applied(self, query: RunQuery) -> RunQuery:
        """The question of the first page."""
        return _of_range(query, self.start_ms, self.end_ms)


def ordered_page(
    answer: Answer, query: RunQuery, order: Order, skip: int, limit: int
) -> tuple[Sequence[AnswerRow], dict[str, Any]]:
    """As `page`, of groups asked for in this order from the first on."""
    groups = [row for row in answer.rows if row.group.key is not None][skip:]
    has_more = len(groups) > limit
    following = None
    if has_more:
        start, end = unix_ms(query.time.start), unix_ms(query.time.end)
        following = sealed(query, OrderedCursor(start, end, order.by, order.descending, skip + limit).encode())
    return groups[:limit], {"next_cursor": following, "has_more": has_more}


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
        cursor = GroupCursor(unix_ms(query.time.start), unix_ms(query.time.end), runs, key)
        following = sealed(query, cursor.encode())
    return groups[:limit], {"next_cursor": following, "has_more": has_more}


def _encoded(values: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def _decoded(text: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def _check_range(start: Any, end: Any, longest: timedelta) -> None:
    """Raises `TypeError` for what no request can have asked."""
    bounds = [unix_ms(instant) for instant in (FIRST_INSTANT - _DAY, LAST_INSTANT + _DAY)]
    if type(start) is not int or type(end) is not int or not bounds[0] <= start < end <= bounds[1]:
        raise TypeError("not a range")
    if timedelta(milliseconds=end - start) > longest + _DAY:
        raise TypeError("longer than a range may be")


def _of_range(query: RunQuery, start_ms: int, end_ms: int) -> RunQuery:
    start, end = (EPOCH + timedelta(milliseconds=bound) for bound in (start_ms, end_ms))
    return replace(
        query,
        scope=replace(query.scope, start=start, end=end),
        time=replace(query.time, start=start, end=end),
    )
