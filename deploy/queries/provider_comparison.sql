-- Which provider delivers better on the same traffic? (last 30 days; pairs of providers, on the countries and days that both have)
--
-- A country's day counts for as much as the smaller of the two has of it, so that neither is judged by traffic that the
-- other did not have.
WITH
    now() - INTERVAL 30 DAY AS since,
    now() AS until,
    places AS (
        SELECT groupArray((provider, messages, share)) AS providers
        FROM (
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
        GROUP BY day, country
    )
SELECT
    a.1 AS provider,
    b.1 AS other,
    sum(least(a.2, b.2)) AS messages,
    round(sum(a.3 * least(a.2, b.2)) / messages, 4) AS delivered_share,
    round(sum(b.3 * least(a.2, b.2)) / messages, 4) AS other_share,
    round(delivered_share - other_share, 4) AS better_by
FROM (SELECT a, arrayJoin(providers) AS b FROM (SELECT providers, arrayJoin(providers) AS a FROM places))
WHERE provider < other
GROUP BY provider, other
ORDER BY messages DESC, provider, other
LIMIT 1000
