-- Sessions of the web page.

CREATE TABLE sessions (
    -- SHA-256 of the id, which the browser alone has.
    hash       BLOB    NOT NULL PRIMARY KEY,
    -- 'admin', 'key' or 'user': who has signed in.
    holder     TEXT    NOT NULL,
    -- Which admin token it was, by a hash of its own; or the key's id.
    credential BLOB,
    -- Of a person.
    issuer     TEXT,
    subject    TEXT,
    started_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL,
    ends_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
