"""What a page says about its figures in words: what the filters hide, what is unknown, whose days these are."""

from runtally_ui import formats
from runtally_ui.answers import QueryAnswer
from runtally_ui.catalogue import label
from runtally_ui.filters import Filters
from runtally_ui.page import Asked

_SUBJECTS = {"succeeded": "successful", "timed_out": "timed-out"}
_STEPS = {
    "minute": "by minute", "quarter_hour": "by quarter hour", "hour": "by hour", "day": "by day",
    "week": "by week", "month": "by month",
}  # fmt: skip


def subtitle(filters: Filters, what_is_hidden: str = "") -> str:
    """`successful runs only: the cost of failed runs is hidden`; empty without a status filter or root only.

    `what_is_hidden` is what the chart sums up, such as `the cost`.
    """
    parts = []
    if filters.status:
        kept = " and ".join(_SUBJECTS.get(status, status) for status in filters.status)
        text = f"{kept} runs only"
        if filters.hides_failures and what_is_hidden:
            text += f": {what_is_hidden} of failed runs is hidden"
        parts.append(text)
    if filters.root_only:
        parts.append("root runs only: what their sub-runs used is not in it")
    return " · ".join(parts)


def notes(answer: QueryAnswer, asked: Asked) -> list[str]:
    """What the figures leave out, in sentences; nothing is said when nothing is left out."""
    sentences = []
    shares = []
    for name in ("cost_usd", "avg_duration_ms", "total_tokens", "cache_hit_rate"):
        known = answer.meta.known(name)
        if known is not None and known.known < known.runs:
            word = {"cost_usd": "cost", "avg_duration_ms": "duration"}.get(name, label(name).lower())
            shares.append(f"{word} known for {formats.share(known.known / known.runs)} of runs")
    if shares:
        listed = ", ".join([shares[0].capitalize(), *(text.removesuffix(" of runs") for text in shares[1:])])
        sentences.append(f"{listed}; the figures leave unknown ones out.")
    if asked.filters.hides_failures:
        sentences.append(
            "▲ These filters leave failed or timed-out runs out: rates are those of the filtered runs, "
            "and the cost of the hidden runs is not counted."
        )
    if answer.meta.truncated:
        sentences.append("▲ The API cut this answer short; the figures are incomplete.")
    return sentences


def trend_caption(answer: QueryAnswer, asked: Asked, what: str, *, fades: bool = True) -> str:
    """`USD · by day · UTC · the last step is still running and drawn faded`; the latter only of what `fades`."""
    parts = [what, _STEPS.get(answer.meta.granularity, ""), asked.period.timezone.replace("_", " ")]
    if fades and asked.period.end > asked.now:
        parts.append("the last step is still running and drawn faded")
    text = " · ".join(part for part in parts if part)
    return text[:1].upper() + text[1:]
