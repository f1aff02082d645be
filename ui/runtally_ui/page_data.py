"""Everything one page asks of the API, asked at once."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from runtally_ui.answers import Analytics, DataRange, Models
from runtally_ui.api_client import ApiClient, ApiError, Params
from runtally_ui.filters import Days, Filters, analytics_params

RANKING_DAYS = 30


@dataclass(frozen=True)
class PageData:
    """The answers of one page. Only `current` decides whether the page can be shown."""

    current: Analytics | ApiError
    previous: Analytics | ApiError
    unfiltered: Analytics | ApiError
    ranking: Analytics | ApiError
    models: Models | ApiError


def load_page(api: ApiClient, days: Days, filters: Filters, ranking_days: Days) -> PageData:
    """Ask everything together; equal questions are asked once. Never raises `ApiError`.

    Of the period before only sums are shown, so one agent and the folded rest are enough.
    """
    questions = {
        "current": analytics_params(days, filters),
        "previous": analytics_params(days.before(), filters, agent_limit=1),
        "unfiltered": analytics_params(days, Filters()),
        "ranking": analytics_params(ranking_days, Filters()),
    }
    with ThreadPoolExecutor(max_workers=len(questions) + 1) as pool:
        models = pool.submit(_models, api, days.params())
        answers = _ask_once(pool, api, questions)
        return PageData(
            current=answers["current"],
            previous=answers["previous"],
            unfiltered=answers["unfiltered"],
            ranking=answers["ranking"],
            models=models.result(),
        )


def begun_within(answer: Analytics, period: Days) -> date | None:
    """The day of the first run that the filters match, when the period holds only a part of it: no fair comparison."""
    if answer.meta.data_range is None:
        return None
    first = answer.meta.data_range.first.astimezone(ZoneInfo(period.timezone)).date()
    return first if period.first < first <= period.last else None


@dataclass(frozen=True)
class Widening:
    """What leaving one filter out would show: runs in the range, and where its runs are at all."""

    dimension: str
    runs: int
    data_range: DataRange | None


def load_widenings(api: ApiClient, days: Days, filters: Filters) -> list[Widening]:
    """For each active filter the answer without it; one that cannot be had is left out."""
    active = filters.active()
    if not active:
        return []
    questions = {name: analytics_params(days, filters.without(name), agent_limit=1) for name in active}
    with ThreadPoolExecutor(max_workers=len(questions)) as pool:
        answers = _ask_once(pool, api, questions)
    return [
        Widening(name, answer.totals.runs, answer.meta.data_range)
        for name, answer in answers.items()
        if isinstance(answer, Analytics)
    ]


def _ask_once(
    pool: ThreadPoolExecutor, api: ApiClient, questions: Mapping[str, Params]
) -> dict[str, Analytics | ApiError]:
    futures = {params: pool.submit(_analytics, api, params) for params in set(questions.values())}
    return {name: futures[params].result() for name, params in questions.items()}


def _analytics(api: ApiClient, params: Params) -> Analytics | ApiError:
    try:
        return api.analytics(params)
    except ApiError as error:
        return error


def _models(api: ApiClient, params: Params) -> Models | ApiError:
    try:
        return api.models(params)
    except ApiError as error:
        return error
