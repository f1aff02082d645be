"""A run from start to end: what its snapshots say, whatever happens in its body."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from producer.conftest import Emitters
from producer.samples import TurnedClock, run_in_thread
from runtally import InvalidEvent, MemoryTransport, RunEmitter, RunSnapshot
from runtally.identity import epoch_ms, is_uuid7


def delivered(emitter: RunEmitter, sent: MemoryTransport) -> list[RunSnapshot]:
    assert emitter.flush(10)
    return sent.runs


def test_a_run_is_two_snapshots(emitter: RunEmitter, sent: MemoryTransport, clock: TurnedClock) -> None:
    with emitter.run(model="m-1", environment="prod") as run:
        clock.turn(1.5)
    first, last = delivered(emitter, sent)
    assert (first.status, last.status) == ("running", "succeeded")
    assert first.run_id == last.run_id == run.run_id
    assert is_uuid7(run.run_id)
    assert first.started_at == last.started_at == clock.wall - timedelta(seconds=1.5)
    assert epoch_ms(last.start) == epoch_ms(clock.wall) - 1500
    assert (last.duration_ms, last.finished_at, last.queue_ms) == (1500, clock.wall, None)
    assert (last.workspace_id, last.agent_id, last.model, last.environment) == ("acme", "planner", "m-1", "prod")
    assert first.updated_at < last.updated_at


def test_what_is_said_inside_goes_out_at_the_end(emitter: RunEmitter, sent: MemoryTransport) -> None:
    with emitter.run() as run:
        run.tokens(input=100, output=20, cache_read=40)
        run.tokens(input=1, output=2, cache_write=3, reasoning=1)
        run.cost("0.10")
        run.cost(0.2, inferred=True)
        run.llm_call()
        run.llm_call()
        run.tool_call(3)
        run.retry()
        run.tag("team", "ops")
        run.tag("size", 5)
        run.update(user_id="u-1", files_modified=2)
    last = delivered(emitter, sent)[-1]
    assert (last.input_tokens, last.output_tokens) == (101, 22)
    assert (last.cache_read_tokens, last.cache_write_tokens, last.reasoning_tokens) == (40, 3, 1)
    assert (last.cost_usd, last.cost_source) == (Decimal("0.3"), "inferred")
    assert (last.llm_calls, last.tool_calls, last.retries, last.files_modified) == (2, 3, 1, 2)
    assert (last.tags, last.user_id) == ({"team": "ops", "size": "5"}, "u-1")


def test_what_nobody_said_stays_unknown(emitter: RunEmitter, sent: MemoryTransport) -> None:
    with emitter.run() as run:
        run.tokens(input=None)
        run.cost(None)
    last = delivered(emitter, sent)[-1]
    assert (last.input_tokens, last.cost_usd, last.tool_calls, last.known_cost_source) == (None, None, None, "unknown")


class Odd(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("error", "status", "kind", "message", "category"),
    [
        (ValueError("boom"), "failed", "ValueError", "boom", ""),
        (Odd(), "failed", "Odd", "", ""),
        (ValueError("x" * 9999), "failed", "ValueError", "x" * 4096, ""),
        (TimeoutError("slow"), "timed_out", "TimeoutError", "slow", "timeout"),
        (asyncio.CancelledError(), "cancelled", "", "", ""),
        (KeyboardInterrupt(), "cancelled", "", "", ""),
        (GeneratorExit(), "cancelled", "", "", ""),
        (SystemExit(3), "failed", "SystemExit", "3", ""),
        (SystemExit(0), "succeeded", "", "", ""),
        (SystemExit(), "succeeded", "", "", ""),
    ],
    ids=repr,
)
def test_a_failing_body_is_recorded_and_raised_again(
    emitter: RunEmitter,
    sent: MemoryTransport,
    error: BaseException,
    status: str,
    kind: str,
    message: str,
    category: str,
) -> None:
    with pytest.raises(type(error)) as raised, emitter.run():
        raise error
    assert raised.value is error
    last = delivered(emitter, sent)[-1]
    assert (last.status, last.error_type, last.error_message, last.error_category) == (status, kind, message, category)


def test_failing_without_raising(emitter: RunEmitter, sent: MemoryTransport) -> None:
    with emitter.run() as run:
        run.fail("quota", "no more today", category="rate_limit")
        run.update(recovered=False)
    last = delivered(emitter, sent)[-1]
    assert (last.status, last.error_type, last.error_category, last.recovered) == (
        "failed",
        "quota",
        "rate_limit",
        False,
    )


def test_what_fail_said_stands_when_the_body_raises_too(emitter: RunEmitter, sent: MemoryTransport) -> None:
    def body() -> None:
        with emitter.run() as run:
            run.fail("quota", "no more today")
            raise ValueError("late")

    with pytest.raises(ValueError, match="late"):
        body()
    assert delivered(emitter, sent)[-1].error_type == "quota"


def test_finishing_inside_the_body_ends_the_run_once(emitter: RunEmitter, sent: MemoryTransport) -> None:
    with emitter.run() as run:
        run.finish("unknown", output_tokens=1)
    assert [snapshot.status for snapshot in delivered(emitter, sent)] == ["running", "unknown"]


def test_later_updates_of_a_finished_run_are_full_and_newer(
    emitter: RunEmitter, sent: MemoryTransport, clock: TurnedClock
) -> None:
    with emitter.run() as run:
        run.tokens(input=5)
        clock.turn(1)
    clock.turn(60)
    run.update(cost_usd="0.5")
    run.fail("review", "the user disagrees")
    before, priced, failed = delivered(emitter, sent)[1:]
    assert (priced.status, priced.cost_usd, priced.input_tokens) == ("succeeded", Decimal("0.5"), 5)
    assert (failed.status, failed.error_type, failed.cost_usd) == ("failed", "review", Decimal("0.5"))
    assert before.updated_at < priced.updated_at < failed.updated_at
    assert {s.finished_at for s in (before, priced, failed)} == {before.finished_at}
    assert {s.duration_ms for s in (before, priced, failed)} == {1000}


def test_updated_at_grows_though_the_clock_stands_or_steps_back(
    emitter: RunEmitter, sent: MemoryTransport, clock: TurnedClock
) -> None:
    with emitter.run() as run:
        run.publish()
        clock.turn(2)
        clock.step(-3600)
        run.publish()
    times = [snapshot.updated_at for snapshot in delivered(emitter, sent)]
    assert times == sorted(set(times))
    last = sent.latest(run.run_id)
    assert (last.status, last.elapsed_ms, last.clock_skew) == ("succeeded", 2000, False)


def test_nested_runs_link_themselves(emitter: RunEmitter, sent: MemoryTransport) -> None:
    with emitter.run("outer", session_id="s-1", user_id="u-1", trace_id="t-1") as outer:
        with emitter.run("middle") as middle, emitter.run("inner", user_id="u-2"):
            pass
        with emitter.run("root", parent_run_id=""):
            pass
    with emitter.run("after"):
        pass
    last = {snapshot.agent_id: snapshot for snapshot in delivered(emitter, sent)}
    parents = {agent: snapshot.parent_run_id for agent, snapshot in last.items()}
    assert parents == {"outer": "", "middle": outer.run_id, "inner": middle.run_id, "root": "", "after": ""}
    assert (last["inner"].session_id, last["inner"].user_id, last["inner"].trace_id) == ("s-1", "u-2", "t-1")
    assert last["after"].session_id == ""


def test_a_sub_run_stays_in_its_parents_workspace(emitter: RunEmitter, sent: MemoryTransport) -> None:
    with emitter.run(workspace_id="other"), emitter.run("sub"):
        pass
    assert {snapshot.workspace_id for snapshot in delivered(emitter, sent)} == {"other"}


def test_a_run_with_an_id_of_its_own_keeps_its_start(
    emitter: RunEmitter, sent: MemoryTransport, clock: TurnedClock
) -> None:
    run = emitter.run(run_id="ticket-7")
    assert run.run_id == "ticket-7"
    clock.turn(5)
    with run:
        clock.turn(1)
    run.update(cost_usd=1)
    assert len({snapshot.id for snapshot in delivered(emitter, sent)}) == 1
    assert sent.latest("ticket-7").duration_ms == 1000


def test_a_given_uuid7_is_the_start(emitter: RunEmitter, sent: MemoryTransport) -> None:
    given = "01a1fd55-0000-7000-8000-000000000000"
    with emitter.run(run_id=given):
        pass
    last = sent.latest(given) if emitter.flush(10) else None
    assert last is not None
    assert last.started_at == last.start


def test_waiting_counts_apart_from_running(emitter: RunEmitter, sent: MemoryTransport, clock: TurnedClock) -> None:
    run = emitter.queue("worker")
    clock.turn(10)
    with run:
        clock.turn(2)
    queued, running, done = delivered(emitter, sent)
    assert [queued.status, running.status, done.status] == ["queued", "running", "succeeded"]
    assert (done.queue_ms, done.duration_ms) == (10_000, 2000)
    assert done.started_at is not None
    assert done.finished_at == done.started_at + timedelta(seconds=12)
    assert len({snapshot.id for snapshot in sent.runs}) == 1


def test_a_queued_run_goes_on_in_another_process(emitters: Emitters, sent: MemoryTransport, clock: TurnedClock) -> None:
    saved = emitters(clock=clock.clock).queue("worker", run_id="job-1", user_id="u-1").detach()
    clock.turn(10)
    other = emitters(clock=clock.clock, agent_id="somebody else")
    with other.resume(saved) as run:
        clock.turn(2)
        run.tokens(input=5)
    assert other.flush(10)
    last = sent.latest("job-1")
    assert (last.agent_id, last.user_id, last.input_tokens) == ("worker", "u-1", 5)
    assert (last.queue_ms, last.duration_ms) == (10_000, 2000)


def test_a_running_run_goes_on_elsewhere_and_is_left_alone_here(
    emitters: Emitters, sent: MemoryTransport, clock: TurnedClock
) -> None:
    emitter = emitters(clock=clock.clock)
    with emitter.run(run_id="job-2") as run:
        run.tool_call()
        clock.turn(3)
        saved = run.detach()
    assert emitter.flush(10)
    assert {snapshot.status for snapshot in sent.runs} == {"running"}
    clock.turn(4)
    resumed = emitter.resume(saved)
    resumed.finish()
    assert emitter.flush(10)
    last = sent.latest("job-2")
    assert (last.status, last.duration_ms, last.tool_calls) == ("succeeded", 7000, 1)
    assert last.updated_at > sent.runs[1].updated_at


def test_what_cannot_be_resumed_is_a_violation_and_a_new_run(emitter: RunEmitter, sent: MemoryTransport) -> None:
    with emitter.resume("nonsense"):
        pass
    assert [snapshot.status for snapshot in delivered(emitter, sent)] == ["running", "succeeded"]
    assert emitter.stats.violations == 1


def test_handing_off_is_published_at_once(emitter: RunEmitter, sent: MemoryTransport, clock: TurnedClock) -> None:
    with emitter.run() as run:
        clock.turn(1)
        run.hand_off()
        handed_off = delivered(emitter, sent)[-1]
        assert (handed_off.status, handed_off.handed_off_at) == ("running", clock.wall)
    last = delivered(emitter, sent)[-1]
    assert (last.status, last.handed_off_at) == ("succeeded", handed_off.handed_off_at)


def test_without_a_block(emitter: RunEmitter, sent: MemoryTransport) -> None:
    run = emitter.run().start().start()
    run.finish("timed_out", error_type="patience")
    assert [snapshot.status for snapshot in delivered(emitter, sent)] == ["running", "timed_out"]
    assert repr(run) == f"<Run {run.run_id} timed_out>"


def test_runs_of_threads_are_their_own_unless_told(emitter: RunEmitter, sent: MemoryTransport) -> None:
    def work() -> None:
        with emitter.run("in a thread"):
            pass

    with emitter.run("outside") as outside:
        run_in_thread(work)
        run_in_thread(lambda: outside.tokens(input=1))
    last = {snapshot.agent_id: snapshot for snapshot in delivered(emitter, sent)}
    assert last["in a thread"].parent_run_id == ""
    assert last["outside"].input_tokens == 1


@pytest.mark.parametrize(
    "misuse",
    [
        lambda run: run.tokens(input=-5),
        lambda run: run.tokens(output=True),
        lambda run: run.cost("lots"),
        lambda run: run.cost(-1),
        lambda run: run.tool_call("one"),
        lambda run: run.update(tokens_input=5),
        lambda run: run.update(run_id="other"),
        lambda run: run.update(started_at=None),
        lambda run: run.update(status="done"),
    ],
)
def test_a_misuse_is_left_out_counted_and_raised_only_when_strict(
    emitters: Emitters, sent: MemoryTransport, misuse: Callable[..., None]
) -> None:
    emitter = emitters()
    with emitter.run() as run:
        run.tokens(input=7)
        misuse(run)
    last = delivered(emitter, sent)[-1]
    assert (last.status, last.input_tokens, last.run_id) == ("succeeded", 7, run.run_id)
    assert emitter.stats.violations == 1
    with emitters(strict=True).run() as strict, pytest.raises(InvalidEvent):
        misuse(strict)


def test_a_wrong_value_found_in_the_background_costs_its_field_only(
    emitter: RunEmitter, sent: MemoryTransport, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        with emitter.run() as run:
            run.update(model="x" * 300, input_tokens=-5, output_tokens=3)
    last = delivered(emitter, sent)[-1]
    assert (last.model, last.input_tokens, last.output_tokens) == ("", None, 3)
    assert (emitter.stats.violations, emitter.stats.failed, emitter.stats.sent) == (6, 0, 6)
    assert [record.message for record in caplog.records if "input_tokens" in record.message] == [
        "RunSnapshot: input_tokens must be an integer >= 0, got -5: left out; "
        "send null when unknown (said once for this field)"
    ]


def test_a_run_of_nobody_cannot_be_sent(
    emitters: Emitters, sent: MemoryTransport, caplog: pytest.LogCaptureFixture
) -> None:
    emitter = emitters(agent_id="")
    with emitter.run():
        pass
    assert delivered(emitter, sent) == []
    assert emitter.stats.failed == 2
    assert "agent_id" in caplog.text


def test_tags_given_to_several_runs_are_not_shared(emitter: RunEmitter, sent: MemoryTransport) -> None:
    tags = {"team": "ops"}
    with emitter.run(tags=tags) as run:
        run.tag("own", "yes")
        tags["late"] = "no"
    assert delivered(emitter, sent)[-1].tags == {"team": "ops", "own": "yes"}
    assert sent.runs[0].tags == {"team": "ops"}
