"""Numbers as people read them."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from runtally_ui import formats


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0, "0"),
        (6601, "6,601"),
        (9999, "9,999"),
        (10_000, "10.0k"),
        (38_512, "38.5k"),
        (999_960, "1.0M"),
        (39_100_000, "39.1M"),
        (1_200_000_000, "1.2B"),
    ],
)
def test_count(value: int | None, text: str) -> None:
    assert formats.count(value) == text


@pytest.mark.parametrize(
    ("value", "text", "full"),
    [
        (None, "–", "–"),
        ("0", "$0", "$0"),
        ("0.000000001", "$0.0000000010", "$0.0000000010"),
        ("0.0042", "$0.0042", "$0.0042"),
        ("0.0394", "$0.039", "$0.0394"),
        ("0.25", "$0.25", "$0.2500"),
        ("0.999", "$1.00", "$0.9990"),
        ("253.2", "$253.20", "$253.20"),
        ("1253.204", "$1,253.20", "$1,253.20"),
        ("12412", "$12.4k", "$12,412.00"),
    ],
)
def test_money(value: str | None, text: str, full: str) -> None:
    amount = None if value is None else Decimal(value)
    assert (formats.money(amount), formats.full_money(amount)) == (text, full)


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (None, "–"),
        (0, "0 ms"),
        (840, "840 ms"),
        (999.7, "1.0 s"),
        (13_400, "13.4 s"),
        (59_960, "1m 00s"),
        (185_000, "3m 05s"),
        (7_800_000, "2h 10m"),
    ],
)
def test_duration(milliseconds: float | None, text: str) -> None:
    assert formats.duration(milliseconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0.0, "0%"),
        (0.0004, "<0.1%"),
        (0.948, "94.8%"),
        (0.99951, "99.9%+"),
        (1.0, "100%"),
    ],
)
def test_only_exactly_nothing_and_all_are_round(value: float | None, text: str) -> None:
    assert formats.share(value) == text


def test_a_rate_shows_its_n() -> None:
    assert formats.share_of(2, 22) == "9.1% of 22"
    assert formats.share_of(0, 22) == "0% of 22"
    assert formats.share_of(0, 0) == "–"


def test_relative_change() -> None:
    assert formats.relative_change(121.3, 100) == "+21.3%"
    assert formats.relative_change(90, 100) == "-10.0%"
    assert formats.relative_change(100.01, 100) == "0"
    assert formats.relative_change(5, 0) is None
    assert formats.relative_change(3000, 100) == "+2,900%"


def test_point_change() -> None:
    assert formats.point_change(0.938, 0.948) == "-1.0 pp"
    assert formats.point_change(0.9481, 0.948) == "0"


def test_days_and_instants() -> None:
    assert formats.day(date(2026, 11, 1)) == "Sun 1 Nov 2026"
    assert formats.day_span(date(2026, 10, 23), date(2026, 11, 21)) == "23 Oct – 21 Nov 2026"
    assert formats.day_span(date(2025, 12, 30), date(2026, 1, 2)) == "30 Dec 2025 – 2 Jan 2026"
    assert formats.day_span(date(2026, 1, 2), date(2026, 1, 2)) == "2 Jan 2026"
    noon = datetime(2026, 11, 21, 9, 30, 1, tzinfo=UTC)
    assert formats.instant(noon, "America/New_York") == "21 Nov 2026, 04:30:01 America/New York"


def test_names_from_outside_stay_text() -> None:
    assert formats.escaped("$a$ *b* [c](d) :smile: 09:30") == (r"\$a\$ \*b\* \[c\](d) \:smile: 09:30")


def test_addresses_are_no_links() -> None:
    assert formats.unlinked("http://127.0.0.1:8000 was silent.") == "`http://127.0.0.1:8000` was silent."
    assert formats.unlinked("at https://x.example/a_b?c=[1].") == "at `https://x.example/a_b?c=[1]`."
    assert formats.unlinked("cost $1 and http://`x` *y*") == formats.escaped("cost $1 and http://`x` *y*")
