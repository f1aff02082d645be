"""What all pages know of the fleet, whatever the filters: agents and their colours, and the filter bar's options."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from runtally_ui.answers import Analytics, Models, QueryAnswer
from runtally_ui.api_client import META_PATH, MODELS_PATH, ApiError
from runtally_ui.catalogue import Catalogue, MeasureBook
from runtally_ui.chart_data import Palette
from runtally_ui.colours import AgentKey, SlotBook, display_names, with_fallback
from runtally_ui.filters import STATUSES, Filters
from runtally_ui.periods import DEFAULT_TIMEZONE, Period, local_today, newest_days
from runtally_ui.questions import Answers, Get, Query, Question, agent_analytics

RANKING_DAYS = 30
ROSTER_SECONDS = 30.0
"""Older lists of the filter bar are asked for anew: how late a new agent, model or user may come into them."""
ROSTER_USABLE_SECONDS = 120.0
"""Up to then nobody waits for that: the old ones are drawn, and the next click finds the new ones."""
_MOST_USERS = 200


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
        "roster.users": Query(period, everything, ("runs",), ("user_id",), limit=_MOST_USERS),
        "roster.catalogue": Get(META_PATH, (), Catalogue),
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

    @classmethod
    def of(cls, answers: Answers) -> "Roster":
        return cls(
            agents=answers.analytics("roster.agents"),
            ranking=answers.analytics("roster.ranking"),
            models=answers.get("roster.models", Models),
            environments=answers.query("roster.environments"),
            users=answers.query("roster.users"),
            catalogue=answers.get("roster.catalogue", Catalogue),
        )

    def measure_book(self) -> MeasureBook:
        return MeasureBook.of(self.catalogue.measures) if isinstance(self.catalogue, Catalogue) else MeasureBook()

    def palette(self, book: SlotBook) -> Palette:
        """Names and colours from unfiltered answers: no filter may change either."""
        agents, ranking = agent_labels(self.agents), agent_labels(self.ranking)
        slots = with_fallback(book.assign([key for key, _ in ranking]), dict(agents))
        return Palette(display_names([*ranking, *agents]), slots)

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


def agent_labels(answer: Analytics | ApiError) -> list[tuple[AgentKey, str]]:
    """The agents of an answer with their labels, the folded rest left out."""
    if isinstance(answer, ApiError):
        return []
    return [
        ((agent.workspace_id, agent.agent_id), agent.agent_name or agent.agent_id)
        for agent in answer.agents
        if agent.workspace_id is not None and agent.agent_id is not None
    ]


def _values(answer: QueryAnswer | ApiError, dimension: str) -> list[str]:
    rows = answer.rows if isinstance(answer, QueryAnswer) else []
    return _distinct([row.text(dimension) for row in rows])


def _distinct(values: list[str | None]) -> list[str]:
    return list(dict.fromkeys(value for value in values if value))
