-- Where the chain of audit events begins after older ones were pruned. One row at most; an `audit.pruned` event says the same.

CREATE TABLE audit_anchor (
    is_only  bigint NOT NULL PRIMARY KEY CHECK (is_only = 1),
    -- The last event that is kept no longer. Rows up to it are dropped page by page, and count as gone already.
    position bigint NOT NULL,
    -- Its hash.
    chain    bytea  NOT NULL
);
