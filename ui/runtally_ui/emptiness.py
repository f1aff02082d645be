"""When nothing matches: where runs are at all, and which filter stands in the way."""

from collections.abc import Collection
from dataclasses import dataclass

from runtally_ui.answers import Analytics, DataRange
from runtally_ui.api_client import ApiClient, ApiError
from runtally_ui.filters import Filters
from runtally_ui.periods import Period
from runtally_ui.questions import agent_analytics, ask_together


@dataclass(frozen=True)
class Widening:
    """What leaving one filter out would show: runs in the range, and where its runs are at all."""

    dimension: str
    runs: int
    data_range: DataRange | None


def whole_range(api: ApiClient, period: Period) -> DataRange | ApiError | None:
    """The first and last run of all; None in an empty store."""
    question = agent_analytics(period, Filters(), agent_limit=1)
    answer = ask_together(api, {"all": question}).analytics("all")
    return answer if isinstance(answer, ApiError) else answer.meta.data_range


def load_widenings(api: ApiClient, period: Period, filters: Filters, pinned: Collection[str] = ()) -> list[Widening]:
    """For each active filter that is not `pinned` the answer without it; one that cannot be had is left out."""
    active = [name for name in filters.active() if name not in pinned]
    questions = {name: agent_analytics(period, filters.without(name), agent_limit=1) for name in active}
    answers = ask_together(api, questions)
    found = {name: answers.analytics(name) for name in active}
    return [
        Widening(name, answer.totals.runs, answer.meta.data_range)
        for name, answer in found.items()
        if isinstance(answer, Analytics)
    ]
