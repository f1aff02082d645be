"""Every code and status that a store may answer with, sent over HTTP through the client, and what follows from it."""

import pyarrow as pa
import pytest
from backends.clickhouse_backend import ClickHouseBackend
from clickhouse.answering import ACCEPTED, answer, answering, refusal
from runtally_clickhouse.client import Store
from runtally_clickhouse.errors import SchemaError, StoreError, StoreRefused, StoreUnavailable
from runtally_clickhouse.location import StoreLocation
from runtally_consumer.bisection import NotBadData
from runtally_consumer.failures import DeadLetterTopicUnavailable, FailureClass, classify

TRANSIENT = [159, 202, 203, 209, 210, 241, 242, 252, 285, 319, 425, 999]
SYSTEMIC = [60, 81, 16, 47, 62, 192, 497, 516]
DATA = [6, 26, 27, 38, 41, 53, 69, 70, 117, 131, 321, 349, 376, 407, 469, 691]
UNKNOWN = [1, 12345]
CLASSES = {
    **dict.fromkeys(TRANSIENT, FailureClass.TRANSIENT),
    **dict.fromkeys(DATA, FailureClass.DATA),
    **dict.fromkeys([*SYSTEMIC, *UNKNOWN], FailureClass.SYSTEMIC),
}
ROWS = pa.table({"a": pa.array([1], pa.uint8())})
HTML = {"Content-Type": "text/html"}


def failure(told: bytes) -> tuple[FailureClass, Exception]:
    """What the consumer makes of an insert that is answered with these bytes."""
    with answering(told) as (store, _):
        try:
            store.insert("agent_runs", ROWS)
        except Exception as error:
            return classify(error), error
    raise AssertionError("taken for a success")


@pytest.mark.parametrize("code", CLASSES)
def test_each_code_has_its_class(code: int) -> None:
    found, error = failure(refusal(code))
    assert (found, getattr(error, "code", None)) == (CLASSES[code], code)


def test_each_code_has_its_class_when_the_engine_itself_throws_it(clickhouse: ClickHouseBackend, database: str) -> None:
    url = clickhouse.url_of(database)
    store = Store(StoreLocation.server(url) if url else StoreLocation(path=clickhouse.path, database=database))
    sql = "SELECT throwIf(1, 'told so', toInt32({code})) SETTINGS allow_custom_error_code_in_throwif = 1"
    found = {}
    for code in CLASSES:
        with pytest.raises(StoreError) as raised:
            store.command(sql.format(code=code))
        found[code] = classify(raised.value)
    store.close()
    assert found == CLASSES


@pytest.mark.parametrize("status", [200, 400, 403, 404, 408, 429, 500, 503])
@pytest.mark.parametrize("code", [241, 60, 469])
def test_a_code_counts_more_than_the_status_beside_it(code: int, status: int) -> None:
    """A server that began its answer with 200 tells of a late failure in a header."""
    assert failure(refusal(code, status))[0] is CLASSES[code]


@pytest.mark.parametrize("code", [241, 60, 469])
def test_a_code_is_found_when_a_proxy_has_taken_its_header_away(code: int) -> None:
    body = f"Code: {code}. DB::Exception: told so.".encode()
    assert failure(answer(500, body=body))[0] is CLASSES[code]


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 520])
def test_statuses_of_a_busy_or_broken_proxy_pass_by_themselves(status: int) -> None:
    assert failure(answer(status, HTML, b"<html>Code: 60 of a web page</html>"))[0] is FailureClass.TRANSIENT


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413, 431])
def test_statuses_that_a_person_must_look_into(status: int) -> None:
    found, error = failure(answer(status, HTML, b"<html>no</html>"))
    assert (found, getattr(error, "status", None)) == (FailureClass.SYSTEMIC, status)


@pytest.mark.parametrize(
    "told",
    [
        answer(200, HTML, b"<html>sign in</html>"),
        answer(200),
        answer(200, ACCEPTED, b"half", length=100),
        b"HTTP/1.1 200 OK\r\nX-ClickHouse-Progress: {}\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Len",
        b"HTTP/1.1 2",
        b"\x00\x01\x02",
        b"",
    ],
    ids=["a web page", "somebody's 200", "cut body", "cut headers", "cut header", "cut status", "noise", "nothing"],
)
def test_a_success_that_is_none_is_tried_again(told: bytes) -> None:
    assert failure(told)[0] is FailureClass.TRANSIENT


def test_what_clickhouse_has_acknowledged_is_a_success() -> None:
    with answering(answer(200, ACCEPTED)) as (store, answers):
        store.insert("agent_runs", ROWS)
        assert answers.inserts == 1


@pytest.mark.parametrize("error", [StoreUnavailable("timed out"), DeadLetterTopicUnavailable("away")])
def test_nobody_answered(error: Exception) -> None:
    assert classify(error) is FailureClass.TRANSIENT


@pytest.mark.parametrize(
    "error",
    [
        DeadLetterTopicUnavailable("forbidden", needs_person=True),
        StoreRefused("no code", 0),
        SchemaError("no tables"),
        NotBadData("all refused"),
        ValueError("a bug"),
        MemoryError(),
    ],
)
def test_whatever_is_not_known_is_systemic(error: Exception) -> None:
    assert classify(error) is FailureClass.SYSTEMIC
