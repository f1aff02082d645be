"""What members, servers and networks do under load: nothing lost, nothing counted twice, no answer ever wrong."""

import random
import signal
from collections.abc import Iterator

import pytest
from backends.waiting import eventually
from chaos.facts import Facts
from chaos.nemesis import Nemesis
from chaos.pipeline import Pipeline, Story

RUNS_AT_ONCE = 20
BAD_SHARE = 0.2
NOTICED_SECONDS = 60.0


@pytest.fixture
def story(request: pytest.FixtureRequest, pipeline: Pipeline) -> Iterator[Story]:
    """One fleet under load, and two members to take it."""
    while len(pipeline.living) < 2:
        pipeline.member()
    with pipeline.story(request.node.name.removeprefix("test_")[:60]) as told:
        told.begin(RUNS_AT_ONCE, BAD_SHARE)
        yield told


@pytest.fixture
def nemesis(pipeline: Pipeline, facts: Facts) -> Nemesis:
    return Nemesis(pipeline, random.Random(5), facts)


def settle(story: Story, facts: Facts) -> None:
    """The faults are over: all is exact."""
    settled = story.settle()
    facts.count("answers checked", settled.answers)
    facts.count("records", settled.records)
    facts.count("answers out of rollups", settled.out_of_rollups)
    facts.count("store crashes of its own", settled.store_crashes)


def test_members_join_and_leave(story: Story, nemesis: Nemesis, facts: Facts) -> None:
    nemesis.join()
    nemesis.join()
    nemesis.kill_member()
    while len(story.pipeline.living) > 1:
        nemesis.leave()
    settle(story, facts)


def test_a_frozen_member_comes_back_within_its_session_and_after_it(
    story: Story, nemesis: Nemesis, facts: Facts
) -> None:
    nemesis.freeze(0.4)
    nemesis.freeze(3.0)
    settle(story, facts)


def test_a_member_that_is_told_to_leave_under_load_has_committed_what_it_stored(story: Story, facts: Facts) -> None:
    leaving, *others = story.pipeline.living
    for other in others:
        assert other.stop() == 0, other.told()
    eventually(lambda: story.reader.answers > 5, NOTICED_SECONDS, "some answers under load")
    leaving.signal(signal.SIGTERM)
    assert leaving.stop() == 0, leaving.told()
    facts.count("members told to leave", 1 + len(others))
    story.pipeline.member()
    settle(story, facts)


def test_the_broker_dies_and_comes_back(story: Story, nemesis: Nemesis, facts: Facts) -> None:
    nemesis.break_broker(0.5)
    settle(story, facts)


def test_the_store_dies_in_the_middle_of_inserts_and_comes_back(story: Story, nemesis: Nemesis, facts: Facts) -> None:
    for _ in range(3):
        nemesis.break_store(0.3)
    settle(story, facts)


def test_the_network_to_the_store_fails_in_every_way(story: Story, nemesis: Nemesis, facts: Facts) -> None:
    for weather in nemesis.every_weather():
        nemesis.spoil_store_network(weather, 0.7)
    settle(story, facts)


def test_the_network_to_the_broker_fails_in_every_way(story: Story, nemesis: Nemesis, facts: Facts) -> None:
    for weather in nemesis.every_weather():
        nemesis.spoil_broker_network(weather, 0.7)
    settle(story, facts)
