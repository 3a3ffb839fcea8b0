-- What an organization's keys were counted for, added up over them: whoever asks reads a row for each hour, day or month instead of
-- one for each key. What a report adds to a key it adds here, in the same transaction.

CREATE TABLE organization_usage (
    organization bytea  NOT NULL REFERENCES organizations (id),
    -- `hours`, `days` or `months`, each numbered as in the tables of these names.
    slots        text   NOT NULL,
    slot         bigint NOT NULL,
    deployment   text   NOT NULL,
    requests     bigint NOT NULL,
    PRIMARY KEY (organization, slots, slot, deployment)
);
CREATE INDEX organization_usage_by_slot ON organization_usage (slots, slot);

CREATE TABLE organization_metered (
    organization bytea  NOT NULL REFERENCES organizations (id),
    month        bigint NOT NULL,
    meter        text   COLLATE "C" NOT NULL,
    requests     bigint NOT NULL,
    PRIMARY KEY (organization, month, meter)
);
CREATE INDEX organization_metered_by_month ON organization_metered (month);

CREATE TABLE organization_refusals (
    organization bytea  NOT NULL REFERENCES organizations (id),
    slots        text   NOT NULL,
    slot         bigint NOT NULL,
    reason       text   NOT NULL,
    requests     bigint NOT NULL,
    PRIMARY KEY (organization, slots, slot, reason)
);
CREATE INDEX organization_refusals_by_slot ON organization_refusals (slots, slot);

INSERT INTO organization_usage (organization, slots, slot, deployment, requests)
SELECT keys.organization, 'hours', counted.slot, counted.deployment, SUM(counted.requests)
FROM usage_hours AS counted JOIN keys ON keys.id = counted.key GROUP BY 1, 3, 4;
INSERT INTO organization_usage (organization, slots, slot, deployment, requests)
SELECT keys.organization, 'days', counted.slot, counted.deployment, SUM(counted.requests)
FROM usage_days AS counted JOIN keys ON keys.id = counted.key GROUP BY 1, 3, 4;
INSERT INTO organization_usage (organization, slots, slot, deployment, requests)
SELECT keys.organization, 'months', counted.slot, counted.deployment, SUM(counted.requests)
FROM usage_months AS counted JOIN keys ON keys.id = counted.key GROUP BY 1, 3, 4;
INSERT INTO organization_metered (organization, month, meter, requests)
SELECT keys.organization, counted.month, counted.meter, SUM(counted.requests)
FROM metered_months AS counted JOIN keys ON keys.id = counted.key GROUP BY 1, 2, 3;
INSERT INTO organization_refusals (organization, slots, slot, reason, requests)
SELECT keys.organization, counted.slots, counted.slot, counted.reason, SUM(counted.requests)
FROM refusals AS counted JOIN keys ON keys.id = counted.key GROUP BY 1, 2, 3, 4;
