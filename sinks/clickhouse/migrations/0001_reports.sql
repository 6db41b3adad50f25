-- Reports, inbound messages and dead letters: a storage table each, and the view that an analyst reads.
--
-- The storage tables collapse by a key that is derived from the record alone, in a partition that is derived from the
-- record alone, so that the same report by whatever path and however often ends up as one row. Of several copies the
-- first one received stays (and of equal ones the one read by the newest tables): `version`.

CREATE DATABASE IF NOT EXISTS ${database} ${on_cluster};

CREATE TABLE IF NOT EXISTS ${database}.reports_store ${on_cluster} (
    event_id UUID,
    supersedes Nullable(UUID),
    provider LowCardinality(String),
    account LowCardinality(String),
    message_id String,
    message_stamp String,
    reference String,
    recipient String,
    country LowCardinality(String),
    operator LowCardinality(String),
    sender LowCardinality(String),
    status LowCardinality(String),
    reason LowCardinality(String),
    code_source LowCardinality(String),
    provider_status LowCardinality(String),
    provider_code LowCardinality(String),
    provider_text LowCardinality(String),
    occurred_at Nullable(DateTime64(3, 'UTC')),
    received_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD),
    source LowCardinality(String),
    custom String CODEC(ZSTD(3)),
    unmapped Bool,
    notes Array(LowCardinality(String)),
    stamp_day Date,
    raw String CODEC(ZSTD(3)),
    normalizer UInt16,
    identity UInt16,
    revision UInt16,
    rank UInt8 MATERIALIZED transform(
        status,
        ['unknown', 'scheduled', 'accepted', 'enroute', 'expired', 'deleted', 'undeliverable', 'rejected', 'delivered'],
        [0, 1, 2, 3, 4, 4, 4, 4, 5], 0),
    version UInt64 MATERIALIZED
        bitShiftLeft(toUInt64(4398046511103 - toUnixTimestamp64Milli(received_at)), 16) + normalizer,
    INDEX received_at_range received_at TYPE minmax GRANULARITY 1
)
ENGINE = ${replicated}ReplacingMergeTree(version)
PARTITION BY if(occurred_at >= '2000-01-01' AND occurred_at < '2100-01-01', toYYYYMMDD(assumeNotNull(occurred_at)), 0)
ORDER BY (provider, account, message_id, recipient, event_id)
${settings};

CREATE VIEW IF NOT EXISTS ${database}.reports ${on_cluster} AS
SELECT
    event_id, supersedes, provider, account, message_id, message_stamp, reference, recipient, country, operator, sender,
    status, reason, code_source, provider_status, provider_code, provider_text, occurred_at, received_at, source, custom,
    unmapped, notes, stamp_day, raw, normalizer, identity, revision
FROM ${database}.reports_store FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

-- A message's state is its report of the highest rank; between equal ranks the later occurred_at, then a callback over
-- a poll, then the later received_at. An answer to a poll that names no time is too coarse to contradict anything but
-- a delivery.
CREATE VIEW IF NOT EXISTS ${database}.messages ${on_cluster} AS
SELECT
    provider, account, message_id, recipient,
    state.1 AS country, state.2 AS operator, state.3 AS sender, state.4 AS reference,
    state.5 AS status, state.6 AS reason,
    state.7 AS provider_status, state.8 AS provider_code, state.9 AS provider_text,
    state.10 AS occurred_at,
    state.11 >= 4 AS final,
    reports, first_received_at, last_received_at, conflict
FROM (
    SELECT
        provider, account, message_id, recipient,
        argMax(
            (country, operator, sender, reference, status, reason, provider_status, provider_code, provider_text,
             occurred_at, rank),
            (rank, ifNull(occurred_at, toDateTime64(0, 3, 'UTC')), source != 'poll', received_at, event_id)
        ) AS state,
        count() AS reports,
        min(received_at) AS first_received_at,
        max(received_at) AS last_received_at,
        uniqExactIf(status, rank >= 4 AND NOT (source = 'poll' AND occurred_at IS NULL)) > 1
            OR (countIf(rank = 4) > 0 AND countIf(rank = 5) > 0) AS conflict
    FROM ${database}.reports_store FINAL
    GROUP BY provider, account, message_id, recipient
)
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE VIEW IF NOT EXISTS ${database}.stats ${on_cluster} AS
SELECT
    toStartOfMinute(toDateTime(received_at, 'UTC')) AS minute,
    provider, account, country, status, reason,
    count() AS reports
FROM ${database}.reports_store FINAL
GROUP BY minute, provider, account, country, status, reason
SETTINGS do_not_merge_across_partitions_select_final = 1;

CREATE TABLE IF NOT EXISTS ${database}.inbound_store ${on_cluster} (
    event_id UUID,
    provider LowCardinality(String),
    account LowCardinality(String),
    message_id String,
    sender String,
    recipient LowCardinality(String),
    content String CODEC(ZSTD(3)),
    occurred_at Nullable(DateTime64(3, 'UTC')),
    received_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD),
    source LowCardinality(String),
    stamp_day Date,
    raw String CODEC(ZSTD(3)),
    normalizer UInt16,
    identity UInt16,
    revision UInt16,
    version UInt64 MATERIALIZED toUInt64(4398046511103 - toUnixTimestamp64Milli(received_at)),
    INDEX received_at_range received_at TYPE minmax GRANULARITY 1
)
ENGINE = ${replicated}ReplacingMergeTree(version)
PARTITION BY if(occurred_at >= '2000-01-01' AND occurred_at < '2100-01-01', toYYYYMM(assumeNotNull(occurred_at)), 0)
ORDER BY (provider, account, message_id, sender, event_id)
${settings};

CREATE VIEW IF NOT EXISTS ${database}.inbound ${on_cluster} AS
SELECT
    event_id, provider, account, message_id, sender, recipient, content, occurred_at, received_at, source, stamp_day,
    raw, normalizer, identity, revision
FROM ${database}.inbound_store FINAL
SETTINGS do_not_merge_across_partitions_select_final = 1;

-- One row a receipt; the view shows one row a letter, since a provider sends what it was not acknowledged for again.
CREATE TABLE IF NOT EXISTS ${database}.dead_letters_store ${on_cluster} (
    id FixedString(32),
    provider LowCardinality(String),
    account LowCardinality(String),
    why LowCardinality(String),
    location String,
    detail String,
    method LowCardinality(String),
    path String,
    query String CODEC(ZSTD(3)),
    headers String CODEC(ZSTD(3)),
    body String CODEC(ZSTD(3)),
    body_encoding LowCardinality(String),
    received_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD)
)
ENGINE = ${replicated}ReplacingMergeTree
PARTITION BY toYYYYMM(received_at)
ORDER BY (id, received_at)
${settings};

CREATE VIEW IF NOT EXISTS ${database}.dead_letters ${on_cluster} AS
SELECT
    id,
    letter.1 AS provider, letter.2 AS account, letter.3 AS why, letter.4 AS location, letter.5 AS detail,
    letter.6 AS method, letter.7 AS path, letter.8 AS query, letter.9 AS headers, letter.10 AS body,
    letter.11 AS body_encoding,
    receipts, first_received_at, last_received_at
FROM (
    SELECT
        id,
        argMin(
            (provider, account, why, location, detail, method, path, query, headers, body, body_encoding), received_at
        ) AS letter,
        count() AS receipts,
        min(received_at) AS first_received_at,
        max(received_at) AS last_received_at
    FROM ${database}.dead_letters_store FINAL
    GROUP BY id
);
