-- Submissions: what was sent, so that what nobody reports on can be told from what was never sent.
--
-- A submission is its message and recipient: however often it comes, it is one row, and the first one received stays.
-- Nothing else in it is sure to be the same the next time, so it is not partitioned.

CREATE TABLE IF NOT EXISTS ${database}.submissions_store ${on_cluster} (
    event_id UUID,
    provider LowCardinality(String),
    account LowCardinality(String),
    message_id String,
    recipient String,
    country LowCardinality(String),
    reference String,
    submitted_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD),
    deadline_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD),
    received_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD),
    tags Map(LowCardinality(String), String) CODEC(ZSTD(3)),
    version UInt64 MATERIALIZED toUInt64(4398046511103 - toUnixTimestamp64Milli(received_at))
)
ENGINE = ${replicated}ReplacingMergeTree(version)
ORDER BY (provider, account, message_id, recipient)
${settings};

CREATE VIEW IF NOT EXISTS ${database}.submissions ${on_cluster} AS
SELECT
    event_id, provider, account, message_id, recipient, country, reference, submitted_at, deadline_at, received_at, tags
FROM ${database}.submissions_store FINAL;

-- The latest submissions in the order in which they came, for the pollers: asking about those of one hour reads those
-- of one hour. A copy of a submission is one question more, so copies may stay.
CREATE TABLE IF NOT EXISTS ${database}.submissions_lately ${on_cluster} (
    provider LowCardinality(String),
    account LowCardinality(String),
    received_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD),
    message_id String,
    recipient String,
    deadline_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD)
)
ENGINE = ${replicated}ReplacingMergeTree
PARTITION BY toYYYYMMDD(received_at)
ORDER BY (provider, account, received_at, message_id, recipient)
TTL toDateTime(received_at) + INTERVAL 15 DAY
${settings};

CREATE MATERIALIZED VIEW IF NOT EXISTS ${database}.submissions_lately_feed ${on_cluster}
TO ${database}.submissions_lately AS
SELECT provider, account, received_at, message_id, recipient, deadline_at FROM ${database}.submissions_store;

-- A message's state as 0001 has it, and its submission's part. A message that was submitted and not reported has no
-- report (`reports` = 0) and the status `unknown`. `missing`: submitted, and no final report by the deadline; `orphan`:
-- reported, and no submission.
--
-- Latency is that of the deciding report where it is final: by the provider's clock, or by ours where the provider has
-- none or its clock is behind the submission (`latency_clock` says which); a latency below zero is none.
CREATE OR REPLACE VIEW ${database}.messages ${on_cluster} AS
SELECT
    provider, account, message_id, recipient,
    if(reports > 0, state.1, submitted_country) AS country,
    state.2 AS operator, state.3 AS sender,
    if(state.4 != '', state.4, submitted_reference) AS reference,
    if(reports > 0, state.5, 'unknown') AS status, state.6 AS reason,
    state.7 AS provider_status, state.8 AS provider_code, state.9 AS provider_text,
    state.10 AS occurred_at,
    state.11 >= 4 AS final,
    reports,
    if(reports > 0, first_received_at, NULL) AS first_received_at,
    if(reports > 0, last_received_at, NULL) AS last_received_at,
    conflict,
    if(submitted, sent_at, NULL) AS submitted_at, if(submitted, due_at, NULL) AS deadline_at,
    multiIf(
        NOT submitted OR NOT final, '',
        occurred_at >= sent_at, 'provider',
        state.12 >= sent_at, 'receipt',
        '') AS latency_clock,
    multiIf(
        latency_clock = 'provider', dateDiff('microsecond', sent_at, assumeNotNull(occurred_at)) / 1000000,
        latency_clock = 'receipt', dateDiff('microsecond', sent_at, state.12) / 1000000,
        NULL) AS latency_seconds,
    NOT submitted AS orphan,
    submitted AND NOT final AND due_at < now64(6, 'UTC') AS missing,
    tags
FROM (
    SELECT
        provider, account, message_id, recipient,
        argMaxIf(
            (country, operator, sender, reference, status, reason, provider_status, provider_code, provider_text,
             occurred_at, rank, received_at),
            (rank, ifNull(occurred_at, toDateTime64(0, 3, 'UTC')), source != 'poll', received_at, event_id),
            reported
        ) AS state,
        countIf(reported) AS reports,
        minIf(received_at, reported) AS first_received_at,
        maxIf(received_at, reported) AS last_received_at,
        uniqExactIf(status, rank >= 4 AND NOT (source = 'poll' AND occurred_at IS NULL)) > 1
            OR (countIf(rank = 4) > 0 AND countIf(rank = 5) > 0) AS conflict,
        countIf(NOT reported) > 0 AS submitted,
        anyIf(country, NOT reported) AS submitted_country,
        anyIf(reference, NOT reported) AS submitted_reference,
        maxIf(submitted_at, NOT reported) AS sent_at,
        maxIf(deadline_at, NOT reported) AS due_at,
        groupArrayIf(1)(tags, NOT reported)[1] AS tags
    FROM (
        SELECT
            true AS reported, event_id, provider, account, message_id, recipient, country, operator, sender, reference,
            status, reason, provider_status, provider_code, provider_text, occurred_at, rank, source, received_at,
            toDateTime64(0, 6, 'UTC') AS submitted_at, toDateTime64(0, 6, 'UTC') AS deadline_at,
            CAST(map(), 'Map(LowCardinality(String), String)') AS tags
        FROM ${database}.reports_store FINAL
        UNION ALL
        SELECT
            false AS reported, event_id, provider, account, message_id, recipient, country, '' AS operator, '' AS sender,
            reference, '' AS status, '' AS reason, '' AS provider_status, '' AS provider_code, '' AS provider_text,
            NULL AS occurred_at, 0 AS rank, '' AS source, received_at, submitted_at, deadline_at, tags
        FROM ${database}.submissions_store FINAL
    )
    GROUP BY provider, account, message_id, recipient
)
SETTINGS do_not_merge_across_partitions_select_final = 1;

-- Reports that are missing, by the hour of submission; `silent` are the messages without any report at all.
CREATE OR REPLACE VIEW ${database}.missing ${on_cluster} AS
SELECT
    toStartOfHour(toDateTime(assumeNotNull(submitted_at), 'UTC')) AS hour,
    provider, account, country,
    count() AS submitted,
    countIf(missing) AS missing_reports,
    countIf(missing AND reports = 0) AS silent
FROM ${database}.messages
WHERE NOT orphan
GROUP BY hour, provider, account, country
HAVING missing_reports > 0;

-- Whether a country returns reports: of the submissions whose deadline has passed, the share that got a final report;
-- the same of those whose deadline passed in the last day. A country that never reports has had no share for long; in
-- an outage the last day's falls behind.
CREATE OR REPLACE VIEW ${database}.country_returns ${on_cluster} AS
SELECT
    provider, account, country,
    count() AS due,
    countIf(final) AS returned,
    returned / due AS share,
    countIf(deadline_at >= now64(6, 'UTC') - INTERVAL 1 DAY) AS due_lately,
    countIf(final AND deadline_at >= now64(6, 'UTC') - INTERVAL 1 DAY) AS returned_lately,
    if(due_lately > 0, returned_lately / due_lately, NULL) AS share_lately,
    maxIf(last_received_at, final) AS last_returned_at
FROM ${database}.messages
WHERE NOT orphan AND deadline_at < now64(6, 'UTC')
GROUP BY provider, account, country;
