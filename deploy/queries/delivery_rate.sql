-- How many messages arrive, by country and operator? (messages first reported on in the last 30 days)
SELECT
    country,
    operator,
    countIf(final) AS messages,
    countIf(status = 'delivered') AS delivered,
    round(delivered / messages, 4) AS delivered_share,
    countIf(NOT final) AS undecided
FROM dlr.messages
WHERE first_received_at >= now() - INTERVAL 30 DAY
GROUP BY country, operator
HAVING messages > 0
ORDER BY messages DESC, country, operator
