-- Where the chain of audit events begins after older ones were pruned. One row at most; an `audit.pruned` event says the same.

CREATE TABLE audit_anchor (
    is_only  INTEGER NOT NULL PRIMARY KEY CHECK (is_only = 1),
    -- The last event that is kept no longer. Rows up to it are dropped page by page, and count as gone already.
    position INTEGER NOT NULL,
    -- Its hash.
    chain    BLOB    NOT NULL
) STRICT;
