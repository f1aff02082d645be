"""Ways of being wrong: what to change in which file, and the test that must notice."""

from dataclasses import dataclass
from typing import Final

CONSUMER: Final = "consumer/runtally_consumer/"
STORE: Final = "clickhouse/runtally_clickhouse/"
TESTS: Final = "tests/consumer/"
SIMULATION: Final = TESTS + "simulation/test_simulation.py::test_the_promises_hold_in_a_few_stories"
PROFILES: Final = "tests/clickhouse/test_profiles.py::"
ROW_BY_ROW: Final = TESTS + "test_withdrawing.py::test_each_row_is_kept_blank_or_gone_by_itself"
KEPT_STATE: Final = "tests/clickhouse/measures/test_kept_state.py::"
ANSWER_CACHE: Final = "api/runtally_api/answer_cache.py"
FIRST_LOOK: Final = "tests/api/test_first_look.py::"
RETENTION: Final = "tests/clickhouse/test_retention.py::"
ONE_BY_ONE: Final = (
    "tests/clickhouse/measures/test_error_runs.py::test_rolled_up_or_one_by_one_the_answer_is_the_same[embedded-0]"
)
OF_SESSIONS: Final = (
    "tests/clickhouse/measures/test_session_cells.py::"
    "test_of_cells_or_of_single_runs_the_answer_is_the_same[embedded-0]"
)
EMBEDDED: Final = "[embedded]"  # the engine that starts within the process


@dataclass(frozen=True, slots=True)
class Mutant:
    """`old` stands exactly once in the file, and becomes `new`."""

    name: str
    path: str
    old: str
    new: str
    killer: str = SIMULATION


COMMITTING: Final = (
    Mutant(
        "commit before insert",
        CONSUMER + "service.py",
        "        try:\n            written = await self._writer.write(batch)\n",
        "        self._engine.written(batch.id)\n        try:\n            written = await self._writer.write(batch)\n",
    ),
    Mutant(
        "drop what finds no table",
        CONSUMER + "service.py",
        "            failure = classify(error)\n",
        "            failure = classify(error)\n"
        "            if failure is FailureClass.SYSTEMIC:\n                self._engine.written(batch.id)\n",
        TESTS + "test_refusals.py::test_what_a_person_must_mend_opens_the_breaker_and_makes_no_dead_letters[60]",
    ),
    Mutant(
        "a refused commit taken for an acknowledged one",
        CONSUMER + "service.py",
        '                self._commit_failure = f"not committing: {error}"[:500]\n',
        '                self._commit_failure = f"not committing: {error}"[:500]\n'
        "                self._engine.committed(offsets)\n",
        TESTS + "test_service.py::test_refused_commits_are_shown_and_made_later",
    ),
    Mutant(
        "epoch ignored",
        CONSUMER + "engine.py",
        "            if piece.epoch == self._epoch and watermark is not None:\n",
        "            if watermark is not None:\n",
        TESTS + "test_engine.py::test_a_late_acknowledgement_of_an_old_epoch_is_ignored",
    ),
    Mutant(
        "the watermark skips a hole",
        CONSUMER + "watermark.py",
        "        self._written.add(piece.first_offset)\n",
        "        self._next_offset = max(self._next_offset or 0, piece.next_offset)\n"
        "        self._written.add(piece.first_offset)\n",
        TESTS + "test_watermark.py::test_a_hole_pins_it",
    ),
    Mutant(
        "a batch that failed does not pin",
        CONSUMER + "engine.py",
        "        opened.attempts += 1\n        opened.failure = reason\n",
        "        opened.attempts += 1\n        opened.failure = reason\n"
        "        for piece in opened.batch.slices:\n            self._watermarks[piece.partition].written(piece)\n",
        TESTS + "test_engine.py::test_a_failed_batch_goes_again_for_ever_and_pins_its_partitions",
    ),
    Mutant(
        "a stopped partition does not pin",
        CONSUMER + "engine.py",
        "        self._stopped |= stops\n",
        "        self._stopped |= stops\n"
        "        for piece in opened.batch.slices:\n            self._watermarks[piece.partition].written(piece)\n",
        TESTS + "test_engine.py::test_a_stopped_partition_is_pinned_while_the_rest_of_its_batch_goes_on",
    ),
)
WRITING: Final = (
    Mutant(
        "dead letters not awaited",
        CONSUMER + "writing.py",
        "            await self._dead_letter_topic.publish([progress.dead[index] for index in sorted(unpublished)])\n",
        "            asyncio.ensure_future(  # noqa: RUF006\n"
        "                self._dead_letter_topic.publish([progress.dead[index] for index in sorted(unpublished)])\n"
        "            )\n",
    ),
    Mutant(
        "ledger after the commit",
        CONSUMER + "writing.py",
        '        await in_daemon_thread(self._store.insert, "ingest_ledger", ledger)\n',
        '        asyncio.ensure_future(in_daemon_thread(self._store.insert, "ingest_ledger", ledger))\n',
    ),
    Mutant(
        "marks after the commit",
        CONSUMER + "writing.py",
        '            await in_daemon_thread(self._store.insert, "bucket_changes", marks)\n',
        '            asyncio.ensure_future(in_daemon_thread(self._store.insert, "bucket_changes", marks))\n',
    ),
    Mutant(
        "bisection without a control",
        CONSUMER + "bisection.py",
        " if self._control_accepted else TryControl()",
        "",
        TESTS + "test_bisection.py::test_between_the_two_refusals_of_each_dead_row_a_known_good_row_was_accepted",
    ),
    Mutant(
        "coalescing keeps an older version",
        CONSUMER + "decoding/coalescing.py",
        "    order = np.lexsort((low[repeated], high[repeated], upper, lower, workspaces))\n",
        "    order = np.lexsort((~low[repeated], ~high[repeated], upper, lower, workspaces))\n",
    ),
    Mutant(
        "no tie-break",
        CONSUMER + "decoding/versions.py",
        "    words[:, 0] = hashes\n",
        "    words[:, 0] = 0\n",
        TESTS + "decoding/test_decoding.py::test_versions_of_columns_are_those_of_one_run",
    ),
)
READING: Final = (
    Mutant(
        "getmany cancelled",
        CONSUMER + "polling.py",
        "        polled = await self._source.poll(POLL_WAIT_MS, self._most_records())\n",
        "        try:\n"
        "            polled = await asyncio.wait_for(self._source.poll(POLL_WAIT_MS, self._most_records()), 0.1)\n"
        "        except TimeoutError:\n            return\n",
    ),
    Mutant(
        "records admitted after the stop",
        CONSUMER + "polling.py",
        "            return  # not admitted, so not committed: the next owner reads it\n",
        "            pass\n",
        TESTS + "test_polling.py::test_records_that_come_after_the_stop_are_not_admitted",
    ),
    Mutant(
        "memory without a bound",
        CONSUMER + "polling.py",
        "        if crowded == self._paused:\n",
        "        if crowded != self._paused:\n",
        TESTS + "test_polling.py::test_a_full_engine_pauses_and_a_relaxed_one_resumes",
    ),
    Mutant(
        "what retention took is skipped silently",
        CONSUMER + "placement.py",
        "    if offset < facts.begin:\n",
        "    if offset < 0:\n",
        TESTS + "test_placement.py::test_what_retention_took_is_told_to_the_offset",
    ),
    Mutant(
        "after expired offsets a hole of the ledger is skipped",
        CONSUMER + "placement.py",
        "        if first > max(begin, reached or 0):\n            break\n",
        "",
        TESTS + "test_placement.py::test_after_its_offsets_expired_it_goes_on_where_the_ledger_ends",
    ),
)
STORING: Final = (
    Mutant(
        "partition by a field that changes",
        STORE + "migrations/0001_agent_runs.sql",
        "PARTITION BY toYYYYMM(started_at)",
        "PARTITION BY toYYYYMM(updated_at)",
        PROFILES + "test_versions_months_apart_are_one_run" + EMBEDDED,
    ),
    Mutant(
        "read without FINAL",
        STORE + "profiles.py",
        '    "final": 1,\n',
        "",
        PROFILES + "test_reads_merge_and_unmerged_reads_do_not" + EMBEDDED,
    ),
)
WITHDRAWING: Final = (
    Mutant(
        "a blank row that does not win",
        CONSUMER + "withdrawing.py",
        "    words[:, 0] = low + np.uint64(1)\n",
        "    words[:, 0] = low\n",
        ROW_BY_ROW,
    ),
    Mutant(
        "an erasure in one workspace reaches all",
        CONSUMER + "withdrawing.py",
        "            mine &= _among(workspaces, workspace_of, one.workspaces)\n",
        "            pass\n",
        ROW_BY_ROW,
    ),
    Mutant(
        "a replay brings back what retention dropped",
        CONSUMER + "withdrawing.py",
        "    leaving = erased | retired\n",
        "    leaving = erased\n",
        ROW_BY_ROW,
    ),
    Mutant(
        "months that came late stay",
        STORE + "retention.py",
        "            if not months:\n                continue\n",
        "            continue\n",
        RETENTION + "test_rows_that_a_killed_consumer_left_are_dropped_at_the_next_look" + EMBEDDED,
    ),
)
ERRORS: Final = (
    Mutant(
        "only failures are kept as runs with errors",
        STORE + "queries/error_runs_of_buckets.sql",
        "    AND (error_type != '' OR status IN ('failed', 'timed_out'))\n",
        "    AND status IN ('failed', 'timed_out')\n",
        ONE_BY_ONE,
    ),
    Mutant(
        "generations that were replaced count again",
        STORE + "queries/merged_error_runs.sql",
        "    (bucket, generation) IN (SELECT arrayJoin(state.1))\n",
        "    bucket IN (SELECT arrayJoin(state.1).1)\n",
        ONE_BY_ONE,
    ),
    Mutant(
        "sessions of replaced generations count again",
        STORE + "queries/session_facts.sql",
        "    (bucket, generation) IN (SELECT arrayJoin(state.1))\n",
        "    bucket IN (SELECT arrayJoin(state.1).1)\n",
        OF_SESSIONS,
    ),
    Mutant(
        "a session of cells ends with its last start",
        STORE + "queries/session_cells_of_buckets.sql",
        "    max(last_end_ms) AS last_end_ms,\n",
        "    max(last_at_ms) AS last_end_ms,\n",
        OF_SESSIONS,
    ),
    Mutant(
        "hand-offs of the first quarter hour alone",
        STORE + "queries/handed_off_of_sessions.sql",
        "max(last_at_ms) + 1",
        "min(last_at_ms) + 1",
        OF_SESSIONS,
    ),
    Mutant(
        "an erasure tells cells of sessions by their bucket",
        STORE + "erasing.py",
        "replace(RUNS, name=name) for level",
        'replace(RUNS, name=name, keyed_at="bucket") for level',
        "tests/clickhouse/test_erasing.py::test_a_session_that_was_made_anew_keeps_what_began_after_the_instant"
        + "[embedded-session_cells]",
    ),
)
KEEPING: Final = (
    Mutant(
        "what is clean is kept whatever is marked",
        STORE + "store_parts.py",
        'frozenset({"bucket_changes", "bucket_rollups", "hour_',
        'frozenset({"bucket_rollups", "hour_',
        KEPT_STATE + "test_each_change_of_the_state_is_seen_by_the_next_request[embedded-mark_run-False]",
    ),
    Mutant(
        "the state of an earlier request is not looked at again",
        STORE + "measures/kept_state.py",
        "            if fingerprint != self._fingerprint:\n",
        "            if not self._fingerprint:\n",
        KEPT_STATE + "test_what_a_request_saw_before_it_asked_how_fresh_the_store_is_is_not_believed[embedded-False]",
    ),
    Mutant(
        "what the parts told before is held when the freshness is asked",
        STORE + "measures/state_first.py",
        "            self._read = self._told = None\n",
        "            self._read = None\n",
        KEPT_STATE + "test_what_a_request_saw_before_it_asked_how_fresh_the_store_is_is_not_believed[embedded-False]",
    ),
)
LOOKING: Final = (
    Mutant(
        "what the parts told before another's freshness is held",
        ANSWER_CACHE,
        "            self._forget()\n",
        "            pass\n",
        FIRST_LOOK + "test_a_run_that_came_after_the_look_and_is_told_to_be_there_is_there[embedded-False]",
    ),
    Mutant(
        "the freshness of any data is taken for that of these",
        ANSWER_CACHE,
        "        if newest is not None and newest[0] == watermark:\n",
        "        if newest is not None:\n",
        FIRST_LOOK + "test_a_run_that_came_before_the_look_is_there[embedded]",
    ),
    Mutant(
        "the freshness is taken that was told during the look",
        ANSWER_CACHE,
        "        if newest is not None and newest[0] == watermark:\n",
        "        if (newest := of_asker.newest) is not None and newest[0] == watermark:\n",
        FIRST_LOOK + "test_a_run_that_came_after_the_look_and_is_told_to_be_there_is_there[embedded-False]",
    ),
)
MUTANTS: Final = COMMITTING + WRITING + READING + STORING + WITHDRAWING + ERRORS + KEEPING + LOOKING
