"""Processes, memory, ports and disk of this machine, judged."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from runtally_clickhouse.findings import Finding, error, ok, unknown, warning

from runtally_cli.doctor.machine_facts import Process, Ready
from runtally_cli.doctor.unanswered import Unanswered

MIB: Final = 1024**2
GIB: Final = 1024**3
BROKER_WARNING: Final = GIB
NODE_WARNING: Final = 4 * GIB
MILLION_RUNS: Final = 170 * MIB
SERVER_MODE: Final = (
    "server mode: `docker compose up --build --wait`, or RUNTALLY_KAFKA_BOOTSTRAP and RUNTALLY_CLICKHOUSE_URL; "
    "on this machine RUNTALLY_BROKER=kafka"
)


def check_memory(processes: Sequence[Process] | Unanswered, machine: int) -> list[Finding]:
    """The local broker never trims, so its memory only grows until it is started again."""
    if isinstance(processes, Unanswered):
        return [unknown("memory", f"not known: {processes.why}", "look at `ps -axo pid,rss,command`")]
    findings = []
    for process in processes:
        if process.kind == "broker":
            findings.append(_broker_memory(process, machine))
        elif process.kind == "node":
            remedy = f"ask for shorter ranges (RUNTALLY_MAX_RANGE_DAYS), or {SERVER_MODE}"
            told = f"node (store, consumer, API): {_mib(process.resident)} (process {process.pid})"
            findings.append(_judged(told, process.resident, NODE_WARNING, machine, remedy))
    if not any(process.kind == "node" for process in processes):
        message = "the node (store, consumer, API) is not among the stack's processes"
        findings.append(error("memory", message, "look into logs/node.log in the data folder, then `runtally up`"))
    return findings


def _broker_memory(process: Process, machine: int) -> Finding:
    told = f"broker: {_mib(process.resident)} (process {process.pid})"
    if not process.in_memory:
        return _judged(told, process.resident, max(BROKER_WARNING, machine // 4), machine, SERVER_MODE)
    told += f", keeps every record: about {MILLION_RUNS // MIB} MiB a million runs"
    remedy = f"`runtally down` and `runtally up` empty it (what it holds is stored first); for good, {SERVER_MODE}"
    return _judged(told, process.resident, min(BROKER_WARNING, machine // 4), machine, remedy)


def _judged(told: str, resident: int, limit: int, machine: int, remedy: str) -> Finding:
    if resident >= machine // 2:
        return error("memory", f"{told}, half of this machine's {machine / GIB:.1f} GiB or more", remedy)
    if resident >= limit:
        return warning("memory", told, remedy)
    return ok("memory", told)


def _mib(size: int) -> str:
    return f"{size / MIB:,.0f} MiB"


def check_ready(answers: Sequence[Ready], *, local: bool) -> Iterator[Finding]:
    """What the services say of themselves. Without a local stack those that do not answer are elsewhere."""
    for answer in answers:
        if not answer.reason:
            yield ok("services", f"{answer.name} is ready ({answer.url})")
        elif local or not answer.reason.startswith("does not answer"):
            message = f"{answer.name} at {answer.url} is not ready: {answer.reason}"
            yield error("services", message, "see the other findings, and logs/ in the data folder")


def check_ports(busy: Mapping[str, int]) -> list[Finding]:
    """Ports that `runtally up` needs; asked only while nothing runs on the data folder."""
    if not busy:
        return [ok("ports", "free for `runtally up`")]
    return [
        warning("ports", f"port {port} is in use by another process", f"set {name} to another, before `runtally up`")
        for name, port in busy.items()
    ]
