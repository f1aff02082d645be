"""Named operations on the store, run wherever it is held: by a server, by the running stack, or by this process.

The embedded engine allows one process a folder, so a command cannot open what a stack holds. An operation is a
plain function of the store and its JSON parameters, registered in `OPERATIONS`. `store_access` runs it on the
server that the environment names, else inside the process that holds the data folder (`POST /admin/<operation>`
on the consumer's health port, loopback only), else here, with the folder held for as long.
"""

import hmac
import ipaddress
import json
import os
import secrets
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from runtally_clickhouse.client import Store
from runtally_clickhouse.errors import SchemaError, StoreError, StoreRefused, StoreUnavailable
from runtally_clickhouse.location import StoreLocation
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from runtally_cli.access.operations import (
    key_create,
    key_list,
    key_revoke,
    user_add,
    user_list,
    user_password,
    user_remove,
)
from runtally_cli.dlq.operations import dead_letter_values, dead_letters, partition_stops, request_resumes
from runtally_cli.doctor.store_facts import store_facts
from runtally_cli.local.ports import LOOPBACK
from runtally_cli.local.settings import LocalSettings
from runtally_cli.local.stack import owned_folder, owner_of
from runtally_cli.replay.operations import replay_records
from runtally_cli.rollup.operations import rollup_mark, rollup_refresh, rollup_status
from runtally_cli.verification.operation import ledger
from runtally_cli.withdrawing.operations import (
    erasure_counts,
    erasure_request,
    erasure_step,
    retention_apply,
    retention_plan,
)

Parameters = Mapping[str, Any]
Operation = Callable[[Store, Parameters], Any]

# Every operation that a command may run on the store. It returns JSON, and raises `StoreError`, or `ValueError`
# for parameters that cannot be.
OPERATIONS: Final[Mapping[str, Operation]] = {
    "dead_letter_values": dead_letter_values,
    "dead_letters": dead_letters,
    "erasure_counts": erasure_counts,
    "erasure_request": erasure_request,
    "erasure_step": erasure_step,
    "key_create": key_create,
    "key_list": key_list,
    "key_revoke": key_revoke,
    "ledger": ledger,
    "partition_stops": partition_stops,
    "replay_records": replay_records,
    "request_resumes": request_resumes,
    "retention_apply": retention_apply,
    "retention_plan": retention_plan,
    "rollup_mark": rollup_mark,
    "rollup_refresh": rollup_refresh,
    "rollup_status": rollup_status,
    "store_facts": store_facts,
    "user_add": user_add,
    "user_list": user_list,
    "user_password": user_password,
    "user_remove": user_remove,
}
TOKEN_HEADER: Final = "x-runtally-admin"
RUN_SECONDS: Final = 60
_ANNOUNCEMENT: Final = "admin.json"
_NAMES_OF_THIS_MACHINE: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class HeldElsewhere(RuntimeError):
    """The process that holds the data folder did not run the operation. The message is ready to be shown."""


class NoStore(RuntimeError):
    """There is no store in the data folder yet. The message is ready to be shown to a person."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """Where a running node can be asked, in a file that only its owner may read. The token is new at each start."""

    url: str
    token: str
    bootstrap: str
    store: str
    api_port: int
    ui_port: int
    consumer_port: int


class StoreAccess(Protocol):
    """The store, wherever it is held.

    `run` blocks until the operation is done. Raises `StoreError`, `ValueError` for parameters that cannot be,
    and `HeldElsewhere` when the process that holds the store does not run it.
    """

    @property
    def held_by(self) -> str: ...

    def run(self, operation: str, parameters: Parameters | None = None) -> Any: ...


@contextmanager
def store_access(settings: LocalSettings, seconds: int = RUN_SECONDS) -> Iterator[StoreAccess]:
    """Access for one command; an operation may take `seconds`.

    Raises `NoStore`, or `StackInUse` when a stack takes the folder at the same moment.
    """
    location, folder = StoreLocation.from_environment(), settings.data_dir
    if location is not None:
        with closing(Store(location, seconds)) as store:
            yield _OpenStore(store, f"ClickHouse at {location}")
    elif (owner := owner_of(folder)) is not None:
        yield _HeldStore(folder, owner, seconds)
    else:
        location = StoreLocation.embedded(folder)
        if location.path is None or not location.path.exists():
            raise NoStore(f"there is no store in {folder} yet: `runtally up` makes one")
        with owned_folder(folder), closing(Store(location, seconds)) as store:
            yield _OpenStore(store, f"{location}, opened by this command")


class _OpenStore:
    """A store of this process."""

    def __init__(self, store: Store, held_by: str) -> None:
        self._store = store
        self.held_by = held_by

    def run(self, operation: str, parameters: Parameters | None = None) -> Any:
        answer = OPERATIONS[operation](self._store, dict(parameters or {}))
        return json.loads(json.dumps(answer))  # what the other way gives, to the type


class _HeldStore:
    """The store of the running stack."""

    def __init__(self, folder: Path, owner: int, seconds: int) -> None:
        self._folder = folder
        self._seconds = seconds
        self.held_by = f"process {owner}, which runs on {folder}"

    def run(self, operation: str, parameters: Parameters | None = None) -> Any:
        announcement = read_announcement(self._folder)
        if announcement is None:
            raise HeldElsewhere(f"{self.held_by} offers no admin routes: it is starting, draining or a short command")
        request = urllib.request.Request(
            f"{announcement.url}/{operation}",
            data=json.dumps(parameters or {}).encode(),
            headers={TOKEN_HEADER: announcement.token, "content-type": "application/json"},
            method="POST",
        )
        # Without the proxy that the environment may name: the token stays on this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=self._seconds) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            raise self._refusal(operation, error) from error
        except OSError as error:
            raise HeldElsewhere(f"{self.held_by} does not answer at {announcement.url}: {error}") from error

    def _refusal(self, operation: str, error: urllib.error.HTTPError) -> Exception:
        try:
            body = json.loads(error.read())
            return _RAISED[body["kind"]](body)
        except (ValueError, KeyError, TypeError):
            return HeldElsewhere(f"{self.held_by} answered {error.code} to {operation}: is it another version?")


_RAISED: Final[Mapping[str, Callable[[Mapping[str, Any]], Exception]]] = {
    "StoreUnavailable": lambda body: StoreUnavailable(body["message"]),
    "StoreRefused": lambda body: StoreRefused(body["message"], int(body["code"])),
    "SchemaError": lambda body: SchemaError(body["message"]),
    "StoreError": lambda body: StoreError(body["message"]),
    "ValueError": lambda body: ValueError(body["message"]),
}


def admin_app(store: Store, token: str, operations: Mapping[str, Operation] = OPERATIONS) -> Starlette:
    """`POST /<operation>` with its parameters as a JSON object; never SQL.

    For commands on this machine: another peer, a Host that names another machine, or another token gets 403.
    """

    async def run(request: Request) -> Response:
        if not _is_from_here(request, token):
            return _refused(403, "Forbidden", "admin routes answer the commands of this machine only")
        operation = operations.get(request.path_params["operation"])
        if operation is None:
            return _refused(404, "UnknownOperation", "no such operation")
        try:
            parameters = json.loads(await request.body())
            if not isinstance(parameters, dict):
                raise ValueError("the parameters must be one JSON object")
            return JSONResponse(await run_in_threadpool(operation, store, parameters))
        except StoreError as error:
            return _refused(503, type(error).__name__, str(error), getattr(error, "code", 0))
        except ValueError as error:
            return _refused(422, "ValueError", str(error))

    return Starlette(routes=[Route("/{operation}", run, methods=["POST"])])


@contextmanager
def announced(settings: LocalSettings, bootstrap: str, store: StoreLocation) -> Iterator[str]:
    """Leave a new token and this node's addresses in the data folder while it serves; gives the token."""
    token = secrets.token_urlsafe(32)
    announcement = Announcement(
        url=f"http://{LOOPBACK}:{settings.consumer_port}/admin",
        token=token,
        bootstrap=bootstrap,
        store=str(store),
        api_port=settings.api_port,
        ui_port=settings.ui_port,
        consumer_port=settings.consumer_port,
    )
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    path = settings.data_dir / _ANNOUNCEMENT
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(asdict(announcement), file)
    try:
        yield token
    finally:
        path.unlink(missing_ok=True)


def read_announcement(folder: Path) -> Announcement | None:
    """What the node in this folder left; that of a killed one is there still, so ask `owner_of` first."""
    try:
        return Announcement(**json.loads((folder / _ANNOUNCEMENT).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _is_from_here(request: Request, token: str) -> bool:
    try:
        peer = ipaddress.ip_address(request.client.host if request.client else "")
        name = urlsplit(f"//{request.headers.get('host', '')}").hostname
    except ValueError:
        return False
    given = request.headers.get(TOKEN_HEADER, "")
    return (
        peer.is_loopback
        and name in _NAMES_OF_THIS_MACHINE
        and "x-forwarded-for" not in request.headers
        and hmac.compare_digest(given.encode(), token.encode())
    )


def _refused(status: int, kind: str, message: str, code: int = 0) -> JSONResponse:
    return JSONResponse({"kind": kind, "message": message, "code": code}, status)
