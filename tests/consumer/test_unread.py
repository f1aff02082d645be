"""How long records have waited unread, while nobody can see how old they are."""

from consumer.samples import P0, P1
from runtally_consumer.unread import UnreadWatch


def test_what_waits_came_after_the_moment_when_nothing_did() -> None:
    watch = UnreadWatch()
    watch.observe([P0], [], 100.0)
    watch.observe([P0], [P0], 101.0)
    watch.observe([P0], [P0], 160.0)
    assert watch.age_seconds(P0, 36_000.0, 170.0) == 70.0  # the topic was quiet for hours before
    watch.observe([P0], [], 171.0)
    assert watch.age_seconds(P0, 36_000.0, 172.0) == 1.0


def test_what_waits_came_after_the_newest_that_was_read() -> None:
    watch = UnreadWatch()
    watch.observe([P0], [P0], 100.0)
    assert watch.age_seconds(P0, 7_200.0, 110.0) == 7_200.0
    watch.observe([P0], [], 111.0)
    watch.observe([P0], [P0], 200.0)
    assert watch.age_seconds(P0, 3.0, 200.0) == 3.0
    assert watch.age_seconds(P0, -86_400.0, 200.0) == 0.0  # our clock was set back


def test_of_a_backlog_nothing_of_which_was_read_only_the_time_since_we_look_is_known() -> None:
    watch = UnreadWatch()
    watch.observe([P0, P1], [P0], 100.0)
    assert watch.age_seconds(P0, None, 160.0) == 60.0
    watch.assigned()
    assert watch.age_seconds(P0, None, 161.0) == 0.0
