-- What some settings are for the call that asks: pins, profile and constraints taken together.
SELECT
    name,
    value
FROM system.settings
WHERE name IN {names:Array(String)}
ORDER BY name
