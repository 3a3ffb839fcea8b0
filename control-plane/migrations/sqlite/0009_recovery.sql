-- Recovery: where the edge may know of later changes than this database, which was restored from an older state.

CREATE TABLE recoveries (
    -- A deployment; or `*` for all of them, where somebody said that the database was restored.
    deployment       TEXT NOT NULL PRIMARY KEY,
    begun_at         INTEGER NOT NULL,
    -- NULL while it is under way.
    ended_at         INTEGER,
    -- What it found, as JSON.
    report           TEXT,
    -- Added to the number of an audit event in marks: the marks of what was lost are below all that come after it.
    raised_by        INTEGER NOT NULL DEFAULT 0,
    -- Whether keys end that the edge knows and this database does not, however many they are.
    ends_unknown     INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
