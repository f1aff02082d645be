"""`POST /api/v1/dead-letters/replay`: what was refused, published again by those who may."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final

from anyio import from_thread
from fastapi import APIRouter, Body, Request
from pydantic import BaseModel, ConfigDict, Field
from runtally_clickhouse.audit_log import Act
from runtally_clickhouse.catalogue import RunFilters, RunScope
from runtally_clickhouse.kept_letters import Place, place_of
from runtally_clickhouse.letters_and_batches import LetterFilters, newest_letters

from runtally_api.answers import Answer
from runtally_api.dependencies import ApiParts, Parts, RequestCaller
from runtally_api.documentation import documented
from runtally_api.formats import instant
from runtally_api.identity.access import needs
from runtally_api.identity.access_parts import Access
from runtally_api.identity.audit import origin_of
from runtally_api.identity.caller import Caller
from runtally_api.identity.permissions import Permission
from runtally_api.pipeline_answers import redacted
from runtally_api.problems import FieldError, Forbidden, InvalidRequest, Problem, Unavailable
from runtally_api.publishing import PublishFailed, Record
from runtally_api.ranges import TimeRange, resolve_range
from runtally_api.replaying import TOPICS, Replayed, left_answer, replay

MOST_LETTERS: Final = 10_000
MOST_NAMED: Final = 1_000
MOST_REASONS: Final = 100
router = APIRouter(prefix="/api/v1/dead-letters", tags=["integrity"], dependencies=[needs(Permission.INGEST_RUNS)])


class LetterPlace(BaseModel):
    """One letter, as `GET /api/v1/dead-letters` names it."""

    model_config = ConfigDict(extra="forbid")

    stream: Annotated[str, Field(max_length=256)]
    topic: Annotated[str, Field(max_length=256)]
    partition: Annotated[int, Field(ge=0, lt=2**32)]
    offset: Annotated[int, Field(ge=0, lt=2**64)]


class ReplayBody(BaseModel):
    """Which letters: those of a topic that were refused in the range, or some by their places."""

    model_config = ConfigDict(extra="forbid")

    topic: Annotated[str | None, Field(max_length=256)] = None
    field: Annotated[str | None, Field(max_length=256, description="At fault; empty: no field of the contract is.")] = (
        None
    )
    from_: Annotated[str | None, Field(alias="from", max_length=60)] = None
    to: Annotated[str | None, Field(max_length=60)] = None
    timezone: Annotated[str | None, Field(max_length=60)] = None
    letters: Annotated[list[LetterPlace] | None, Field(min_length=1, max_length=MOST_NAMED)] = None
    dry_run: Annotated[bool, Field(description="Only tell what would become of them.")] = False


class LeftLetters(Answer):
    """Letters that stay where they are, for one reason."""

    topic: str
    because: Annotated[
        str,
        Field(
            description="`contract`: would be refused again; `signature`: was refused for it, and may be forged; "
            "`unchecked`: nobody looked at its signature; `incomplete`: the store does not have it whole."
        ),
    ]
    field: str
    message: str
    remedy: str
    letters: int


class ReplayedLetters(Answer):
    """What became of the letters: `letters` = `published` + those that were left."""

    dry_run: bool
    letters: int
    published: Annotated[int, Field(description="Acknowledged by Kafka; in a dry run, what would be published.")]
    left: Annotated[list[LeftLetters], Field(description="The most frequent reason first; a hundred at most.")]


EXAMPLE_BODY: Final = {"topic": "agent-runs.v1", "field": "workspace_id", "from": "-7d", "dry_run": True}
EXAMPLE: Final[dict[str, Any]] = {
    "dry_run": True,
    "letters": 214,
    "published": 211,
    "left": [
        {
            "topic": "agent-runs.v1", "because": "contract", "field": "workspace_id", "message": "is required",
            "remedy": "add the field", "letters": 3,
        }
    ],
}  # fmt: skip
NO_BROKER: Final = {
    "type": "/problems/no-broker", "title": "Not from this process", "status": 409, "request_id": "0b9a",
    "detail": "this process only answers questions and knows no broker (RUNTALLY_API_ROUTES=read)",
    "errors": [{"field": "RUNTALLY_API_ROUTES", "message": "is read", "remedy": "set all, or `runtally dlq replay`"}],
}  # fmt: skip
Given = Annotated[ReplayBody, Body(openapi_examples={"a dry run": {"value": EXAMPLE_BODY}})]


@router.post(
    "/replay",
    response_model=ReplayedLetters,
    responses=documented(EXAMPLE, 403, 409, 422, 503, problems={409: NO_BROKER}),
)
def replay_dead_letters(
    request: Request, parts: Parts, access: Access, caller: RequestCaller, body: Given
) -> dict[str, Any]:
    """Publish refused records again, key and value unchanged, oldest first, as far as this version accepts them.

    For callers who may see all workspaces, as nobody knows whose a broken record is. A run that is replayed twice
    counts once; letters stay listed, as what was refused when. Those refused for their signature are never published.
    """
    require_may_replay(parts, caller)
    time = resolve_range(body.from_, body.to, body.timezone, parts.now(), parts.settings.max_range)
    # Not by way of kept answers: what is replayed must not take the place of questions.
    reader = parts.store.bound_to(caller.workspaces)
    places = _named(body) or _selected(parts, reader, body, time)
    replayed = Replayed()
    if body.dry_run:
        replay(reader, places, None, replayed, signs=parts.publisher.signs)
        return _told(parts, body, replayed)
    details = {
        "topic": body.topic or "", "field": "any" if body.field is None else body.field or "record",
        "from": instant(time.start) or "", "to": instant(time.end) or "", "letters": str(len(places)),
    }  # fmt: skip
    with access.audit.around(
        caller, Act.REPLAY, origin_of(request), workspaces=None, target="dead-letters", details=details
    ):
        try:
            replay(reader, places, _publisher_of(parts), replayed, signs=parts.publisher.signs)
        except PublishFailed as error:
            detail = f"not all acknowledged by Kafka, safe to send again: {error}"
            raise Unavailable(detail, {"letters": len(places), "published": replayed.published}) from error
    return _told(parts, body, replayed)


def require_may_replay(parts: ApiParts, caller: Caller) -> None:
    """Raise a problem that says why this caller cannot replay here."""
    if not caller.may(Permission.INGEST_RUNS):
        raise Forbidden(Permission.INGEST_RUNS)
    if caller.workspaces is not None:
        detail = "nobody knows whose a broken record is: this is for callers who may see all workspaces (`*`)"
        raise Problem(403, "forbidden", "Forbidden", detail)
    if told := parts.publisher.closed_because():
        error = FieldError("RUNTALLY_API_ROUTES", "is read", "ask a process where it is all, or `runtally dlq replay`")
        raise Problem(409, "no-broker", "Not from this process", told, [error])


def why_not_here(parts: ApiParts, caller: Caller) -> str | None:
    """The same for whoever asks before: None for those who can."""
    try:
        require_may_replay(parts, caller)
    except Problem as problem:
        return problem.detail
    return None


def _named(body: ReplayBody) -> list[Place]:
    if body.letters is None:
        return []
    if body.topic is not None or body.field is not None:
        raise InvalidRequest(
            FieldError("letters", "stand beside topic or field", "send either places, or topic and field")
        )
    return sorted({Place(one.stream, one.topic, one.partition, one.offset) for one in body.letters})


def _selected(parts: ApiParts, reader: Any, body: ReplayBody, time: TimeRange) -> list[Place]:
    """The letters of the topic, oldest first."""
    if body.topic is None or body.topic not in TOPICS:
        told = "is missing" if body.topic is None else f"is none of ours: '{body.topic[:60]}'"
        raise InvalidRequest(FieldError("topic", told, f"send one of {', '.join(TOPICS)}, or letters by their places"))
    filters = LetterFilters((body.topic,), () if body.field is None else (body.field,))
    scope = RunScope(workspaces=None, stalled_before=parts.now(), start=time.start, end=time.end, filters=RunFilters())
    rows = newest_letters(reader, scope, filters, MOST_LETTERS + 1, None, with_values=False)
    if len(rows) > MOST_LETTERS:
        remedy = "send a shorter range or a field, or let `runtally dlq replay` do it"
        raise InvalidRequest(FieldError("from", f"more than {MOST_LETTERS} letters are meant", remedy))
    return [place_of(row) for row in reversed(rows)]


def _publisher_of(parts: ApiParts) -> Callable[[Sequence[Record]], None]:
    def publish(records: Sequence[Record]) -> None:
        from_thread.run(parts.publisher.republish, records)

    return publish


def _told(parts: ApiParts, body: ReplayBody, replayed: Replayed) -> dict[str, Any]:
    hidden = parts.settings.redact_error_messages
    return {
        "dry_run": body.dry_run,
        "letters": replayed.letters,
        "published": replayed.published,
        "left": left_answer(replayed.left, lambda text: redacted(text, hidden), MOST_REASONS),
    }
