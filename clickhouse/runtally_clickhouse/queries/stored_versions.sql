-- The greatest stored version of each of these keys, deleted ones too: read without FINAL, which would hide them.
SELECT
    workspace_id,
    {key:Identifier} AS stored_key,
    max(version) AS stored_version
FROM {table:Identifier}
WHERE
    workspace_id IN {workspaces:Array(String)}
    AND ({keyed_at:Identifier}, {key:Identifier}) IN (
        SELECT
            UUIDv7ToDateTime(given, 'UTC'),
            given
        FROM (SELECT arrayJoin({keys:Array(UUID)}) AS given)
    )
GROUP BY workspace_id, stored_key
