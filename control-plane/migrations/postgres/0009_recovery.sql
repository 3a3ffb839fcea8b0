-- Recovery: where the edge may know of later changes than this database, which was restored from an older state.

CREATE TABLE recoveries (
    -- A deployment; or `*` for all of them, where somebody said that the database was restored.
    deployment       text NOT NULL PRIMARY KEY,
    begun_at         bigint NOT NULL,
    -- NULL while it is under way.
    ended_at         bigint,
    -- What it found, as JSON.
    report           text,
    -- Added to the number of an audit event in marks: the marks of what was lost are below all that come after it.
    raised_by        bigint NOT NULL DEFAULT 0,
    -- Whether keys end that the edge knows and this database does not, however many they are.
    ends_unknown     bigint NOT NULL DEFAULT 0
);
