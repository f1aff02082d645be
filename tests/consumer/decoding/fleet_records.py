"""Records as a fleet sends them, all good, spelled in many ways. Drawn from the `Random` that is given."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

from consumer.samples import ACTIVITY, FEEDBACK, LIFECYCLE, RUNS

MODELS = ("gpt-5", "claude-opus-4-5", "models/llama-2-7b_chat.gguf", "", "mistral-large", "Qwen3-32B")
WORDS = ("timeout", "Über", "naïve", "完了", "😀", 'said "no"', "a\\b", "tab\there", "line\nbreak", "x" * 200, "")


def instant(random: Random, at: datetime) -> str:
    """A time as some sender spells it."""
    if random.random() < 0.7:
        return at.isoformat().replace("+00:00", "Z")
    if random.random() < 0.5:
        return at.isoformat(timespec="milliseconds")
    zone = random.randrange(-11, 13)
    local = (at + timedelta(hours=zone)).replace(tzinfo=None).isoformat(timespec="microseconds")
    return f"{local}{'-' if zone < 0 else '+'}{abs(zone):02}:00"


def amount(random: Random) -> object:
    """Money, as a number, in text, or unknown."""
    nanos = int(10 ** random.uniform(0, 17.9))
    text = f"{nanos // 10**9}.{nanos % 10**9:09}"
    return random.choice([None, text, float(text[:15]), round(random.random(), 4), random.randrange(100)])


def count(random: Random) -> object:
    """A whole number, mostly of a usual size; `3.0` from those who know no integers."""
    number = random.choice([random.randrange(10), random.randrange(200_000), random.randrange(2**53)])
    return random.choice([number, number, number, None, float(number % 2**40)])


def moment(random: Random) -> datetime:
    """Some time within the contract's years, mostly lately."""
    if random.random() < 0.05:
        return datetime(2015, 1, 1, tzinfo=UTC) + timedelta(seconds=random.randrange(86 * 365 * 86_400))
    return datetime(2026, 10, 1, tzinfo=UTC) + timedelta(microseconds=random.randrange(50 * 86_400 * 10**6))


def identity(random: Random, at: datetime) -> str:
    """A UUIDv7 of that time, or an id of the sender's own."""
    if random.random() < 0.7:
        return str(
            UUID(
                int=int(at.timestamp() * 1000) << 80
                | 7 << 76
                | random.getrandbits(12) << 64
                | 2 << 62
                | random.getrandbits(62)
            )
        )
    return random.choice(["run-", "bar/", "é-"]) + str(random.getrandbits(40))


def texts(random: Random) -> dict[str, str]:
    """Tags or properties."""
    return {f"key-{at}": random.choice(WORDS) for at in range(random.choice([0, 1, 3, 3, 32]))}


def run_fields(random: Random) -> dict[str, object]:
    """A run with most of its fields; each may be left out as its sender does not know it."""
    started = moment(random)
    finished = started + timedelta(milliseconds=random.randrange(-50, 400_000))
    status = random.choice(
        ("queued", "running", "succeeded", "succeeded", "failed", "cancelled", "timed_out", "unknown")
    )
    optional: dict[str, object] = {
        "agent_name": random.choice(WORDS),
        "finished_at": random.choice([None, instant(random, finished)]),
        "handed_off_at": random.choice([None, instant(random, finished)]),
        "model": random.choice(MODELS),
        "cost_usd": amount(random),
        "credits": amount(random),
        "cost_source": random.choice(("reported", "inferred", "unknown", None)),
        "error_message": random.choice(WORDS) * random.choice((1, 40)),
        "recovered": random.choice((True, False, None)),
        "tags": texts(random),
        "deleted": random.random() < 0.05,
        **{name: count(random) for name in ("duration_ms", "queue_ms", "input_tokens", "output_tokens", "retries")},
        **{name: count(random) for name in ("cache_read_tokens", "llm_calls", "recovery_ms", "files_modified")},
        **{name: random.choice(WORDS) for name in ("provider", "user_id", "session_id", "parent_run_id", "error_type")},
    }
    return {
        "run_id": identity(random, started),
        "workspace_id": random.choice(("acme", "globex", "Ω")),
        "agent_id": f"agent-{random.randrange(9)}",
        "status": status,
        "started_at": instant(random, started),
        "updated_at": instant(random, max(started, finished)),
        **{name: value for name, value in optional.items() if random.random() < 0.8},
    }


def feedback_fields(random: Random) -> dict[str, object]:
    at = moment(random)
    return {
        "feedback_id": identity(random, at),
        "run_id": identity(random, at),
        "workspace_id": "acme",
        "agent_id": "agent-1",
        "user_id": random.choice(WORDS),
        "rating": random.choice((1, 2, 3, 4, 5, 5.0)),
        "comment": random.choice(WORDS) * random.choice((1, 40)),
        "sentiment": random.choice((None, "positive")),
        "sentiment_score": random.choice((None, random.uniform(-1, 1), 1, 1e-7)),
        "created_at": instant(random, at),
    }


def lifecycle_fields(random: Random) -> dict[str, object]:
    at = moment(random)
    return {
        "event_id": identity(random, at),
        "workspace_id": "acme",
        "agent_id": "agent-1",
        "from_state": random.choice((None, "", "draft")),
        "to_state": random.choice(("active", "paused", "完了")),
        "reason": random.choice(WORDS),
        "actor": random.choice(WORDS),
        "at": instant(random, at),
    }


def activity_fields(random: Random) -> dict[str, object]:
    at = moment(random)
    return {
        "event_id": identity(random, at),
        "workspace_id": "acme",
        "user_id": random.choice(("user-1", "ü")),
        "session_id": random.choice(WORDS),
        "event_name": random.choice(("opened", "checkout")),
        "at": instant(random, at),
        "revenue_usd": amount(random),
        "properties": texts(random),
    }


FIELDS_OF: Mapping[str, Callable[[Random], dict[str, object]]] = {
    RUNS: run_fields,
    FEEDBACK: feedback_fields,
    LIFECYCLE: lifecycle_fields,
    ACTIVITY: activity_fields,
}
