"""From an answer by time to the frame of a trend: one row per step, texts of the tooltip included."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import isfinite, sqrt
from statistics import fmean, pstdev

import pandas as pd

from runtally_ui import formats
from runtally_ui.answers import QueryAnswer, QueryRow

BAR_SHARE = 0.86
"""How much of its step a bar fills."""
BAND_STEPS = 7
ENOUGH_RUNS = 20
_LENGTHS = {
    "minute": timedelta(minutes=1), "quarter_hour": timedelta(minutes=15), "hour": timedelta(hours=1),
    "day": timedelta(days=1), "week": timedelta(days=7),
}  # fmt: skip


@dataclass(frozen=True)
class Series:
    """A measure of a trend with its format."""

    measure: str
    form: str
    title: str


@dataclass(frozen=True)
class Step:
    """One step of time, by the wall clock of the question's zone: the browser must not move it into its own."""

    start: datetime
    end: datetime
    done: bool
    text: str


def steps(rows: Sequence[QueryRow], granularity: str, now: datetime) -> list[Step]:
    """The steps of the rows, in their order."""
    times = [time for row in rows if (time := row.time) is not None]
    # With several series there are many rows of one time.
    known = {time: _step(time, granularity, now) for time in dict.fromkeys(times)}
    return [known[time] for time in times]


def trend_frame(
    answer: QueryAnswer, first: Series, now: datetime, second: Series | None = None, beside: Sequence[Series] = ()
) -> pd.DataFrame:
    """One row per step: start, end, middle, done, value, second; `rolling`, the mean over seven days; `low` and `high`
    two sigma around the ordinary steps before; `outlier`, the value where it lies beyond them. Of the measures
    `beside` only the texts. `top` is what the axis reaches at least: one from 0 to 0 would have its zero in the middle.
    """
    rows = [row for row in answer.rows if row.time is not None]
    times = steps(rows, answer.meta.granularity, now)
    values = [row.number(first.measure) for row in rows]
    runs = [row.number("runs") for row in rows]
    done = [step.done for step in times]
    rolling = rolling_mean(values, done, times)
    band = two_sigma(values, runs, done, is_share=first.form == "share")
    top = 0 if any(values) else {"share": 0.05}.get(first.form, 1)
    told = [first, *([second] if second else []), *beside]
    marks = [
        {
            **_time_columns(step),
            "value": value,
            "second": row.number(second.measure) if second else None,
            "rolling": mean,
            "low": low,
            "high": high,
            "outlier": value if beyond else None,
            "top": top,
            "Step": step.text,
            **{one.title: formats.full_figure(row.exact(one.measure), one.form) for one in told},
            "Runs": formats.full_count(int(row.number("runs") or 0)),
            "7-day mean": formats.full_figure(mean, first.form),
        }
        for row, step, value, mean, (low, high, beyond) in zip(rows, times, values, rolling, band, strict=True)
    ]
    numbers = ["value", "second", "rolling", "low", "high", "outlier", "top"]
    texts = ["Step", *(one.title for one in told), "Runs", "7-day mean"]
    # Each once: of a trend of the runs themselves, the measure's title is that of the runs told beside it.
    columns = dict.fromkeys(["key", "start", "end", "bar_end", "middle", "done", *numbers, *texts])
    frame = pd.DataFrame(marks, columns=list(columns))
    frame[numbers] = frame[numbers].astype(float)
    return frame


def rolling_mean(values: Sequence[float | None], done: Sequence[bool], times: Sequence[Step]) -> list[float | None]:
    """The mean of the known values of the seven days that end with each step; None before seven days have passed,
    and for the running step.
    """
    week = timedelta(days=7)
    means: list[float | None] = []
    first = 0
    for place, step in enumerate(times):
        since = step.end - week
        while first <= place and times[first].start < since:
            first += 1
        known = zip(values[first : place + 1], done[first : place + 1], strict=True)
        window = [value for value, is_done in known if value is not None and is_done]
        whole = done[place] and times[0].start <= since
        means.append(fmean(window) if window and whole else None)
    return means


def two_sigma(
    values: Sequence[float | None], runs: Sequence[float | None], done: Sequence[bool], *, is_share: bool
) -> list[tuple[float | None, float | None, bool]]:
    """For each step the band around the seven ordinary steps before it, and whether it lies beyond.

    Flagged steps are not ordinary, or a spike would widen the band of the week after it. Of a share sigma is at least
    what chance alone makes of so many runs. The running step and steps of few runs are not judged.
    """
    ordinary: list[float] = []
    found: list[tuple[float | None, float | None, bool]] = []
    for value, count, is_done in zip(values, runs, done, strict=True):
        low = high = None
        beyond = False
        if len(ordinary) >= BAND_STEPS:
            recent = ordinary[-BAND_STEPS:]
            middle, sigma = fmean(recent), pstdev(recent)
            if is_share and count:
                sigma = max(sigma, sqrt(max(0.0, middle * (1 - middle)) / count))
            low, high = max(0.0, middle - 2 * sigma), middle + 2 * sigma
            high = min(1.0, high) if is_share else high
            judged = value is not None and is_done and (count or 0) >= ENOUGH_RUNS
            beyond = judged and value is not None and not (low - 1e-12 <= value <= high + 1e-12)
        found.append((low, high, beyond))
        if value is not None and isfinite(value) and is_done and not beyond:
            ordinary.append(value)
    return found


def _step(time: datetime, granularity: str, now: datetime) -> Step:
    start = time.replace(tzinfo=None)
    end = _end(start, granularity)
    done = end <= now.astimezone(time.tzinfo).replace(tzinfo=None)
    text = formats.step(start, granularity)
    return Step(start, end, done, text if done else f"{text}, in progress")


def _time_columns(step: Step) -> dict[str, object]:
    length = step.end - step.start
    return {
        "key": step.start.isoformat(),
        "start": step.start,
        "end": step.end,
        "bar_end": step.start + length * BAR_SHARE,
        "middle": step.start + length / 2,
        "done": 1 if step.done else 0,
    }


def _end(start: datetime, granularity: str) -> datetime:
    if granularity == "month":
        return start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
    return start + _LENGTHS.get(granularity, timedelta(days=1))
