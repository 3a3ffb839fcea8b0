-- Requests with an `Idempotency-Key` that were done, each beside what it changed.

CREATE TABLE done_requests (
    -- SHA-256 of caller, operation and value: there is one such request.
    slot          BLOB    NOT NULL PRIMARY KEY,
    -- SHA-256 of what was asked.
    fingerprint   BLOB    NOT NULL,
    done_at       INTEGER NOT NULL,
    -- The key whose text the answer holds.
    key           BLOB,
    -- The answer, sealed with this secret; both NULL when it is kept no longer.
    answer_secret INTEGER,
    answer        BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX done_requests_by_time ON done_requests (done_at);
-- Answers that are to be dropped.
CREATE INDEX done_requests_with_answers ON done_requests (done_at) WHERE answer IS NOT NULL;

-- What becomes of a key that was found where it should not be.
ALTER TABLE organizations ADD COLUMN leak_policy TEXT NOT NULL DEFAULT 'deactivate';
