-- API keys without their secrets, newest first. With `only` just those whose workspaces are all among `workspaces`.
SELECT
    k.key_id AS key_id,
    k.name AS key_name,
    k.permissions AS key_permissions,
    k.workspaces AS key_workspaces,
    k.created_by AS created_by,
    toUnixTimestamp64Micro(k.created_at) AS created_at_us,
    toUnixTimestamp64Micro(k.expires_at) AS expires_at_us,
    r.revoked_at_us AS revoked_at_us,
    u.used_at_us AS used_at_us
FROM api_keys AS k
LEFT JOIN
(
    SELECT key_id AS revoked_key, toUnixTimestamp64Micro(min(revoked_at)) AS revoked_at_us
    FROM api_key_revocations
    GROUP BY key_id
) AS r ON r.revoked_key = k.key_id
LEFT JOIN
(
    SELECT key_id AS used_key, toUnixTimestamp64Micro(max(used_at)) AS used_at_us
    FROM api_key_uses
    GROUP BY key_id
) AS u ON u.used_key = k.key_id
WHERE
    (empty({key_ids:Array(String)}) OR k.key_id IN {key_ids:Array(String)})
    AND ({only:UInt8} = 0 OR hasAll({workspaces:Array(String)}, k.workspaces))
ORDER BY k.created_at DESC, k.key_id
LIMIT {limit:UInt32}
