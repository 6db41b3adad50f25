-- How long does a message take to arrive, by provider and country? (last 30 days; seconds since its submission; messages without a submission are not in it)
-- plot: x=country y=p50_seconds series=provider
WITH
    now() - INTERVAL 30 DAY AS since,
    now() AS until
SELECT
    provider,
    country,
    count() AS delivered,
    round(quantileExact(0.5)(latency_seconds), 1) AS p50_seconds,
    round(quantileExact(0.9)(latency_seconds), 1) AS p90_seconds,
    round(quantileExact(0.99)(latency_seconds), 1) AS p99_seconds,
    max(latency_seconds) AS slowest_seconds
FROM dlr.messages
WHERE status = 'delivered' AND latency_seconds IS NOT NULL AND submitted_at >= since AND submitted_at < until
GROUP BY provider, country
ORDER BY delivered DESC, provider, country
LIMIT 1000
