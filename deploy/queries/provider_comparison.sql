-- Which provider delivers better on the same traffic? (last 30 days; pairs of providers, on the countries and days that both have)
--
-- A country's day counts for as much as the smaller of the two has of it, so that neither is judged by traffic that the
-- other did not have.
WITH
    now() - INTERVAL 30 DAY AS since,
    now() AS until,
    traffic AS (
        SELECT
            toDate(first_received_at) AS day,
            country,
            provider,
            count() AS messages,
            countIf(status = 'delivered') / messages AS share
        FROM dlr.messages
        WHERE final AND country != '' AND first_received_at >= since AND first_received_at < until
        GROUP BY day, country, provider
    )
SELECT
    a.provider AS provider,
    b.provider AS other,
    sum(least(a.messages, b.messages)) AS messages,
    round(sum(a.share * least(a.messages, b.messages)) / messages, 4) AS delivered_share,
    round(sum(b.share * least(a.messages, b.messages)) / messages, 4) AS other_share,
    round(delivered_share - other_share, 4) AS better_by
FROM traffic AS a
INNER JOIN traffic AS b ON a.day = b.day AND a.country = b.country
WHERE a.provider < b.provider
GROUP BY a.provider, b.provider
ORDER BY messages DESC, provider, other
LIMIT 1000
