"""The proxy does what it says: each kind of weather, seen from both ends of a connection."""

import asyncio
import random
import time
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest
from chaos.loop_thread import LoopThread
from chaos.proxy import FAIR, LOOPBACK, FaultProxy, Weather

DEADLINE_SECONDS = 20.0


class Echo:
    """A server that answers with what it was sent, and remembers it."""

    def __init__(self, thread: LoopThread) -> None:
        self.received = bytearray()
        self.server = thread.call(asyncio.start_server(self._serve, LOOPBACK, 0))
        self.port: int = self.server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1000):
                self.received += data
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


@pytest.fixture
def thread() -> Iterator[LoopThread]:
    running = LoopThread("proxy test")
    yield running
    running.close()


@pytest.fixture
def echo(thread: LoopThread) -> Iterator[Echo]:
    server = Echo(thread)
    yield server
    server.server.close()


@pytest.fixture
def proxy(thread: LoopThread, echo: Echo) -> Iterator[FaultProxy]:
    running = FaultProxy(thread, echo.port, random.Random(1))
    yield running
    running.close()


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, DEADLINE_SECONDS))


async def exchange(proxy: FaultProxy, data: bytes, expect: int | None = None) -> bytes:
    """What comes back of the data; raises ConnectionResetError after a reset."""
    reader, writer = await asyncio.open_connection(LOOPBACK, proxy.port)
    try:
        writer.write(data)
        await writer.drain()
        return await reader.readexactly(len(data) if expect is None else expect)
    finally:
        writer.transport.abort()


def test_in_fair_weather_all_bytes_pass_both_ways(proxy: FaultProxy) -> None:
    data = random.Random(2).randbytes(500_000)

    async def story() -> None:
        reader, writer = await asyncio.open_connection(LOOPBACK, proxy.port)
        writer.write(data)
        assert await reader.readexactly(len(data)) == data
        writer.transport.abort()

    run(story())


@pytest.mark.parametrize("at", [0, 1, 999, 4999])
def test_a_cut_lets_just_so_many_bytes_reach_the_server(proxy: FaultProxy, echo: Echo, at: int) -> None:
    proxy.set_weather(Weather(cut_upward=at))

    async def story() -> None:
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await exchange(proxy, b"x" * 5000, expect=5001)

    run(story())
    assert len(echo.received) == at
    assert proxy.counts["cuts"] == 1


def test_a_lost_answer_was_a_request_that_arrived(proxy: FaultProxy, echo: Echo) -> None:
    proxy.set_weather(Weather(lost_answers=1))

    async def story() -> None:
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await exchange(proxy, b"apply this")
        assert await exchange(proxy, b"and this") == b"and this"

    run(story())
    assert bytes(echo.received) == b"apply thisand this"


def test_silence_holds_the_connection_open_and_ends_in_a_reset(proxy: FaultProxy, echo: Echo) -> None:
    proxy.set_weather(Weather(silent=True))

    async def story() -> None:
        reader, writer = await asyncio.open_connection(LOOPBACK, proxy.port)
        writer.write(b"anyone?")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.3)
        await asyncio.to_thread(proxy.set_weather, FAIR)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(1)
        writer.transport.abort()

    run(story())
    assert not echo.received


def test_a_refusing_proxy_takes_nobody(proxy: FaultProxy) -> None:
    proxy.set_weather(Weather(refusing=True))

    async def story() -> None:
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await exchange(proxy, b"hello")

    run(story())
    assert proxy.counts["refused"] == 1


def test_a_drip_is_slow_and_ends_when_the_weather_does(proxy: FaultProxy) -> None:
    proxy.set_weather(Weather(bytes_per_second=20))
    data = b"d" * 10_000

    async def story() -> None:
        reader, writer = await asyncio.open_connection(LOOPBACK, proxy.port)
        began = time.monotonic()
        writer.write(data)
        await reader.readexactly(4)
        assert time.monotonic() - began >= 0.1  # two pieces of two bytes up, a tenth of a second each
        await asyncio.to_thread(proxy.set_weather, FAIR)
        assert len(await reader.readexactly(len(data) - 4)) == len(data) - 4
        writer.transport.abort()

    run(story())
    assert proxy.counts["dripped_bytes"] >= 4


def test_delayed_bytes_arrive_whole_and_in_order(proxy: FaultProxy) -> None:
    proxy.set_weather(Weather(delay_seconds=(0.0, 0.02)))
    data = random.Random(3).randbytes(200_000)

    async def story() -> None:
        reader, writer = await asyncio.open_connection(LOOPBACK, proxy.port)
        writer.write(data)
        assert await reader.readexactly(len(data)) == data
        writer.transport.abort()

    run(story())
    assert proxy.counts["delays"] > 1


def test_a_watch_sees_the_request_that_an_answer_belongs_to(proxy: FaultProxy) -> None:
    seen: list[tuple[bool, bytes]] = []

    def watch(conversation: Any, upward: bool, data: bytes) -> bytes:
        seen.append((upward, bytes(conversation.request)))
        return data

    proxy.watch = watch
    run(_twice(proxy))
    assert seen == [(True, b"one"), (False, b"one"), (True, b"two"), (False, b"two")]


async def _twice(proxy: FaultProxy) -> None:
    reader, writer = await asyncio.open_connection(LOOPBACK, proxy.port)
    for data in (b"one", b"two"):
        writer.write(data)
        assert await reader.readexactly(3) == data
    writer.transport.abort()
