"""The same panels in PostgreSQL, as a team would keep its runs there: a row for each run, upserted, with indexes.

Debian's package `postgresql`; a cluster of its own in a folder, on a socket alone, by an unprivileged user, gone at the
end. The runs come merged out of ClickHouse, so late ones cost nothing here. Times are psql's own: no API, no JSON.
"""

import json
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

PACKAGE: Final = Path("/usr/lib/postgresql")
USER: Final = "postgres"
# For a machine like the one that the targets are about: two cores, a quarter of 16 GiB for pages, the rest for files.
OPTIONS: Final = (
    "-c listen_addresses='' -c shared_buffers=4GB -c effective_cache_size=10GB -c work_mem=256MB "
    "-c maintenance_work_mem=1GB -c max_wal_size=8GB -c random_page_cost=1.1 -c max_parallel_workers_per_gather=2 "
    "-c timezone=UTC -c fsync=off"
)
COLUMNS: Final[Mapping[str, str]] = {
    "workspace_id": "text NOT NULL",
    "run_id": "uuid NOT NULL",
    "started_at": "timestamptz NOT NULL",
    "updated_at": "timestamptz NOT NULL",
    "finished_at": "timestamptz",
    "agent_id": "text NOT NULL",
    "agent_version": "text NOT NULL",
    "status": "text NOT NULL",
    "duration_ms": "bigint",
    "queue_ms": "bigint",
    "provider": "text NOT NULL",
    "model": "text NOT NULL",
    "environment": "text NOT NULL",
    "user_id": "text NOT NULL",
    "session_id": "text NOT NULL",
    "parent_run_id": "text NOT NULL",
    "input_tokens": "bigint",
    "output_tokens": "bigint",
    "cost_usd": "numeric(18, 9)",
    "error_type": "text NOT NULL",
}
INDEXES: Final = (
    "ALTER TABLE runs ADD PRIMARY KEY (workspace_id, run_id)",
    "CREATE INDEX ON runs (workspace_id, started_at)",
    "CREATE INDEX ON runs (workspace_id, agent_id, started_at)",
    "CREATE INDEX ON runs (started_at)",
    "VACUUM (ANALYZE) runs",
)
_COUNTED = "status IN ('succeeded', 'failed', 'timed_out', 'cancelled')"
_RATE = f"count(*) FILTER (WHERE status = 'succeeded')::float8 / nullif(count(*) FILTER (WHERE {_COUNTED}), 0)"
_ERRORS = "count(*) FILTER (WHERE status IN ('failed', 'timed_out'))"
_DAY = 'to_char(started_at, \'YYYY-MM-DD"T"00:00:00"Z"\')'
_BUSIEST = "SELECT agent_id FROM runs WHERE {where} GROUP BY agent_id ORDER BY count(*) DESC, agent_id LIMIT 8"


def _percentile(percent: int) -> str:
    return f"percentile_disc({percent / 100}) WITHIN GROUP (ORDER BY duration_ms) AS p{percent}_duration_ms"


# By the names of bench_query's panels, each with the columns of its answer.
PANELS: Final[Mapping[str, str]] = {
    "tiles": f"SELECT count(*) AS runs, {_RATE} AS success_rate, avg(duration_ms)::float8 AS avg_duration_ms, "
    f"{_percentile(95)}, coalesce(sum(input_tokens), 0) + coalesce(sum(output_tokens), 0) AS total_tokens, "
    "sum(cost_usd) AS cost_usd FROM runs WHERE {where}",
    "runs_by_day": f"SELECT {_DAY} AS time, count(*) AS runs, "
    f"count(*) FILTER (WHERE status = 'succeeded') AS succeeded, "
    f"{_ERRORS} AS errors FROM runs WHERE {{where}} GROUP BY time ORDER BY time",
    "cost_by_agent_and_day": f"SELECT {_DAY} AS time, agent_id, sum(cost_usd) AS cost_usd, count(*) AS runs FROM runs "
    f"WHERE {{where}} AND agent_id IN ({_BUSIEST}) GROUP BY time, agent_id ORDER BY time, agent_id",
    "busiest_agents": f"SELECT agent_id, count(*) AS runs, {_RATE} AS success_rate, "
    "avg(duration_ms)::float8 AS avg_duration_ms, sum(cost_usd) AS cost_usd FROM runs WHERE {where} "
    "GROUP BY agent_id ORDER BY runs DESC, agent_id LIMIT 20",
    "latency_by_day": f"SELECT {_DAY} AS time, {_percentile(50)}, {_percentile(95)}, {_percentile(99)} FROM runs "
    "WHERE {where} GROUP BY time ORDER BY time",
    "errors_by_type": f"SELECT error_type, {_ERRORS} AS errors FROM runs WHERE {{where}} GROUP BY error_type",
    "models": "SELECT model, count(*) AS runs, coalesce(sum(input_tokens), 0) + coalesce(sum(output_tokens), 0) "
    "AS total_tokens, sum(cost_usd) AS cost_usd FROM runs WHERE {where} GROUP BY model",
}
_KEYS = ("time", "agent_id", "error_type", "model")


@dataclass(frozen=True)
class Postgres:
    """A running cluster with the runs in it."""

    socket: Path
    programs: Path

    def ask(self, panel: str, workspace: str | None, turns: int) -> tuple[list[dict[str, Any]], list[float]]:
        """The rows, and the milliseconds of the turns after a first one."""
        where = "started_at >= '2026-10-23' AND started_at < '2026-11-22'"
        where += f" AND workspace_id = '{workspace}'" if workspace else ""
        sql = PANELS[panel].format(where=where)
        rows = json.loads(
            self.run(f"SELECT json_agg(row_to_json(told)) FROM ({sql}) AS told") or "[]", parse_float=Decimal
        )
        timed = self.run(f"\\timing on\n{f'{sql};{chr(10)}' * turns}", quiet=False)
        return rows, [float(taken) for taken in re.findall(r"^Time: ([\d.]+) ms", timed, re.MULTILINE)]

    def run(self, script: str, *, quiet: bool = True) -> str:
        """Raises `CalledProcessError` with what psql said."""
        done = subprocess.run(self._psql(quiet), input=script, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        return done.stdout.strip()

    def load(self, clickhouse_url: str, database: str) -> None:
        """Copy the merged runs of a ClickHouse database, and index them."""
        columns = ", ".join(f"{name} {kind}" for name, kind in COLUMNS.items())
        self.run(f"CREATE TABLE runs ({columns})")
        query = f"SELECT {', '.join(COLUMNS)} FROM agent_runs FINAL FORMAT CSV"
        settings = {"query": query, "database": database, "format_csv_null_representation": "\\N"}
        settings["date_time_output_format"] = "iso"
        copy = subprocess.Popen(
            [*self._psql(quiet=True), "-c", "COPY runs FROM STDIN WITH (FORMAT csv, NULL '\\N')"], stdin=subprocess.PIPE
        )
        assert copy.stdin is not None
        with urllib.request.urlopen(f"{clickhouse_url}/?{urlencode(settings)}") as rows, copy.stdin:
            shutil.copyfileobj(rows, copy.stdin, 2**20)
        if copy.wait():
            raise RuntimeError("psql did not copy the runs")
        for statement in INDEXES:
            self.run(statement)

    def _psql(self, quiet: bool) -> list[str]:
        options = ["-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", *(["-q"] if quiet else [])]
        return [str(self.programs / "psql"), *options, "-h", str(self.socket), "-U", USER, "-d", "postgres"]


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A cluster of its own, removed at the end. Raises `RuntimeError` without the package."""
    found = sorted(PACKAGE.glob("*/bin"), key=lambda folder: float(folder.parent.name))
    if not found:
        raise RuntimeError("BASELINE=postgres needs PostgreSQL: apt-get install postgresql")
    programs = found[-1]
    with tempfile.TemporaryDirectory(prefix="runtally-postgres-") as name:
        folder = Path(name)
        if os.getuid() == 0:
            owner = pwd.getpwnam(USER)
            os.chown(folder, owner.pw_uid, owner.pw_gid)
        data = str(folder / "data")
        _as_user([str(programs / "initdb"), "-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8"])
        start = [str(programs / "pg_ctl"), "-D", data, "-w", "-t", "60", "-l", str(folder / "log")]
        _as_user([*start, "-o", f"-k {folder} {OPTIONS}", "start"])
        try:
            yield Postgres(folder, programs)
        finally:
            _as_user([str(programs / "pg_ctl"), "-D", data, "-w", "-m", "immediate", "stop"])


def _as_user(command: Sequence[str]) -> None:
    """Its programs refuse to run as root."""
    done = subprocess.run(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        cwd="/",
        user=USER if os.getuid() == 0 else None,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])


def equals(rows: Sequence[Mapping[str, Any]], answer: Sequence[Mapping[str, Any]]) -> bool:
    """Whether both say the same: counts and money to the last digit, rates and means but for the float's last ones,
    percentiles within their 1%. Steps without a run, and the groups beyond the limit as one, are in our answer alone.
    """
    ours = {_key(row): row for row in answer if not row.get("other")}
    theirs = {_key(row): row for row in rows}
    if not theirs.keys() <= ours.keys():
        return False
    beside = [row for key, row in ours.items() if key not in theirs]
    same = all(_close(name, value, ours[key][name]) for key, row in theirs.items() for name, value in row.items())
    return same and not any(
        value for row in beside for name, value in row.items() if name not in _KEYS and name != "other"
    )


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in _KEYS)


def _close(name: str, theirs: Any, ours: Any) -> bool:
    if name in _KEYS or theirs is None or ours is None:
        return bool(theirs == ours)
    apart = abs(Decimal(str(theirs)) - Decimal(str(ours)))
    if name.startswith("p") and name.endswith("_duration_ms"):
        return apart <= abs(Decimal(str(theirs))) / 100
    if name in ("success_rate", "avg_duration_ms"):
        return apart <= abs(Decimal(str(theirs))) / 10**12
    return apart == 0
