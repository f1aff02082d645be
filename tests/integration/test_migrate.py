"""`runtally migrate` against servers, and its sentence where there are none."""

import subprocess

from integration.stacks import RUNTALLY, RunningStack


def _migrate(stack: RunningStack, *options: str) -> subprocess.CompletedProcess[str]:
    command = [*RUNTALLY, "migrate", *options]
    return subprocess.run(command, env=dict(stack.environment), capture_output=True, text=True, check=False, timeout=60)


def test_migrate_tells_and_repeats_without_change(stack: RunningStack) -> None:
    if stack.kind == "local":  # the stack migrates itself; the command is for servers
        refused = _migrate(stack)
        assert refused.returncode == 1
        assert "set RUNTALLY_CLICKHOUSE_URL" in refused.stderr
        return
    again = _migrate(stack)
    assert (again.returncode, again.stdout) == (0, "tables: up to date\ntopics: up to date\n"), again.stderr
    assert _migrate(stack, "--check").returncode == 0
    told = _migrate(stack, "--status").stdout.splitlines()
    assert "applied: 0001_agent_runs.sql" in told
    assert "there: topic agent-runs.v1.dlq" in told
    assert not [line for line in told if line.startswith("missing")]


def test_a_database_without_tables_is_told_and_then_made(stack: RunningStack) -> None:
    if stack.kind == "local":
        assert _migrate(stack, "--status").returncode == 1
        return
    other = stack.environment["RUNTALLY_CLICKHOUSE_URL"].removesuffix("/runtally") + "/elsewhere"
    elsewhere = RunningStack(
        stack.kind, stack.api_url, None, stack.bootstrap, {**stack.environment, "RUNTALLY_CLICKHOUSE_URL": other}
    )
    checked = _migrate(elsewhere, "--check")
    assert checked.returncode == 1, checked.stdout + checked.stderr
    assert "missing: 0001_agent_runs.sql" in checked.stdout, checked.stdout + checked.stderr
    made = _migrate(elsewhere)
    assert made.returncode == 0, made.stderr
    assert _migrate(elsewhere, "--check").returncode == 0
