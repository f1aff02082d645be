"""SIGKILL at each named point of the way of a record: nothing lost, nothing counted twice, no answer ever wrong."""

import signal

import pytest
from backends.waiting import eventually
from chaos import wire
from chaos.facts import Facts
from chaos.kill_points import OF_ROLLUPS, ON_THE_WIRE, KillPoint
from chaos.members import Doom, Member, has_stored
from chaos.pipeline import Pipeline, Story, wait_killed
from chaos.settling import require_proven, require_rolled_up


@pytest.mark.parametrize("point", KillPoint)
def test_a_kill_at_a_named_point_leaves_no_trace(pipeline: Pipeline, facts: Facts, point: KillPoint) -> None:
    survivor = pipeline.living[0] if pipeline.living else pipeline.member()
    with pipeline.story(f"kill-{point}") as story:
        story.fleet.publish(20)
        victim = _victim(pipeline, point)
        _publish_until_dead(story, survivor, victim)
        if point is KillPoint.IN_REVOKE:
            assert survivor.stop() == 0, survivor.told()
        if not pipeline.living:
            pipeline.member()
        settled = story.settle(prove=False)
    facts.count("kills", 1)
    facts.count("answers checked", settled.answers)
    facts.count("answers out of rollups", settled.out_of_rollups)


def test_the_ledger_proves_that_all_of_it_is_accounted_for(pipeline: Pipeline) -> None:
    """Last in the file: what all those kills have left in the ledger."""
    require_proven(pipeline.environment)


def test_the_rollups_hold_all_of_it(pipeline: Pipeline, facts: Facts) -> None:
    """And what they have left in the rollups: read under load, and once no bucket is read run by run any more."""
    if not pipeline.living:
        pipeline.member()
    with pipeline.story("rolled-up") as story:
        story.begin(20, 0.0)
        eventually(lambda: story.reader.out_of_rollups > 3, 90, "answers out of rollups under load")
        settled = story.settle(prove=False)
        require_rolled_up(pipeline.store, pipeline.api_url, story.fleet)
    facts.count("answers out of rollups", settled.out_of_rollups)


def _victim(pipeline: Pipeline, point: KillPoint) -> Member:
    delay = pipeline.rng.uniform(0.0, 0.01)
    if point not in ON_THE_WIRE:
        return pipeline.member(Doom(point, delay_seconds=delay))
    return wire.doomed_member(pipeline, point)


def _publish_until_dead(story: Story, survivor: Member, victim: Member) -> None:
    point = victim.doom.point if victim.doom else None

    def dead() -> bool:
        if victim.is_alive:
            # Until rollups are looked at seconds may pass: so many bad records would stop a partition.
            story.fleet.publish(10, bad=0 if point in OF_ROLLUPS else 2, poison=int(point is KillPoint.MID_BISECT))
        return not victim.is_alive

    def reads() -> bool:
        story.fleet.publish(10)
        return has_stored(victim.port)

    story.fleet.publish(60, bad=4)
    if point in OF_ROLLUPS:
        assert survivor.stop() == 0, survivor.told()
    if point is KillPoint.IN_DRAIN:
        victim.signal(signal.SIGTERM)
    if point is KillPoint.IN_REVOKE:
        eventually(reads, 90, "records in the hands of the one that is to lose them")
        survivor.signal(signal.SIGTERM)
    eventually(dead, 90, f"the kill at {point}")
    wait_killed(victim)
