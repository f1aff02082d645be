"""The fleet behind `runtally demo`."""

import json
import os
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace

from runtally.connection import KafkaConnection

from runtally_cli.fleet import FleetPlan, publish_in_background
from runtally_cli.local.ports import LOOPBACK
from runtally_cli.local.settings import LocalSettings


def start_demo_fleet(settings: LocalSettings, plan: FleetPlan, stack: ExitStack, say: Callable[[str], None]) -> None:
    """Publish in the background; a store that already holds runs gets no second past."""
    if _has_runs(settings):
        say("the store holds runs from before: the fleet goes on live without a new past")
        plan = replace(plan, history=False)
    else:
        say(f"publishing {plan.runs:,} runs of the last {plan.days} days; the dashboard fills within a minute")
    brokers = settings.kafka_bootstrap or f"{LOOPBACK}:{settings.kafka_port}"
    connection = KafkaConnection.from_environment({**os.environ, "RUNTALLY_KAFKA_BOOTSTRAP": brokers})
    publish_in_background(connection, plan, stack, say)


def _has_runs(settings: LocalSettings) -> bool:
    with urllib.request.urlopen(f"http://{LOOPBACK}:{settings.api_port}/api/v1/runs?limit=1", timeout=30) as answer:
        return bool(json.load(answer)["data"])
