"""A member of the consumer group, as `runtally consume` runs it, in a process of its own.

`python member.py [POINT COUNT DELAY_SECONDS]`: kills itself where it is told. All else is in the environment.
"""

import signal
import sys
from types import FrameType
from unittest.mock import patch

from runtally_cli import services
from runtally_cli.logs import configure_logs
from runtally_consumer import composition, writing
from runtally_consumer.service import Consumer


def main(arguments: list[str]) -> None:
    from chaos import kill_points as fatal

    trap = fatal.Trap()
    if arguments:
        point, count, delay_seconds = arguments
        trap = fatal.Trap(fatal.KillPoint(point), int(count), float(delay_seconds))
    configure_logs()

    class Composed(Consumer):
        def stop(self) -> None:
            trap.is_leaving = True
            super().stop()

    with (
        patch.object(services, "Store", fatal.fatal_store(trap)),
        patch.object(composition, "Consumer", Composed),
        patch.object(composition, "KafkaSource", fatal.fatal_source(trap)),
        patch.object(composition, "KafkaDeadLetterTopic", fatal.fatal_dead_letter_topic(trap)),
        patch.object(writing, "RowInserter", fatal.fatal_inserter(trap)),
    ):
        services.run_service(services.serve_consumer())


def end_at_once(number: int, frame: FrameType | None) -> None:
    """Before the service has its own handler there is nothing to drain."""
    sys.exit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, end_at_once)
    main(sys.argv[1:])
