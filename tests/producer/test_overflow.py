"""A broker that is away, slow or choosy: what the three overflow policies keep, drop and count."""

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from producer.conftest import Emitters
from runtally import MemoryTransport, Receipt, Record, RunEmitter, TransportUnavailable, UserActivity

SMALL = 16_000


def emit(emitter: RunEmitter, count: int) -> None:
    for _ in range(count):
        emitter.run("planner").finish()


def test_nothing_is_lost_while_the_broker_is_away(emitter: RunEmitter, sent: MemoryTransport) -> None:
    sent.go_away()
    emit(emitter, 20)
    assert sent.wait_for(lambda transport: transport.attempts >= 3)
    assert not emitter.flush(0)
    assert (emitter.stats.buffered, emitter.stats.sent) == (20, 0)
    assert emitter.stats.buffer_bytes > 0
    sent.come_back()
    assert emitter.flush(10)
    assert (emitter.stats.buffered, emitter.stats.buffer_bytes, emitter.stats.sent) == (0, 0, 20)
    assert len({run.run_id for run in sent.runs}) == 20


def test_an_outage_is_said_once_and_its_end_too(
    emitter: RunEmitter, sent: MemoryTransport, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "runtally")
    sent.go_away("no route")
    emit(emitter, 1)
    assert sent.wait_for(lambda transport: transport.attempts >= 5)
    sent.come_back()
    assert emitter.flush(10)
    emitter.close()
    said = [record.message for record in caplog.records]
    assert len(said) == 2
    assert "no route" in said[0]
    assert "takes agent-runs.v1 again" in said[1]


def test_drop_counts_what_does_not_fit(
    emitters: Emitters, sent: MemoryTransport, caplog: pytest.LogCaptureFixture
) -> None:
    sent.go_away()
    emitter = emitters(buffer_bytes=SMALL)
    emit(emitter, 200)
    stats = emitter.stats
    assert stats.dropped > 0
    assert stats.buffer_bytes <= SMALL
    assert stats.dropped + stats.buffered == 200
    assert caplog.text.count("buffer of 16000 bytes is full") == 1
    sent.come_back()
    assert emitter.flush(10)
    assert emitter.stats.sent == 200 - stats.dropped


def test_block_waits_for_room(emitters: Emitters, sent: MemoryTransport) -> None:
    sent.go_away()
    emitter = emitters(buffer_bytes=SMALL, overflow="block")
    agent = threading.Thread(target=emit, args=(emitter, 200))
    agent.start()
    assert sent.wait_for(lambda transport: transport.attempts >= 3)
    assert agent.is_alive()
    sent.come_back()
    agent.join(10)
    assert emitter.flush(10)
    assert (emitter.stats.sent, emitter.stats.dropped) == (200, 0)


def test_block_gives_up_after_its_time(emitters: Emitters, sent: MemoryTransport) -> None:
    sent.go_away()
    emitter = emitters(buffer_bytes=SMALL, overflow="block", block_seconds=0.0)
    emit(emitter, 50)
    assert emitter.stats.dropped > 0


def test_block_lets_the_other_tasks_of_an_asyncio_agent_run(emitters: Emitters, sent: MemoryTransport) -> None:
    sent.go_away()
    emitter = emitters(buffer_bytes=SMALL, overflow="block")

    async def agent(runs: int) -> None:
        for _ in range(runs):
            async with emitter.run():
                pass

    async def other() -> None:
        while emitter.stats.buffered < 5 or not sent.attempts:
            await asyncio.sleep(0)
        sent.come_back()

    async def both() -> None:
        async with asyncio.timeout(10):
            await asyncio.gather(agent(100), other())
        await emitter.aclose(10)

    asyncio.run(both())
    assert (emitter.stats.sent, emitter.stats.dropped) == (200, 0)


def test_spool_keeps_what_does_not_fit_and_sends_it_later(
    emitters: Emitters, sent: MemoryTransport, tmp_path: Path
) -> None:
    sent.go_away()
    emitter = emitters(buffer_bytes=SMALL, overflow="spool", spool_dir=tmp_path)
    emit(emitter, 300)
    assert emitter.stats.buffer_bytes <= SMALL
    sent.come_back()
    assert sent.wait_for(lambda transport: len({run.run_id for run in transport.runs}) == 300)
    emitter.close()
    assert emitter.stats.spooled > 0
    assert emitter.stats.dropped == 0
    assert list(tmp_path.rglob("*.spool")) == []


def test_the_next_process_sends_what_the_last_one_spooled(
    emitters: Emitters, sent: MemoryTransport, tmp_path: Path
) -> None:
    sent.go_away()
    emitter = emitters(overflow="spool", spool_dir=tmp_path)
    emit(emitter, 10)
    emitter.close(0.0)
    assert (emitter.stats.spooled, emitter.stats.dropped) == (10, 0)
    assert len(list(tmp_path.rglob("*.spool"))) == 1
    later = MemoryTransport()
    following = emitters(overflow="spool", spool_dir=tmp_path, transport=later)
    emit(following, 1)
    assert later.wait_for(lambda transport: len({run.run_id for run in transport.runs}) == 11)


def test_a_full_spool_drops_and_counts(
    emitters: Emitters, sent: MemoryTransport, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sent.go_away()
    emitter = emitters(buffer_bytes=SMALL, overflow="spool", spool_dir=tmp_path, spool_bytes=5000)
    emit(emitter, 200)
    emitter.close(0.0)
    stats = emitter.stats
    assert stats.spooled + stats.dropped == 200
    assert 0 < stats.dropped < 200
    assert "messages are lost: the spool" in caplog.text
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.spool")) <= 5000


def test_a_spool_that_cannot_be_written_drops_and_counts(
    emitters: Emitters, sent: MemoryTransport, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sent.go_away()
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    emitter = emitters(overflow="spool", spool_dir=blocked)
    emit(emitter, 3)
    emitter.close(0.0)
    assert emitter.stats.dropped == 3
    assert "messages are lost" in caplog.text


def test_the_deadline_of_the_close_is_kept(
    emitters: Emitters, sent: MemoryTransport, caplog: pytest.LogCaptureFixture
) -> None:
    sent.go_away()
    emitter = emitters(longest_pause_seconds=60.0)
    emit(emitter, 5)
    assert sent.wait_for(lambda transport: transport.attempts >= 1)
    emitter.close(0.05)
    assert (emitter.stats.dropped, emitter.stats.buffered) == (5, 0)
    assert "5 messages did not reach" in caplog.text


def test_what_is_refused_is_dropped_counted_and_not_sent_again(
    emitter: RunEmitter, sent: MemoryTransport, caplog: pytest.LogCaptureFixture
) -> None:
    sent.refuse(lambda record: "too large" if b'"refuse"' in record.value else "")
    emitter.run("refuse").finish()
    emitter.run("refuse").finish()
    emit(emitter, 1)
    assert emitter.flush(10)
    attempts = sent.attempts
    assert (emitter.stats.failed, emitter.stats.sent, len(sent.runs)) == (2, 1, 1)
    emit(emitter, 1)
    assert emitter.flush(10)
    assert sent.attempts == attempts + 1
    assert caplog.text.count("was refused and is not sent again: too large") == 1


class Faulty(MemoryTransport):
    """Fails in ways that a transport must not, and then works."""

    def __init__(self, *faults: Exception) -> None:
        super().__init__()
        self.faults = list(faults)

    async def send(self, records: Sequence[Record]) -> Receipt:
        if self.faults:
            raise self.faults.pop()
        return await super().send(records)


def test_a_fault_in_the_transport_costs_nothing(emitters: Emitters) -> None:
    faulty = Faulty(RuntimeError("bug"), OSError("disk"), TransportUnavailable("busy", retry_after=0.001))
    emitter = emitters(transport=faulty)
    emit(emitter, 5)
    assert emitter.flush(10)
    assert (emitter.stats.sent, len(faulty.runs)) == (5, 5)


class HalfAway(MemoryTransport):
    """Takes runs only; and of each batch only the first record at a time."""

    async def send(self, records: Sequence[Record]) -> Receipt:
        if records[0].topic == UserActivity.topic:
            raise TransportUnavailable("no such topic")
        receipt = await super().send(records[:1])
        return Receipt(receipt.refused, records[1:], "one at a time")


def test_a_topic_that_is_away_holds_up_no_other(emitters: Emitters) -> None:
    half = HalfAway()
    emitter = emitters(transport=half)
    emitter.activity("clicked", "u-1")
    emit(emitter, 5)
    assert half.wait_for(lambda transport: len(transport.runs) == 5)
    assert (emitter.stats.sent, emitter.stats.buffered) == (5, 1)


def test_one_message_larger_than_the_buffer(emitters: Emitters, sent: MemoryTransport) -> None:
    emitter = emitters(buffer_bytes=100, overflow="block")
    emit(emitter, 1)
    assert emitter.stats.dropped == 1
