"""SIGKILL at each named point of the way of a record: nothing lost, nothing counted twice, no answer ever wrong."""

import signal

import pytest
from backends.waiting import eventually
from chaos import wire
from chaos.facts import Facts
from chaos.kill_points import ON_THE_WIRE, KillPoint
from chaos.members import Doom, Member, has_stored
from chaos.pipeline import Pipeline, Story, wait_killed
from chaos.settling import require_proven


@pytest.mark.parametrize("point", KillPoint)
def test_a_kill_at_a_named_point_leaves_no_trace(pipeline: Pipeline, facts: Facts, point: KillPoint) -> None:
    survivor = pipeline.living[0] if pipeline.living else pipeline.member()
    with pipeline.story(f"kill-{point}") as story:
        story.fleet.publish(20)
        victim = _victim(pipeline, point)
        _publish_until_dead(story, survivor, victim)
        if point is KillPoint.IN_REVOKE:
            assert survivor.stop() == 0, survivor.told()
            pipeline.member()
        settled = story.settle(prove=False)
    facts.count("kills", 1)
    facts.count("answers checked", settled.answers)


def test_the_ledger_proves_that_all_of_it_is_accounted_for(pipeline: Pipeline) -> None:
    """Last in the file: what all those kills have left in the ledger."""
    require_proven(pipeline.environment)


def _victim(pipeline: Pipeline, point: KillPoint) -> Member:
    delay = pipeline.rng.uniform(0.0, 0.01)
    if point not in ON_THE_WIRE:
        return pipeline.member(Doom(point, delay_seconds=delay))
    return wire.doomed_member(pipeline, point)


def _publish_until_dead(story: Story, survivor: Member, victim: Member) -> None:
    point = victim.doom.point if victim.doom else None

    def dead() -> bool:
        if victim.is_alive:
            story.fleet.publish(10, bad=2, poison=int(point is KillPoint.MID_BISECT))
        return not victim.is_alive

    def reads() -> bool:
        story.fleet.publish(10)
        return has_stored(victim.port)

    story.fleet.publish(60, bad=4)
    if point is KillPoint.IN_DRAIN:
        victim.signal(signal.SIGTERM)
    if point is KillPoint.IN_REVOKE:
        eventually(reads, 90, "records in the hands of the one that is to lose them")
        survivor.signal(signal.SIGTERM)
    eventually(dead, 90, f"the kill at {point}")
    wait_killed(victim)
