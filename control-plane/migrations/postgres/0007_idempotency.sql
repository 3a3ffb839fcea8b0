-- migrations/sqlite/0007_idempotency.sql, for PostgreSQL; what the columns mean is explained there.

CREATE TABLE done_requests (
    slot          bytea  NOT NULL PRIMARY KEY,
    fingerprint   bytea  NOT NULL,
    done_at       bigint NOT NULL,
    key           bytea,
    answer_secret bigint,
    answer        bytea
);
CREATE INDEX done_requests_by_time ON done_requests (done_at);
CREATE INDEX done_requests_with_answers ON done_requests (done_at) WHERE answer IS NOT NULL;

ALTER TABLE organizations ADD COLUMN leak_policy text NOT NULL DEFAULT 'deactivate';
