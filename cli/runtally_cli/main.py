"""The commands. Each composes its parts when it runs, so that one part can be installed without the others."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from runtally_cli.access.verbs import dev_token, keys, users
from runtally_cli.console import fail, plain_errors, say
from runtally_cli.rollup.verbs import rollup
from runtally_cli.topic_names import known_topic
from runtally_cli.withdrawing.verbs import erase, retention

if TYPE_CHECKING:
    from runtally_cli.fleet import FleetPlan

# Two months, so that the dashboard's 30 days have a whole period before them to be compared with.
DEMO_DAYS, DEMO_RUNS, DEMO_SEED = 60, 60_000, 7
STOP_SECONDS = 90
app = typer.Typer(no_args_is_help=True, add_completion=False, help="Exact, fast analytics for fleets of AI agents.")

dlq = typer.Typer(no_args_is_help=True, help="The records that were refused, why, and publishing them again.")
app.add_typer(dlq, name="dlq")
app.add_typer(rollup, name="rollup")
app.add_typer(keys, name="keys")
app.add_typer(users, name="users")
app.command("dev-token")(dev_token)
app.command("erase")(erase)
app.command("retention")(retention)
LetterTopic = Annotated[
    str | None, typer.Option("--topic", callback=known_topic, help="Only those that were refused from this topic.")
]
LetterField = Annotated[str | None, typer.Option("--field", help="Only those with this field at fault, or `record`.")]
LetterSince = Annotated[datetime | None, typer.Option("--since", help="Only those refused since this instant, UTC.")]


@app.command()
def up() -> None:
    """Start broker, store, consumer, API and dashboard on this machine; Ctrl-C drains and stops them."""
    with plain_errors():
        from runtally_cli.local.foreground import run_in_foreground
        from runtally_cli.local.settings import LocalSettings

        run_in_foreground(LocalSettings(), say)


@app.command()
def demo(
    days: Annotated[int, typer.Option(min=1, max=365, help="Days of history to publish first.")] = DEMO_DAYS,
    runs: Annotated[int, typer.Option(min=1, help="Runs in that history.")] = DEMO_RUNS,
    seed: Annotated[int, typer.Option(help="Same seed, same fleet.")] = DEMO_SEED,
) -> None:
    """`up`, and a small simulated fleet that publishes through Kafka: its past first, then live."""
    with plain_errors():
        from runtally_cli.fleet import FleetPlan
        from runtally_cli.local.demo import start_demo_fleet
        from runtally_cli.local.foreground import run_in_foreground
        from runtally_cli.local.settings import LocalSettings

        settings = LocalSettings()
        plan = FleetPlan(days=days, runs=runs, seed=seed, live=True)
        run_in_foreground(settings, say, lambda stack, tell: start_demo_fleet(settings, plan, stack, tell))


@app.command()
def down() -> None:
    """Drain and stop the stack that `up` or `demo` started on this data folder."""
    with plain_errors():
        from runtally_cli.local.settings import LocalSettings
        from runtally_cli.local.stack import owner_of

        folder = LocalSettings().data_dir
        owner = owner_of(folder)
        if owner is None:
            say(f"nothing runs on {folder}")
            return
        os.kill(owner, signal.SIGTERM)
        if not _wait_until(lambda: owner_of(folder) is None, STOP_SECONDS):
            fail(f"process {owner} still drains after {STOP_SECONDS} s")
        say("stopped")


@app.command()
def status() -> None:
    """Say what runs on this data folder, and whether it is ready. Exits with 1 when it is not."""
    with plain_errors():
        from runtally_cli.local.settings import LocalSettings
        from runtally_cli.local.status import stack_status

        lines, ready = stack_status(LocalSettings())
        for line in lines:
            say(line)
        if not ready:
            raise typer.Exit(1)


@app.command()
def doctor(as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False) -> None:
    """Look at settings, broker, topics, store, lag and memory; a remedy for each finding. Exits with 1 on errors."""
    with plain_errors():
        from runtally_cli.doctor.examination import examine

        report = examine()
    for line in [json.dumps(report.as_json(), indent=2)] if as_json else report.lines(sys.stdout.encoding):
        say(line)
    if not report.is_healthy:
        raise typer.Exit(1)


@app.command()
def verify(as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False) -> None:
    """Prove that the ledger covers every committed offset, and counts each record once. Exits with 1 on a gap."""
    with plain_errors():
        from runtally_cli.verification.command import verify as prove

        report = prove()
    for line in [json.dumps(report.as_json(), indent=2)] if as_json else report.lines():
        say(line)
    if not report.is_proven:
        raise typer.Exit(1)


@dlq.command("list")
def dlq_list(
    topic: LetterTopic = None,
    field: LetterField = None,
    since: LetterSince = None,
    limit: Annotated[int, typer.Option(min=1, help="As many as this, the newest.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """List dead letters, newest first: when, topic, partition, offset, and what was wrong."""
    with plain_errors():
        from runtally_cli.dlq.command import Selection, list_letters

        letters = list_letters(Selection(topic, field, since, limit=limit))
    documents = [json.dumps([letter.as_json() for letter in letters], indent=2)]
    for line in documents if as_json else [letter.line() for letter in letters] or ["no dead letters"]:
        say(line)


@dlq.command("show")
def dlq_show(
    topic: Annotated[str, typer.Argument(callback=known_topic, help="The topic that it was refused from.")],
    partition: Annotated[int, typer.Argument(min=0, help="Its partition there.")],
    offset: Annotated[int, typer.Argument(min=0, help="Its offset there.")],
) -> None:
    """Show one dead letter: headers, key, value as text or hex, the reason and the remedy."""
    with plain_errors():
        from runtally_cli.dlq.command import show_letter

        for line in show_letter(topic, partition, offset):
            say(line)


@dlq.command("replay")
def dlq_replay(
    topic: LetterTopic = None,
    field: LetterField = None,
    since: LetterSince = None,
    partition: Annotated[int | None, typer.Option(min=0, help="Only those of this partition.")] = None,
    offset: Annotated[int | None, typer.Option(min=0, help="Only the one at this offset.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be published.")] = False,
) -> None:
    """Publish dead letters to their topics again, those that are accepted now; safe to repeat.

    Exits with 1 when the record of one is found nowhere any more.
    """
    with plain_errors():
        from runtally_cli.dlq.command import Selection, replay_letters

        selection = Selection(topic, field, since, partition, offset)
        replayed = replay_letters(selection, dry_run=dry_run, tell=lambda line: typer.echo(line, err=True))
    for line in replayed.lines(dry_run=dry_run):
        say(line)
    if replayed.lost:
        raise typer.Exit(1)


@dlq.command("resume")
def dlq_resume(
    topic: Annotated[
        str | None, typer.Argument(callback=known_topic, help="The topic of one stopped partition.")
    ] = None,
    partition: Annotated[int | None, typer.Argument(min=0, help="Its number.")] = None,
    all_of_them: Annotated[bool, typer.Option("--all", help="All partitions that are stopped.")] = False,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait until they go on.")] = 60.0,
) -> None:
    """Let partitions go on that too many dead letters have stopped; without any named, list what is stopped.

    Exits with 1 when one does not go on in time, or is stopped again.
    """
    if (topic is None) != (partition is None) or (topic is not None and all_of_them):
        raise typer.BadParameter("name a TOPIC and a PARTITION, or --all, or nothing to list what is stopped")
    with plain_errors():
        from runtally_consumer.records import Partition

        from runtally_cli.dlq.resuming import ResumeSelection, resume

        one = None if topic is None or partition is None else Partition(topic, partition)
        outcomes = resume(ResumeSelection(one, all_of_them), wait, say)
    if outcomes and not all(outcome.goes_on for outcome in outcomes):
        raise typer.Exit(1)


@app.command()
def replay(
    start: Annotated[str, typer.Option("--from", help="Offset, or instant (UTC without a zone).")],
    end: Annotated[str | None, typer.Option("--to", help="The same, exclusive. Default: all that is there.")] = None,
    topic: Annotated[str | None, typer.Option(callback=known_topic, help="Only this topic.")] = None,
    partition: Annotated[int | None, typer.Option(min=0, help="Only this partition.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change.")] = False,
) -> None:
    """Read the topics again and write what they hold; changes no answer that was right, and commits nothing."""
    with plain_errors():
        from runtally_cli.replay.command import ReplayRequest, replay
        from runtally_cli.replay.places import NoSuchPlace, places_of

        try:
            request = ReplayRequest(*places_of(start, end), topic, partition, dry_run)
        except NoSuchPlace as error:
            raise typer.BadParameter(str(error)) from error
        counts = replay(request, tell=lambda line: typer.echo(line, err=True))
    for name, count in counts.items():
        say(count.line(name, dry_run=dry_run))


@app.command()
def migrate(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Only say what is missing; exit with 1 if anything is.")
    ] = False,
    status: Annotated[bool, typer.Option("--status", help="Only say of each table and topic if it is there.")] = False,
    cluster: Annotated[str | None, typer.Option(help="ClickHouse cluster to make replicated tables on.")] = None,
    topics: Annotated[bool, typer.Option(help="Make the Kafka topics too.")] = True,
    partitions: Annotated[int, typer.Option(min=1, help="Partitions of a new topic.")] = 12,
    replication: Annotated[int, typer.Option(min=1, help="Replicas of a new topic.")] = 1,
    retention_days: Annotated[int, typer.Option(min=1, help="Days that a new topic keeps records.")] = 7,
) -> None:
    """Bring the store's tables and Kafka's topics to this version. Safe to repeat."""
    with plain_errors():
        from runtally_consumer.topics import TopicLayout

        from runtally_cli.schema import bring_up_to_date, tell_status

        if status:
            tell_status(say)
            return
        layout = TopicLayout(partitions, replication, retention_days)
        missing = bring_up_to_date(cluster, layout if topics else None, only_tell=dry_run or check, say=say)
        if check and missing:
            raise typer.Exit(1)


@app.command()
def consume() -> None:
    """Consume Kafka into ClickHouse (server mode). As many processes as wanted share the partitions."""
    with plain_errors():
        from runtally_cli.logs import configure_logs
        from runtally_cli.services import run_service, serve_consumer

        configure_logs()
        run_service(serve_consumer())


@app.command()
def api() -> None:
    """Serve the HTTP API (server mode)."""
    with plain_errors():
        from runtally_cli.logs import configure_logs
        from runtally_cli.services import run_service, serve_api

        configure_logs()
        run_service(serve_api())


@app.command()
def ui() -> None:
    """Serve the dashboard; it talks to the API at RUNTALLY_API_URL."""
    with plain_errors():
        from runtally_api.identity.settings import IdentitySettings
        from runtally_ui import launch
        from runtally_ui.settings import UiSettings

        settings = UiSettings()
        IdentitySettings().require_listening(settings.host)
        command = launch.command(settings)
        os.execve(command[0], command, launch.environment(settings, os.environ))


@app.command()
def simulate(
    days: Annotated[int, typer.Option(min=1, max=365, help="Days of history, up to a year.")] = 30,
    runs: Annotated[int, typer.Option(min=1, help="Runs in that history.")] = 20_000,
    seed: Annotated[int, typer.Option(help="Same seed, days, runs and end: the same runs.")] = DEMO_SEED,
    end: Annotated[datetime | None, typer.Option(help="Instant at which the history ends, UTC. Default: now.")] = None,
    live: Annotated[bool, typer.Option("--live", help="Go on live afterwards, until Ctrl-C.")] = False,
    duplicates: Annotated[float, typer.Option(min=0, max=1, help="Share of records sent twice.")] = 0.0,
    late: Annotated[float, typer.Option(min=0, max=1, help="Share of records that come late.")] = 0.0,
    shuffled: Annotated[float, typer.Option(min=0, max=1, help="Share of records out of order.")] = 0.0,
    clock_skew: Annotated[float, typer.Option(min=0, max=1, help="Share of runs that end before they start.")] = 0.0,
    bad_records: Annotated[float, typer.Option(min=0, max=1, help="Share of records with a broken copy.")] = 0.0,
) -> None:
    """Publish a believable fleet of agents to Kafka."""
    with plain_errors():
        from runtally_cli.fleet import FleetPlan
        from runtally_cli.simulation.noise import Noise

        noise = Noise(duplicates, late, shuffled, clock_skew, bad_records)
        _publish(FleetPlan(days=days, runs=runs, seed=seed, live=live, noise=noise), end)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="JSON Lines, a JSON array or CSV; gzip too.")],
    map_path: Annotated[Path, typer.Option("--map", help="YAML: a field of a run, and where it comes from.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the first mapped snapshots; publish nothing.")
    ] = False,
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait until the runs can be queried.")] = 60.0,
    rejected: Annotated[Path | None, typer.Option(help="Rejected rows. Default: FILE.rejected.jsonl.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 3 when any row was rejected.")] = False,
) -> None:
    """Import recorded runs through Kafka, by a map (docs/import.md); repeating it changes nothing.

    Exits with 1 when it could not, 3 when every row was rejected, 4 when the runs cannot be queried yet.
    """
    with plain_errors():
        from rich.console import Console

        from runtally_cli.importing.command import ImportRequest, run_import

        request = ImportRequest(file, map_path, dry_run, wait, rejected, strict)
        code = run_import(request, os.environ, say, Console(stderr=True))
    raise typer.Exit(code)


def _publish(plan: "FleetPlan", end: datetime | None) -> None:
    from runtally.connection import KafkaConnection

    from runtally_cli.fleet import publish_fleet

    try:
        asyncio.run(publish_fleet(KafkaConnection.from_environment(), plan, say, end and end.replace(tzinfo=UTC)))
    except KeyboardInterrupt:
        say("stopped")


def _wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return condition()
