"""Numbers as people read them: short on tiles and axes, full in tooltips and tables.

A figure that cannot be computed is `MISSING`, never a zero; a zero is a zero, never missing.
"""

import re
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from zoneinfo import ZoneInfo

MISSING = "–"
_MARKUP = re.compile(r"[\\`*_\[\]<>$~|#]|:(?=[A-Za-z])")
_ADDRESS = re.compile(r"(https?://[^\s`]*[^\s`.,;:!?)])")
_COMPACT_FROM = 10_000
_UNITS = ((Decimal(10**9), "B"), (Decimal(10**6), "M"), (Decimal(10**3), "k"))


def count(value: int | None) -> str:
    """`6,601`, from ten thousand on `38.5k`."""
    if value is None:
        return MISSING
    return f"{value:,}" if abs(value) < _COMPACT_FROM else _compact(Decimal(value))


def full_count(value: int | None) -> str:
    """`38,512`."""
    return MISSING if value is None else f"{value:,}"


def money(value: Decimal | None) -> str:
    """`$253.20`; two significant digits under a dollar; `$12.4k` from ten thousand on."""
    if value is None:
        return MISSING
    if value == 0:
        return "$0"
    if value >= _COMPACT_FROM:
        return f"${_compact(value)}"
    if value < Decimal("0.995"):
        digits = max(2, 1 - value.adjusted())
        return f"${value:.{digits}f}"
    return f"${value:,.2f}"


def full_money(value: Decimal | None) -> str:
    """`$1,253.20`; four decimals under a dollar, and as many as it takes to show anything at all."""
    if value is None:
        return MISSING
    if value == 0:
        return "$0"
    if value >= 1:
        return f"${value:,.2f}"
    return f"${value:.{max(4, 1 - value.adjusted())}f}"


def duration(milliseconds: float | None) -> str:
    """`840 ms`, `13.4 s`, `3m 05s`, `2h 10m`."""
    if milliseconds is None:
        return MISSING
    if milliseconds < 999.5:
        return f"{milliseconds:.0f} ms"
    if milliseconds < 59_950:
        return f"{milliseconds / 1000:.1f} s"
    seconds = round(milliseconds / 1000)
    if seconds < 3600:
        return f"{seconds // 60}m {seconds % 60:02}s"
    minutes = round(seconds / 60)
    return f"{minutes // 60}h {minutes % 60:02}m"


def full_duration(milliseconds: float | None) -> str:
    """Seconds with two decimals."""
    return MISSING if milliseconds is None else f"{milliseconds / 1000:,.2f} s"


def share(value: float | None) -> str:
    """`94.8%`. Only exactly nothing is `0%` and only exactly all is `100%`."""
    if value is None:
        return MISSING
    if value in (0, 1):
        return f"{value:.0%}"
    if value > 0.999:
        return "99.9%+"
    if value < 0.001:
        return "<0.1%"
    return f"{value:.1%}"


def share_of(part: int, whole: int) -> str:
    """`7.0% of 753`: a rate never stands without its n."""
    return MISSING if whole == 0 else f"{share(part / whole)} of {whole:,}"


def relative_change(now: float, then: float) -> str | None:
    """`+21.3%`; None when there is nothing to compare with, `0` when it rounds to no change."""
    if then == 0:
        return None
    change = (now - then) / then
    if abs(change) < 0.0005:
        return "0"
    return f"{change:+.1%}" if abs(change) < 10 else f"{change:+,.0%}"


def point_change(now: float, then: float) -> str:
    """`-1.0 pp`, the difference of two shares."""
    change = (now - then) * 100
    return "0" if abs(change) < 0.05 else f"{change:+.1f} pp"


def figure(value: float | Decimal | None, form: str) -> str:
    """A measure as tiles and axes show it; `form` is the catalogue's format."""
    if value is None:
        return MISSING
    if form == "money":
        return money(value if isinstance(value, Decimal) else Decimal(str(value)))
    if form == "duration":
        return duration(float(value))
    if form == "share":
        return share(float(value))
    return count(int(value)) if value == int(value) else _decimals(float(value))


def full_figure(value: float | Decimal | None, form: str) -> str:
    """A measure as tooltips show it."""
    if value is None:
        return MISSING
    if form == "money":
        return full_money(value if isinstance(value, Decimal) else Decimal(str(value)))
    if form == "duration":
        return full_duration(float(value))
    if form == "share":
        return f"{float(value):.2%}"
    return full_count(int(value)) if value == int(value) else f"{float(value):,.2f}"


def step(value: datetime, granularity: str) -> str:
    """A step of time by its start: `Sat 21 Nov 2026`, `week of 16 Nov 2026`, `21 Nov, 09:00`, `November 2026`."""
    if granularity == "month":
        return f"{value:%B %Y}"
    if granularity == "week":
        return f"week of {short_day(value)} {value.year}"
    return day(value) if granularity in ("day", "none") else f"{short_day(value)}, {value:%H:%M}"


def day(value: date) -> str:
    """`Sat 21 Nov 2026`."""
    return f"{value:%a} {short_day(value)} {value.year}"


def short_day(value: date) -> str:
    """`21 Nov`."""
    return f"{value.day} {value:%b}"


def day_span(first: date, last: date) -> str:
    """`23 Oct – 21 Nov 2026`; both years when they differ."""
    if first == last:
        return f"{short_day(first)} {first.year}"
    start = short_day(first) if first.year == last.year else f"{short_day(first)} {first.year}"
    return f"{start} – {short_day(last)} {last.year}"


def instant(value: datetime, zone: str) -> str:
    """`21 Nov 2026, 09:30:01 UTC` in the reader's zone."""
    local = value.astimezone(ZoneInfo(zone))
    return f"{short_day(local)} {local:%Y, %H:%M:%S} {zone.replace('_', ' ')}"


def plural(number: int, noun: str) -> str:
    """`1 run`, `6,601 runs`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def cut(text: str, length: int = 100) -> str:
    """At most so many characters, an ellipsis for the rest."""
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


def short_id(text: str) -> str:
    """`01a1fe00…603f198db7ab`: ids of one minute differ at their ends."""
    return text if len(text) <= 24 else f"{text[:8]}…{text[-12:]}"


def escaped(text: str) -> str:
    """Safe as Streamlit Markdown: names come from outside, two `$` would start a formula and
    `:word:` an icon.
    """
    return _MARKUP.sub(r"\\\g<0>", text)


def unlinked(text: str) -> str:
    """As `escaped`, of a sentence about addresses: they stand as code, since Markdown would make links of them."""
    parts = _ADDRESS.split(text)
    return "".join(f"`{part}`" if place % 2 else escaped(part) for place, part in enumerate(parts))


def _decimals(value: float) -> str:
    return f"{value:,.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _compact(value: Decimal) -> str:
    for position, (unit, letter) in enumerate(_UNITS):
        if abs(value) >= unit:
            scaled = (value / unit).quantize(Decimal("0.1"), ROUND_HALF_EVEN)
            if abs(scaled) >= 1000 and position > 0:
                unit, letter = _UNITS[position - 1]
                scaled = (value / unit).quantize(Decimal("0.1"), ROUND_HALF_EVEN)
            return f"{scaled:,}{letter}"
    return f"{value:,}"
