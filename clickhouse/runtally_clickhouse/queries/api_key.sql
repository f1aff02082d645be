-- One API key, and whether it was revoked.
SELECT
    key_id,
    any(secret_sha256) AS secret,
    any(name) AS key_name,
    any(permissions) AS key_permissions,
    any(workspaces) AS key_workspaces,
    toUnixTimestamp64Micro(any(expires_at)) AS expires_at_us,
    (SELECT count() FROM api_key_revocations WHERE key_id = {key_id:String}) > 0 AS revoked
FROM api_keys
WHERE key_id = {key_id:String}
GROUP BY key_id
