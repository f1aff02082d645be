"""Each fault of the catalogue, the tests that hold the pipeline exact through it, and what is out of reach."""

from dataclasses import dataclass

STORIES = "chaos/test_stories.py::"
KILLS = "chaos/test_kill_points.py::test_a_kill_at_a_named_point_leaves_no_trace"
SERVICE = "consumer/test_service.py::"
Counter = tuple[str, str]
"""A suite's name and the name of one of its counts."""


@dataclass(frozen=True)
class FaultRow:
    """One row. `tests` are `path::name` below tests/; `remark` says what no test here does, and what then holds."""

    number: int
    fault: str
    tests: tuple[str, ...]
    counters: tuple[Counter, ...] = ()
    remark: str = ""


ROWS = (
    FaultRow(
        1, "kill -9 at each named point", (KILLS,),
        (("test_kill_points", "kills"), ("chaos", "kills at named points"), ("chaos", "kills at any moment")),
    ),
    FaultRow(
        2, "frozen, then back: a zombie",
        (STORIES + "test_a_frozen_member_comes_back_within_its_session_and_after_it",),
        (("test_stories", "zombies"), ("chaos", "zombies")),
        "longer than max.poll.interval (300 s) is not waited for: a frozen process misses its session first",
    ),
    FaultRow(
        3, "SIGTERM under load, the deadline hit",
        (
            STORIES + "test_a_member_that_is_told_to_leave_under_load_has_committed_what_it_stored",
            SERVICE + "test_a_drain_ends_with_its_budget_and_commits_only_what_is_durable",
            "consumer/test_leaving.py::test_a_consumer_whose_insert_hangs_leaves_within_its_budget",
        ),
        (("test_stories", "members told to leave"), ("chaos", "members told to leave")),
    ),
    FaultRow(
        4, "members join and leave", (STORIES + "test_members_join_and_leave",),
        (("test_stories", "members joined"), ("chaos", "members joined")),
    ),
    FaultRow(
        5, "a rebalance while an insert is in flight",
        (SERVICE + "test_partitions_that_move_in_the_middle_of_an_insert_are_read_again_from_the_commit",),
    ),
    FaultRow(
        6, "static members restart", (),
        remark="members have no static id: each restart is a leave (3) or a session that runs out (1)",
    ),
    FaultRow(
        7, "a broker, or all of them, killed and restarted",
        (
            STORIES + "test_the_broker_dies_and_comes_back",
            "consumer/test_outages.py::test_the_broker_dies_and_comes_back",
        ),
        (("test_stories", "broker kills"), ("chaos", "broker kills"), ("chaos", "whole cluster down")),
    ),
    FaultRow(
        8, "leaders change, fetches fail",
        ("consumer/test_source.py::test_a_poll_that_fails_says_whether_waiting_helps",),
        (("chaos", "broker kills"),),
        "on three brokers each kill of one moves its leaders",
    ),
    FaultRow(
        9, "a commit is lost, refused, or hangs",
        (
            "consumer/test_source.py::test_a_commit_that_fails_is_refused",
            "consumer/test_source.py::test_a_commit_and_a_goodbye_that_hang_are_given_up",
            SERVICE + "test_refused_commits_are_shown_and_made_later",
            SERVICE + "test_a_commit_that_hangs_holds_up_neither_writes_nor_heartbeat",
            STORIES + "test_the_network_to_the_broker_fails_in_every_way",
        ),
    ),
    FaultRow(
        10, "a commit of an old generation",
        ("consumer/test_engine.py::test_a_late_acknowledgement_of_an_old_epoch_is_ignored",),
        (("test_stories", "zombies"), ("chaos", "zombies")),
    ),
    FaultRow(
        11, "the store away, or flapping",
        (
            STORIES + "test_the_store_dies_in_the_middle_of_inserts_and_comes_back",
            SERVICE + "test_the_store_away_and_back_loses_nothing_and_commits_nothing_early",
        ),
        (("test_stories", "store kills"), ("chaos", "store kills")),
        "outages here last seconds, not ten minutes: a batch goes again for ever, by the same rule",
    ),
    FaultRow(
        12, "the store killed in the middle of inserts",
        (
            STORIES + "test_the_store_dies_in_the_middle_of_inserts_and_comes_back",
            "consumer/test_outages.py::test_the_store_dies_in_the_middle_of_inserts_and_comes_back",
            "chaos/test_supervised_store.py::test_a_server_that_ends_by_itself_is_started_again",
        ),
        (("test_stories", "store kills"), ("chaos", "store kills")),
        "ClickHouse 26.7 may abort when a connection is reset in mid-request: run it under what starts it again",
    ),
    FaultRow(
        13, "applied, and the answer lost",
        (
            STORIES + "test_the_network_to_the_store_fails_in_every_way",
            SERVICE + "test_answers_that_are_lost_after_the_insert_are_asked_for_again",
        ),
        (("test_stories", "network lost answers"), ("chaos", "network lost answers")),
    ),
    FaultRow(
        14, "a request cut at a byte",
        (
            STORIES + "test_the_network_to_the_store_fails_in_every_way",
            "chaos/test_proxy.py::test_a_cut_lets_just_so_many_bytes_reach_the_server",
        ),
        (("test_stories", "network cuts"), ("chaos", "network cuts")),
    ),
    FaultRow(
        15, "200 with an exception, cut answers, a proxy's 500, 413, 429, 503",
        (
            "consumer/test_failures.py::test_a_success_that_is_none_is_tried_again",
            "consumer/test_failures.py::test_statuses_of_a_busy_or_broken_proxy_pass_by_themselves",
            "consumer/test_insert_sizes.py::test_a_body_that_a_proxy_finds_too_large_is_halved_at_once",
        ),
    ),
    FaultRow(
        16, "storms of 252, 241, 242, 202, 159", ("consumer/test_failures.py::test_each_code_has_its_class",),
    ),
    FaultRow(
        17, "tables, columns, rights or the database gone",
        ("consumer/test_refusals.py::test_what_a_person_must_mend_opens_the_breaker_and_makes_no_dead_letters",),
    ),
    FaultRow(
        18, "unknown fields, new columns",
        (
            "consumer/decoding/test_decoding.py::test_unknown_fields_are_counted_for_accepted_messages_only",
            "consumer/decoding/test_stored.py::test_tables_have_the_columns_of_the_store",
        ),
    ),
    FaultRow(
        19, "poison of every kind",
        (
            "consumer/decoding/test_fuzz.py::test_drawn_chunks_decode_as_the_model_says",
            "consumer/decoding/test_equals_model.py::test_any_batch",
            "consumer/decoding/test_equals_model.py::test_each_broken_value_among_good_neighbours",
            "integration/test_bad_input.py::test_bad_records_become_dead_letters_and_their_neighbours_runs",
        ),
        (("chaos", "dead letters"), ("fuzz", "dead")),
    ),
    FaultRow(
        20, "one poison record, or many",
        (
            "consumer/decoding/test_fuzz.py::test_drawn_chunks_decode_as_the_model_says",
            "consumer/test_bisection.py::test_the_cost_is_bounded",
            "consumer/test_dead_letter_limits.py::test_more_than_five_percent_and_at_least_a_hundred",
        ),
    ),
    FaultRow(
        21, "poison that crashes the decoder",
        (
            "consumer/decoding/test_equals_model.py::test_each_broken_value_among_good_neighbours",
            "consumer/decoding/test_fuzz.py::test_drawn_chunks_decode_as_the_model_says",
        ),
        (("fuzz", "chunks"),),
        remark="no quarantine: what is known to crash Arrow is kept away from it by checks before",
    ),
    FaultRow(
        22, "the dead-letter topic away, full, or refusing",
        (
            SERVICE + "test_the_dead_letter_topic_away_pins_the_partition",
            "consumer/test_large_letters.py::test_a_topic_that_takes_nothing_is_unavailable_and_needs_a_person",
            "consumer/test_outages.py::test_leaving_while_the_broker_is_away_with_a_letter_to_send_does_not_hang",
        ),
    ),
    FaultRow(
        23, "duplicates, any order, late, ties, deleted then updated",
        (
            "consumer/decoding/test_stored.py::test_the_version_decides_in_any_order",
            "integration/test_repeated_snapshots.py::test_three_shuffled_deliveries_answer_as_one",
        ),
    ),
    FaultRow(
        24, "snapshots of a run on several partitions", (KILLS,), (("chaos", "records"),),
        "the fleets of these stories draw each record's key",
    ),
    FaultRow(
        25, "retention takes what was not read, a topic made anew",
        (
            "consumer/test_losses.py::test_what_retention_took_stops_the_partition_until_somebody_accepts_it",
            "consumer/test_losses.py::test_retention_that_overtakes_a_running_consumer",
            "consumer/test_losses.py::test_a_topic_made_anew_under_a_running_consumer",
            SERVICE + "test_a_topic_that_was_made_anew_ends_the_run_loudly",
            "cli/verification/test_judgement.py::test_what_retention_removed_is_not_known_at_the_start_and_a_loss_in_the_middle",
            "cli/doctor/test_broker_checks.py::test_what_retention_took_unread_is_an_error",
        ),
    ),
    FaultRow(
        26, "codecs, aborted transactions, compaction's gaps, a corrupt batch",
        (
            "consumer/test_end_to_end.py::test_four_topics_arrive_once_and_everything_is_committed",
            "consumer/test_log_gaps.py::test_aborted_records_never_count_and_marks_of_transactions_hold_nothing_up",
            "consumer/test_log_gaps.py::test_what_compaction_took_away_is_no_gap",
            "consumer/test_watermark.py::test_gaps_in_offsets_are_crossed",
            "cli/verification/test_running.py::test_servers_control_records_are_no_gap_and_a_hole_is_one",
        ),
        remark="a corrupt batch is not made here: aiokafka checks each CRC, and a poll that fails skips nothing",
    ),
    FaultRow(
        27, "a full disk", ("consumer/test_failures.py::test_whatever_is_not_known_is_systemic",),
        remark="out of reach: no file system with a quota here. The store's refusal is no data error: nothing "
        "becomes a dead letter, the breaker opens, `/ready` says why; a broker's refusal stops its producers",
    ),
    FaultRow(
        28, "memory: a hot partition, huge records, a slow store",
        (
            SERVICE + "test_memory_is_bounded_by_pausing_and_a_rebalance_while_paused_forgets_the_pause",
            "integration/test_extremes.py::test_a_record_too_large_for_any_topic_holds_up_nobody",
        ),
    ),
    FaultRow(
        29, "the event loop stands still",
        (
            SERVICE + "test_a_deciding_task_that_stands_still_is_not_alive",
            "consumer/test_standstill.py::test_a_process_that_slept_does_not_blame_its_partitions",
            "consumer/test_health_states.py"
            "::test_an_event_loop_that_stands_still_answers_nobody_and_goes_on_exactly_where_it_was",
        ),
    ),
    FaultRow(
        30, "delays, drips to 1 B/s, half-open connections, resets",
        (
            STORIES + "test_the_network_to_the_store_fails_in_every_way",
            STORIES + "test_the_network_to_the_broker_fails_in_every_way",
            "chaos/test_proxy.py::test_silence_holds_the_connection_open_and_ends_in_a_reset",
        ),
        (
            ("chaos", "network delays"), ("chaos", "network dripped bytes"), ("chaos", "network silences"),
            ("chaos", "network resets"), ("chaos", "network refused"),
        ),
        "DNS failures and hosts with IPv6 only are not made here",
    ),
    FaultRow(
        31, "the wall clock jumps",
        (
            "consumer/test_health_states.py::test_wall_clock_jumps_of_a_day_move_no_timer_and_make_no_age_negative",
            "consumer/test_engine.py::test_a_batch_forms_when_it_has_waited_long_enough",
        ),
        remark="the consumer's wall clock, by a day at each look; timers go by the monotonic one, a row by none",
    ),
    FaultRow(
        32, "questions during all of that",
        (KILLS, "chaos/test_bounds.py::test_a_figure_outside_its_bounds_is_told"),
        (("test_kill_points", "answers checked"), ("test_stories", "answers checked"), ("chaos", "answers checked")),
    ),
    FaultRow(
        33, "merges off, forced, in the middle of a read",
        ("clickhouse/test_profiles.py::test_reads_merge_and_unmerged_reads_do_not",),
        remark="in these stories the store merges when it likes",
    ),
    FaultRow(
        34, "settings that drift",
        (
            "clickhouse/test_profiles.py::test_a_users_profile_changes_no_answer",
            "clickhouse/test_profiles.py::test_an_engine_that_drops_equal_blocks_is_refused",
            "consumer/test_store_watch.py::test_a_real_table_that_changes_stops_writing_until_it_is_mended",
        ),
    ),
    FaultRow(
        35, "CLEANUP or a TTL, then a replay",
        ("cli/doctor/test_store_checks.py::test_a_table_on_which_exactness_cannot_rest_is_an_error",),
    ),
    FaultRow(
        36, "power lost: pages that were not on disk", (),
        remark="out of reach: a killed process leaves its pages to the kernel. Kafka keeps its records for the "
        "topics' retention, on as many brokers as `--replication` says; reading them again restores the store",
    ),
    FaultRow(
        37, "an upgrade or a rollback in between", (),
        remark="one version exists. A row's version is of the message's bytes, not of the row, so two versions of the "
        "consumer write rows that merge",
    ),
    FaultRow(
        38, "a full replay, three times",
        (
            "integration/test_repeated_snapshots.py::test_three_shuffled_deliveries_answer_as_one",
            "consumer/test_end_to_end.py::test_a_second_start_changes_nothing",
        ),
    ),
)  # fmt: skip

# Row -> the count of the simulation's seeds in which that fault struck.
SIMULATED = {
    1: "member killed",
    2: "member stopped",
    3: "member leaves",
    4: "member joins",
    5: "inserts late",
    7: "broker away",
    8: "polls fail",
    9: "commits fail",
    11: "store away",
    13: "answers lost",
    17: "store refuses",
    22: "letters fail",
    31: "wall clock jumps",
}
