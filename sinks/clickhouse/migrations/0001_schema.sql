-- The whole schema. `${local}` holds the storage tables, `${database}` the views that an analyst reads. Why the tables
-- are laid out as they are: deploy/docs/store.md.
--
-- `${internal}` is where rows are inserted and read. On a cluster it holds a Distributed table over each storage table, so
-- that rows of one message are on one shard. Elsewhere it is `${local}`, and statements that say Distributed( are left out.

CREATE DATABASE IF NOT EXISTS ${database} ${on_cluster};

-- The home of each message: read and written by `Store.insert` before it inserts (sinks/clickhouse/homes.py).
CREATE TABLE IF NOT EXISTS ${local}.message_homes ${on_cluster} (
    message_key UInt64 CODEC(Delta, ZSTD(1))
        COMMENT 'Hash of provider, account and message_id; two messages that share one share a home, which does no harm',
    home Date COMMENT 'Day (UTC) on which the first record of the message was received',
    generation UInt32 COMMENT 'How often the message was computed anew from its reports; rows of messages with a lower one are out of date',
    first_row UInt32 COMMENT 'Hash of the first message and recipient: a report with another one may be a copy that was read differently'
)
ENGINE = ${replicated}ReplacingMergeTree(generation)
ORDER BY message_key
${settings}, index_granularity = 256
COMMENT 'The day under which all rows of a message are stored';
CREATE TABLE IF NOT EXISTS ${internal}.message_homes ${on_cluster} AS ${local}.message_homes
ENGINE = Distributed('${cluster}', '${local}', 'message_homes', message_key);

-- On a cluster this reads every replica that answers, since a row is known once most replicas have it.
CREATE VIEW IF NOT EXISTS ${internal}.known_homes ${on_cluster} AS
SELECT message_key, home, generation, first_row FROM ${all_homes}
SETTINGS skip_unavailable_shards = 1
COMMENT 'The rows of message_homes, copies included';

CREATE TABLE IF NOT EXISTS ${local}.reports ${on_cluster} (
    event_id UUID CODEC(NONE),
    supersedes Nullable(UUID),
    provider LowCardinality(String),
    account LowCardinality(String),
    message_id String,
    reference String,
    message_stamp String,
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
    occurred_at Nullable(DateTime64(3, 'UTC')) CODEC(T64, ZSTD(1)),
    received_at DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    source LowCardinality(String),
    custom String CODEC(ZSTD(3)),
    unmapped Bool,
    notes Array(LowCardinality(String)),
    stamp_day Date DEFAULT if(
        occurred_at >= '2000-01-01' AND occurred_at < '2100-01-01', toDate(assumeNotNull(occurred_at)), toDate(0)),
    raw String CODEC(ZSTD(3)),
    normalizer UInt16,
    identity UInt16,
    revision UInt16,
    home Date DEFAULT toDate(received_at) COMMENT 'The home of the message, from message_homes',
    generation UInt32 COMMENT 'The generation of the message when this was inserted, from message_homes',
    is_deleted UInt8 COMMENT '1: a callback says what the poll with this event_id said, so that one does not count',
    message_key UInt64 COMMENT 'Hash of provider, account and message_id',
    message_row UInt64 COMMENT 'Tells messages of one message_key apart: 0 for the first one that was heard of, else a hash',
    day Date MATERIALIZED if(stamp_day = toDate(0), home, stamp_day)
        COMMENT 'First in the sort key, and immutable: the day in the provider''s own words, or the home of the message',
    version UInt64 MATERIALIZED if(
        is_deleted = 1, 18446744073709551615,
        bitShiftLeft(toUInt64(revision), 48) + 281474976710655 - toUInt64(greatest(toUnixTimestamp64Milli(received_at), 0)))
        CODEC(T64, ZSTD(1))
        COMMENT 'Which of several copies stays: the highest revision, of those the first one received',
    INDEX received_at_range received_at TYPE minmax GRANULARITY 1,
    INDEX message_id_filter message_id TYPE bloom_filter(0.0001) GRANULARITY 1,
    INDEX recipient_filter recipient TYPE bloom_filter(0.0001) GRANULARITY 1,
    INDEX reference_filter reference TYPE bloom_filter(0.0001) GRANULARITY 1
)
ENGINE = ${replicated}ReplacingMergeTree(version, is_deleted)
PARTITION BY toRelativeDayNum(day) % 32
PRIMARY KEY (day, message_key)
ORDER BY (day, message_key, event_id)
${settings}, ${large}
COMMENT 'Every copy of every report, until a merge leaves one of each; read it through ${database}.reports';
CREATE TABLE IF NOT EXISTS ${internal}.reports ${on_cluster} AS ${local}.reports
ENGINE = Distributed('${cluster}', '${local}', 'reports', message_key);

CREATE VIEW IF NOT EXISTS ${database}.reports ${on_cluster} AS
SELECT
    event_id, provider, account, message_id, reference, message_stamp, recipient, country, operator, sender,
    status, reason,
    status IN ('expired', 'deleted', 'undeliverable', 'rejected', 'delivered') AS final,
    final AND status != 'delivered' AS failed,
    multiIf(
        NOT failed, '',
        reason IN ('expired', 'absent_subscriber', 'handset_error', 'network_error', 'throttled', 'insufficient_balance',
            'insufficient_subscriber_credit', 'spend_limit', 'provider_error'), 'temporary',
        reason IN ('deleted', 'no_route', 'invalid_number', 'blocklisted', 'subscriber_barred', 'content_rejected',
            'not_registered', 'unsupported'), 'permanent',
        'unknown') AS retryable,
    code_source, provider_status, provider_code, provider_text, occurred_at, received_at, source, custom, unmapped,
    notes, stamp_day, raw, normalizer, identity, revision, supersedes
FROM ${internal}.reports FINAL
SETTINGS ${exact}
COMMENT 'One row a delivery report, however often and by whatever path it came. Bound a question by received_at';

CREATE VIEW IF NOT EXISTS ${database}.stats ${on_cluster} AS
SELECT
    toStartOfMinute(toDateTime(received_at, 'UTC')) AS minute,
    provider, account, country, status, reason,
    count() AS reports
FROM ${internal}.reports FINAL
GROUP BY minute, provider, account, country, status, reason
SETTINGS ${exact}
COMMENT 'Reports by the minute of their first receipt. Bound a question by minute';

CREATE TABLE IF NOT EXISTS ${local}.submissions ${on_cluster} (
    event_id UUID CODEC(NONE),
    provider LowCardinality(String),
    account LowCardinality(String),
    message_id String,
    recipient String,
    country LowCardinality(String),
    reference String,
    submitted_at DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    deadline_at DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    received_at DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    tags Map(LowCardinality(String), String) CODEC(ZSTD(3)),
    home Date DEFAULT toDate(received_at) COMMENT 'The home of the message, from message_homes',
    generation UInt32 COMMENT 'The generation of the message when this was inserted, from message_homes',
    message_key UInt64 COMMENT 'As in reports',
    message_row UInt64 COMMENT 'As in reports',
    version UInt64 MATERIALIZED 281474976710655 - toUInt64(greatest(toUnixTimestamp64Milli(received_at), 0))
        CODEC(T64, ZSTD(1)) COMMENT 'Which of several copies stays: the first one received',
    INDEX received_at_range received_at TYPE minmax GRANULARITY 1,
    INDEX submitted_at_range submitted_at TYPE minmax GRANULARITY 1,
    INDEX message_id_filter message_id TYPE bloom_filter(0.0001) GRANULARITY 1,
    INDEX recipient_filter recipient TYPE bloom_filter(0.0001) GRANULARITY 1,
    INDEX reference_filter reference TYPE bloom_filter(0.0001) GRANULARITY 1
)
ENGINE = ${replicated}ReplacingMergeTree(version)
PARTITION BY toRelativeDayNum(home) % 32
PRIMARY KEY (home, message_key)
ORDER BY (home, message_key, recipient, message_id, account, provider)
${settings}, ${large}
COMMENT 'Every copy of every submission, until a merge leaves one of each; read it through ${database}.submissions';
CREATE TABLE IF NOT EXISTS ${internal}.submissions ${on_cluster} AS ${local}.submissions
ENGINE = Distributed('${cluster}', '${local}', 'submissions', message_key);

CREATE VIEW IF NOT EXISTS ${database}.submissions ${on_cluster} AS
SELECT
    event_id, provider, account, message_id, recipient, country, reference, submitted_at, deadline_at, received_at, tags
FROM ${internal}.submissions FINAL
SETTINGS ${exact}
COMMENT 'One row a message and recipient that was submitted; of several copies the first one received';

-- The latest submissions in the order in which they came, for the pollers: a query for the submissions of one
-- hour reads the rows of that hour. A copy of a submission costs one more request to the provider, so copies may stay.
CREATE TABLE IF NOT EXISTS ${local}.submissions_lately ${on_cluster} (
    provider LowCardinality(String),
    account LowCardinality(String),
    received_at DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    message_id String,
    recipient String,
    deadline_at DateTime64(6, 'UTC') CODEC(T64, ZSTD(1))
)
ENGINE = ${replicated}ReplacingMergeTree
PARTITION BY toYYYYMMDD(received_at)
ORDER BY (provider, account, received_at, message_id, recipient)
TTL toDateTime(received_at) + INTERVAL 15 DAY
${settings}
COMMENT 'Submissions of the last 15 days in the order of their receipt, for the pollers';
CREATE TABLE IF NOT EXISTS ${internal}.submissions_lately ${on_cluster} AS ${local}.submissions_lately
ENGINE = Distributed('${cluster}', '${local}', 'submissions_lately');

CREATE MATERIALIZED VIEW IF NOT EXISTS ${local}.submissions_lately_feed ${on_cluster}
TO ${local}.submissions_lately AS
SELECT provider, account, received_at, message_id, recipient, deadline_at FROM ${local}.submissions;

CREATE VIEW IF NOT EXISTS ${database}.submissions_lately ${on_cluster} AS
SELECT provider, account, received_at, message_id, recipient, deadline_at FROM ${internal}.submissions_lately
COMMENT 'For the pollers: submissions of the last 15 days in the order of their receipt, copies included';

-- The state of each message. Every column is a state that only grows (a maximum, a minimum, a set, a bit mask), so
-- that rows of one message may come in any order and any number of times, and be merged at any time.
CREATE TABLE IF NOT EXISTS ${local}.messages ${on_cluster} (
    home Date,
    message_key UInt64 CODEC(Delta, ZSTD(1)) COMMENT 'As in reports',
    generation UInt32 COMMENT 'As in message_homes',
    message_row UInt64 COMMENT 'As in reports',
    provider SimpleAggregateFunction(any, LowCardinality(String)),
    account SimpleAggregateFunction(any, LowCardinality(String)),
    message_id SimpleAggregateFunction(any, String),
    recipient SimpleAggregateFunction(any, String),
    message_stamp SimpleAggregateFunction(any, String),
    precedence SimpleAggregateFunction(max, UInt64)
        COMMENT 'The greatest of its reports. Its report decides; it holds that one''s status and occurred_at: see messages_from_reports',
    outcome SimpleAggregateFunction(max, Tuple(
        precedence UInt64, reason String, provider_status String, provider_code String, provider_text String))
        COMMENT 'Of the report that decides. A query that needs none of it, but the status, reads much less',
    country SimpleAggregateFunction(max, LowCardinality(String)) COMMENT 'Of its reports; of several the greatest',
    operator SimpleAggregateFunction(max, LowCardinality(String)) COMMENT 'Like country',
    sender SimpleAggregateFunction(max, String) COMMENT 'Like country',
    reference SimpleAggregateFunction(max, String) COMMENT 'Like country',
    first_received_at SimpleAggregateFunction(min, Nullable(DateTime64(6, 'UTC'))) CODEC(T64, ZSTD(1)),
    last_received_at SimpleAggregateFunction(max, Nullable(DateTime64(6, 'UTC'))) CODEC(T64, ZSTD(1)),
    delivered_received_at SimpleAggregateFunction(min, Nullable(DateTime64(6, 'UTC'))) CODEC(T64, ZSTD(1))
        COMMENT 'When the first report of a delivery was received',
    failed_received_at SimpleAggregateFunction(min, Nullable(DateTime64(6, 'UTC'))) CODEC(T64, ZSTD(1))
        COMMENT 'When the first report of a failure was received',
    events SimpleAggregateFunction(groupUniqArrayArray, Array(UInt32)) COMMENT 'Hashes of the event_ids of its reports',
    superseded SimpleAggregateFunction(groupUniqArrayArray, Array(UInt32))
        COMMENT 'Hashes of the event_ids that do not count, since a callback says the same',
    finals SimpleAggregateFunction(groupBitOr, UInt8)
        COMMENT 'Bits 0 to 4: this final status was reported; 5, 6: a failure, a delivery was (also by a poll without time)',
    days SimpleAggregateFunction(groupUniqArrayArray, Array(Date)) COMMENT 'The days of its reports in the table reports',
    submitted_at SimpleAggregateFunction(min, Nullable(DateTime64(6, 'UTC'))) CODEC(T64, ZSTD(1)),
    deadline_at SimpleAggregateFunction(min, Nullable(DateTime64(6, 'UTC'))) CODEC(T64, ZSTD(1)),
    submission SimpleAggregateFunction(max, String)
        COMMENT 'Of the submission that was received first: 16 digits of its version, then its reference and tags as JSON',
    claimed SimpleAggregateFunction(max, UInt8)
        COMMENT '1: its submission belongs to messages of the same id that have a message_stamp',
    replaced SimpleAggregateFunction(max, UInt8) COMMENT '1: the message was computed anew under a later generation',
    ready SimpleAggregateFunction(max, UInt8) COMMENT '1: this later generation of the message is complete',
    -- For an index on a nullable column, NULL is later than any time: each granule with one would be read. Here it counts as
    -- the value that lies below it, which is 1970.
    INDEX first_received_at_range assumeNotNull(first_received_at) TYPE minmax GRANULARITY 1,
    INDEX last_received_at_range assumeNotNull(last_received_at) TYPE minmax GRANULARITY 1,
    INDEX submitted_at_range assumeNotNull(submitted_at) TYPE minmax GRANULARITY 1,
    INDEX message_id_filter message_id TYPE bloom_filter(0.0001) GRANULARITY 1,
    INDEX recipient_filter recipient TYPE bloom_filter(0.0001) GRANULARITY 1
)
ENGINE = ${replicated}AggregatingMergeTree
PARTITION BY toRelativeDayNum(home) % 32
PRIMARY KEY (home, message_key)
ORDER BY (home, message_key, generation, message_row)
${settings}, ${large}
COMMENT 'The state of each message, in parts that merges add up; read it through ${database}.messages';
CREATE TABLE IF NOT EXISTS ${internal}.messages ${on_cluster} AS ${local}.messages
ENGINE = Distributed('${cluster}', '${local}', 'messages', message_key);

-- The way from reports to messages: a row that is inserted here becomes rows of messages, and is not kept.
--
-- Which report decides is one number, `precedence`, of which the greatest wins. Its bits, from the highest:
--     3  rank
--     1  whether occurred_at is known
--    45  occurred_at (ms since 1900), then whether it is a callback; or, without occurred_at, first whether it is a
--        callback, then received_at (ms)
--    11  none
--     4  status
-- Of equal ones the greatest outcome decides, which is the same one everywhere.
--
-- A copy has no first_received_at, and 1970 below that NULL, for the index on it (see messages).
CREATE TABLE IF NOT EXISTS ${local}.reports_to_messages ${on_cluster} (
    home Date,
    message_key UInt64,
    generation UInt32,
    message_row UInt64,
    day Date,
    event_id UUID CODEC(NONE),
    supersedes Nullable(UUID),
    provider LowCardinality(String),
    account LowCardinality(String),
    message_id String,
    reference String,
    message_stamp String,
    recipient String,
    country LowCardinality(String),
    operator LowCardinality(String),
    sender LowCardinality(String),
    status LowCardinality(String),
    reason LowCardinality(String),
    provider_status LowCardinality(String),
    provider_code LowCardinality(String),
    provider_text LowCardinality(String),
    occurred_at Nullable(DateTime64(3, 'UTC')),
    received_at DateTime64(6, 'UTC'),
    source LowCardinality(String),
    is_copy Bool COMMENT 'Whether a report with this event_id was received before'
)
ENGINE = Null
COMMENT 'Keeps nothing: what is inserted becomes rows of messages';
CREATE TABLE IF NOT EXISTS ${internal}.reports_to_messages ${on_cluster} AS ${local}.reports_to_messages
ENGINE = Distributed('${cluster}', '${local}', 'reports_to_messages', message_key);

CREATE MATERIALIZED VIEW IF NOT EXISTS ${local}.messages_from_reports ${on_cluster}
TO ${local}.messages AS
WITH
    toUInt64(source != 'poll') AS callback,
    transform(
        status,
        ['scheduled', 'accepted', 'enroute', 'expired', 'deleted', 'undeliverable', 'rejected', 'delivered'],
        [1, 2, 3, 4, 4, 4, 4, 5], 0) AS rank,
    bitShiftLeft(toUInt64(rank), 61)
        + if(occurred_at IS NULL,
            bitShiftLeft(callback, 59) + bitShiftLeft(toUInt64(greatest(toUnixTimestamp64Milli(received_at), 0)), 15),
            bitShiftLeft(toUInt64(1), 60) + bitShiftLeft(callback, 15)
                + bitShiftLeft(toUInt64(toUnixTimestamp64Milli(assumeNotNull(occurred_at)) + 2208988800000), 16))
        + transform(
            status,
            ['scheduled', 'accepted', 'enroute', 'expired', 'deleted', 'undeliverable', 'rejected', 'delivered'],
            [1, 2, 3, 4, 5, 6, 7, 8], 9) AS precedence
SELECT
    home, message_key, generation, message_row, provider, account, message_id, recipient, message_stamp,
    precedence,
    (precedence, reason, provider_status, provider_code, provider_text) AS outcome,
    country,
    operator,
    sender,
    reference,
    nullIf(if(is_copy, toDateTime64(0, 6, 'UTC'), received_at), toDateTime64(0, 6, 'UTC')) AS first_received_at,
    received_at AS last_received_at,
    if(rank = 5, received_at, NULL) AS delivered_received_at,
    if(rank = 4, received_at, NULL) AS failed_received_at,
    [toUInt32(cityHash64(event_id) % 4294967296)] AS events,
    if(supersedes IS NULL, [], [toUInt32(cityHash64(assumeNotNull(supersedes)) % 4294967296)]) AS superseded,
    if(source = 'poll' AND occurred_at IS NULL, 0, transform(
            status, ['expired', 'deleted', 'undeliverable', 'rejected', 'delivered'], [1, 2, 4, 8, 16], 0))
        + if(rank = 4, 32, 0) + if(rank = 5, 64, 0) AS finals,
    [day] AS days
FROM ${local}.reports_to_messages;

-- Messages that were computed anew (generation) and reports that were read again (revision) do not go this way:
-- sinks/clickhouse/messages.py computes their messages from all of their reports.
CREATE MATERIALIZED VIEW IF NOT EXISTS ${local}.reports_feed ${on_cluster}
TO ${local}.reports_to_messages AS
SELECT
    home, message_key, generation, message_row, day, event_id, supersedes, provider, account, message_id, reference, message_stamp,
    recipient, country, operator, sender, status, reason, provider_status, provider_code, provider_text, occurred_at,
    received_at, source
FROM ${local}.reports
WHERE is_deleted = 0 AND generation = 0 AND revision = 0;

-- When they were received counts all the same. No message is shown by such a row alone, since `ready` is 0 in it.
CREATE MATERIALIZED VIEW IF NOT EXISTS ${local}.receipts_feed ${on_cluster}
TO ${local}.messages AS
SELECT
    home, message_key, generation, message_row, provider, account, message_id, recipient, message_stamp,
    received_at AS last_received_at
FROM ${local}.reports
WHERE is_deleted = 0 AND generation > 0 AND revision = 0;

-- The same for submissions. message_stamp is that of the reports that the submission belongs to, or empty.
CREATE TABLE IF NOT EXISTS ${local}.submissions_to_messages ${on_cluster} (
    home Date,
    message_key UInt64,
    generation UInt32,
    message_row UInt64,
    provider LowCardinality(String),
    account LowCardinality(String),
    message_id String,
    recipient String,
    message_stamp String,
    country LowCardinality(String),
    reference String,
    submitted_at DateTime64(6, 'UTC'),
    deadline_at DateTime64(6, 'UTC'),
    tags Map(LowCardinality(String), String),
    version UInt64
)
ENGINE = Null
COMMENT 'Keeps nothing: what is inserted becomes rows of messages';
CREATE TABLE IF NOT EXISTS ${internal}.submissions_to_messages ${on_cluster} AS ${local}.submissions_to_messages
ENGINE = Distributed('${cluster}', '${local}', 'submissions_to_messages', message_key);

CREATE MATERIALIZED VIEW IF NOT EXISTS ${local}.messages_from_submissions ${on_cluster}
TO ${local}.messages AS
SELECT
    home, message_key, generation, message_row, provider, account, message_id, recipient, message_stamp,
    country,
    submitted_at, deadline_at,
    concat(
        leftPad(toString(version), 16, '0'),
        toJSONString(CAST((reference, tags), 'Tuple(reference String, tags Map(String, String))'))) AS submission
FROM ${local}.submissions_to_messages;

CREATE MATERIALIZED VIEW IF NOT EXISTS ${local}.submissions_feed ${on_cluster}
TO ${local}.submissions_to_messages AS
SELECT
    home, message_key, generation, message_row, provider, account, message_id, recipient, '' AS message_stamp, country, reference,
    submitted_at, deadline_at, tags, version
FROM ${local}.submissions;

-- The inner SELECT reads whole columns: FINAL does not merge a column of which only an element is read.
CREATE VIEW IF NOT EXISTS ${database}.messages ${on_cluster} AS
WITH JSONExtract(
    substring(submission, 17), 'Tuple(reference String, tags Map(LowCardinality(String), String))') AS submitted
SELECT
    provider, account, message_id, recipient, message_stamp,
    country,
    operator,
    sender,
    if(reported_reference != '', reported_reference, submitted.reference) AS reference,
    transform(
        bitAnd(precedence, 15), [1, 2, 3, 4, 5, 6, 7, 8],
        ['scheduled', 'accepted', 'enroute', 'expired', 'deleted', 'undeliverable', 'rejected', 'delivered'],
        'unknown') AS status,
    outcome.reason AS reason,
    bitShiftRight(precedence, 61) >= 4 AS final,
    bitShiftRight(precedence, 61) = 4 AS failed,
    multiIf(
        NOT failed, '',
        outcome.reason IN ('expired', 'absent_subscriber', 'handset_error', 'network_error', 'throttled',
            'insufficient_balance', 'insufficient_subscriber_credit', 'spend_limit', 'provider_error'), 'temporary',
        outcome.reason IN ('deleted', 'no_route', 'invalid_number', 'blocklisted', 'subscriber_barred', 'content_rejected',
            'not_registered', 'unsupported'), 'permanent',
        'unknown') AS retryable,
    outcome.provider_status AS provider_status,
    outcome.provider_code AS provider_code,
    outcome.provider_text AS provider_text,
    if(bitTest(precedence, 60), fromUnixTimestamp64Milli(
        toInt64(bitAnd(bitShiftRight(precedence, 16), 17592186044415)) - 2208988800000, 'UTC'), NULL) AS occurred_at,
    arrayCount(event -> NOT has(superseded, event), events) AS reports,
    first_received_at,
    last_received_at,
    bitCount(bitAnd(finals, 31)) > 1 OR bitAnd(finals, 96) = 96 AS conflict,
    submitted_at,
    deadline_at,
    multiIf(
        submitted_at IS NULL OR NOT final, '',
        occurred_at >= submitted_at, 'provider',
        if(failed, failed_received_at, delivered_received_at) >= submitted_at, 'receipt',
        '') AS latency_clock,
    multiIf(
        latency_clock = 'provider', dateDiff('microsecond', submitted_at, occurred_at) / 1000000,
        latency_clock = 'receipt',
        dateDiff('microsecond', submitted_at, if(failed, failed_received_at, delivered_received_at)) / 1000000,
        NULL) AS latency_seconds,
    submitted_at IS NULL AS orphan,
    submitted_at IS NOT NULL AND NOT final AND deadline_at < now64(6, 'UTC') AS missing,
    submitted.tags AS tags
FROM (
    SELECT
        provider, account, message_id, recipient, message_stamp, precedence, outcome, country, operator,
        sender, reference AS reported_reference,
        events, superseded,
        first_received_at, last_received_at, delivered_received_at, failed_received_at, finals, submitted_at,
        deadline_at, submission, claimed
    FROM ${internal}.messages FINAL
    WHERE replaced = 0 AND (generation = 0 OR ready = 1)
)
WHERE NOT (claimed = 1 AND precedence = 0)
SETTINGS ${exact}
COMMENT 'One row a message and recipient: its state by its reports and its submission. Bound a question by first_received_at or submitted_at';

CREATE VIEW IF NOT EXISTS ${database}.missing ${on_cluster} AS
SELECT
    toStartOfHour(toDateTime(assumeNotNull(submitted_at), 'UTC')) AS hour,
    provider, account, country,
    count() AS submitted,
    countIf(missing) AS missing_reports,
    countIf(missing AND reports = 0) AS silent
FROM ${database}.messages
WHERE NOT orphan
GROUP BY hour, provider, account, country
HAVING missing_reports > 0
COMMENT 'Messages that were submitted and have no final report by their deadline, by the hour of submission. Bound a question by hour';

-- A country that never reports has had no share for long; in an outage the last day's falls behind.
CREATE VIEW IF NOT EXISTS ${database}.country_returns ${on_cluster} AS
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
WHERE submitted_at >= now64(6, 'UTC') - INTERVAL 30 DAY AND deadline_at < now64(6, 'UTC')
GROUP BY provider, account, country
COMMENT 'Whether a country returns reports: of the submissions of 30 days whose deadline has passed, the share that got a final report';

CREATE TABLE IF NOT EXISTS ${local}.inbound ${on_cluster} (
    event_id UUID,
    provider LowCardinality(String),
    account LowCardinality(String),
    message_id String,
    sender String,
    recipient LowCardinality(String),
    content String CODEC(ZSTD(3)),
    occurred_at Nullable(DateTime64(3, 'UTC')) CODEC(T64, ZSTD(1)),
    received_at DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    source LowCardinality(String),
    stamp_day Date,
    raw String CODEC(ZSTD(3)),
    normalizer UInt16,
    identity UInt16,
    revision UInt16,
    version UInt64 MATERIALIZED
        bitShiftLeft(toUInt64(revision), 48) + 281474976710655 - toUInt64(greatest(toUnixTimestamp64Milli(received_at), 0))
        COMMENT 'As in reports',
    INDEX received_at_range received_at TYPE minmax GRANULARITY 1,
    INDEX sender_filter sender TYPE bloom_filter(0.0001) GRANULARITY 1
)
ENGINE = ${replicated}ReplacingMergeTree(version)
PARTITION BY toRelativeDayNum(stamp_day) % 32
ORDER BY (stamp_day, event_id)
${settings}, ${large}
COMMENT 'Every copy of every inbound message, until a merge leaves one of each; read it through ${database}.inbound';
CREATE TABLE IF NOT EXISTS ${internal}.inbound ${on_cluster} AS ${local}.inbound
ENGINE = Distributed('${cluster}', '${local}', 'inbound', cityHash64(event_id));

CREATE VIEW IF NOT EXISTS ${database}.inbound ${on_cluster} AS
SELECT
    event_id, provider, account, message_id, sender, recipient, content, occurred_at, received_at, source, stamp_day, raw,
    normalizer, identity, revision
FROM ${internal}.inbound FINAL
SETTINGS ${exact}
COMMENT 'One row a message that came from a phone (MO)';

CREATE TABLE IF NOT EXISTS ${local}.dead_letters ${on_cluster} (
    id FixedString(32),
    provider LowCardinality(String),
    account LowCardinality(String),
    why LowCardinality(String),
    location String,
    detail String,
    kind LowCardinality(String),
    method LowCardinality(String),
    path String,
    query String CODEC(ZSTD(3)),
    headers String CODEC(ZSTD(3)),
    body String CODEC(ZSTD(3)),
    body_encoding LowCardinality(String),
    received_at DateTime64(6, 'UTC') CODEC(T64, ZSTD(1)),
    resolved_at Nullable(DateTime64(3, 'UTC')),
    resolution String COMMENT 'Empty: a receipt; else what came of a replay at received_at',
    INDEX received_at_range received_at TYPE minmax GRANULARITY 1,
    INDEX id_filter id TYPE bloom_filter(0.0001) GRANULARITY 1
)
ENGINE = ${replicated}ReplacingMergeTree
PARTITION BY toRelativeDayNum(toDate(received_at)) % 32
ORDER BY (id, received_at, resolution)
${settings}
COMMENT 'One row a receipt of what could not be read, and one a replay of it; read it through ${database}.dead_letters';
CREATE TABLE IF NOT EXISTS ${internal}.dead_letters ${on_cluster} AS ${local}.dead_letters
ENGINE = Distributed('${cluster}', '${local}', 'dead_letters', cityHash64(id));

CREATE VIEW IF NOT EXISTS ${database}.dead_letter_receipts ${on_cluster} AS
SELECT id, provider, account, why, location, detail, kind, method, path, query, headers, body, body_encoding, received_at
FROM ${internal}.dead_letters FINAL
WHERE resolution = ''
SETTINGS ${exact}
COMMENT 'One row a receipt of what could not be read. Bound a question by received_at';

CREATE VIEW IF NOT EXISTS ${database}.dead_letters ${on_cluster} AS
SELECT
    id,
    letter.1 AS provider, letter.2 AS account, letter.3 AS why, letter.4 AS location, letter.5 AS detail,
    letter.6 AS kind, letter.7 AS method, letter.8 AS path, letter.9 AS query, letter.10 AS headers, letter.11 AS body,
    letter.12 AS body_encoding,
    receipts, first_received_at, last_received_at,
    if(resolved_last >= last_received_at, resolved_last, NULL) AS resolved_at,
    resolution_last AS resolution
FROM (
    SELECT
        id,
        argMinIf(
            (provider, account, why, location, detail, kind, method, path, query, headers, body, body_encoding),
            received_at, resolution = ''
        ) AS letter,
        countIf(resolution = '') AS receipts,
        minIf(received_at, resolution = '') AS first_received_at,
        maxIf(received_at, resolution = '') AS last_received_at,
        max(resolved_at) AS resolved_last,
        argMaxIf(resolution, received_at, resolution != '') AS resolution_last
    FROM ${internal}.dead_letters FINAL
    GROUP BY id
)
WHERE receipts > 0
COMMENT 'One row a callback that could not be read, whole: a provider''s retries of it are one letter with a count';

CREATE TABLE IF NOT EXISTS ${database}.codes ${on_cluster} (
    provider LowCardinality(String) COMMENT 'Provider that uses the code',
    account LowCardinality(String) COMMENT 'Account that the code was added for in the settings; empty: every account',
    kind LowCardinality(String) COMMENT 'status or error: CM has a table of each',
    code String COMMENT 'The code as the provider''s document writes it',
    status LowCardinality(String) COMMENT 'What it means: SMPP''s message state in lower case; empty for codes that say only why',
    reason LowCardinality(String) COMMENT 'Why the message failed; empty where it did not',
    persistence LowCardinality(String) COMMENT 'Whether sending again can help: temporary, permanent or unknown',
    meaning String COMMENT 'The provider''s own words',
    english String COMMENT 'The same in English',
    source LowCardinality(String) COMMENT 'document (the provider''s), smpp (SMPP 3.4) or settings (the operator''s)',
    document String COMMENT 'Document and section that it was read from'
)
ENGINE = ${replicated}MergeTree(${everywhere})
ORDER BY (provider, account, kind, code)
${settings}
COMMENT 'Every provider code that is known, and what it means; replaced at each start of the store process';

CREATE TABLE IF NOT EXISTS ${internal}.codes ${on_cluster} AS ${database}.codes
ENGINE = ${replicated}MergeTree(${everywhere})
ORDER BY (provider, account, kind, code)
${settings}
COMMENT 'The next content of ${database}.codes, while it is written';

-- What each column of a view holds.

ALTER TABLE ${database}.reports ${on_cluster}
    COMMENT COLUMN event_id 'Identity of the report, from the provider''s own words: the same however often and by whatever path it comes',
    COMMENT COLUMN provider 'Provider: cm, juhe, santo, cloudsms, cmessages',
    COMMENT COLUMN account 'Account at the provider, as the settings name it',
    COMMENT COLUMN message_id 'The provider''s id of the message',
    COMMENT COLUMN reference 'The customer''s own reference of the message',
    COMMENT COLUMN message_stamp 'When CM created the message, in its own words: tells messages apart that share an id',
    COMMENT COLUMN recipient 'Number the message was sent to: E.164 with +, or as received where it can''t be read',
    COMMENT COLUMN country 'Country of the recipient: ISO 3166-1 alpha-2, or empty',
    COMMENT COLUMN operator 'Operator as the provider gives it; CM: MCC-MNC',
    COMMENT COLUMN sender 'Sender as the provider gives it',
    COMMENT COLUMN status 'State: SMPP''s message states in lower case',
    COMMENT COLUMN reason 'Why the message failed; empty where it did not',
    COMMENT COLUMN final '1: nothing is expected to follow',
    COMMENT COLUMN failed '1: the message is known not to have arrived',
    COMMENT COLUMN retryable 'Whether sending a failed message again can help: temporary, permanent or unknown; empty where it did not fail',
    COMMENT COLUMN code_source 'Table that gave the code its meaning: document, smpp or settings; empty: none',
    COMMENT COLUMN provider_status 'The provider''s status, as it came',
    COMMENT COLUMN provider_code 'The provider''s error code, as it came',
    COMMENT COLUMN provider_text 'The provider''s explanation, as it came',
    COMMENT COLUMN occurred_at 'When it happened by the provider''s clock (UTC); null where it names no time',
    COMMENT COLUMN received_at 'When it was first received here (UTC)',
    COMMENT COLUMN source 'How it came: callback, poll or replay',
    COMMENT COLUMN custom 'JSON that the customer attached to the message',
    COMMENT COLUMN unmapped 'Whether the provider''s code is in no table',
    COMMENT COLUMN notes 'What was odd about the report',
    COMMENT COLUMN stamp_day 'Day of the time that is part of the identity, as the provider wrote it; 1970-01-01: none',
    COMMENT COLUMN raw 'The report as it was received',
    COMMENT COLUMN normalizer 'Version of the parser and tables that read it',
    COMMENT COLUMN identity 'Version of the rule that made the event_id',
    COMMENT COLUMN revision 'How often it was read again since it was received',
    COMMENT COLUMN supersedes 'The event_id of the answer to a poll that this callback makes superfluous';

ALTER TABLE ${database}.messages ${on_cluster}
    COMMENT COLUMN provider 'Provider: cm, juhe, santo, cloudsms, cmessages',
    COMMENT COLUMN account 'Account at the provider, as the settings name it',
    COMMENT COLUMN message_id 'The provider''s id of the message',
    COMMENT COLUMN recipient 'Number the message was sent to: E.164 with +, or as received where it can''t be read',
    COMMENT COLUMN message_stamp 'When CM created the message, in its own words: tells messages apart that share an id',
    COMMENT COLUMN country 'Country of the recipient: ISO 3166-1 alpha-2, or empty',
    COMMENT COLUMN operator 'Operator as the provider gives it; CM: MCC-MNC',
    COMMENT COLUMN sender 'Sender as the provider gives it',
    COMMENT COLUMN reference 'The customer''s own reference of the message',
    COMMENT COLUMN status 'State by the deciding report; unknown where there is none yet',
    COMMENT COLUMN reason 'Why the message failed; empty where it did not',
    COMMENT COLUMN final '1: nothing is expected to follow',
    COMMENT COLUMN failed '1: the message is known not to have arrived',
    COMMENT COLUMN retryable 'Whether sending a failed message again can help: temporary, permanent or unknown; empty where it did not fail',
    COMMENT COLUMN provider_status 'The provider''s status, as it came',
    COMMENT COLUMN provider_code 'The provider''s error code, as it came',
    COMMENT COLUMN provider_text 'The provider''s explanation, as it came',
    COMMENT COLUMN occurred_at 'occurred_at of the deciding report',
    COMMENT COLUMN reports 'How many different reports there are on the message',
    COMMENT COLUMN first_received_at 'When the first report was received (UTC); null: none yet',
    COMMENT COLUMN last_received_at 'When anything was last received on the message, copies included (UTC)',
    COMMENT COLUMN conflict '1: two different final states were reported',
    COMMENT COLUMN submitted_at 'When the message was handed to the provider; null where nobody said so',
    COMMENT COLUMN deadline_at 'No report is expected after this time',
    COMMENT COLUMN latency_clock 'Whose clock latency_seconds is by: provider or receipt; empty: none',
    COMMENT COLUMN latency_seconds 'From the submission to the final state',
    COMMENT COLUMN orphan '1: reported on, and never submitted',
    COMMENT COLUMN missing '1: submitted, and no final report by the deadline',
    COMMENT COLUMN tags 'Tags of the submission';

ALTER TABLE ${database}.stats ${on_cluster}
    COMMENT COLUMN minute 'Minute in which the reports were first received (UTC)',
    COMMENT COLUMN provider 'Provider: cm, juhe, santo, cloudsms, cmessages',
    COMMENT COLUMN account 'Account at the provider, as the settings name it',
    COMMENT COLUMN country 'Country of the recipient: ISO 3166-1 alpha-2, or empty',
    COMMENT COLUMN status 'State: SMPP''s message states in lower case',
    COMMENT COLUMN reason 'Why the message failed; empty where it did not',
    COMMENT COLUMN reports 'How many different reports';

ALTER TABLE ${database}.submissions ${on_cluster}
    COMMENT COLUMN event_id 'Identity of the submission',
    COMMENT COLUMN provider 'Provider: cm, juhe, santo, cloudsms, cmessages',
    COMMENT COLUMN account 'Account at the provider, as the settings name it',
    COMMENT COLUMN message_id 'The provider''s id of the message',
    COMMENT COLUMN recipient 'Number the message was sent to: E.164 with +, or as received where it can''t be read',
    COMMENT COLUMN country 'Country of the recipient: ISO 3166-1 alpha-2, or empty',
    COMMENT COLUMN reference 'The customer''s own reference of the message',
    COMMENT COLUMN submitted_at 'When the message was handed to the provider; null where nobody said so',
    COMMENT COLUMN deadline_at 'No report is expected after this time',
    COMMENT COLUMN received_at 'When the submission was received here (UTC)',
    COMMENT COLUMN tags 'Tags that the customer gave it';

ALTER TABLE ${database}.submissions_lately ${on_cluster}
    COMMENT COLUMN provider 'Provider: cm, juhe, santo, cloudsms, cmessages',
    COMMENT COLUMN account 'Account at the provider, as the settings name it',
    COMMENT COLUMN received_at 'When the submission was received here (UTC)',
    COMMENT COLUMN message_id 'The provider''s id of the message',
    COMMENT COLUMN recipient 'Number the message was sent to: E.164 with +, or as received where it can''t be read',
    COMMENT COLUMN deadline_at 'No report is expected after this time';

ALTER TABLE ${database}.inbound ${on_cluster}
    COMMENT COLUMN event_id 'Identity of the message, from the provider''s own words',
    COMMENT COLUMN provider 'Provider: cm, juhe, santo, cloudsms, cmessages',
    COMMENT COLUMN account 'Account at the provider, as the settings name it',
    COMMENT COLUMN message_id 'The provider''s id of the message',
    COMMENT COLUMN sender 'Number that sent the message',
    COMMENT COLUMN recipient 'Number or short code that it was sent to',
    COMMENT COLUMN content 'Text of the message',
    COMMENT COLUMN occurred_at 'When it happened by the provider''s clock (UTC); null where it names no time',
    COMMENT COLUMN received_at 'When it was first received here (UTC)',
    COMMENT COLUMN source 'How it came: callback, poll or replay',
    COMMENT COLUMN stamp_day 'Day of the time that is part of the identity, as the provider wrote it; 1970-01-01: none',
    COMMENT COLUMN raw 'The message as it was received',
    COMMENT COLUMN normalizer 'Version of the parser and tables that read it',
    COMMENT COLUMN identity 'Version of the rule that made the event_id',
    COMMENT COLUMN revision 'How often it was read again since it was received';

ALTER TABLE ${database}.dead_letters ${on_cluster}
    COMMENT COLUMN id 'Hash of the content',
    COMMENT COLUMN provider 'Provider: cm, juhe, santo, cloudsms, cmessages',
    COMMENT COLUMN account 'Account at the provider, as the settings name it',
    COMMENT COLUMN why 'Why it could not be read',
    COMMENT COLUMN location 'Where in the payload',
    COMMENT COLUMN detail 'What was wrong',
    COMMENT COLUMN kind 'What body holds: callback, item, answer or record',
    COMMENT COLUMN method 'HTTP method',
    COMMENT COLUMN path 'Path of the request, secrets masked',
    COMMENT COLUMN query 'Query string, secrets masked',
    COMMENT COLUMN headers 'Headers as JSON, secrets masked',
    COMMENT COLUMN body 'Body',
    COMMENT COLUMN body_encoding 'utf-8 or base64',
    COMMENT COLUMN receipts 'How often it was received',
    COMMENT COLUMN first_received_at 'When it was first received (UTC)',
    COMMENT COLUMN last_received_at 'When it was last received (UTC)',
    COMMENT COLUMN resolved_at 'When a replay read it; null: not yet, or it came again since',
    COMMENT COLUMN resolution 'What came of the latest replay';

ALTER TABLE ${database}.dead_letter_receipts ${on_cluster}
    COMMENT COLUMN id 'Hash of the content',
    COMMENT COLUMN provider 'Provider: cm, juhe, santo, cloudsms, cmessages',
    COMMENT COLUMN account 'Account at the provider, as the settings name it',
    COMMENT COLUMN why 'Why it could not be read',
    COMMENT COLUMN location 'Where in the payload',
    COMMENT COLUMN detail 'What was wrong',
    COMMENT COLUMN kind 'What body holds: callback, item, answer or record',
    COMMENT COLUMN method 'HTTP method',
    COMMENT COLUMN path 'Path of the request, secrets masked',
    COMMENT COLUMN query 'Query string, secrets masked',
    COMMENT COLUMN headers 'Headers as JSON, secrets masked',
    COMMENT COLUMN body 'Body',
    COMMENT COLUMN body_encoding 'utf-8 or base64',
    COMMENT COLUMN received_at 'When it was received here (UTC)';

ALTER TABLE ${database}.missing ${on_cluster}
    COMMENT COLUMN hour 'Hour of the submission (UTC)',
    COMMENT COLUMN provider 'Provider: cm, juhe, santo, cloudsms, cmessages',
    COMMENT COLUMN account 'Account at the provider, as the settings name it',
    COMMENT COLUMN country 'Country of the recipient: ISO 3166-1 alpha-2, or empty',
    COMMENT COLUMN submitted 'Messages submitted',
    COMMENT COLUMN missing_reports 'Of those, without a final report by the deadline',
    COMMENT COLUMN silent 'Of those, without any report';

ALTER TABLE ${database}.country_returns ${on_cluster}
    COMMENT COLUMN provider 'Provider: cm, juhe, santo, cloudsms, cmessages',
    COMMENT COLUMN account 'Account at the provider, as the settings name it',
    COMMENT COLUMN country 'Country of the recipient: ISO 3166-1 alpha-2, or empty',
    COMMENT COLUMN due 'Submissions of the last 30 days whose deadline has passed',
    COMMENT COLUMN returned 'Of those, with a final report',
    COMMENT COLUMN share 'returned / due',
    COMMENT COLUMN due_lately 'Submissions whose deadline passed in the last day',
    COMMENT COLUMN returned_lately 'Of those, with a final report',
    COMMENT COLUMN share_lately 'returned_lately / due_lately',
    COMMENT COLUMN last_returned_at 'When the last final report was received';
