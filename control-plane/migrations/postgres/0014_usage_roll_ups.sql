-- Usage by day and month is kept beside that by hour, so that hours can be dropped. What a report adds to an hour it adds to the day
-- and the month that the hour is in, in the same transaction.

ALTER TABLE usage_months RENAME TO metered_months;
ALTER TABLE usage_hours RENAME COLUMN hour TO slot;

CREATE TABLE usage_days (
    key        bytea  NOT NULL REFERENCES keys (id),
    -- Days since 1970-01-01, in UTC.
    slot       bigint NOT NULL,
    deployment text   NOT NULL,
    requests   bigint NOT NULL,
    PRIMARY KEY (key, slot, deployment)
);

CREATE TABLE usage_months (
    key        bytea  NOT NULL REFERENCES keys (id),
    -- Months since January of the year 0, in UTC.
    slot       bigint NOT NULL,
    deployment text   NOT NULL,
    requests   bigint NOT NULL,
    PRIMARY KEY (key, slot, deployment)
);

INSERT INTO usage_days (key, slot, deployment, requests)
SELECT key, slot / 24, deployment, SUM(requests) FROM usage_hours GROUP BY 1, 2, 3;
INSERT INTO usage_months (key, slot, deployment, requests)
SELECT key, CAST(EXTRACT(YEAR FROM at) * 12 + EXTRACT(MONTH FROM at) - 1 AS bigint), deployment, SUM(requests)
FROM usage_hours CROSS JOIN LATERAL (SELECT to_timestamp(slot * 3600) AT TIME ZONE 'UTC' AS at) AS moment GROUP BY 1, 2, 3;

-- What is kept no longer is found by its time.
CREATE INDEX usage_hours_by_slot ON usage_hours (slot);
CREATE INDEX usage_days_by_slot ON usage_days (slot);
CREATE INDEX usage_months_by_slot ON usage_months (slot);
CREATE INDEX metered_months_by_month ON metered_months (month);

-- From where on usage is kept. Reports of what was before are passed over: nobody knows any more what of them was counted.
CREATE TABLE usage_horizons (
    -- `hours`, `days` or `months`.
    slots text   NOT NULL PRIMARY KEY,
    first bigint NOT NULL
);
