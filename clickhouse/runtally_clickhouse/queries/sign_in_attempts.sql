-- How often somebody tried to sign in to an account since an instant, and since they last succeeded.
SELECT
    countIf(NOT succeeded AND attempted_at > last) AS attempts,
    toUnixTimestamp64Micro(minIf(attempted_at, NOT succeeded AND attempted_at > last)) AS first_us
FROM
(
    SELECT
        attempted_at,
        succeeded,
        maxIf(attempted_at, succeeded) OVER () AS last
    FROM sign_in_attempts
    WHERE account_sha256 = {account_sha256:String} AND attempted_at > fromUnixTimestamp64Micro({since_us:Int64}, 'UTC')
)
