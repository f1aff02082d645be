-- In which state agents are at the end of a range, by their last transition before it.
SELECT
    state,
    count() AS agents,
    toUnixTimestamp64Milli(min(since)) AS longest_since_ms
FROM
(
    SELECT
        argMax(to_state, (at, event_id)) AS state,
        max(at) AS since
    FROM agent_lifecycle FINAL
    WHERE
        workspace_id != ''
        AND event_id != ''
        AND ({sees_all_workspaces:UInt8} = 1 OR workspace_id IN {visible_workspaces:Array(String)})
        AND (empty({workspace_ids:Array(String)}) OR workspace_id IN {workspace_ids:Array(String)})
        AND (empty({agent_ids:Array(String)}) OR agent_id IN {agent_ids:Array(String)})
        AND at < fromUnixTimestamp64Milli({to_ms:Int64}, 'UTC')
    GROUP BY workspace_id, agent_id
)
GROUP BY state
ORDER BY agents DESC, state
LIMIT {limit:UInt32}
