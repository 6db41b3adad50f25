-- Which codes are in no table, or came for the first time? (last 30 days; by day of receipt; new: not seen in the 90 days before)
WITH
    now() - INTERVAL 30 DAY AS since,
    now() AS until
SELECT
    day,
    provider,
    provider_status,
    provider_code,
    reports,
    unmapped,
    first_day = day AND day > provider_first_day AS new
FROM (
    SELECT
        toDate(received_at) AS day,
        provider,
        provider_status,
        provider_code,
        count() AS reports,
        countIf(unmapped) AS unmapped,
        min(day) OVER (PARTITION BY provider, provider_status, provider_code) AS first_day,
        min(day) OVER (PARTITION BY provider) AS provider_first_day
    FROM dlr.reports
    WHERE received_at >= since - INTERVAL 90 DAY AND received_at < until
    GROUP BY day, provider, provider_status, provider_code
)
WHERE day >= toDate(since) AND (unmapped > 0 OR new)
ORDER BY day DESC, provider, reports DESC, provider_status, provider_code
LIMIT 1000
