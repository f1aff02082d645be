"""Small files of the recorded sets' shapes, written here, with the traps that the recorded ones have, and more."""

import gzip
import json
from pathlib import Path
from typing import Any


def vexp(folder: Path) -> Path:
    """Four lines for three runs: one repeated, one with a null outcome and no cache counts."""
    first: dict[str, Any] = {
        "instanceId": "django__django-1",
        "timestamp": "2026-03-22T08:00:00Z",
        "agent": "coder",
        "model": "big-model",
        "repo": "django/django",
        "inputTokens": 2,
        "cacheReadTokens": 1000,
        "cacheCreationTokens": 30,
        "outputTokens": 155,
        "costUsd": 0.1,
        "numTurns": 28,
        "durationMs": 103366,
        "toolCalls": {"Bash": 9, "Read": 4},
        "resolved": True,
    }
    second = {**first, "instanceId": 7, "costUsd": 0.2, "resolved": False, "toolCalls": {}}
    third = {**first, "instanceId": "7b", "costUsd": None, "resolved": None, "toolCalls": None}
    third |= {"inputTokens": 5, "cacheReadTokens": None, "cacheCreationTokens": None}
    path = folder / "vexp.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in (first, second, third, first)))
    return path


def metr(folder: Path) -> Path:
    """An array, pretty-printed: two agents' runs, one of them over midnight, and a human of 1970."""
    agent = {
        "run_id": "mp4-server_1",
        "alias": "GPT-4o",
        "model": "4o",
        "score_binarized": 1,
        "fatal_error_from": None,
        "task_family": "f",
        "task_id": "f/main",
        "started_at": 1734070031112,
        "completed_at": 1734071923976,
    }
    late = {"run_id": "mp4-server_2", "score_binarized": 0, "fatal_error_from": "usageLimits"}
    late |= {"started_at": 1734134399999, "completed_at": 1734134400999}
    human = {"run_id": 65, "alias": "human", "started_at": 0, "completed_at": 28800000}
    path = folder / "metr.json"
    path.write_text(json.dumps([agent, {**agent, **late}, {**agent, **human}], indent=1))
    return path


def tau_bench(folder: Path) -> Path:
    """A compressed array: tasks times trials, messages with and without tool calls, a user cost that is not ours."""
    call = {"function": {"name": "calculate"}}
    traj = [{"role": "user", "tool_calls": None}, {"role": "assistant", "tool_calls": [call, call]}, {"role": "tool"}]
    info = {"task": {"user_id": "mia_li"}, "user_cost": 0.0035}
    rows = [
        {"task_id": 0, "trial": 0, "reward": 1.0, "info": info, "traj": traj},
        {"task_id": 0, "trial": 1, "reward": 0.0, "info": {**info, "user_cost": None}, "traj": traj[:1]},
        {"task_id": 1, "trial": 0, "reward": 0.0, "info": info, "traj": traj + traj},
    ]
    path = folder / "tau.json.gz"
    path.write_bytes(gzip.compress(json.dumps(rows).encode()))
    return path


def pathrule(folder: Path) -> Path:
    """Nested runs whose parts report different counts."""
    tokens: dict[str, Any] = {
        "input_tokens": 2,
        "cache_creation_input_tokens": 20,
        "cache_read_input_tokens": 200,
        "output_tokens": 7,
    }
    other = {**tokens, "cache_creation_input_tokens": None, "cache_read_input_tokens": None}
    cell = {"cell_id": "suite/claude/0", "client": "claude", "variant": "plain", "model": "opus", "session_id": "w"}
    run: dict[str, Any] = {
        "cell": {**cell, "repetition": 0},
        "status": "completed",
        "started_at": "2026-06-12T02:30:48.671+02:00",
        "completed_at": "2026-06-12T00:31:57.242Z",
        "prompt_results": [{"tokens": tokens, "tool_calls": 0}, {"tokens": other, "tool_calls": 3}],
    }
    empty: dict[str, Any] = {**run, "cell": {**cell, "cell_id": "suite/claude/1", "repetition": 1}, "status": "timeout"}
    path = folder / "pathrule.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in (run, {**empty, "prompt_results": []})))
    return path


def leaderboard(folder: Path) -> Path:
    """CSV from a spreadsheet: a BOM, semicolons, quoted cells, a total cost of 0 that means unknown."""
    path = folder / "leaderboard.csv"
    path.write_bytes(
        b"\xef\xbb\xbfId;Model, edition;total_cost;Tokens in;Tokens out;seconds;day;Outcome\r\n"
        b'1;"model; one";0.00;1000;;12.5;2026-03-22 08:00;Yes\r\n'
        b'2;"model ""two"", new";1.25;N/A;20;0.0005;2026-03-22 23:30;No\r\n'
        b"2;again;oops;;;;2026-03-22 23:30;No\r\n"
        b"3;short\r\n"
        b"4;model;0.000000001;5;5;1;2026-03-23 00:10;\r\n"
    )
    return path


LEADERBOARD_MAP = """
run_id: Id
workspace_id: {const: board}
agent_id: {const: coder}
model: '"Model, edition"'
status: {from: Outcome, values: {Yes: succeeded, No: failed, default: unknown}}
started_at: {from: day, zone: Europe/Berlin}
duration_ms: {from: seconds, unit: s}
input_tokens: '"Tokens in"'
output_tokens: '"Tokens out"'
cost_usd: total_cost
null_values: [N/A]
zero_is_unknown: [cost_usd]
"""
