"""A TCP proxy that does to connections what networks do: delays, drips, cuts, resets, silence, lost answers."""

import asyncio
import contextlib
import random
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from chaos.loop_thread import LoopThread

CHUNK_BYTES = 64 * 1024
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Weather:
    """What happens to all connections while it lasts. Counts are of the whole proxy, from when it began.

    `cut_upward` and `cut_downward`: the connection is reset after so many more bytes to, or from, the server.
    `lost_answers`: the server's next answers are dropped, and their connections reset. `silent`: half-open,
    nothing passes and nobody is told, until the weather changes.
    """

    delay_seconds: tuple[float, float] = (0.0, 0.0)
    bytes_per_second: float | None = None
    cut_upward: int | None = None
    cut_downward: int | None = None
    lost_answers: int = 0
    silent: bool = False
    refusing: bool = False


FAIR = Weather()


@dataclass(eq=False)
class Conversation:
    """One client's connection. `request` holds the bytes that it sent since the server last answered."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    request: bytearray = field(default_factory=bytearray)

    def reset(self) -> None:
        """RST both ends: what was not delivered is lost."""
        for writer in (self.client, self.server):
            _reset(writer)


# Sees each piece before it is passed on: (conversation, whether it goes to the server, the bytes). What it
# returns is passed on instead; None resets the connection.
Watch = Callable[[Conversation, bool, bytes], bytes | None]


class FaultProxy:
    """Listens on `port` for the server that listens on `upstream_port`."""

    def __init__(self, thread: LoopThread, upstream_port: int, rng: random.Random, port: int = 0) -> None:
        self._thread = thread
        self._upstream_port = upstream_port
        self._rng = rng
        self._weather = FAIR
        self._changed = asyncio.Event()
        self._upward = self._downward = self._lost = 0
        self._open: set[Conversation] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.counts: Counter[str] = Counter()
        self.watch: Watch | None = None
        self._server = thread.call(asyncio.start_server(self._serve, LOOPBACK, port))
        self.port: int = self._server.sockets[0].getsockname()[1]

    def set_weather(self, weather: Weather) -> None:
        """From the next piece on; what was silent till now is reset."""
        self._thread.call(self._set_weather(weather))

    def reset_all(self) -> None:
        """RST to every connection there is."""
        self._thread.call(self._reset_all())

    def close(self) -> None:
        self._thread.call(self._close())

    async def _set_weather(self, weather: Weather) -> None:
        was_silent = self._weather.silent
        self._weather = weather
        self._upward = self._downward = self._lost = 0
        self._changed.set()
        self._changed = asyncio.Event()
        if was_silent:
            await self._reset_all()

    async def _reset_all(self) -> None:
        for conversation in list(self._open):
            conversation.reset()
            self.counts["resets"] += 1

    async def _close(self) -> None:
        self._server.close()
        await self._reset_all()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self._weather.refusing:
            self.counts["refused"] += 1
            _reset(writer)
            return
        try:
            up_reader, up_writer = await asyncio.open_connection(LOOPBACK, self._upstream_port)
        except OSError:
            _reset(writer)
            return
        conversation = Conversation(writer, up_writer)
        self._open.add(conversation)
        try:
            await self._carry(conversation, reader, up_reader)
        finally:
            self._open.discard(conversation)
            conversation.reset()

    async def _carry(self, one: Conversation, client: asyncio.StreamReader, server: asyncio.StreamReader) -> None:
        """Both ways, until either end is over."""
        ways = [
            asyncio.create_task(self._pass_on(one, client, one.server, upward=True)),
            asyncio.create_task(self._pass_on(one, server, one.client, upward=False)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _pass_on(
        self, one: Conversation, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, upward: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK_BYTES):
                passed = self._judge(one, data, upward=upward)
                if self._weather.silent:
                    self.counts["silences"] += 1
                    await self._changed.wait()
                    return
                await self._send(writer, passed if passed is not None else b"")
                if passed != data:
                    return

    def _judge(self, one: Conversation, data: bytes, *, upward: bool) -> bytes | None:
        """What of the piece is passed on; less than all of it means that the connection ends there."""
        if upward:
            one.request += data
        passed = self.watch(one, upward, data) if self.watch else data
        if not upward:
            one.request.clear()
        if passed is None or passed != data:
            self.counts["watched"] += 1
            return passed
        if not upward and self._lost < self._weather.lost_answers:
            self._lost += 1
            self.counts["lost_answers"] += 1
            return None
        return self._cut(data, upward=upward)

    def _cut(self, data: bytes, *, upward: bool) -> bytes:
        limit = self._weather.cut_upward if upward else self._weather.cut_downward
        before = self._upward if upward else self._downward
        if upward:
            self._upward += len(data)
        else:
            self._downward += len(data)
        if limit is None or not before <= limit < before + len(data):
            return data
        self.counts["cuts"] += 1
        return data[: limit - before]

    async def _send(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        rate = self._weather.bytes_per_second
        least, most = self._weather.delay_seconds
        if most:
            self.counts["delays"] += 1
            await self._pause(self._rng.uniform(least, most))
        while data:
            # By the weather of now: a drip ends when the sky clears.
            rate = self._weather.bytes_per_second
            size = len(data) if rate is None else max(1, int(rate / 10))
            writer.write(data[:size])
            data = data[size:]
            await writer.drain()
            if rate is not None:
                self.counts["dripped_bytes"] += size
                await self._pause(size / rate)

    async def _pause(self, seconds: float) -> None:
        """So long, or until the weather changes."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)


def _reset(writer: asyncio.StreamWriter) -> None:
    sock: socket.socket | None = writer.get_extra_info("socket")
    if sock is not None and not writer.is_closing():
        with contextlib.suppress(OSError):
            # Close without lingering: the kernel answers with RST instead of FIN.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    writer.transport.abort()
