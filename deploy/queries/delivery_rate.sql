-- How many messages arrive, by country and operator? (last 30 days; by the day of the first report)
-- plot: x=country y=delivered_share series=operator
WITH
    now() - INTERVAL 30 DAY AS since,
    now() AS until
SELECT
    country,
    operator,
    countIf(final) AS messages,
    countIf(status = 'delivered') AS delivered,
    round(delivered / messages, 4) AS delivered_share,
    countIf(NOT final) AS undecided
FROM dlr.messages
WHERE first_received_at >= since AND first_received_at < until
GROUP BY country, operator
HAVING messages > 0
ORDER BY messages DESC, country, operator
LIMIT 1000
