-- Requests that the edge has refused, by key and reason.

CREATE TABLE refusals (
    key      bytea  NOT NULL REFERENCES keys (id),
    -- `hours`, `days` or `months`, each counted by itself and numbered as in usage.
    slots    text   NOT NULL,
    slot     bigint NOT NULL,
    -- The code of the problem that was answered.
    reason   text   NOT NULL,
    requests bigint NOT NULL,
    PRIMARY KEY (key, slots, slot, reason)
);
CREATE INDEX refusals_by_slot ON refusals (slots, slot);

-- The batches that were counted: an id that comes again does not count again.
CREATE TABLE refusal_batches (
    deployment text   NOT NULL,
    id         bytea  NOT NULL,
    taken_at   bigint NOT NULL,
    PRIMARY KEY (deployment, id)
);
CREATE INDEX refusal_batches_by_time ON refusal_batches (taken_at);
