-- Requests that the edge has refused, by key and reason.

CREATE TABLE refusals (
    key      BLOB    NOT NULL REFERENCES keys (id),
    -- `hours`, `days` or `months`, each counted by itself and numbered as in usage.
    slots    TEXT    NOT NULL,
    slot     INTEGER NOT NULL,
    -- The code of the problem that was answered.
    reason   TEXT    NOT NULL,
    requests INTEGER NOT NULL,
    PRIMARY KEY (key, slots, slot, reason)
) STRICT, WITHOUT ROWID;
CREATE INDEX refusals_by_slot ON refusals (slots, slot);

-- The batches that were counted: an id that comes again does not count again.
CREATE TABLE refusal_batches (
    deployment TEXT    NOT NULL,
    id         BLOB    NOT NULL,
    taken_at   INTEGER NOT NULL,
    PRIMARY KEY (deployment, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX refusal_batches_by_time ON refusal_batches (taken_at);
