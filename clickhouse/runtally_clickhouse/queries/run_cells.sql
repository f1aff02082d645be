-- Each merged run as a cell of one: its own columns, and beside them the columns that cells add up. Sums are wider
-- than what they add: 2 049 runs of the greatest token count would wrap a UInt64. `*_known` counts the runs whose
-- value is known. Names that many distinct ones are counted of stand there as 128 bits of hash, 0 where there is none:
-- uniqExact tells strings by as many bits, and takes several times as long to make them. Histograms are bins 2% apart (bin n holds 1.02^(n-1) to 1.02^n) and their counts; zero is bin 0.
SELECT
    *,
    toUnixTimestamp64Milli(started_at) AS at_ms,
    if(is_stalled, 'stalled', status) AS shown_status,
    parent_run_id = '' AS is_root,
    if(user_id = '', toUInt128(0), reinterpretAsUInt128(sipHash128Reference(user_id))) AS hashed_user,
    if(session_id = '', toUInt128(0), reinterpretAsUInt128(sipHash128Reference(session_id))) AS hashed_session,
    toUInt64(1) AS runs,
    at_ms AS first_at_ms,
    at_ms AS last_at_ms,
    greatest(
        at_ms,
        ifNull(toUnixTimestamp64Milli(finished_at), at_ms + toInt64(ifNull(duration_ms, 0)))
    ) AS last_end_ms,
    if(agent_name = '', toDateTime64(0, 6, 'UTC'), updated_at) AS agent_named_at,
    if(agent_name = '', toUInt128(0), version) AS agent_named_version,
    CAST(ifNull(cost_usd, 0), 'Decimal(38, 9)') AS cost_usd_sum,
    toUInt64(isNotNull(cost_usd)) AS cost_usd_known,
    CAST(ifNull(credits, 0), 'Decimal(38, 9)') AS credits_sum,
    toUInt64(isNotNull(credits)) AS credits_known,
    toUInt128(ifNull(duration_ms, 0)) AS duration_ms_sum,
    toUInt64(isNotNull(duration_ms)) AS duration_ms_known,
    toUInt128(ifNull(queue_ms, 0)) AS queue_ms_sum,
    toUInt64(isNotNull(queue_ms)) AS queue_ms_known,
    toUInt128(ifNull(input_tokens, 0)) AS input_tokens_sum,
    toUInt64(isNotNull(input_tokens)) AS input_tokens_known,
    toUInt128(ifNull(output_tokens, 0)) AS output_tokens_sum,
    toUInt64(isNotNull(output_tokens)) AS output_tokens_known,
    toUInt128(ifNull(cache_read_tokens, 0)) AS cache_read_tokens_sum,
    toUInt64(isNotNull(cache_read_tokens)) AS cache_read_tokens_known,
    toUInt128(ifNull(cache_write_tokens, 0)) AS cache_write_tokens_sum,
    toUInt64(isNotNull(cache_write_tokens)) AS cache_write_tokens_known,
    toUInt128(ifNull(reasoning_tokens, 0)) AS reasoning_tokens_sum,
    toUInt64(isNotNull(reasoning_tokens)) AS reasoning_tokens_known,
    toUInt128(ifNull(total_tokens, 0)) AS total_tokens_sum,
    toUInt64(isNotNull(total_tokens)) AS total_tokens_known,
    toUInt128(ifNull(llm_calls, 0)) AS llm_calls_sum,
    toUInt64(isNotNull(llm_calls)) AS llm_calls_known,
    toUInt128(ifNull(tool_calls, 0)) AS tool_calls_sum,
    toUInt64(isNotNull(tool_calls)) AS tool_calls_known,
    toUInt128(ifNull(retries, 0)) AS retries_sum,
    toUInt64(isNotNull(retries)) AS retries_known,
    toUInt128(ifNull(files_modified, 0)) AS files_modified_sum,
    toUInt64(isNotNull(files_modified)) AS files_modified_known,
    if(
        isNull(duration_ms),
        [],
        [toUInt16(if(duration_ms = 0, 0, 1 + floor(log(assumeNotNull(duration_ms)) / log(1.02))))]
    ) AS duration_ms_bins,
    if(isNull(duration_ms), [], [toUInt64(1)]) AS duration_ms_counts,
    if(
        isNull(queue_ms),
        [],
        [toUInt16(if(queue_ms = 0, 0, 1 + floor(log(assumeNotNull(queue_ms)) / log(1.02))))]
    ) AS queue_ms_bins,
    if(isNull(queue_ms), [], [toUInt64(1)]) AS queue_ms_counts,
    isNotNull(input_tokens) AND isNotNull(cache_read_tokens) AS has_cache_share,
    toUInt128(if(has_cache_share, assumeNotNull(cache_read_tokens), 0)) AS cached_of_input_sum,
    toUInt128(if(has_cache_share, assumeNotNull(input_tokens), 0)) AS cacheable_input_sum,
    toUInt64(shown_status NOT IN ('queued', 'running', 'stalled') AND isNotNull(handed_off_at)) AS handed_off_ended,
    toUInt64(isNotNull(handed_off_at) AND session_id != '') AS handed_off_in_session,
    toUInt64(error_type != '' AND ifNull(recovered, false)) AS recoveries,
    toUInt128(if(recoveries > 0, ifNull(recovery_ms, 0), 0)) AS recovery_ms_sum,
    toUInt64(recoveries > 0 AND isNotNull(recovery_ms)) AS recovery_ms_known
FROM merged_runs
