-- migrations/sqlite/0013_sessions.sql, for PostgreSQL; what the columns mean is explained there.

CREATE TABLE sessions (
    hash       bytea  NOT NULL PRIMARY KEY,
    holder     text   NOT NULL,
    credential bytea,
    issuer     text,
    subject    text,
    started_at bigint NOT NULL,
    seen_at    bigint NOT NULL,
    ends_at    bigint NOT NULL
);
