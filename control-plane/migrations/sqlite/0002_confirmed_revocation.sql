-- Confirmed revocation: which keys the KeyGuards of a deployment have to hear of, and what is confirmed.

-- Beside `outbox`, which is the way to KV: the two fail, wait and end apart. A row stays until its revision is confirmed, so
-- whoever dies while the older leases run out leaves it behind, and it is asked again.
CREATE TABLE sync_outbox (
    deployment      TEXT    NOT NULL,
    key             BLOB    NOT NULL REFERENCES keys (id),
    -- The revision that has to be confirmed.
    revision        INTEGER NOT NULL,
    unconfirmed_since INTEGER NOT NULL,
    next_attempt_at INTEGER NOT NULL,
    attempts        INTEGER NOT NULL DEFAULT 0,
    last_error      TEXT,
    last_error_at   INTEGER,
    -- Who is at it, and until when the claim holds.
    claimed_by      TEXT,
    claimed_until   INTEGER,
    PRIMARY KEY (deployment, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX sync_outbox_due ON sync_outbox (deployment, next_attempt_at);

-- The revision under which, or under a higher one, alone anything is admitted at a deployment.
CREATE TABLE confirmed (
    deployment     TEXT    NOT NULL,
    key            BLOB    NOT NULL REFERENCES keys (id),
    revision       INTEGER NOT NULL,
    -- What the deployment's routes made of it: `everywhere`, `but_for_outages` or `eventually`.
    promise        TEXT    NOT NULL,
    -- With `but_for_outages`: for how long an outage may hide it.
    outage_seconds INTEGER NOT NULL,
    confirmed_at   INTEGER NOT NULL,
    PRIMARY KEY (deployment, key)
) STRICT, WITHOUT ROWID;
