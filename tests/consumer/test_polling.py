"""The polling task: back-pressure, quiet, and what it does about polls that fail."""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import pytest
from consumer.fakes import Clock
from consumer.samples import P0, StoredRecord, span
from runtally_consumer import polling
from runtally_consumer.engine import Engine, EngineLimits
from runtally_consumer.polling import Poller
from runtally_consumer.records import Partition, record_bytes
from runtally_consumer.source import PollFailed, SourceBroken

Polled = Mapping[Partition, Sequence[StoredRecord]]


class Script:
    """A source that plays one step a poll, and stops the poller after the last."""

    def __init__(self, *steps: Callable[[], Polled | None]) -> None:
        self.steps = list(steps)
        self.calls: list[str] = []
        self.asked: list[int] = []
        self.stopping = asyncio.Event()
        self.clock = Clock()
        self.engine = Engine(EngineLimits(buffer_bytes=10 * record_bytes(StoredRecord(0))), lambda: 1.0)
        self.engine.assign([P0])
        self.poller = Poller(self, self.engine, self.stopping, self.clock)  # type: ignore[arg-type] # no more is used

    async def poll(self, wait_ms: int, most: int) -> Polled:
        self.asked.append(most)
        self.calls.append("poll")
        step = self.steps.pop(0)
        polled = step()
        if not self.steps:
            self.stopping.set()
        return polled or {}

    def pause(self, partitions: Collection[Partition]) -> None:
        assert partitions == {P0}
        self.calls.append("pause")

    def resume(self) -> None:
        self.calls.append("resume")

    async def run(self) -> None:
        await asyncio.wait_for(self.poller.run(), 20)


def raises(error: Exception) -> Callable[[], None]:
    def step() -> None:
        raise error

    return step


def play(*steps: Callable[[Script], Any]) -> Script:
    """Run the steps, each given the script, and return it for questions."""
    found: list[Script] = []

    async def main() -> None:
        script = Script()
        found.append(script)
        script.steps = [lambda step=step: step(script) for step in (*steps, lambda script: None)]  # type: ignore[misc]
        await script.run()

    asyncio.run(main())
    return found[0]


def full(script: Script) -> Polled:
    return {P0: span(0, 10)}


def written(script: Script) -> None:
    script.engine.flush(0.0)
    for batch in script.engine.take_due(script.clock()):
        script.engine.written(batch.id)


def test_a_full_engine_pauses_and_a_relaxed_one_resumes() -> None:
    script = play(full, lambda script: None, written, lambda script: None)
    assert script.calls == ["poll", "pause", "poll", "poll", "resume", "poll", "poll"]


def test_an_assignment_while_full_is_paused_again() -> None:
    script = play(full, lambda script: script.poller.assigned(), lambda script: None)
    assert script.calls == ["poll", "pause", "poll", "pause", "poll", "poll"]


def test_quiet_is_counted_from_the_first_empty_poll() -> None:
    heard: list[float] = []

    def listen(script: Script) -> None:
        script.clock.advance(5)
        heard.append(script.poller.quiet_seconds())

    play(lambda script: {P0: span(0, 1)}, listen, listen)
    assert heard[0] == 0.0
    assert heard[1] == pytest.approx(5.0, abs=1)


def test_empty_polls_while_paused_are_no_sign_of_quiet() -> None:
    def listen(script: Script) -> None:
        written(script)  # idle now, but more was left on the broker
        script.clock.advance(5)
        assert script.poller.quiet_seconds() == 0.0

    script = play(full, listen)
    assert script.engine.is_idle


def test_nor_are_empty_polls_while_partitions_are_revoked_or_just_assigned() -> None:
    def listen(script: Script) -> None:
        script.clock.advance(5)
        assert script.poller.quiet_seconds() == 0.0

    play(lambda script: script.engine.revoke(), listen, lambda script: script.poller.assigned(), listen)


def test_records_that_come_after_the_stop_are_not_admitted() -> None:
    def stopped(script: Script) -> Polled:
        script.stopping.set()
        return {P0: span(0, 10)}

    assert play(stopped).engine.is_idle


def test_failures_are_told_for_a_while_even_between_good_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "LONGEST_WAIT_SECONDS", 0.001)

    def told(script: Script) -> None:
        assert script.poller.failure == "not reading: one topic"

    def forgotten(script: Script) -> None:
        script.clock.advance(11)
        assert script.poller.failure is None

    play(lambda script: raises(PollFailed("one topic"))(), told, told, forgotten)


def test_polls_that_fail_on_end_in_a_new_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "LONGEST_WAIT_SECONDS", 0.001)
    failing = raises(PollFailed("dead"))
    with pytest.raises(SourceBroken, match="20 polls in a row failed: dead"):
        play(*[lambda script: failing()] * 30)
    forbidden = raises(PollFailed("forbidden", needs_person=True))
    assert len(play(*[lambda script: forbidden()] * 50).calls) == 51


def test_the_wait_after_a_failure_ends_with_the_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling, "LONGEST_WAIT_SECONDS", 3600.0)

    async def story() -> None:
        script = Script(raises(PollFailed("forbidden", needs_person=True)))
        running = asyncio.create_task(script.run())
        while script.poller.failure is None:
            await asyncio.sleep(0)
        script.stopping.set()
        await running

    asyncio.run(story())
