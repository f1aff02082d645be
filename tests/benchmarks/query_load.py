"""The runs that `bench_query.py` asks about, made inside the store by INSERT SELECT; nothing about them is random.

30 days of `AGENTS` agents in `WORKSPACES` workspaces. Sizes are skewed: the first workspace has a seventh of the runs,
the last one a hundredth of that. One run in a hundred is written again, late, as it ended after all. A session is one
user's with one agent, some twelve runs within half an hour, as far as the agent has so many.
"""

from datetime import UTC, datetime, timedelta

from runtally_clickhouse.client import Store

WORKSPACES, AGENTS, DAYS = 50, 300, 30
LARGEST = "workspace-00"
BEGIN = datetime(2026, 10, 23, tzinfo=UTC)
END = BEGIN + timedelta(days=DAYS)
# Ten minutes before midnight, as a dashboard asks for the 30 days that end today.
NOW = END - timedelta(minutes=10)
_BLOCK = 500_000
RUNS_A_SESSION, SESSIONS_A_DAY = 12, 48
_COLUMNS = (
    "workspace_id, run_id, external_id, version, is_deleted, updated_at, finished_at, agent_id, agent_name, "
    "agent_version, status, duration_ms, queue_ms, provider, model, environment, `trigger`, user_id, session_id, "
    "parent_run_id, input_tokens, output_tokens, cache_read_tokens, cost_usd, cost_source, llm_calls, tool_calls, "
    "error_type, recovered, recovery_ms"
)
# Cheap independent draws: `chance(k)` is in [0, 1), the same for a run whenever it is made. Without compiled
# expressions: those of 26.7 get a shifted remainder of 128 bits wrong, and so the late versions came under other ids.
_RUNS = """
WITH
    (x, k) -> intHash64(x * 64 + k) / 18446744073709551616. AS chance,
    toInt64({begin_ms:Int64} + intDiv(number * {span_ms:UInt64}, {runs:UInt64})) AS began_ms,
    least(299, toUInt16(floor(300 * pow(chance(number, 1), 2)))) AS agent,
    chance(number, 2) AS outcome,
    {runs:UInt64} / {slots:UInt64} * (sqrt((agent + 1) / 300) - sqrt(agent / 300)) AS runs_a_slot,
    intDiv((number + intHash64(agent) % {runs:UInt64}) * {slots:UInt64}, {runs:UInt64}) AS slot,
    intHash64(number) % greatest(1, toUInt64(runs_a_slot / {runs_a_session:UInt64})) AS desk,
    concat(toString(agent), '-', toString(slot), '-', toString(desk)) AS session,
    toUInt64(floor(exp(5 + 5 * chance(number, 3)))) AS took_ms,
    {late:UInt8} = 1 OR number % 100 != 7 AS is_final,
    multiIf(
        NOT is_final, 'running',
        began_ms > {now_ms:Int64} - 600000 AND outcome < 0.3, 'running',
        outcome < 0.002, 'running', outcome < 0.06, 'failed', outcome < 0.075, 'timed_out',
        outcome < 0.085, 'cancelled', outcome < 0.087, 'unknown', 'succeeded'
    ) AS state,
    state != 'running' AS ended,
    toInt64(began_ms * 1000 + took_ms * 1000 + {late:UInt8} * 3600000000) AS updated_us,
    floor(exp(4 + 6 * chance(number, 5))) AS read_tokens,
    floor(exp(2 + 6 * chance(number, 6))) AS wrote_tokens,
    'gpt-large,gpt-small,claude-x,mistral-y,llama-z' AS names,
    splitByChar(',', names)[1 + (agent + (chance(number, 7) < 0.15)) % 5] AS called
SELECT
    concat('workspace-', leftPad(toString(intDiv(agent, 6)), 2, '0')),
    reinterpretAsUUID(
        bitShiftLeft(toUInt128(bitOr(bitAnd(intHash64(number), 0x3FFFFFFFFFFFFFFF), 0x8000000000000000)), 64)
        + bitShiftLeft(toUInt128(began_ms), 16) + 28672 + toUInt128(number % 4096)
    ),
    concat('run-', toString(number)),
    bitShiftLeft(toUInt128(ended), 126) + bitShiftLeft(toUInt128(NOT ended), 125)
        + bitShiftLeft(toUInt128(updated_us), 64) + intHash64(number),
    0,
    fromUnixTimestamp64Micro(updated_us, 'UTC'),
    if(ended, fromUnixTimestamp64Micro(began_ms * 1000 + took_ms * 1000, 'UTC'), NULL),
    concat('agent-', leftPad(toString(agent), 3, '0')),
    concat('Agent ', toString(agent)),
    concat('1.', toString(intDiv(began_ms - {begin_ms:Int64}, 864000000))),
    state,
    if(ended, took_ms, NULL),
    if(chance(number, 8) < 0.7, toUInt64(floor(2000 * chance(number, 9))), NULL),
    splitByChar('-', called)[1],
    called,
    if(agent % 3 = 2, 'staging', 'production'),
    if(chance(number, 10) < 0.5, 'schedule', 'user'),
    concat('user-', toString(sipHash64(session) % 5000)),
    concat('session-', session),
    if(chance(number, 11) < 0.2, 'run-0', ''),
    if(ended, toUInt64(read_tokens), NULL),
    if(ended, toUInt64(wrote_tokens), NULL),
    if(ended AND chance(number, 12) < 0.5, toUInt64(floor(read_tokens * chance(number, 13))), NULL),
    if(ended AND chance(number, 14) < 0.95, toDecimal64(read_tokens * 0.000003 + wrote_tokens * 0.000015, 9), NULL),
    if(ended, 'reported', 'unknown'),
    if(ended, 1 + number % 7, NULL),
    if(ended, number % 11, NULL),
    multiIf(state = 'timed_out', 'Timeout', state = 'failed', ['RateLimit', 'ToolError'][1 + number % 2], ''),
    if(state = 'failed', chance(number, 15) < 0.4, NULL),
    if(state = 'failed', toUInt64(took_ms), NULL)
FROM numbers({first:UInt64}, {count:UInt64})
WHERE {late:UInt8} = 0 OR number % 100 = 7
SETTINGS materialize_skip_indexes_on_insert = 0, max_insert_threads = 2, compile_expressions = 0
"""


def load(store: Store, runs: int) -> None:
    """Write the runs, then the late versions of some, and mark every bucket as the consumer does."""
    _write(store, runs, late=False)
    _write(store, runs, late=True)
    mark(store)


def _write(store: Store, runs: int, *, late: bool) -> None:
    block = _BLOCK * 20 if late else _BLOCK
    for first in range(0, runs, block):
        parameters = {
            "begin_ms": int(BEGIN.timestamp() * 1000),
            "now_ms": int(NOW.timestamp() * 1000),
            "span_ms": int((NOW - BEGIN).total_seconds() * 1000),
            "runs": runs,
            "first": first,
            "count": min(block, runs - first),
            "late": int(late),
            "slots": DAYS * SESSIONS_A_DAY,
            "runs_a_session": RUNS_A_SESSION,
        }
        store.command(f"INSERT INTO agent_runs ({_COLUMNS})\n{_RUNS}", parameters)


def mark(store: Store) -> None:
    """A random mark for each bucket that has runs."""
    store.command(
        "INSERT INTO bucket_changes SELECT bucket, rand64() "
        "FROM (SELECT DISTINCT toStartOfFifteenMinutes(started_at) AS bucket FROM agent_runs)"
    )
