"""`POST /api/v1/query` and `GET /api/v1/meta` (CONTRACT 3.5)."""

import json
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from fastapi import Body as RequestBody
from runtally_clickhouse.audit_log import Act
from runtally_clickhouse.catalogue import RunFilters, RunScope
from runtally_clickhouse.measures.data_range import ask_outside, join_ends

from runtally_api import examples, query_answers, tabular
from runtally_api.answers import Catalogue, QueryAnswer
from runtally_api.dependencies import ApiParts, Parts, RequestCaller, RunQuery, VisibleWorkspaces
from runtally_api.documentation import documented
from runtally_api.identity.access import needs
from runtally_api.identity.access_parts import required
from runtally_api.identity.audit import origin_of
from runtally_api.identity.caller import Caller
from runtally_api.identity.permissions import Permission
from runtally_api.meta import build_meta, data_range_of, read_freshness
from runtally_api.problems import Forbidden, NotAcceptable
from runtally_api.query_body import QueryBody, resolve_query
from runtally_api.saved_questions import answer_question
from runtally_api.timing import TimedRoute
from runtally_api.together import all_of

router = APIRouter(
    prefix="/api/v1", tags=["query"], route_class=TimedRoute, dependencies=[needs(Permission.VIEW_ANALYTICS)]
)


Body = Annotated[QueryBody, RequestBody(openapi_examples={"question": {"value": examples.QUERY_BODY}})]


def _responses() -> dict[int | str, dict[str, Any]]:
    responses = documented(
        examples.QUERY, 400, 406, 422, 503, problems={422: examples.INVALID_QUERY, 406: examples.NOT_ACCEPTABLE}
    )
    others = {name: {"schema": {"type": "string"}} for name in tabular.FORMATS if name != tabular.JSON}
    responses[200]["content"] |= {name: {**media, "example": "..."} for name, media in others.items()}
    return responses


@router.get("/meta", response_model=Catalogue, responses=documented(query_answers.catalogue(), 422, 503))
def meta() -> dict[str, Any]:
    """The measures and dimensions that can be asked for."""
    return query_answers.catalogue()


@router.post("/query", response_model=QueryAnswer, responses=_responses())
def query(request: Request, parts: Parts, workspaces: VisibleWorkspaces, caller: RequestCaller, body: Body) -> Response:
    """Any measures by any dimensions. The answer comes as JSON, CSV, NDJSON, Arrow or Parquet, by `Accept`."""
    media_type = tabular.chosen_format(request.headers.get("accept"))
    if media_type is None:
        raise NotAcceptable(list(tabular.FORMATS))
    if media_type != tabular.JSON and not caller.may(Permission.EXPORT_ANALYTICS):
        raise Forbidden(Permission.EXPORT_ANALYTICS)
    now = parts.now()
    resolved = resolve_query(body, now, parts.settings.max_range, parts.settings.max_query_rows)
    scope = RunScope(
        workspaces=workspaces,
        stalled_before=now - parts.settings.stalled_after,
        start=resolved.time.start,
        end=resolved.time.end,
        filters=RunFilters(root_only=body.root_only),
    )
    run_query = RunQuery(scope, resolved.time, now)
    freshness = read_freshness(parts.reader, now)
    if media_type != tabular.JSON:
        _record_export(request, parts, caller, media_type, body)
    tasks: list[Callable[[], Any]] = [
        lambda: answer_question(parts, resolved.question, scope),
        lambda: ask_outside(parts.reader, resolved.question, scope),
    ]
    answer, outside = all_of(parts.pool, tasks)
    began = join_ends(parts.reader, resolved.question, scope, outside, answer.began)
    answer_meta = {
        **build_meta(run_query, freshness, data_range_of(began), {}),
        **query_answers.query_meta(answer, request.state.request_id),
    }
    if workspaces is not None:
        answer_meta["buckets"] = {}  # which are rolled up tells when others' runs began
    if parts.times is not None:
        parts.times.composed()
    if media_type == tabular.JSON:
        content = {
            "data": query_answers.rows(answer),
            "columns": query_answers.columns(answer),
            "totals": query_answers.totals(answer),
            "meta": answer_meta,
        }
        encoded = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    else:
        encoded = tabular.encoded(answer, media_type, answer_meta)
    return Response(encoded, media_type=media_type, headers={"Vary": "Accept"})


def _record_export(request: Request, parts: ApiParts, caller: Caller, media_type: str, body: QueryBody) -> None:
    """Where the API is open nobody is known, and nothing is written about them."""
    if parts.authenticator.is_open:
        return
    details = {"format": media_type, "measures": " ".join(body.measures)}
    audit = required(parts.access).audit
    audit.record(caller, Act.EXPORT, origin_of(request), workspaces=caller.workspaces, target="query", details=details)
