-- Use of each model, the busiest first; runs without a model are not in it.
SELECT
    model AS model_id,
    count() AS usage_count,
    sum(toUInt128(ifNull(total_tokens, 0))) AS total_tokens
FROM merged_runs
WHERE model != ''
GROUP BY model_id
ORDER BY usage_count DESC, model_id
