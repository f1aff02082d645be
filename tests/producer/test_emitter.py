"""The emitter around the runs: its faces, its settings, the other messages, what it counts."""

import asyncio
import gc
import threading
import typing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from producer.conftest import Emitters
from producer.samples import RUN, TurnedClock
from runtally import (
    AgentLifecycle,
    EmitterSettings,
    HttpTransport,
    InvalidEvent,
    InvalidSettings,
    KafkaConnection,
    KafkaTransport,
    MemoryTransport,
    RunEmitter,
    RunFeedback,
    RunSnapshot,
    UserActivity,
    current_run,
    session,
)
from runtally.emitter import _chosen_transport
from runtally.run_fields import ActivityFields, FeedbackFields, LifecycleFields, NewRunFields, RunFields
from runtally.settings import VARIABLES
from runtally.transport import THREAD_NAME


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == THREAD_NAME]


def test_building_one_neither_connects_nor_starts_anything() -> None:
    before = threads()
    emitter = RunEmitter(EmitterSettings(kafka=KafkaConnection(bootstrap="127.0.0.1:1")))
    assert threads() == before
    assert emitter.flush(0)
    emitter.close()
    assert repr(emitter) == "<RunEmitter to Kafka at 127.0.0.1:1>"


def test_leaving_the_block_delivers_and_ends_the_thread(emitters: Emitters, sent: MemoryTransport) -> None:
    before = threads()
    with emitters(linger_seconds=60.0) as emitter, emitter.run():
        assert len(threads()) == len(before) + 1
    assert threads() == before
    assert [run.status for run in sent.runs] == ["running", "succeeded"]
    assert sent.closed


def test_an_emitter_that_nobody_holds_delivers_and_goes(sent: MemoryTransport) -> None:
    emitter = RunEmitter(EmitterSettings(agent_id="planner"), transport=sent)
    with emitter.run():
        pass
    thread = next(thread for thread in threading.enumerate() if thread.name == THREAD_NAME)
    del emitter
    gc.collect()
    thread.join(10)
    assert not thread.is_alive()
    assert len(sent.runs) == 2


def test_what_comes_after_the_close_is_dropped_and_counted(
    emitter: RunEmitter, sent: MemoryTransport, caplog: pytest.LogCaptureFixture
) -> None:
    emitter.close()
    with emitter.run():
        pass
    emitter.close()
    assert (emitter.stats.dropped, sent.records) == (2, [])
    assert caplog.text.count("the emitter is closed") == 1


def test_switched_off_it_does_nothing(emitters: Emitters, sent: MemoryTransport) -> None:
    before = threads()
    emitter = emitters(enabled=False, strict=True)
    with emitter.run() as run:
        run.tokens(input=5)
    emitter.close()
    assert (threads(), sent.records, emitter.stats.dropped) == (before, [], 0)


def test_asyncio_agents(emitters: Emitters, sent: MemoryTransport) -> None:
    async def sub(emitter: RunEmitter, name: str) -> None:
        async with emitter.run(name):
            await asyncio.sleep(0)

    async def agent() -> str:
        async with emitters() as emitter, emitter.run("outer") as outer:
            await asyncio.gather(sub(emitter, "a"), sub(emitter, "b"))
            assert await emitter.aflush(10)
        return outer.run_id

    outer = asyncio.run(agent())
    last = {run.agent_id: run for run in sent.runs}
    assert {agent: run.parent_run_id for agent, run in last.items()} == {"outer": "", "a": outer, "b": outer}
    assert {run.status for run in last.values()} == {"succeeded"}


def test_a_cancelled_task_is_a_cancelled_run(emitters: Emitters, sent: MemoryTransport) -> None:
    async def agent() -> None:
        emitter = emitters()
        started = asyncio.Event()

        async def body() -> None:
            async with emitter.run():
                started.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(body())
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await emitter.aclose()

    asyncio.run(agent())
    assert [run.status for run in sent.runs] == ["running", "cancelled"]


def test_decorated_functions(emitter: RunEmitter, sent: MemoryTransport) -> None:
    @emitter.tracked("plain", model="m-1")
    def plain(value: int) -> int:
        """Doubles."""
        run = current_run()
        assert run is not None
        run.tokens(input=value)
        return 2 * value

    @emitter.tracked("awaited")
    async def awaited() -> None:
        raise ValueError("boom")

    assert (plain(2), plain(3), plain.__doc__) == (4, 6, "Doubles.")
    with pytest.raises(ValueError, match="boom"):
        asyncio.run(awaited())
    assert emitter.flush(10)
    done = [run for run in sent.runs if run.status != "running"]
    assert [(run.agent_id, run.status, run.input_tokens) for run in done] == [
        ("plain", "succeeded", 2),
        ("plain", "succeeded", 3),
        ("awaited", "failed", None),
    ]
    assert len({run.run_id for run in done}) == 3


def test_a_generator_cannot_be_decorated(emitter: RunEmitter) -> None:
    with pytest.raises(TypeError, match="is a generator"):

        @emitter.tracked()
        def numbers() -> typing.Iterator[int]:
            yield 1


def test_sessions(emitter: RunEmitter, sent: MemoryTransport) -> None:
    with session("s-1", user_id="u-1"):
        with emitter.run("one"), session("s-2"), emitter.run("two"):
            emitter.activity("clicked", user_id="u-9")
        emitter.activity("left")
    with emitter.run("three"):
        pass
    assert emitter.flush(10)
    last = {run.agent_id: (run.session_id, run.user_id) for run in sent.runs}
    assert last == {"one": ("s-1", "u-1"), "two": ("s-2", "u-1"), "three": ("", "")}
    activity = sent.events(UserActivity)
    assert [(event.session_id, event.user_id) for event in activity] == [("s-2", "u-9"), ("s-1", "u-1")]


def test_the_other_messages(emitter: RunEmitter, sent: MemoryTransport, clock: TurnedClock) -> None:
    with emitter.run("writer", workspace_id="other") as run:
        pass
    ids = [
        emitter.feedback(run, 5, comment="good"),
        emitter.feedback("bar-1", 1, created_at=datetime(2026, 11, 20, tzinfo=UTC)),
        emitter.lifecycle("paused", from_state="active"),
        emitter.activity("bought", "u-1", revenue_usd="1.5", properties={"plan": "pro"}),
    ]
    assert emitter.flush(10)
    mine, given = sent.events(RunFeedback)
    assert (mine.run_id, mine.workspace_id, mine.agent_id, mine.rating) == (run.run_id, "other", "writer", 5)
    assert (mine.created_at, given.created_at.day, given.agent_id) == (clock.wall, 20, "planner")
    [paused] = sent.events(AgentLifecycle)
    [bought] = sent.events(UserActivity)
    assert (paused.from_state, paused.to_state, paused.at) == ("active", "paused", clock.wall)
    assert (bought.revenue_usd, bought.properties) == (Decimal("1.5"), {"plan": "pro"})
    assert ids == [mine.feedback_id, given.feedback_id, paused.event_id, bought.event_id]
    assert len(set(ids)) == 4


def test_a_wrong_message_is_counted_or_raised(emitters: Emitters, sent: MemoryTransport) -> None:
    emitter = emitters()
    emitter.feedback("bar-1", 6)
    emitter.feedback("bar-1", 5, stars=5)  # type: ignore[call-arg]  # what is tested
    assert emitter.flush(10)
    assert (emitter.stats.failed, emitter.stats.sent, emitter.stats.violations) == (1, 1, 2)
    with pytest.raises(InvalidEvent, match="rating"):
        emitters(strict=True).feedback("bar-1", 6)


def test_a_message_built_already(emitter: RunEmitter, sent: MemoryTransport) -> None:
    event = RunSnapshot.model_validate(RUN)
    emitter.emit(event)
    assert emitter.flush(10)
    assert sent.runs == [event]
    with pytest.raises(KeyError):
        sent.latest("another")


def test_settings_from_the_environment() -> None:
    settings = EmitterSettings.from_environment(
        {
            "RUNTALLY_KAFKA_BOOTSTRAP": "kafka:9092",
            "RUNTALLY_WORKSPACE_ID": "acme",
            "RUNTALLY_AGENT_ID": "planner",
            "RUNTALLY_ENVIRONMENT": "prod",
            "RUNTALLY_EMITTER_OVERFLOW": "spool",
            "RUNTALLY_EMITTER_BUFFER_BYTES": "1000",
            "RUNTALLY_EMITTER_FLUSH_SECONDS": "1.5",
            "RUNTALLY_EMITTER_ENABLED": "no",
            "XDG_STATE_HOME": "/state",
        },
        agent_id="given",
    )
    assert settings.kafka.bootstrap == "kafka:9092"
    assert (settings.workspace_id, settings.agent_id, settings.environment) == ("acme", "given", "prod")
    assert (settings.overflow, settings.buffer_bytes, settings.flush_seconds) == ("spool", 1000, 1.5)
    assert (settings.enabled, settings.spool_dir) == (False, Path("/state/runtally/spool"))
    assert EmitterSettings.from_environment({}) == EmitterSettings()


def test_every_variable_fills_a_field() -> None:
    fields = set(EmitterSettings.__dataclass_fields__)
    assert {name for name, _ in VARIABLES.values()} <= fields
    assert "secret" not in repr(EmitterSettings(api_token="secret"))


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("RUNTALLY_EMITTER_OVERFLOW", "explode"),
        ("RUNTALLY_EMITTER_BUFFER_BYTES", "many"),
        ("RUNTALLY_EMITTER_BUFFER_BYTES", "0"),
        ("RUNTALLY_EMITTER_FLUSH_SECONDS", "-1"),
        ("RUNTALLY_EMITTER_FLUSH_SECONDS", "nan"),
        ("RUNTALLY_EMITTER_STRICT", "maybe"),
        ("RUNTALLY_API_URL", "localhost:8000"),
    ],
)
def test_settings_that_cannot_work_are_named(variable: str, text: str) -> None:
    name = variable.removeprefix("RUNTALLY_EMITTER_").removeprefix("RUNTALLY_")
    with pytest.raises(InvalidSettings, match=f"(?i){name}.* set | {name}.*begin|{variable}|{name.lower()}"):
        EmitterSettings.from_environment({variable: text})


def test_the_settings_choose_the_transport() -> None:
    assert isinstance(_chosen_transport(EmitterSettings()), KafkaTransport)
    assert isinstance(_chosen_transport(EmitterSettings(api_url="http://127.0.0.1:8000")), HttpTransport)
    with pytest.raises(InvalidSettings, match="RUNTALLY_API_URL"):
        RunEmitter(EmitterSettings(api_url="http://127.0.0.1:port"))
    with pytest.raises(InvalidSettings, match="RUNTALLY_API_URL"):
        RunEmitter(EmitterSettings(api_url="http://"))


def test_the_keyword_arguments_are_the_fields_of_the_contract() -> None:
    identity = {"run_id", "workspace_id", "started_at"}
    by_position = {"agent_id", "status", "updated_at"}
    assert set(RunFields.__annotations__) | identity | by_position == set(RunSnapshot.model_fields)
    assert set(typing.get_type_hints(NewRunFields)) == set(RunFields.__annotations__) | identity
    assert set(FeedbackFields.__annotations__) | {"run_id", "rating"} == set(RunFeedback.model_fields)
    assert set(LifecycleFields.__annotations__) | {"to_state"} == set(AgentLifecycle.model_fields)
    assert set(ActivityFields.__annotations__) | {"event_name", "user_id"} == set(UserActivity.model_fields)


def test_messages_that_keep_coming_are_found_without_waking(emitters: Emitters, sent: MemoryTransport) -> None:
    emitter = emitters(linger_seconds=0.001)
    for _ in range(5):
        emitter.run().finish()
        assert emitter.flush(10)
    assert (emitter.stats.sent, len(sent.runs)) == (5, 5)
