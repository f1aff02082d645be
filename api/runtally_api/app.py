"""The API's composition root: settings and a store in, an ASGI application out."""

from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime

import structlog
from fastapi import FastAPI
from runtally.connection import KafkaConnection
from runtally_clickhouse.client import Store
from starlette.middleware.cors import CORSMiddleware

from runtally_api.answer_cache import AnswerCache
from runtally_api.consumer_lag import KafkaLag, NoLag
from runtally_api.dependencies import ApiParts
from runtally_api.documentation import describe
from runtally_api.fairness.limited import Fairness, Limited, paths_of
from runtally_api.fairness.strangers import StrangersLimited
from runtally_api.garbage import leave_start_alone
from runtally_api.hygiene import BoundedBodies, BoundedHeaders, BrowserSafe, ClientAddress, networks
from runtally_api.identity.access import Authenticated, require_declared
from runtally_api.identity.access_parts import make_access
from runtally_api.identity.api_keys import StoredKeys
from runtally_api.identity.authentication import make_authenticator
from runtally_api.identity.live_sessions import LiveSessions
from runtally_api.identity.settings import IdentitySettings
from runtally_api.metrics import ApiMetrics
from runtally_api.middleware import HeadAsGet, Observed, Validated
from runtally_api.problems import install_problem_handlers
from runtally_api.publishing import KafkaPublisher, NoPublisher
from runtally_api.routes import (
    agents,
    audit,
    auth,
    comparisons,
    dead_letter_replay,
    erasures,
    errors,
    events,
    executions,
    health,
    ingest,
    integrity,
    keys,
    performance,
    pipeline,
    query,
    runs,
    usage,
    workspaces,
)
from runtally_api.settings import ApiSettings

DESCRIPTION = "Exact, fast answers about fleets of AI agents. Every accepted run counts once in every answer."

READING = (
    agents,
    workspaces,
    usage,
    errors,
    integrity,
    pipeline,
    dead_letter_replay,
    events,
    query,
    performance,
    executions,
    comparisons,
    runs,
    audit,
    erasures,
)
QUESTION_THREADS = 8
# Of pages from other origins, where these are allowed to ask.
ASKED_HEADERS = ("Authorization", "Content-Type", "Accept", "If-None-Match", "Prefer", "X-Request-ID")
TOLD_HEADERS = ("ETag", "RateLimit", "RateLimit-Policy", "Retry-After", "Server-Timing", "X-Request-ID")
OPEN_BANNER = "the API is open: whoever reaches its port may do everything, no sign-in is asked (docs/access.md)"
log = structlog.get_logger(__name__)


def create_app(
    settings: ApiSettings,
    connection: KafkaConnection,
    store: Store,
    readiness: tuple[Callable[[], str | None], ...] = (),
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    identity: IdentitySettings | None = None,
    access_store: Store | None = None,
) -> FastAPI:
    """The application. Stores belong to the caller; `readiness` are more reasons that /ready asks for.

    `access_store` takes keys, users and the audit log where `store` takes no writes.

    Raises `InvalidIdentity` when it would listen where others can reach it and nobody would have to sign in.
    """
    identity = identity or IdentitySettings()
    identity.require_listening(settings.host)
    kept = access_store or store
    sessions = LiveSessions(kept)
    access = make_access(identity, kept, now, sessions)
    authenticator = make_authenticator(identity, StoredKeys(kept, now), sessions)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        publisher = _publisher(settings, connection)
        await publisher.start()
        cache = AnswerCache(settings.answer_cache_bytes) if settings.answer_cache_bytes else None
        reasons = (publisher.not_ready_reason, *readiness)
        pool = ThreadPoolExecutor(QUESTION_THREADS, "question")
        lag = NoLag() if settings.api_routes == "read" else KafkaLag(connection, settings.consumer_group)
        app.state.parts = ApiParts(
            settings, store, publisher, reasons, now, cache, pool=pool, authenticator=authenticator, access=access,
            lag=lag,
        )  # fmt: skip
        if authenticator.is_open:
            log.warning(OPEN_BANNER, host=settings.host)
        if idle := identity.idle_settings():
            log.warning(idle)
        try:
            yield
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            await publisher.stop()

    return make_app(lifespan, settings)


def _publisher(settings: ApiSettings, connection: KafkaConnection) -> KafkaPublisher | NoPublisher:
    if settings.api_routes == "read":
        return NoPublisher()
    return KafkaPublisher(connection, settings.publish_seconds)


def make_app(
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]], settings: ApiSettings | None = None
) -> FastAPI:
    """The application around a lifespan that puts `ApiParts` into the application's state."""
    settings = settings or ApiSettings.model_construct()

    @asynccontextmanager
    async def started(app: FastAPI) -> AsyncIterator[None]:
        async with lifespan(app):
            leave_start_alone()
            yield

    app = FastAPI(title="Runtally", version="1", description=DESCRIPTION, lifespan=started)
    app.state.metrics = ApiMetrics()
    reading = [module.router for module in READING] if settings.api_routes != "ingest" else []
    writing = [ingest.router] if settings.api_routes != "read" else []
    signing_in = [auth.router, keys.router]
    fairness = app.state.fairness = Fairness(settings, [*reading, *signing_in], writing)
    app.add_middleware(Validated)
    app.add_middleware(Limited, fairness=fairness)
    app.add_middleware(Authenticated)
    app.add_middleware(StrangersLimited, fairness=fairness)
    app.add_middleware(BoundedBodies, own_bounds=paths_of(writing), seconds=settings.body_seconds)
    app.add_middleware(BoundedHeaders)
    app.add_middleware(Observed, metrics=app.state.metrics)
    _face_the_network(app, settings)
    install_problem_handlers(app)
    routers = [*reading, *signing_in, *writing, health.router]
    require_declared(routers)
    for router in routers:
        app.include_router(router)
    describe(app, routers)
    return app


def _face_the_network(app: FastAPI, settings: ApiSettings) -> None:
    """What is around everything else: browsers, proxies, HEAD."""
    if settings.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.allowed_origins,
            allow_methods=["GET", "HEAD", "POST", "DELETE"],
            allow_headers=ASKED_HEADERS,
            expose_headers=TOLD_HEADERS,
        )
    app.add_middleware(BrowserSafe, hsts_seconds=settings.hsts_seconds)
    app.add_middleware(ClientAddress, trusted=networks(settings.trusted_proxies))
    app.add_middleware(HeadAsGet)
