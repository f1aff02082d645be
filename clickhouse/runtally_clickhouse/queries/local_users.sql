-- People who sign in here, by email. An empty list does not filter.
SELECT
    email,
    argMax(password_hash, changed_at) AS hash,
    argMax(role, changed_at) AS user_role,
    argMax(workspaces, changed_at) AS user_workspaces,
    toUnixTimestamp64Micro(argMax(signed_in_since, changed_at)) AS signed_in_since_us,
    toUnixTimestamp64Micro(max(changed_at)) AS changed_at_us
FROM local_users
WHERE empty({emails:Array(String)}) OR email IN {emails:Array(String)}
GROUP BY email
HAVING NOT argMax(is_removed, changed_at)
ORDER BY email
