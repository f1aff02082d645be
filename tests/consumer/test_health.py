"""What the consumer's own port answers."""

import asyncio
from datetime import UTC, datetime

import pytest
from consumer.fakes import FakeBroker
from consumer.samples import FEEDBACK, P0, RUNS, run_value
from consumer.stack import until
from consumer.world import World, gauged, leave, play, runs
from httpx import ASGITransport, AsyncClient
from runtally_consumer.health import health_app
from runtally_consumer.metrics import ConsumerMetrics
from runtally_consumer.service import Consumer


async def ask(consumer: Consumer, path: str) -> tuple[int, str]:
    transport = ASGITransport(app=health_app(consumer, consumer._metrics))
    async with AsyncClient(transport=transport, base_url="http://consumer") as client:
        answer = await client.get(path)
    return answer.status_code, answer.text


def test_live_and_ready_follow_the_consumer() -> None:
    async def story(world: World) -> None:
        consumer, _ = world.member()
        assert await ask(consumer, "/live") == (200, '{"status":"live"}')
        assert await ask(consumer, "/ready") == (503, '{"status":"not ready","reason":"waiting for partitions"}')
        running = asyncio.create_task(consumer.run())
        await until(lambda: consumer.not_ready_reason() is None, "ready")
        assert await ask(consumer, "/ready") == (200, '{"status":"ready"}')
        world.store.away = True
        world.broker.publish(P0, runs(0, 1))
        await until(lambda: consumer.not_ready_reason() is not None, "the outage told")
        status, body = await ask(consumer, "/ready")
        assert status == 503
        assert "transient: agent_runs: away" in body
        assert (await ask(consumer, "/live"))[0] == 200
        world.store.away = False
        await leave(consumer, running)

    play(story)


def test_a_deciding_task_that_stands_still_is_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        consumer, _ = World(FakeBroker([P0])).member()
        monkeypatch.setattr(consumer, "stuck_reason", lambda: "asleep")
        assert await ask(consumer, "/live") == (503, '{"status":"stuck","reason":"asleep"}')

    asyncio.run(story())


def test_metrics_count_what_became_of_the_records() -> None:
    async def story(world: World) -> None:
        world.broker.publish(P0, [*runs(0, 3), b"{}", b"not json"])
        consumer, _ = world.member()
        running = asyncio.create_task(consumer.run())
        await world.committed()
        await leave(consumer, running)
        _, text = await ask(consumer, "/metrics")
        assert 'runtally_consumer_accepted_records_total{topic="agent-runs.v1"} 3.0' in text
        assert 'runtally_consumer_dead_letters_total{field="record",topic="agent-runs.v1"} 1.0' in text
        assert 'runtally_consumer_dead_letters_total{field="run_id",topic="agent-runs.v1"} 1.0' in text
        assert "runtally_consumer_rebalances_total 1.0" in text

    play(story)


def test_metrics_tell_the_age_of_what_waits_and_how_long_reading_was_blocked() -> None:
    async def story(world: World) -> None:
        world.store.answering.clear()
        world.broker.publish(P0, [run_value(n, error_message="e" * 2000) for n in range(300)])
        consumer, _ = world.member()
        running = asyncio.create_task(consumer.run())
        metrics = consumer._metrics

        def blocked() -> float:
            return float(metrics.step_seconds.labels("blocked")._value.get())

        await until(lambda: world.clock.advance(0.1) and blocked() > 1, "time spent waiting for memory")
        first = datetime(2026, 8, 1, tzinfo=UTC).timestamp()  # the world's clock; its records are of 1970
        assert gauged(consumer, "lag_seconds", RUNS) == first
        assert gauged(consumer, "lag_seconds", FEEDBACK) == 0
        assert metrics.step_seconds.labels("poll")._value.get() > 0
        world.store.answering.set()
        await world.committed()
        await until(lambda: gauged(consumer, "lag_seconds", RUNS) == 0, "nothing waiting")
        await leave(consumer, running)

    play(story)


def test_two_consumers_in_one_process_do_not_share_metrics() -> None:
    assert ConsumerMetrics().registry is not ConsumerMetrics().registry
