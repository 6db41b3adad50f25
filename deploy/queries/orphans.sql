-- Which reports are on messages that nobody submitted? (last 30 days; by day of the first report; accounts without any submission in that time are left out)
-- plot: x=day y=orphans series=provider
WITH
    now() - INTERVAL 30 DAY AS since,
    now() AS until
SELECT
    toDate(first_received_at) AS day,
    provider,
    account,
    count() AS messages,
    countIf(orphan) AS orphans,
    round(orphans / messages, 4) AS share,
    groupArrayIf(5)(message_id, orphan) AS some
FROM dlr.messages
WHERE reports > 0
    AND first_received_at >= since
    AND first_received_at < until
    AND (provider, account) IN (SELECT provider, account FROM dlr.submissions WHERE submitted_at >= since AND submitted_at < until)
GROUP BY day, provider, account
HAVING orphans > 0
ORDER BY day DESC, provider, account
LIMIT 1000
