-- Everything that is known of a family of refresh tokens.
SELECT
    event,
    token_sha256,
    nonce,
    email,
    toUnixTimestamp64Micro(began_at) AS began_at_us,
    toUnixTimestamp64Micro(expires_at) AS expires_at_us
FROM refresh_tokens
WHERE family = {family:String}
ORDER BY recorded_at, event
