"""What /live and /ready answer over the consumer's HTTP port in each state that it can be in."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from consumer.fakes import FakeBroker
from consumer.samples import NOT_JSON, P0, P1, RUNS
from consumer.stack import until
from consumer.world import World, leave, play, runs
from runtally_cli.http_server import make_server
from runtally_cli.local.ports import pick_free
from runtally_consumer.health import health_app
from runtally_consumer.service import Consumer

State = Callable[[World], None]


class Port:
    """A consumer's HTTP port."""

    def __init__(self, consumer: Consumer, client: httpx.AsyncClient) -> None:
        self.consumer = consumer
        self._client = client

    async def ask(self, path: str) -> tuple[int, str]:
        answer = await self._client.get(path)
        return answer.status_code, answer.json().get("reason", "")

    async def ten_seconds(self, world: World) -> None:
        """They pass, and the consumer keeps up."""
        seen = self.consumer._heartbeat
        world.clock.advance(10)
        await until(lambda: self.consumer._heartbeat != seen, "a tick")

    async def told(self, part: str) -> None:
        """Until /ready gives this reason; all the while the consumer is live."""
        async with asyncio.timeout(30):
            while part not in (await self.ask("/ready"))[1]:
                assert (await self.ask("/live"))[0] == 200
        assert (await self.ask("/ready"))[0] == 503


@asynccontextmanager
async def served(consumer: Consumer) -> AsyncIterator[Port]:
    """The consumer runs, and answers on a port of its own."""
    number = pick_free()
    server = make_server(health_app(consumer, consumer._metrics), "127.0.0.1", number)
    serving, running = asyncio.create_task(server.serve()), asyncio.create_task(consumer.run())
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{number}") as client:
        await until(lambda: server.started, "the port")
        await until(lambda: consumer.not_ready_reason() is None, "partitions")
        yield Port(consumer, client)
    await leave(consumer, running)
    server.should_exit = True
    await serving


def play_served(story: Callable[[World, Port], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        world = World(FakeBroker([P0, P1]))
        consumer, _ = world.member()
        async with served(consumer) as port:
            await story(world, port)

    asyncio.run(main())


def store_away(world: World) -> None:
    world.store.away = True


def dead_letters_away(world: World) -> None:
    world.dead_letters.away = True


def table_gone(world: World) -> None:
    world.store.refuses = {"agent_runs": 60}


def mended(world: World) -> None:
    world.store.away = world.dead_letters.away = False
    world.store.refuses = {}


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (store_away, "transient: agent_runs: away"),
        (dead_letters_away, "dead-letter topic: away"),
        (table_gone, f"breaker open for {RUNS}: systemic: agent_runs: refused"),
    ],
)
def test_what_passes_or_a_person_must_mend_is_live_not_ready_and_told(state: State, reason: str) -> None:
    async def story(world: World, port: Port) -> None:
        assert await port.ask("/live") == await port.ask("/ready") == (200, "")
        state(world)
        world.broker.publish(P0, [*runs(0, 100), NOT_JSON])
        await port.told(reason)
        world.clock.advance(400)  # however long it lasts
        await port.told(reason)
        mended(world)
        await world.committed()
        assert await port.ask("/ready") == (200, "")

    play_served(story)


def test_a_partition_stopped_by_the_limit_is_live_not_ready_and_told() -> None:
    async def story(world: World, port: Port) -> None:
        world.broker.publish(P0, [NOT_JSON] * 150)
        await port.told("agent-runs.v1-0 stopped: 100 of the last")
        port.consumer.resume_partition(P0)
        await world.committed()
        assert await port.ask("/ready") == (200, "")

    play_served(story)


def test_a_partition_that_stands_still_for_no_known_reason_is_neither_live_nor_ready() -> None:
    async def story(world: World, port: Port) -> None:
        source: Any = port.consumer._source
        source.hold(P0)
        world.broker.publish(P0, runs(0, 10))
        async with asyncio.timeout(30):
            while (await port.ask("/live"))[0] == 200:
                await port.ten_seconds(world)
        for path in ("/live", "/ready"):
            status, reason = await port.ask(path)
            assert status == 503
            assert reason.startswith("agent-runs.v1-0 has records and has not moved for ")
        source.release(P0, 0)
        await world.committed()
        await until(port.consumer.is_alive, "moving again")
        assert await port.ask("/live") == await port.ask("/ready") == (200, "")

    play_served(story)


def test_a_deciding_task_that_is_gone_is_neither_live_nor_ready() -> None:
    async def story(world: World, port: Port) -> None:
        port.consumer._tick = lambda: None  # type: ignore[method-assign] # the fault: it decides nothing more
        world.clock.advance(20)
        for path in ("/live", "/ready"):
            status, reason = await port.ask(path)
            assert status == 503
            assert reason.startswith("the deciding task has not turned for 2")
        del port.consumer._tick

    play_served(story)


def test_an_event_loop_that_stands_still_answers_nobody_and_goes_on_exactly_where_it_was() -> None:
    """So a probe's time-out fails, as it should; nothing was lost when the loop turns again."""

    async def story(world: World, port: Port) -> None:
        url = str(port._client.base_url)
        outcome: list[object] = []

        def probe() -> None:
            try:
                outcome.append(httpx.get(f"{url.rstrip('/')}/live", timeout=0.3).status_code)
            except httpx.TimeoutException as error:
                outcome.append(error)

        world.broker.publish(P0, runs(0, 10))
        thread = threading.Thread(target=probe)
        thread.start()
        thread.join()  # the loop stands still: this is its thread
        world.clock.advance(20)
        assert isinstance(outcome[0], httpx.TimeoutException)
        await world.committed()
        await until(port.consumer.is_alive, "the next turn")
        assert await port.ask("/live") == (200, "")
        assert len(world.store.run_ids()) == 10

    play_served(story)


def test_wall_clock_jumps_of_a_day_move_no_timer_and_make_no_age_negative() -> None:
    async def story(world: World) -> None:
        consumer, _ = world.member()
        writer, jumps = consumer._writer, iter(range(10**9))
        writer._wall_clock = lambda: datetime(1970, 1, 2, tzinfo=UTC) + timedelta(days=[0, 1, -1][next(jumps) % 3])
        running = asyncio.create_task(consumer.run())
        age = consumer._metrics.lag_seconds.labels(RUNS)
        for first in range(0, 60, 10):
            world.broker.publish(P0, runs(first, first + 10))
            assert _value(age) >= 0.0
            await world.committed()
            assert consumer.is_alive()
        world.store.away = True
        world.broker.publish(P0, runs(60, 70))
        await until(lambda: consumer.not_ready_reason() is not None, "told")
        assert all(_value(age) >= 0.0 for _ in range(3))
        world.store.away = False
        await world.committed()
        await leave(consumer, running)
        assert len(world.store.run_ids()) == 70

    play(story)


def test_records_that_wait_unread_have_an_age_that_grows() -> None:
    async def story(world: World) -> None:
        consumer, source = world.member()
        running = asyncio.create_task(consumer.run())
        await until(lambda: consumer._unread._read_up_at.keys() >= {P0}, "seen without lag")
        source.hold(P0)
        world.broker.publish(P0, runs(0, 10))
        world.clock.advance(60)
        age = consumer._metrics.lag_seconds.labels(RUNS)
        await until(lambda: _value(age) >= 60, "an age")
        assert _value(age) < 90
        source.release(P0, 0)
        await world.committed()
        await until(lambda: _value(age) == 0, "nothing waiting")
        await leave(consumer, running)

    play(story)


def _value(gauge: Any) -> float:
    (sample,) = gauge.collect()[0].samples
    return float(sample.value)
