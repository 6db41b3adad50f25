-- What is reported that nobody submitted? (by day of the first report, last 30 days; accounts without any submission are left out)
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
    AND first_received_at >= now() - INTERVAL 30 DAY
    AND (provider, account) IN (SELECT provider, account FROM dlr.submissions)
GROUP BY day, provider, account
HAVING orphans > 0
ORDER BY day DESC, provider, account
