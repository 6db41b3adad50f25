-- Which codes are in no table, or came for the first time? (by day of receipt, last 30 days; new: not seen in the days of the last 120 before)
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
    WHERE received_at >= now() - INTERVAL 120 DAY
    GROUP BY day, provider, provider_status, provider_code
)
WHERE day >= today() - 30 AND (unmapped > 0 OR new)
ORDER BY day DESC, provider, reports DESC, provider_status, provider_code
