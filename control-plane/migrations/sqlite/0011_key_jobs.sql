-- Work on very many keys, page by page.

CREATE TABLE key_jobs (
    id           BLOB    NOT NULL PRIMARY KEY,
    -- Keys are counted by it, not by a clock: see `keys.jobs_before`.
    number       INTEGER NOT NULL UNIQUE,
    organization BLOB    NOT NULL REFERENCES organizations (id),
    -- `revoke`.
    task         TEXT    NOT NULL,
    -- Whose keys; NULL and NULL for everybody's.
    owner        TEXT   ,
    group_id     BLOB   ,
    -- Who asked for it, and with which request.
    actor        TEXT    NOT NULL,
    request_id   TEXT    NOT NULL,
    -- The last key that was seen to; NULL at the beginning of a round.
    after        BLOB   ,
    -- Keys on which it is done, and on which it was to be done when it began.
    done         INTEGER NOT NULL,
    total        INTEGER NOT NULL,
    started_at   INTEGER NOT NULL,
    ended_at     INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX key_jobs_by_organization ON key_jobs (organization, id DESC);
CREATE INDEX key_jobs_under_way ON key_jobs (number) WHERE ended_at IS NULL;

-- The number of the latest job when the first key of the lineage was made: jobs up to it leave the lineage alone.
ALTER TABLE keys ADD COLUMN jobs_before INTEGER NOT NULL DEFAULT 0;
