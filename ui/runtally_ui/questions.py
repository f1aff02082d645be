"""Questions for the API: plain values that can be compared, so that a page asks each one once.

A page lists its questions by name; `ask_together` gives the answer, or why there is none, under the same name.
"""

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar
from urllib.parse import quote

from runtally_ui.answers import Analytics, Answer, QueryAnswer
from runtally_ui.api_client import ANALYTICS_PATH, ApiClient, ApiError
from runtally_ui.filters import AGENT_LIMIT, DIMENSIONS, Filters, analytics_params
from runtally_ui.periods import Params, Period

MOST_AT_ONCE = 12
MOST_POINTS = 5000
"""More marks than these in one chart are slow to draw, and no wiser to look at."""

AnswerT = TypeVar("AnswerT", bound=Answer)


class Question(Protocol):
    """Hashable; `ask` blocks, and raises `ApiError`."""

    def ask(self, api: ApiClient) -> Answer: ...


@dataclass(frozen=True)
class Query:
    """`POST /api/v1/query` under a period and the filters of the bar.

    `more` narrows further: (dimension, operator, values). Without an order the busiest groups come first.
    """

    period: Period
    filters: Filters
    measures: tuple[str, ...]
    dimensions: tuple[str, ...] = ()
    granularity: str = "none"
    compare: str | None = None
    order: tuple[tuple[str, str], ...] = ()
    limit: int = 100
    other: bool = False
    more: tuple[tuple[str, str, tuple[Any, ...]], ...] = ()

    def body(self) -> dict[str, Any]:
        """The JSON of the request."""
        start, end = self.period.bounds()
        body: dict[str, Any] = {
            "measures": list(self.measures),
            "dimensions": list(self.dimensions),
            "time": {"from": start, "to": end, "granularity": self.granularity, "timezone": self.period.timezone},
            "filters": [*_filter_bodies(self.filters), *(_filter_body(*entry) for entry in self.more)],
            "limit": self.limit,
            "other": self.other,
        }
        if self.filters.root_only:
            body["root_only"] = True
        if self.order:
            body["order"] = [{"by": by, "direction": direction} for by, direction in self.order]
        if self.compare:
            body["compare"] = self.compare
        return body

    def ask(self, api: ApiClient) -> QueryAnswer:
        return api.query(self.body())


@dataclass(frozen=True)
class Get:
    """Any GET, by its path and the shape of its answer."""

    path: str
    params: Params
    shape: type[Answer]

    def ask(self, api: ApiClient) -> Answer:
        return api.get(self.path, self.params, self.shape)


@dataclass(frozen=True)
class Suggested:
    """A question of `POST /api/v1/query` that the API itself suggested, as the JSON of its body."""

    text: str

    def ask(self, api: ApiClient) -> QueryAnswer:
        return api.query(json.loads(self.text))


def agent_analytics(period: Period, filters: Filters, agent_limit: int = AGENT_LIMIT) -> Get:
    """`GET /api/agents/analytics`: totals, agents, and their runs by day."""
    return Get(ANALYTICS_PATH, analytics_params(period, filters, agent_limit), Analytics)


class Answers:
    """What came back, by the names of the questions."""

    def __init__(self, found: Mapping[str, Answer | ApiError]) -> None:
        self._found = dict(found)

    def all(self) -> list[Answer | ApiError]:
        return list(self._found.values())

    def with_more(self, found: "Mapping[str, Answer | ApiError]") -> "Answers":
        """These and others that were known before."""
        return Answers({**self._found, **found})

    def query(self, name: str) -> QueryAnswer | ApiError:
        return self.get(name, QueryAnswer)

    def analytics(self, name: str) -> Analytics | ApiError:
        return self.get(name, Analytics)

    def get(self, name: str, shape: type[AnswerT]) -> AnswerT | ApiError:
        """The answer of that name. Raises `TypeError` when it was asked as something else."""
        found = self._found[name]
        if isinstance(found, shape | ApiError):
            return found
        raise TypeError(f"{name} is a {type(found).__name__}, not a {shape.__name__}")


class UnderWay:
    """Questions that went out together. Waiting for some does not wait for the others."""

    def __init__(self, found: Mapping[str, Future[Answer | ApiError]]) -> None:
        self._found = found

    def answers(self, names: Iterable[str] | None = None) -> Answers:
        """Blocks until the named ones are there, or all. Never raises `ApiError`: a failure is an answer."""
        wanted = self._found if names is None else names
        return Answers({name: self._found[name].result() for name in wanted})

    def there_within(self, seconds: float) -> dict[str, Answer | ApiError]:
        """Those that are there by then, the others left out."""
        there = wait(self._found.values(), timeout=seconds).done
        return {name: future.result() for name, future in self._found.items() if future in there}


def send_together(api: ApiClient, questions: Mapping[str, Question]) -> UnderWay:
    """Ask all at once, equal ones once."""
    distinct = set(questions.values())
    pool = ThreadPoolExecutor(max_workers=min(MOST_AT_ONCE, max(1, len(distinct))))
    futures = {question: pool.submit(_ask, api, question) for question in distinct}
    pool.shutdown(wait=False)
    return UnderWay({name: futures[question] for name, question in questions.items()})


def ask_together(api: ApiClient, questions: Mapping[str, Question]) -> Answers:
    """Ask all at once, equal ones once, and wait. Never raises `ApiError`: a failure is the answer of its question."""
    return send_together(api, questions).answers()


def in_path(given_id: str) -> str:
    """An id as one part of a path, whatever is in it: no slash parts it, and no dots lead upwards."""
    return quote(given_id, safe="").replace(".", "%2E")


def groups_that_fit(steps: int) -> int:
    """How many series of so many steps a chart can hold, the folded rest among them."""
    return max(1, min(100, MOST_POINTS // max(1, steps) - 1))


def _ask(api: ApiClient, question: Question) -> Answer | ApiError:
    try:
        return question.ask(api)
    except ApiError as error:
        return error


def _filter_bodies(filters: Filters) -> list[dict[str, Any]]:
    return [_filter_body(name, "in", filters.values(name)) for name in DIMENSIONS if filters.values(name)]


def _filter_body(dimension: str, operator: str, values: tuple[Any, ...]) -> dict[str, Any]:
    return {"dimension": dimension, "op": operator, "values": list(values)}
