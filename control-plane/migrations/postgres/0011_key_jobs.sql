-- Work on very many keys, page by page.

CREATE TABLE key_jobs (
    id           bytea  NOT NULL PRIMARY KEY,
    -- Keys are counted by it, not by a clock: see `keys.jobs_before`.
    number       bigint NOT NULL UNIQUE,
    organization bytea  NOT NULL REFERENCES organizations (id),
    -- `revoke`.
    task         text   NOT NULL,
    -- Whose keys; NULL and NULL for everybody's.
    owner        text  ,
    group_id     bytea ,
    -- Who asked for it, and with which request.
    actor        text   NOT NULL,
    request_id   text   NOT NULL,
    -- The last key that was seen to; NULL at the beginning of a round.
    after        bytea ,
    -- Keys on which it is done, and on which it was to be done when it began.
    done         bigint NOT NULL,
    total        bigint NOT NULL,
    started_at   bigint NOT NULL,
    ended_at     bigint
);
CREATE INDEX key_jobs_by_organization ON key_jobs (organization, id DESC);
CREATE INDEX key_jobs_under_way ON key_jobs (number) WHERE ended_at IS NULL;

-- The number of the latest job when the first key of the lineage was made: jobs up to it leave the lineage alone.
ALTER TABLE keys ADD COLUMN jobs_before bigint NOT NULL DEFAULT 0;
