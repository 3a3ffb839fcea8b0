-- Usage, as the edges report it: totals that only grow, of each deployment by itself. Several deployments may serve one
-- environment, and each counts by its own; so the greatest number of each is kept here, and they are added up when read.

-- All requests that were admitted.
CREATE TABLE usage_hours (
    key        BLOB    NOT NULL REFERENCES keys (id),
    -- Hours since 1970-01-01T00:00:00Z.
    hour       INTEGER NOT NULL,
    deployment TEXT    NOT NULL,
    requests   INTEGER NOT NULL,
    PRIMARY KEY (key, hour, deployment)
) STRICT, WITHOUT ROWID;

-- The metered among them.
CREATE TABLE usage_months (
    key        BLOB    NOT NULL REFERENCES keys (id),
    -- Months since January of the year 0, in UTC.
    month      INTEGER NOT NULL,
    meter      TEXT    NOT NULL,
    deployment TEXT    NOT NULL,
    requests   INTEGER NOT NULL,
    PRIMARY KEY (key, month, meter, deployment)
) STRICT, WITHOUT ROWID;

-- Limits are of a lineage, and so is what counts towards them.
CREATE INDEX keys_by_lineage ON keys (lineage);
