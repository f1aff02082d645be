"""The snapshots of a run, in the contract's canonical JSON: what `RunSnapshot.message_value` would write."""

import json
from collections.abc import Iterator
from functools import cache

from runtally_cli.simulation.fleet import FailureMode
from runtally_cli.simulation.record import RUNS, Record, instant_text, money_text
from runtally_cli.simulation.run import Run

_ANNOUNCED_AFTER_US = 400


def run_snapshots(run: Run, announced: bool) -> Iterator[Record]:
    """A run's snapshots in order. Not `announced`: without the first ones; a lost run has no last one."""
    key = run.run_id.encode()
    if announced or run.lost:
        at = run.started_us + _ANNOUNCED_AFTER_US
        if run.queue_ms is not None:
            yield Record(RUNS, key, _open(run, "queued", at), at)
            at += run.queue_ms * 1000
        yield Record(RUNS, key, _open(run, "running", at), at)
    if run.lost:
        return
    at = last_snapshot_us(run)
    late_hand_off = run.hand_off_us is not None and run.hand_off_us > run.finished_us
    yield Record(RUNS, key, _ended(run, at, None if late_hand_off else run.hand_off_us), at)
    if late_hand_off:
        assert run.hand_off_us is not None
        at = run.hand_off_us + run.report_us
        yield Record(RUNS, key, _ended(run, at, run.hand_off_us), at)


def last_snapshot_us(run: Run) -> int:
    """When the run's end is told."""
    return run.finished_us + _ANNOUNCED_AFTER_US + run.report_us


def _head(run: Run, status: str, at_us: int) -> str:
    return (
        f'{{"run_id":"{run.run_id}",{run.member.head}{status}","updated_at":"{instant_text(at_us)}",'
        f'"started_at":"{instant_text(run.started_us)}"'
    )


def _labels(run: Run) -> str:
    origin = run.origin
    text = f'{run.model.json}{run.version}","environment":"{origin.environment}","trigger":"{origin.trigger}"'
    if origin.user_id:
        text += f',"user_id":"{origin.user_id}"'
    if origin.session_id:
        text += f',"session_id":"{origin.session_id}"'
    if origin.trace_id:
        text += f',"trace_id":"{origin.trace_id}"'
    if origin.parent_run_id:
        text += f',"parent_run_id":"{origin.parent_run_id}"'
    return text


def _tags(run: Run) -> str:
    tags = run.member.tags
    if run.origin.tag:
        tags = f"{tags},{run.origin.tag}" if tags else run.origin.tag
    return f',"tags":{{{tags}}}}}' if tags else "}"


def _open(run: Run, status: str, at_us: int) -> bytes:
    queue = f',"queue_ms":{run.queue_ms}' if status == "running" and run.queue_ms is not None else ""
    return f"{_head(run, status, at_us)}{queue}{_labels(run)}{_tags(run)}".encode()


def _ended(run: Run, at_us: int, hand_off_us: int | None) -> bytes:
    times = ""
    if run.duration_known:
        times = f',"finished_at":"{instant_text(run.finished_us)}"'
    if hand_off_us is not None:
        times += f',"handed_off_at":"{instant_text(hand_off_us)}"'
    if run.duration_known:
        times += f',"duration_ms":{run.duration_ms}'
    if run.queue_ms is not None:
        times += f',"queue_ms":{run.queue_ms}'
    effort = run.member.agent.effort
    calls = f',"llm_calls":{run.llm_calls}'
    if effort.tool_calls:
        calls += f',"tool_calls":{run.tool_calls}'
    if effort.files_modified:
        calls += f',"files_modified":{run.files_modified}'
    known = f'{times}{_labels(run)}{_consumption(run)}{calls},"retries":{run.retries}'
    return f"{_head(run, run.status, at_us)}{known}{_error(run)}{_tags(run)}".encode()


def _consumption(run: Run) -> str:
    """Tokens and what they cost; without known tokens there is no cost either, and null is not zero."""
    reporting, effort, usage = run.member.agent.reporting, run.member.agent.effort, run.usage
    text = ""
    if run.tokens_known:
        text = f',"input_tokens":{usage.input},"output_tokens":{usage.output}'
        if effort.cache_read_share:
            text += f',"cache_read_tokens":{usage.cache_read}'
        if effort.cache_write_share:
            text += f',"cache_write_tokens":{usage.cache_write}'
        if effort.reasoning_share:
            text += f',"reasoning_tokens":{usage.reasoning}'
    if reporting.cost == "unknown" or not run.tokens_known or not run.model.priced:
        return f'{text},"cost_source":"unknown"' if reporting.cost == "unknown" else text
    nano = run.model.cost_nano(usage)
    text += f',"cost_usd":"{money_text(nano)}"'
    if reporting.cost == "inferred":
        text += f',"cost_source":"inferred","price_version":"{reporting.price_version}"'
    if reporting.credits_per_usd:
        text += f',"credits":"{money_text(nano * reporting.credits_per_usd)}"'
    return text


def _error(run: Run) -> str:
    if run.failure is None:
        return ""
    recovered = run.status == "succeeded"
    text = _failure_json(run.failure) + (',"recovered":true' if recovered else ',"recovered":false')
    return f'{text},"recovery_ms":{run.recovery_ms}' if run.recovery_ms is not None else text


@cache
def _failure_json(mode: FailureMode) -> str:
    fields = {
        "error_type": mode.error_type,
        "error_severity": mode.severity,
        "error_category": mode.category,
        "error_message": mode.message,
    }
    return "," + json.dumps(fields, ensure_ascii=False, separators=(",", ":"))[1:-1]
