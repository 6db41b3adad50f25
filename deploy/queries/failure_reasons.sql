-- Why do messages fail, week by week? (last 12 weeks; a week begins on Monday, UTC; the share is of the week's decided messages)
-- plot: x=week y=failed series=reason
WITH
    toMonday(now()) - INTERVAL 11 WEEK AS since,
    now() AS until
SELECT
    week,
    provider,
    reason,
    failed,
    round(failed / decided, 4) AS share
FROM (
    SELECT
        toMonday(first_received_at) AS week,
        provider,
        reason,
        countIf(status != 'delivered') AS failed,
        sum(count()) OVER (PARTITION BY week, provider) AS decided
    FROM dlr.messages
    WHERE final AND first_received_at >= since AND first_received_at < until
    GROUP BY week, provider, reason
)
WHERE failed > 0
ORDER BY week DESC, provider, failed DESC, reason
LIMIT 1000
