"""`runtally up` and `runtally demo`: the whole stack in the foreground, until Ctrl-C."""

from collections.abc import Callable
from contextlib import ExitStack

from runtally_api.identity.settings import IdentitySettings

from runtally_cli.local.settings import LocalSettings
from runtally_cli.local.stack import owned_folder, require_startable, running_stack
from runtally_cli.local.supervision import EndRequest, wait_for_end

Say = Callable[[str], None]


def run_in_foreground(settings: LocalSettings, say: Say, fleet: Callable[[ExitStack, Say], None] | None = None) -> None:
    """Start the stack, print its addresses, wait for the end, drain.

    `fleet` is called once all answers and may start what publishes to it. Raises what the parts raise.
    """
    request = EndRequest()
    request.install()
    with owned_folder(settings.data_dir):
        require_startable(settings)
        with running_stack(settings, say) as parts, ExitStack() as publishers:
            say(_welcome(settings))
            if fleet is not None and not request.is_set:
                fleet(publishers, say)
            wait_for_end(request, parts, say)
    say("stopped; the data stay in " + str(settings.data_dir))


def _welcome(settings: LocalSettings) -> str:
    host = "127.0.0.1" if settings.host == "0.0.0.0" else settings.host
    brokers = settings.kafka_bootstrap or f"127.0.0.1:{settings.kafka_port}"
    lines = [
        "",
        f"  dashboard   http://{host}:{settings.ui_port}",
        f"  API         http://{host}:{settings.api_port}/docs",
        f"  Kafka       {brokers}",
        f"  data        {settings.data_dir}",
        "",
    ]
    if settings.kafka_bootstrap is None and settings.broker == "tansu":
        lines += [
            "  The local broker keeps its records in memory: if it crashes, those not yet stored are lost",
            "  (at most the last seconds). Ctrl-C stores them first. RUNTALLY_BROKER=kafka takes Apache Kafka.",
        ]
    if IdentitySettings().is_open:
        lines.append("  Open: nobody has to sign in (docs/access.md).")
    return "\n".join([*lines, "  Ctrl-C drains and stops everything."])
