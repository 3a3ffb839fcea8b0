-- Usage by day and month is kept beside that by hour, so that hours can be dropped. What a report adds to an hour it adds to the day
-- and the month that the hour is in, in the same transaction.

ALTER TABLE usage_months RENAME TO metered_months;
ALTER TABLE usage_hours RENAME COLUMN hour TO slot;

CREATE TABLE usage_days (
    key        BLOB    NOT NULL REFERENCES keys (id),
    -- Days since 1970-01-01, in UTC.
    slot       INTEGER NOT NULL,
    deployment TEXT    NOT NULL,
    requests   INTEGER NOT NULL,
    PRIMARY KEY (key, slot, deployment)
) STRICT, WITHOUT ROWID;

CREATE TABLE usage_months (
    key        BLOB    NOT NULL REFERENCES keys (id),
    -- Months since January of the year 0, in UTC.
    slot       INTEGER NOT NULL,
    deployment TEXT    NOT NULL,
    requests   INTEGER NOT NULL,
    PRIMARY KEY (key, slot, deployment)
) STRICT, WITHOUT ROWID;

INSERT INTO usage_days (key, slot, deployment, requests)
SELECT key, slot / 24, deployment, SUM(requests) FROM usage_hours GROUP BY 1, 2, 3;
INSERT INTO usage_months (key, slot, deployment, requests)
SELECT key, CAST(strftime('%Y', slot * 3600, 'unixepoch') AS INTEGER) * 12 + CAST(strftime('%m', slot * 3600, 'unixepoch') AS INTEGER) - 1,
    deployment, SUM(requests)
FROM usage_hours GROUP BY 1, 2, 3;

-- What is kept no longer is found by its time.
CREATE INDEX usage_hours_by_slot ON usage_hours (slot);
CREATE INDEX usage_days_by_slot ON usage_days (slot);
CREATE INDEX usage_months_by_slot ON usage_months (slot);
CREATE INDEX metered_months_by_month ON metered_months (month);

-- From where on usage is kept. Reports of what was before are passed over: nobody knows any more what of them was counted.
CREATE TABLE usage_horizons (
    -- `hours`, `days` or `months`.
    slots TEXT    NOT NULL PRIMARY KEY,
    first INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
