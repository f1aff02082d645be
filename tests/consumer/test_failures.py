"""Every code that ClickHouse may answer with, and what follows from it."""

import pytest
from runtally_clickhouse.errors import SchemaError, StoreRefused, StoreUnavailable
from runtally_consumer.bisection import NotBadData
from runtally_consumer.failures import DeadLetterTopicUnavailable, FailureClass, classify

TRANSIENT = [159, 202, 203, 209, 210, 241, 242, 252, 285, 319, 425, 999]
SYSTEMIC = [60, 81, 16, 47, 62, 192, 497, 516]
DATA = [6, 26, 27, 38, 41, 53, 69, 70, 117, 131, 321, 349, 376, 407, 469, 691]


@pytest.mark.parametrize("code", TRANSIENT)
def test_codes_that_pass_by_themselves(code: int) -> None:
    assert classify(StoreRefused("refused", code)) is FailureClass.TRANSIENT


@pytest.mark.parametrize("code", DATA)
def test_codes_that_a_bisection_looks_into(code: int) -> None:
    assert classify(StoreRefused("refused", code)) is FailureClass.DATA


@pytest.mark.parametrize("code", [*SYSTEMIC, 0, 1, 12345])
def test_every_other_code_waits_long_and_drops_nothing(code: int) -> None:
    assert classify(StoreRefused("refused", code)) is FailureClass.SYSTEMIC


def test_nobody_answered() -> None:
    assert classify(StoreUnavailable("timed out")) is FailureClass.TRANSIENT


def test_the_dead_letter_topic_is_away_or_forbidden() -> None:
    assert classify(DeadLetterTopicUnavailable("away")) is FailureClass.TRANSIENT
    assert classify(DeadLetterTopicUnavailable("forbidden", needs_person=True)) is FailureClass.SYSTEMIC


@pytest.mark.parametrize(
    "error", [SchemaError("no tables"), NotBadData("all refused"), ValueError("a bug"), MemoryError()]
)
def test_whatever_is_not_known_is_systemic(error: Exception) -> None:
    assert classify(error) is FailureClass.SYSTEMIC
