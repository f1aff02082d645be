"""How a service that runs by itself is told to end."""

import asyncio
import signal

from runtally_cli.services import run_service, stop_on_signals

SIGNALS = (signal.SIGTERM, signal.SIGINT)


def test_a_signal_stops_and_those_that_come_after_the_end_change_nothing() -> None:
    """As a supervisor may ask twice: the process has drained, and says so by its exit code."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    told: list[str] = []

    async def service() -> None:
        stopped = asyncio.Event()

        def stop() -> None:
            told.append("stop")
            stopped.set()

        stop_on_signals(stop)
        for number in SIGNALS:
            signal.raise_signal(number)
        await asyncio.wait_for(stopped.wait(), 10)

    try:
        run_service(service())
        assert not {signal.getsignal(number) for number in SIGNALS} & {signal.SIG_DFL, signal.default_int_handler}
        for number in SIGNALS:
            signal.raise_signal(number)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert told == ["stop", "stop"]
