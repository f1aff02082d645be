"""Users active in the last day, seven days and thirty days of a range: the questions, and the tiles of the answers."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from runtally_ui import formats
from runtally_ui.answers import QueryAnswer
from runtally_ui.page import Asked, Page
from runtally_ui.periods import newest_days
from runtally_ui.questions import Answers, Question
from runtally_ui.tiles import NOT_AVAILABLE, Tile, measure_tile, missing_tile

SPANS: Final[Mapping[str, tuple[int, str]]] = {
    "daily": (1, "Daily active users"),
    "weekly": (7, "Weekly active users"),
    "thirty_days": (30, "30-day active users"),
}
STICKY: Final = "Daily of 30-day users"
NOBODY_NAMED: Final = "no run names its user"


def questions(asked: Asked) -> dict[str, Question]:
    """Each ends with the last day of the range; those of 30 days also by day, for the mean of the daily ones."""
    found: dict[str, Question] = {}
    for name, (days, _) in SPANS.items():
        period = newest_days(asked.period.last, days, asked.period.timezone)
        compare = "previous_period" if asked.compare else None
        found[name] = replace(asked.totals("active_users"), period=period, compare=compare)
    thirty = newest_days(asked.period.last, 30, asked.period.timezone)
    found["each_day"] = replace(asked.trend("active_users"), period=thirty, granularity="day")
    return found


def tiles(page: Page, answers: Answers) -> list[Tile]:
    """One for each span, and how many of the users of thirty days come on a day."""
    return [*(_span_tile(page, answers, name) for name in SPANS), _sticky_tile(page, answers)]


def stickiness(daily: Sequence[float], thirty_days: float | None) -> float | None:
    """The mean of the daily users, of all the users of these days; None without any."""
    return sum(daily) / len(daily) / thirty_days if daily and thirty_days else None


def _span_tile(page: Page, answers: Answers, name: str) -> Tile:
    days, title = SPANS[name]
    answer, asked = answers.query(name), page.asked
    period = newest_days(asked.period.last, days, asked.period.timezone)
    if not isinstance(answer, QueryAnswer):
        return missing_tile(title, answer.title)
    span = formats.day_span(period.first, period.last) if days > 1 else formats.short_day(period.last)
    running = days == 1 and period.end > asked.now
    told = f"{span}, so far" if running else span
    tile = measure_tile("active_users", answer, replace(asked, period=period), page.measures, told)
    versus = "" if tile.change is None else f"than the {'day' if days == 1 else f'{days} days'} before"
    tile = replace(tile, label=title, versus=versus or tile.versus)
    # A day that is not over has fewer users than a whole one, and says nothing by it.
    return replace(tile, change=None, arrow="off", colour="gray", versus="") if running else tile


def _sticky_tile(page: Page, answers: Answers) -> Tile:
    by_day, thirty = answers.query("each_day"), answers.query("thirty_days")
    if not isinstance(by_day, QueryAnswer) or not isinstance(thirty, QueryAnswer):
        return missing_tile(STICKY, "could not be loaded")
    # The day that is not over yet would pull the mean down.
    done = [row for row in by_day.rows if row.time is not None and row.time.date() < page.asked.today]
    daily = [row.number("active_users") or 0 for row in done]
    found = stickiness(daily, thirty.total.number("active_users"))
    value = NOT_AVAILABLE if found is None else formats.share(found)
    rests_on = NOBODY_NAMED if found is None else f"mean of {formats.plural(len(daily), 'whole day')}"
    help_text = "Mean of the daily active users, of the users active in the 30 days: how often they come."
    return Tile(STICKY, value, None, "off", "gray", "", rests_on, help_text)
