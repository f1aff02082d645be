"""Records that break the contract, one per way in which real senders break it."""

import json
from collections.abc import Callable
from random import Random

from runtally_cli.simulation.record import ACTIVITY, FEEDBACK, LIFECYCLE, RUNS, Record

_TIME_FIELD = {RUNS: "updated_at", FEEDBACK: "created_at", LIFECYCLE: "at", ACTIVITY: "at"}
_NUMBER_FIELD = {RUNS: "input_tokens", FEEDBACK: "rating", LIFECYCLE: "to_state", ACTIVITY: "revenue_usd"}
_TOO_LARGE = 300 * 1024


def _written(fields: dict[str, object]) -> bytes:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def _with(value: bytes, name: str, content: object) -> bytes:
    return _written({**json.loads(value), name: content})


def _broken_json(topic: str, value: bytes) -> bytes:
    return value[: len(value) * 2 // 3]


def _wrong_type(topic: str, value: bytes) -> bytes:
    return _with(value, "workspace_id", 42)


def _missing_field(topic: str, value: bytes) -> bytes:
    return _written({name: content for name, content in json.loads(value).items() if name != "workspace_id"})


def _negative_number(topic: str, value: bytes) -> bytes:
    return _with(value, _NUMBER_FIELD[topic], -512)


def _not_a_number(topic: str, value: bytes) -> bytes:
    return _with(value, _NUMBER_FIELD[topic], float("nan"))


def _year_1970(topic: str, value: bytes) -> bytes:
    return _with(value, _TIME_FIELD[topic], "1970-01-01T00:00:00Z")


def _too_large(topic: str, value: bytes) -> bytes:
    return _with(value, "prompt", "lorem ipsum " * (_TOO_LARGE // 12))


def _invalid_utf8(topic: str, value: bytes) -> bytes:
    return value[:2] + b"\xff\xfe" + value[2:]


def _repeated_key(topic: str, value: bytes) -> bytes:
    return b'{"workspace_id":"x",' + value[1:]


def _not_an_object(topic: str, value: bytes) -> bytes:
    return b"[" + value + b"]"


DEFECTS: dict[str, Callable[[str, bytes], bytes]] = {
    "broken_json": _broken_json,
    "wrong_type": _wrong_type,
    "missing_field": _missing_field,
    "negative_number": _negative_number,
    "not_a_number": _not_a_number,
    "year_1970": _year_1970,
    "too_large": _too_large,
    "invalid_utf8": _invalid_utf8,
    "repeated_key": _repeated_key,
    "not_an_object": _not_an_object,
}
_NAMES = sorted(DEFECTS)
# A large record weighs as much as six hundred others.
_WEIGHTS = [0.05 if name == "too_large" else 1.0 for name in _NAMES]


def broken(record: Record, rng: Random) -> Record:
    """A bad copy of a good record. No bad record is ever accepted, so it changes nothing that is true."""
    defect = DEFECTS[rng.choices(_NAMES, _WEIGHTS)[0]]
    return record._replace(value=defect(record.topic, record.value))
