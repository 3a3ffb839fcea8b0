-- Moments are milliseconds since 1970-01-01T00:00:00Z; ids and hashes are raw bytes; lists are JSON.

CREATE TABLE organizations (
    id         BLOB    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    is_default INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX organizations_one_default ON organizations (is_default) WHERE is_default = 1;

-- Facts about the installation that must not change under issued keys.
CREATE TABLE installation (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE keys (
    id                  BLOB    NOT NULL PRIMARY KEY,
    organization        BLOB    NOT NULL REFERENCES organizations (id),
    hash                BLOB    NOT NULL UNIQUE,
    preview             TEXT    NOT NULL,
    tag_secret          INTEGER NOT NULL,
    service             TEXT    NOT NULL,
    environment         TEXT    NOT NULL,
    name                TEXT    NOT NULL,
    scopes              TEXT    NOT NULL,
    allowed_ips         TEXT    NOT NULL,
    rate_limit_per_hour INTEGER NOT NULL,
    monthly_limit       INTEGER,
    plan                TEXT    NOT NULL,
    status              TEXT    NOT NULL,
    revision            INTEGER NOT NULL,
    lineage             BLOB    NOT NULL,
    created_by          TEXT    NOT NULL,
    created_at          INTEGER NOT NULL,
    expires_at          INTEGER,
    deactivated_by      TEXT,
    deactivated_at      INTEGER,
    ended_by            TEXT,
    ended_at            INTEGER,
    rotated_from        BLOB,
    rotated_into        BLOB,
    last_used_at        INTEGER
) STRICT;
-- Lists go by organization, newest first; the id is a UUIDv7, so it sorts by time.
CREATE INDEX keys_by_organization ON keys (organization, id DESC);
-- Retiring a tag secret asks which live keys still use it.
CREATE INDEX keys_by_tag_secret ON keys (environment, tag_secret, status);

CREATE TABLE audit_events (
    sequence     INTEGER NOT NULL PRIMARY KEY,
    id           BLOB    NOT NULL UNIQUE,
    at           INTEGER NOT NULL,
    organization BLOB    NOT NULL REFERENCES organizations (id),
    actor        TEXT    NOT NULL,
    action       TEXT    NOT NULL,
    key          BLOB    NOT NULL,
    request_id   TEXT    NOT NULL,
    detail       TEXT    NOT NULL,
    chain        BLOB    NOT NULL
) STRICT;
CREATE INDEX audit_events_by_key ON audit_events (key, sequence);

-- Which keys a deployment has to hear of. It never says what to publish: the publisher reads the key as it is then.
CREATE TABLE outbox (
    deployment      TEXT    NOT NULL,
    key             BLOB    NOT NULL REFERENCES keys (id),
    -- The revision that has to arrive.
    revision        INTEGER NOT NULL,
    -- NULL: it has arrived, and waits only to be written once more.
    dirty_since     INTEGER,
    next_attempt_at INTEGER NOT NULL,
    attempts        INTEGER NOT NULL DEFAULT 0,
    last_error      TEXT,
    last_error_at   INTEGER,
    -- A write of unknown outcome may still land, on top of a newer one; so the key is written once more from then on.
    rewrite_from    INTEGER,
    -- Who is at it, and until when the claim holds.
    claimed_by      TEXT,
    claimed_until   INTEGER,
    PRIMARY KEY (deployment, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX outbox_due ON outbox (deployment, next_attempt_at);

-- What each deployment is known to have.
CREATE TABLE published (
    deployment TEXT    NOT NULL,
    key        BLOB    NOT NULL REFERENCES keys (id),
    revision   INTEGER NOT NULL,
    written_at INTEGER NOT NULL,
    PRIMARY KEY (deployment, key)
) STRICT, WITHOUT ROWID;
