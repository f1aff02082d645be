"""What every page is handed, and what it hands back: its questions, then its drawing of the answers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from math import ceil
from typing import Protocol

from streamlit.navigation.page import StreamlitPage

from runtally_ui.api_client import ApiClient
from runtally_ui.catalogue import MeasureBook
from runtally_ui.chart_data import Palette
from runtally_ui.filters import Filters
from runtally_ui.periods import Period, before_words, local_today, moved_to
from runtally_ui.questions import Answers, Query, Question, groups_that_fit

_STEP_HOURS = {"minute": 1 / 60, "quarter_hour": 0.25, "hour": 1, "day": 24, "week": 168, "month": 730}
_MOST_STEPS = 400
_MOST_AUTO_STEPS = 170  # the hours of a week: `auto` makes no more
_AUTO_DAYS = range(8, 100)
"""For ranges of so many whole days the API's `auto` is a day (docs/measures.md)."""


@dataclass(frozen=True)
class Asked:
    """What the filter bar says. `compare` is the API's name, None without a comparison."""

    period: Period
    filters: Filters
    compare: str | None
    granularity: str
    now: datetime

    @property
    def today(self) -> date:
        return local_today(self.now, self.period.timezone)

    @property
    def versus(self) -> str:
        """`than last week`; empty without a comparison."""
        return before_words(self.period, self.compare) if self.compare else ""

    @property
    def before(self) -> Period | None:
        """The period compared with."""
        return self.period.before(self.compare) if self.compare else None

    @property
    def step(self) -> str:
        """The granularity, unless that would make more steps than a chart can show: then `auto`."""
        return self.granularity if self.granularity != "auto" and self._steps <= _MOST_STEPS else "auto"

    @property
    def in_whole_days(self) -> bool:
        """Whether the period's steps are its days, none of them cut."""
        of_auto = self.step == "auto" and len(self.period) in _AUTO_DAYS
        return self.period.whole_days and (self.step == "day" or of_auto)

    @property
    def _steps(self) -> int:
        hours = (self.period.end - self.period.start).total_seconds() / 3600
        return ceil(hours / _STEP_HOURS[self.granularity]) + 1

    def series_that_fit(self, wanted: int) -> int:
        """As many of the wanted series as one chart can show the steps of; the API folds the others into one."""
        return min(wanted, groups_that_fit(_MOST_AUTO_STEPS if self.step == "auto" else self._steps))

    def totals(self, *measures: str) -> Query:
        """One row over the whole period, with the period compared with. Narrow it by `dataclasses.replace`."""
        return Query(self.period, self.filters, ("runs", *measures), compare=self.compare)

    def trend(self, *measures: str, compared: bool = False) -> Query:
        """One row for each step of time; with the period compared with, where that is asked for."""
        compare = self.compare if compared else None
        return Query(self.period, self.filters, ("runs", *measures), granularity=self.step, compare=compare)

    def groups(self, by: tuple[str, ...], *measures: str, limit: int = 100) -> Query:
        """One row for each group, the busiest first."""
        return Query(self.period, self.filters, ("runs", *measures), by, limit=limit)


@dataclass(frozen=True)
class Page:
    """Everything a page draws with, besides its answers."""

    asked: Asked
    palette: Palette
    measures: MeasureBook
    api: ApiClient
    pages: Mapping[str, StreamlitPage]

    def at(self, now: datetime) -> "Page":
        """The same page asked at a later moment: relative ranges move with it."""
        return replace(self, asked=replace(self.asked, now=now, period=moved_to(self.asked.period, now)))


class View(Protocol):
    """A module of `views/`."""

    def questions(self, asked: Asked) -> Mapping[str, Question]:
        """What to ask for, by names of the page's own; all go out together."""

    def draw(self, page: Page, answers: Answers) -> None:
        """Draw below the filter bar: each answer, or its failure, in its own part."""
