"""Keys, users, refresh tokens and the audit log as the store keeps them, on both engines."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from runtally_clickhouse.api_keys import StoredKey, add_key, find_secret, newest_keys, revoke_key, tell_use
from runtally_clickhouse.audit_log import Act, AuditEntry, AuditPage, Outcome, newest_entries, write_entry
from runtally_clickhouse.client import Store
from runtally_clickhouse.local_users import (
    Attempts,
    RefreshEvent,
    StoredUser,
    add_refresh_event,
    attempts_since,
    find_users,
    put_user,
    refresh_events,
    tell_attempt,
)
from runtally_clickhouse.row_columns import instant_of, micros_of

NOW = datetime(2026, 11, 21, 9, 30, 0, 123456, tzinfo=UTC)
SECOND = timedelta(seconds=1)
KEY = StoredKey("one", "emitter", frozenset({"ingest_runs"}), frozenset({"acme"}), "ann", NOW, NOW + SECOND)


def test_a_key_is_there_until_it_is_revoked(store: Store) -> None:
    assert find_secret(store, "one") is None
    add_key(store, KEY, "abc")
    found = find_secret(store, "one")
    assert found is not None
    assert (found.secret_sha256, found.permissions, found.workspaces) == ("abc", KEY.permissions, KEY.workspaces)
    assert (found.expires_at, found.is_revoked) == (KEY.expires_at, False)
    assert newest_keys(store) == [KEY]
    revoke_key(store, "one", "bob", NOW)
    revoke_key(store, "one", "bob", NOW + SECOND)
    tell_use(store, "one", NOW + SECOND)
    tell_use(store, "one", NOW)
    add_key(store, KEY, "abc")
    found = find_secret(store, "one")
    assert found is not None
    assert found.is_revoked
    assert newest_keys(store) == [replace(KEY, revoked_at=NOW, used_at=NOW + SECOND)]


def test_keys_are_listed_to_those_whose_workspaces_hold_all_of_theirs(store: Store) -> None:
    everywhere = replace(KEY, key_id="all", workspaces=None, created_at=NOW + SECOND, expires_at=None)
    nowhere = replace(KEY, key_id="none", workspaces=frozenset(), created_at=NOW - SECOND)
    for key in (KEY, everywhere, nowhere, replace(KEY, key_id="two", workspaces=frozenset({"acme", "beta"}))):
        add_key(store, key, "abc")
    assert [key.key_id for key in newest_keys(store)] == ["all", "one", "two", "none"]
    assert [key.key_id for key in newest_keys(store, frozenset({"acme"}))] == ["one", "none"]
    assert [key.key_id for key in newest_keys(store, frozenset({"acme"}), ["one", "two"])] == ["one"]
    assert newest_keys(store, None, ["all"]) == [everywhere]


def test_the_last_word_about_a_user_counts(store: Store) -> None:
    ann = StoredUser("ann@example.com", "hash", "owner", None)
    put_user(store, ann, NOW)
    put_user(store, StoredUser("bob@example.com", "hash", "viewer", frozenset({"acme"})), NOW)
    assert find_users(store, "ann@example.com") == [replace(ann, signed_in_since=NOW)]
    put_user(store, replace(ann, role="viewer", signed_in_since=NOW), NOW + SECOND)
    put_user(store, replace(ann, role="member"), NOW - SECOND)
    assert [(user.email, user.role) for user in find_users(store)] == [
        ("ann@example.com", "viewer"),
        ("bob@example.com", "viewer"),
    ]
    put_user(store, ann, NOW + 2 * SECOND, is_removed=True)
    assert [user.email for user in find_users(store)] == ["bob@example.com"]
    put_user(store, ann, NOW + 3 * SECOND)
    assert find_users(store, "ann@example.com") == [replace(ann, signed_in_since=NOW + 3 * SECOND)]


def test_an_event_of_a_refresh_token_told_twice_is_one(store: Store) -> None:
    issued = RefreshEvent("f", "issued", "abc", 0, "ann@example.com", NOW, NOW + 365 * 86400 * SECOND)
    used = replace(issued, event="used", nonce=2**63 + 1)
    for event in (issued, used, used, replace(issued, family="g")):
        add_refresh_event(store, event, NOW)
    assert refresh_events(store, "f") == [issued, used]


def test_attempts_count_from_the_last_that_succeeded(store: Store) -> None:
    since = NOW - timedelta(minutes=15)
    assert attempts_since(store, "a", since) == Attempts(0, None)
    for number in range(3):
        tell_attempt(store, "a", NOW + number * SECOND, number, succeeded=False)
    tell_attempt(store, "a", since - SECOND, 9, succeeded=False)
    tell_attempt(store, "b", NOW, 0, succeeded=False)
    assert attempts_since(store, "a", since) == Attempts(3, NOW)
    tell_attempt(store, "a", NOW + 2 * SECOND, 2, succeeded=True)
    assert attempts_since(store, "a", since).count == 0
    tell_attempt(store, "a", NOW + 3 * SECOND, 3, succeeded=False)
    assert attempts_since(store, "a", since) == Attempts(1, NOW + 3 * SECOND)


def test_the_audit_log_is_read_page_by_page_and_by_workspaces(store: Store) -> None:
    entries = [
        AuditEntry(
            act=Act.EXPORT,
            outcome=Outcome.DONE,
            actor=f"user-{number}",
            recorded_at=NOW,
            workspaces=workspaces,
            details={"format": "text/csv", "rows": "7"},
            entry_id=f"{number}",
        )
        for number, workspaces in enumerate((frozenset({"acme"}), frozenset({"acme", "beta"}), None, frozenset({"x"})))
    ]
    entries.append(replace(entries[0], act=Act.SIGN_IN, workspaces=frozenset(), recorded_at=NOW - SECOND))
    for entry in (*entries, entries[0]):
        write_entry(store, entry)
    newest = [entries[3], entries[2], entries[1], entries[0], entries[4]]
    assert newest_entries(store, AuditPage(None, 10)) == newest
    assert newest_entries(store, AuditPage(None, 2)) == newest[:2]
    after = AuditPage(None, 10, micros_of(NOW), "2")
    assert newest_entries(store, after) == newest[2:]
    assert newest_entries(store, AuditPage(frozenset({"acme"}), 10)) == [entries[0]]
    assert newest_entries(store, AuditPage(frozenset(), 10)) == []
    assert newest_entries(store, AuditPage(None, 10, acts=["sign_in"])) == [entries[4]]
    assert newest_entries(store, AuditPage(None, 10, actors=["user-3"])) == [entries[3]]
    assert newest_entries(store, AuditPage(None, 10, from_us=micros_of(NOW))) == newest[:4]


def test_instants_are_exact() -> None:
    assert instant_of(micros_of(NOW)) == NOW
    assert instant_of(0) is None
