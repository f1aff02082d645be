"""Limits as callers meet them: 429 with its headers, strangers by address, and turns that end with their answers."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx
import pyarrow as pa
from api.asgi_client import running
from api.door import NOW, StoringPublisher, assert_problem, build_app
from api.identity.signing import SECRET, bearer, shared
from pydantic import SecretStr
from runtally_api.fairness.strangers import ShownTokens
from runtally_api.identity.access_parts import make_access
from runtally_api.identity.api_keys import NoKeys
from runtally_api.identity.authentication import make_authenticator
from runtally_api.identity.live_sessions import LiveSessions
from runtally_api.identity.settings import IdentitySettings
from runtally_api.settings import ApiSettings
from runtally_clickhouse.client import Row, Store
from runtally_clickhouse.location import StoreLocation

CATALOGUE, RUNS = "/api/v1/meta", "/api/v1/runs"
LOGIN, REFRESH = "/api/v1/auth/login", "/api/v1/auth/refresh"


class NoUsers:
    """A store of keys and users that is there and empty."""

    def query(self, sql: str, parameters: Mapping[str, object]) -> list[Row]:
        return []

    def insert(self, table: str, rows: pa.Table) -> None:
        """Nobody reads it."""

    def command(self, sql: str, parameters: Mapping[str, object] | None = None) -> None:
        """Nothing to change."""


@contextmanager
def limited(*, is_open: bool = False, **settings: int) -> Iterator[httpx.Client]:
    """The application over a store that is away, but for its users, of whom there are none."""
    store = Store(StoreLocation.server("http://127.0.0.1:1"))
    guarded = IdentitySettings(auth="token", auth_secret=SecretStr(SECRET))
    authenticator = None if is_open else make_authenticator(guarded, NoKeys(), LiveSessions(store))
    publisher = StoringPublisher(store, late=True)
    access = None if is_open else make_access(guarded, NoUsers(), lambda: NOW)
    app = build_app(store, publisher, [], authenticator, access, ApiSettings(**settings))  # type: ignore[arg-type] # numbers
    with running(app) as client:
        yield client


def test_a_caller_who_asks_too_often_is_told_when_to_come_back() -> None:
    with limited(reads_per_minute=2) as client:
        ann, bob = bearer(shared()), bearer(shared(sub="bob"))
        answers = [client.get(CATALOGUE, headers=ann) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        problem = assert_problem(answers[2], 429)
        assert problem["type"] == "/problems/too-many-requests"
        assert answers[0].headers["ratelimit-policy"] == '"read";q=2;w=60'
        assert answers[0].headers["ratelimit"].startswith('"read";r=1;t=')
        assert answers[2].headers["ratelimit"].startswith('"read";r=0;t=')
        assert 1 <= int(answers[2].headers["retry-after"]) <= 60
        assert client.get(CATALOGUE, headers=bob).status_code == 200
        assert client.get(RUNS, headers=ann).status_code == 503, "another route has a quota of its own"


def test_what_is_taken_in_is_counted_by_itself() -> None:
    with limited(reads_per_minute=1, writes_per_minute=2) as client:
        ann = bearer(shared())
        assert client.get(RUNS, headers=ann).status_code == 503
        told = [client.post(RUNS, headers=ann, json={}) for _ in range(3)]
        assert [answer.status_code for answer in told] == [422, 422, 429]
        assert told[0].headers["ratelimit-policy"] == '"write";q=2;w=60'


def test_nought_is_no_limit() -> None:
    with limited(reads_per_minute=0) as client:
        answer = client.get(CATALOGUE, headers=bearer(shared()))
        assert answer.status_code == 200
        assert "ratelimit" not in answer.headers


def test_an_address_that_guesses_is_stopped_before_the_door() -> None:
    with limited(refused_per_minute=3) as client:
        guesses = [client.get(CATALOGUE, headers=bearer(f"guess-{number}")) for number in range(5)]
        assert [answer.status_code for answer in guesses] == [401, 401, 401, 429, 429]
        assert_problem(guesses[4], 429)
        assert client.get(CATALOGUE).status_code == 401, "who shows nothing guesses nothing"
        assert client.get("/live").status_code == 200


def test_who_shows_nothing_is_not_counted() -> None:
    """As a dashboard does for each visitor who has yet to sign in, from the address of those who have."""
    with limited(refused_per_minute=1) as client:
        assert [client.get(CATALOGUE).status_code for _ in range(5)] == [401] * 5
        assert client.get(CATALOGUE, headers=bearer(shared())).status_code == 200


def test_passwords_are_guessed_so_often_and_no_more_and_stop_nobody_who_is_known() -> None:
    with limited(refused_per_minute=2) as client:
        guesses = [client.post(LOGIN, json={"email": f"{n}@x", "password": "guess"}).status_code for n in range(4)]
        assert guesses == [401, 401, 429, 429]
        assert client.get(CATALOGUE, headers=bearer(shared())).status_code == 200
        assert client.post(REFRESH, json={"refresh_token": "rtr_x"}).status_code == 401


def test_who_was_let_in_before_stays_in_whatever_others_show_at_the_address() -> None:
    """All who are behind one dashboard have its address."""
    with limited(refused_per_minute=2) as client:
        ann = bearer(shared())
        assert client.get(CATALOGUE, headers=ann).status_code == 200
        guesses = [client.get(CATALOGUE, headers=bearer(f"guess-{number}")).status_code for number in range(3)]
        assert guesses == [401, 401, 429]
        assert client.get(CATALOGUE, headers=ann).status_code == 200
        assert client.get(CATALOGUE, headers=bearer(shared(sub="bob"))).status_code == 429, "nobody has seen that one"


def test_a_token_that_is_refused_again_and_again_is_one_guess_and_stops_nothing_else() -> None:
    """As in a tab that is left open when its provider's token has expired."""
    with limited(refused_per_minute=3) as client:
        told = [client.get(CATALOGUE, headers=bearer("expired")).status_code for _ in range(6)]
        assert told == [401] * 4 + [429] * 2
        guesses = [client.get(CATALOGUE, headers=bearer(f"guess-{number}")).status_code for number in range(3)]
        assert guesses == [401, 401, 429]


def test_a_path_that_is_for_everybody_lets_no_token_in() -> None:
    with limited(refused_per_minute=1) as client:
        assert client.get("/live", headers=bearer("next")).status_code == 200
        told = [client.get(CATALOGUE, headers=bearer(shown)).status_code for shown in ("guess", "next")]
        assert told == [401, 429]


def test_a_token_that_is_no_longer_accepted_is_a_stranger_again() -> None:
    shown = ShownTokens(most=2)
    shown.remember(b"ann", accepted=True)
    shown.remember(b"ann", accepted=False)
    assert (shown.was_accepted(b"ann"), shown.was_refused(b"ann")) == (False, True)
    for other in (b"bob", b"cyd"):
        shown.remember(other, accepted=True)
    assert (shown.was_accepted(b"ann"), shown.was_refused(b"ann")) == (False, False), "the newest are remembered"


def test_good_callers_are_never_counted_as_strangers() -> None:
    with limited(refused_per_minute=1) as client:
        told = [client.get(CATALOGUE, headers=bearer(shared())).status_code for _ in range(5)]
        assert told == [200] * 5


def test_in_open_mode_addresses_are_told_apart_by_nobodys_header() -> None:
    with limited(is_open=True, reads_per_minute=2) as client:
        told = [client.get(CATALOGUE, headers={"X-Forwarded-For": f"10.0.0.{n}"}).status_code for n in range(3)]
        assert told == [200, 200, 429]


def test_a_turn_ends_with_its_answer_also_a_bad_one() -> None:
    with limited(questions_at_once=1, tenant_questions_at_once=1, tenant_queue=1) as client:
        told = [client.get(RUNS, headers=bearer(shared())).status_code for _ in range(4)]
        assert told == [503] * 4
        assert client.get(CATALOGUE, headers=bearer(shared())).status_code == 200
