-- From which state to which agents went in a range, and how long they had been in the state that they left: known where
-- the transition before led there. Earlier transitions are read too, for when a stay began. A transition without its
-- id was erased.
SELECT
    from_state,
    to_state,
    count() AS transitions,
    uniqExact(workspace_id, agent_id) AS agents,
    toUnixTimestamp64Milli(max(at)) AS last_ms,
    countIf(is_known) AS known_stays,
    sumIf(stay_us, is_known) AS stays_us,
    maxIf(stay_us, is_known) AS longest_us
FROM
(
    SELECT
        *,
        toUnixTimestamp64Micro(at) - lagInFrame(toUnixTimestamp64Micro(at), 1, toInt64(0)) OVER of_agent AS stay_us,
        row_number() OVER of_agent > 1 AND lagInFrame(to_state, 1, '') OVER of_agent = from_state AS is_known
    FROM
    (
        SELECT
            workspace_id,
            agent_id,
            toString(from_state) AS from_state,
            toString(to_state) AS to_state,
            at,
            event_id
        FROM agent_lifecycle FINAL
        WHERE
            workspace_id != ''
            AND event_id != ''
            AND ({sees_all_workspaces:UInt8} = 1 OR workspace_id IN {visible_workspaces:Array(String)})
            AND (empty({workspace_ids:Array(String)}) OR workspace_id IN {workspace_ids:Array(String)})
            AND (empty({agent_ids:Array(String)}) OR agent_id IN {agent_ids:Array(String)})
            AND at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
    )
    WINDOW of_agent AS (
        PARTITION BY workspace_id, agent_id
        ORDER BY at, event_id
        ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
    )
)
WHERE at >= fromUnixTimestamp64Milli({from_ms:Int64}, 'UTC')
GROUP BY from_state, to_state
ORDER BY transitions DESC, from_state, to_state
LIMIT {limit:UInt32}
