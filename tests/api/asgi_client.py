"""A blocking HTTP client of an ASGI application in this process."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from fastapi import FastAPI


class _Transport(httpx.BaseTransport):
    """Sends each request into the application, on an event loop in a thread of its own: any number at once."""

    def __init__(self, app: FastAPI, loop: asyncio.AbstractEventLoop) -> None:
        self._inner = httpx.ASGITransport(app)
        self._loop = loop

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return asyncio.run_coroutine_threadsafe(self._handle(request), self._loop).result(60)

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        request.read()
        response = await self._inner.handle_async_request(request)
        content = await response.aread()
        return httpx.Response(response.status_code, headers=response.headers, content=content)


@contextmanager
def running(app: FastAPI) -> Iterator[httpx.Client]:
    """Run the application's lifespan, and give a client of it."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="application")
    thread.start()
    lifespan = app.router.lifespan_context(app)
    try:
        asyncio.run_coroutine_threadsafe(lifespan.__aenter__(), loop).result(60)
        with httpx.Client(transport=_Transport(app, loop), base_url="http://runtally.test") as client:
            yield client
        asyncio.run_coroutine_threadsafe(lifespan.__aexit__(None, None, None), loop).result(60)
        asyncio.run_coroutine_threadsafe(loop.shutdown_default_executor(), loop).result(60)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
