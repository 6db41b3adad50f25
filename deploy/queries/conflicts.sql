-- Of which messages did a provider report two different final states? (last 30 days; the latest thousand, each with its reports of 60 days in the order of their receipt)
WITH
    now() - INTERVAL 30 DAY AS since,
    now() AS until,
    conflicting AS (
        SELECT provider, account, message_id, recipient, message_stamp, status, last_received_at
        FROM dlr.messages
        WHERE conflict AND last_received_at >= since AND last_received_at < until
        ORDER BY last_received_at DESC, message_id, recipient
        LIMIT 1000
    )
SELECT
    m.provider AS provider,
    m.account AS account,
    m.message_id AS message_id,
    m.recipient AS recipient,
    any(m.status) AS counts_as,
    arrayMap(x -> x.2, arraySort(groupArray((r.received_at, r.status)))) AS statuses,
    arrayMap(x -> x.2, arraySort(groupArray((r.received_at, r.provider_status)))) AS provider_statuses,
    max(r.received_at) AS last_received_at
FROM dlr.reports AS r
INNER JOIN conflicting AS m
    ON r.provider = m.provider AND r.account = m.account AND r.message_id = m.message_id AND r.recipient = m.recipient
    AND r.message_stamp = m.message_stamp
WHERE r.message_id IN (SELECT message_id FROM conflicting)
    AND r.received_at >= since - INTERVAL 30 DAY AND r.received_at < until
GROUP BY provider, account, message_id, recipient, m.message_stamp
ORDER BY last_received_at DESC, message_id, recipient
LIMIT 1000
