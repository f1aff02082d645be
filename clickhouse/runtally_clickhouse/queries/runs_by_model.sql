-- Use of each model, the busiest first; runs without a model are not in it.
SELECT
    model AS model_id,
    sum(runs) AS usage_count,
    sum(total_tokens_sum) AS total_tokens
FROM run_facts
WHERE model != ''
GROUP BY model_id
ORDER BY usage_count DESC, model_id
