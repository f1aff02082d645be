"""UUIDv7 keys: minted, derived, recognised, read."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from producer.samples import UUID7
from runtally.identity import derive_uuid7, derive_uuid7_int, epoch_ms, is_uuid7, mint_uuid7, uuid7_started_at

START = datetime(2026, 11, 21, 9, 0, 0, 123_999, tzinfo=UTC)
instants = st.datetimes(datetime(2015, 1, 1), datetime(2100, 12, 31), timezones=st.just(UTC))


def test_a_known_derivation_never_changes() -> None:
    assert str(derive_uuid7("acme", "bar-1", START)) == "01a1fd55-7afb-7f2b-96ee-082a45d26a8e"


@given(instants, st.text(min_size=1, max_size=20), st.text(min_size=1, max_size=20))
def test_a_derived_id_is_a_uuid7_with_its_start(start: datetime, workspace: str, given_id: str) -> None:
    derived = derive_uuid7(workspace, given_id, start)
    assert is_uuid7(str(derived))
    assert uuid7_started_at(derived) == start.replace(microsecond=start.microsecond // 1000 * 1000)
    assert derived.int == derive_uuid7_int(workspace, given_id, epoch_ms(start))


def test_a_derived_id_follows_from_all_three_and_from_nothing_else() -> None:
    same = derive_uuid7("acme", "bar-1", START)
    assert derive_uuid7("acme", "bar-1", START.replace(microsecond=123_000)) == same
    different = [
        derive_uuid7("acme", "bar-2", START),
        derive_uuid7("other", "bar-1", START),
        derive_uuid7("acme", "bar-1", START + timedelta(milliseconds=1)),
        derive_uuid7("acmeb", "ar-1", START),
        derive_uuid7("acm", "ebar-1", START),
    ]
    assert len({same, *different}) == 6


@given(instants)
def test_a_minted_id_holds_its_time(now: datetime) -> None:
    minted = mint_uuid7(now)
    assert is_uuid7(str(minted))
    assert abs(uuid7_started_at(minted) - now) < timedelta(milliseconds=1)


def test_minting_takes_its_bits_from_outside() -> None:
    assert mint_uuid7(START, lambda count: (1 << count) - 1) == UUID("01a1fd55-7afb-7fff-bfff-ffffffffffff")
    assert mint_uuid7(START, lambda _: 0) == UUID("01a1fd55-7afb-7000-8000-000000000000")


def test_milliseconds_are_cut() -> None:
    assert epoch_ms(datetime(1970, 1, 1, 0, 0, 1, 999, tzinfo=UTC)) == 1000
    assert epoch_ms(datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)) == -1


@pytest.mark.parametrize("text", [UUID7, UUID7.upper()])
def test_canonical_text_in_either_case_is_one(text: str) -> None:
    assert is_uuid7(text)


@pytest.mark.parametrize("text", ["", "bar-1", UUID7[:-1], UUID7 + "0", " " + UUID7, UUID7.replace("7c3f", "4c3f")])
def test_other_text_is_none(text: str) -> None:
    assert not is_uuid7(text)
