-- Groups of permissions and scopes, gateway keys, and the jobs by which keys follow their groups.

CREATE TABLE groups (
    id           BLOB    NOT NULL PRIMARY KEY,
    organization BLOB    NOT NULL REFERENCES organizations (id),
    name         TEXT    NOT NULL,
    scopes       TEXT    NOT NULL,
    permissions  TEXT    NOT NULL,
    -- Whoever put the group on a key saw this revision.
    revision     INTEGER NOT NULL,
    created_by   TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    -- It gives nothing any more, and its name is free again when its keys have followed.
    deleted_at   INTEGER,
    UNIQUE (organization, name)
) STRICT;

-- Every organization has the group `admin`, whose id is the organization's own.
INSERT INTO groups (id, organization, name, scopes, permissions, revision, created_by, created_at)
SELECT id, id, 'admin', '[]', '[]', 1, created_by, created_at FROM organizations;

CREATE TABLE key_groups (
    group_id BLOB NOT NULL REFERENCES groups (id),
    key      BLOB NOT NULL REFERENCES keys (id),
    PRIMARY KEY (group_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX key_groups_by_key ON key_groups (key);

-- One row for each group whose keys do not all say yet what it says.
CREATE TABLE group_jobs (
    group_id   BLOB    NOT NULL PRIMARY KEY REFERENCES groups (id),
    -- The group's revision that its keys have to follow.
    revision   INTEGER NOT NULL,
    -- The last key that was seen to; NULL before the first.
    after      BLOB,
    -- Keys seen to, and keys altogether when it began.
    done       INTEGER NOT NULL,
    total      INTEGER NOT NULL,
    started_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The groups of a key by name, and the scopes that it has of them as of its revision.
ALTER TABLE keys ADD COLUMN groups TEXT NOT NULL DEFAULT '[]';
ALTER TABLE keys ADD COLUMN group_scopes TEXT NOT NULL DEFAULT '[]';
-- The name of a gateway key that has not ended. NULL for all others.
ALTER TABLE keys ADD COLUMN unique_name TEXT;
CREATE UNIQUE INDEX keys_by_unique_name ON keys (organization, unique_name);
-- A gateway key has `*` for its environment and for its service: it works in all of them.
