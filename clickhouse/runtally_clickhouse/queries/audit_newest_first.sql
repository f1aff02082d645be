-- What was done by whom, newest first, after the entry at (before_us, before_id). With `only` just the entries that are
-- about some of `workspaces` and about no other.
SELECT
    toUnixTimestamp64Micro(recorded_at) AS recorded_at_us,
    entry_id,
    act,
    outcome,
    actor,
    actor_email,
    workspaces AS entry_workspaces,
    target,
    source_address,
    request_id,
    details
FROM audit_log
WHERE
    (recorded_at, entry_id) < (fromUnixTimestamp64Micro({before_us:Int64}, 'UTC'), {before_id:String})
    AND recorded_at >= fromUnixTimestamp64Micro({from_us:Int64}, 'UTC')
    AND ({only:UInt8} = 0 OR (notEmpty(workspaces) AND hasAll({workspaces:Array(String)}, workspaces)))
    AND (empty({acts:Array(String)}) OR act IN {acts:Array(String)})
    AND (empty({actors:Array(String)}) OR actor IN {actors:Array(String)})
ORDER BY recorded_at DESC, entry_id DESC
LIMIT {limit:UInt32}
