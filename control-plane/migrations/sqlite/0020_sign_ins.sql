-- Attempts to sign in with the issuer that have led to a session: each does so once. What browsers have only begun is known to them
-- alone.

CREATE TABLE sign_ins (
    hash    BLOB    NOT NULL PRIMARY KEY,
    -- When the attempt ends by itself, and the row is dropped.
    ends_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
