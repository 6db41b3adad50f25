-- Of which messages did a provider report two different final states? (last 30 days; each with its reports of 60 days in the order of their receipt)
WITH
    now() - INTERVAL 30 DAY AS since,
    now() AS until
SELECT
    m.provider AS provider,
    m.account AS account,
    m.message_id AS message_id,
    m.recipient AS recipient,
    any(m.status) AS counts_as,
    arrayMap(x -> x.2, arraySort(groupArray((r.received_at, r.status)))) AS statuses,
    arrayMap(x -> x.2, arraySort(groupArray((r.received_at, r.provider_status)))) AS provider_statuses,
    max(r.received_at) AS last_received_at
FROM dlr.messages AS m
INNER JOIN dlr.reports AS r
    ON r.provider = m.provider AND r.account = m.account AND r.message_id = m.message_id AND r.recipient = m.recipient
WHERE m.conflict AND m.last_received_at >= since AND m.last_received_at < until
    AND r.received_at >= since - INTERVAL 30 DAY AND r.received_at < until
GROUP BY provider, account, message_id, recipient
ORDER BY last_received_at DESC, message_id, recipient
LIMIT 1000
