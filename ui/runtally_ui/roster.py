"""What all pages know of the fleet, whatever the filters: agents and their colours, and the filter bar's options."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from runtally_ui.access_answers import HOW_KNOWN_PATH, HowKnown
from runtally_ui.answers import Analytics, Models, QueryAnswer
from runtally_ui.api_client import META_PATH, MODELS_PATH, ApiClient, ApiError, Unreachable
from runtally_ui.catalogue import Catalogue, MeasureBook
from runtally_ui.chart_data import Palette
from runtally_ui.colours import AgentKey, SlotBook, display_names, with_fallback
from runtally_ui.filters import STATUSES, Filters
from runtally_ui.kept_answers import KeptAnswers
from runtally_ui.periods import DEFAULT_TIMEZONE, Period, local_today, newest_days
from runtally_ui.questions import Answers, Get, Query, Question, UnderWay, agent_analytics, send_together

RANKING_DAYS = 30
USERS_DAYS = 7
"""Only single runs have users: the busiest of a whole range of tens of millions would take longer than a page may."""
ROSTER_SECONDS = 30.0
"""Older lists of the filter bar are asked for anew: how late a new agent, model or user may come into them."""
ROSTER_USABLE_SECONDS = 120.0
"""Up to then nobody waits for that: the old ones are drawn, and the next click finds the new ones."""
_MOST_USERS = 200
USERS = "roster.users"
USERS_PATIENCE_SECONDS = 0.3
"""So long a page waits for the users of the filter bar; else they are there at the next click."""
_NOT_YET = Unreachable("The users are not known yet")


def roster_questions(period: Period, now: datetime) -> dict[str, Question]:
    """The names begin with `roster.`, apart from any page's own."""
    # Always in UTC, whatever zone the reader chose: colours must not depend on who looks.
    ranked = newest_days(local_today(now, DEFAULT_TIMEZONE), RANKING_DAYS, DEFAULT_TIMEZONE)
    everything = Filters()
    return {
        "roster.agents": agent_analytics(period, everything),
        "roster.ranking": agent_analytics(ranked, everything),
        "roster.models": Get(MODELS_PATH, period.params(), Models),
        "roster.environments": Query(period, everything, ("runs",), ("environment",)),
        USERS: Query(_newest(period), everything, ("runs",), ("user_id",), limit=_MOST_USERS),
        "roster.catalogue": Get(META_PATH, (), Catalogue),
        "roster.access": Get(HOW_KNOWN_PATH, (), HowKnown),
    }


@dataclass(frozen=True)
class Roster:
    """What could be loaded; what could not offers nothing, and the page stands without it."""

    agents: Analytics | ApiError
    ranking: Analytics | ApiError
    models: Models | ApiError
    environments: QueryAnswer | ApiError
    users: QueryAnswer | ApiError
    catalogue: Catalogue | ApiError
    access: HowKnown | ApiError

    @classmethod
    def of(cls, answers: Answers) -> "Roster":
        return cls(
            agents=answers.analytics("roster.agents"),
            ranking=answers.analytics("roster.ranking"),
            models=answers.get("roster.models", Models),
            environments=answers.query("roster.environments"),
            users=answers.query(USERS),
            catalogue=answers.get("roster.catalogue", Catalogue),
            access=answers.get("roster.access", HowKnown),
        )

    def measure_book(self) -> MeasureBook:
        return MeasureBook.of(self.catalogue.measures) if isinstance(self.catalogue, Catalogue) else MeasureBook()

    def palette(self, book: SlotBook) -> Palette:
        """Names and colours from unfiltered answers: no filter may change either."""
        agents, ranking = agent_labels(self.agents), agent_labels(self.ranking)
        slots = with_fallback(book.assign([key for key, _ in ranking]), dict(agents))
        return Palette(display_names([*ranking, *agents]), slots)

    def agent_names(self) -> list[tuple[AgentKey, str]]:
        """What agents are called, those of the range first."""
        return [*agent_labels(self.agents), *agent_labels(self.ranking)]

    def options(self) -> Mapping[str, list[str]]:
        """The values of each filter by use, the busiest first."""
        agents = self.agents.agents if isinstance(self.agents, Analytics) else []
        models = self.models.models if isinstance(self.models, Models) else []
        return {
            "workspace_id": _distinct([agent.workspace_id for agent in agents]),
            "agent_id": _distinct([agent.agent_id for agent in agents]),
            "model": _distinct([model.model_id for model in models]),
            "status": list(STATUSES),
            "environment": _values(self.environments, "environment"),
            "user_id": _values(self.users, "user_id"),
        }


def ask_roster(
    api: ApiClient, kept: KeptAnswers, names: Mapping[str, Question], questions: Mapping[str, Question]
) -> tuple[Roster, UnderWay]:
    """All go out together, those about names unless they are known; only these are waited for, and not long for users.
    `questions` are the page's own.
    """
    known = kept.usable(names)
    missing = {name: question for name, question in names.items() if name not in known}
    users = {name: missing.pop(name) for name in (USERS,) if name in missing}
    under_way = send_together(api, {**missing, **questions})
    offered = kept.renew(api, users)
    told = under_way.answers(missing)
    kept.keep(missing, told)
    found = {**dict.fromkeys(users, _NOT_YET), **known, **offered.there_within(USERS_PATIENCE_SECONDS)}
    return Roster.of(told.with_more(found)), under_way


def agent_labels(answer: Analytics | ApiError) -> list[tuple[AgentKey, str]]:
    """The agents of an answer with their labels, the folded rest left out."""
    if isinstance(answer, ApiError):
        return []
    return [
        ((agent.workspace_id, agent.agent_id), agent.agent_name or agent.agent_id)
        for agent in answer.agents
        if agent.workspace_id is not None and agent.agent_id is not None
    ]


def _newest(period: Period) -> Period:
    days = timedelta(days=USERS_DAYS)
    return period if period.end - period.start <= days else replace(period, start=period.end - days)


def _values(answer: QueryAnswer | ApiError, dimension: str) -> list[str]:
    rows = answer.rows if isinstance(answer, QueryAnswer) else []
    return _distinct([row.text(dimension) for row in rows])


def _distinct(values: list[str | None]) -> list[str]:
    return list(dict.fromkeys(value for value in values if value))
