-- The tables of migrations/sqlite, 0001 to 0005, for PostgreSQL; what they mean is explained there. Moments are milliseconds
-- since 1970-01-01T00:00:00Z, ids and hashes raw bytes (`encode(id, 'hex')` shows one), lists JSON. Text is ordered by its bytes.

CREATE TABLE organizations (
    id         bytea  NOT NULL PRIMARY KEY,
    name       text   NOT NULL,
    created_at bigint NOT NULL,
    is_default bigint NOT NULL DEFAULT 0,
    created_by text   NOT NULL
);
CREATE UNIQUE INDEX organizations_one_default ON organizations (is_default) WHERE is_default = 1;

CREATE TABLE installation (
    name  text NOT NULL PRIMARY KEY,
    value text NOT NULL
);

CREATE TABLE members (
    organization bytea  NOT NULL REFERENCES organizations (id),
    subject      text   COLLATE "C" NOT NULL,
    role         text   NOT NULL,
    added_by     text   NOT NULL,
    added_at     bigint NOT NULL,
    PRIMARY KEY (organization, subject)
);
CREATE INDEX members_by_subject ON members (subject);

CREATE TABLE keys (
    id                  bytea  NOT NULL PRIMARY KEY,
    organization        bytea  NOT NULL REFERENCES organizations (id),
    owner               text   NOT NULL,
    hash                bytea  NOT NULL UNIQUE,
    preview             text   NOT NULL,
    tag_secret          bigint NOT NULL,
    service             text   NOT NULL,
    environment         text   COLLATE "C" NOT NULL,
    name                text   NOT NULL,
    unique_name         text,
    scopes              text   NOT NULL,
    groups              text   NOT NULL,
    group_scopes        text   NOT NULL,
    allowed_ips         text   NOT NULL,
    rate_limit_per_hour bigint NOT NULL,
    monthly_limit       bigint,
    plan                text   NOT NULL,
    status              text   NOT NULL,
    revision            bigint NOT NULL,
    lineage             bytea  NOT NULL,
    created_by          text   NOT NULL,
    created_at          bigint NOT NULL,
    expires_at          bigint,
    deactivated_by      text,
    deactivated_at      bigint,
    ended_by            text,
    ended_at            bigint,
    rotated_from        bytea,
    rotated_into        bytea,
    last_used_at        bigint
);
CREATE INDEX keys_by_organization ON keys (organization, id DESC);
CREATE INDEX keys_by_owner ON keys (organization, owner, id DESC);
CREATE INDEX keys_by_tag_secret ON keys (environment, tag_secret, status);
CREATE INDEX keys_by_lineage ON keys (lineage);
-- Partial, or else whoever changes a name would lock the row against those who only refer to it.
CREATE UNIQUE INDEX keys_by_unique_name ON keys (organization, unique_name) WHERE unique_name IS NOT NULL;

CREATE TABLE groups (
    id           bytea  NOT NULL PRIMARY KEY,
    organization bytea  NOT NULL REFERENCES organizations (id),
    name         text   COLLATE "C" NOT NULL,
    scopes       text   NOT NULL,
    permissions  text   NOT NULL,
    revision     bigint NOT NULL,
    created_by   text   NOT NULL,
    created_at   bigint NOT NULL,
    deleted_at   bigint,
    UNIQUE (organization, name)
);

CREATE TABLE key_groups (
    group_id bytea NOT NULL REFERENCES groups (id),
    key      bytea NOT NULL REFERENCES keys (id),
    PRIMARY KEY (group_id, key)
);
CREATE INDEX key_groups_by_key ON key_groups (key);

CREATE TABLE group_jobs (
    group_id   bytea  NOT NULL PRIMARY KEY REFERENCES groups (id),
    revision   bigint NOT NULL,
    after      bytea,
    done       bigint NOT NULL,
    total      bigint NOT NULL,
    started_at bigint NOT NULL
);

CREATE TABLE audit_events (
    -- With gaps: what was rolled back took its number with it.
    sequence     bigint NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id           bytea  NOT NULL UNIQUE,
    at           bigint NOT NULL,
    organization bytea  NOT NULL REFERENCES organizations (id),
    actor        text   NOT NULL,
    action       text   NOT NULL,
    target       bytea  NOT NULL,
    request_id   text   NOT NULL,
    detail       text   NOT NULL,
    chain        bytea  NOT NULL
);
CREATE INDEX audit_events_by_target ON audit_events (target, sequence);

CREATE TABLE outbox (
    deployment      text   COLLATE "C" NOT NULL,
    key             bytea  NOT NULL REFERENCES keys (id),
    revision        bigint NOT NULL,
    dirty_since     bigint,
    next_attempt_at bigint NOT NULL,
    attempts        bigint NOT NULL DEFAULT 0,
    last_error      text,
    last_error_at   bigint,
    rewrite_from    bigint,
    claimed_by      text,
    claimed_until   bigint,
    PRIMARY KEY (deployment, key)
);
CREATE INDEX outbox_due ON outbox (deployment, next_attempt_at);

CREATE TABLE published (
    deployment text   COLLATE "C" NOT NULL,
    key        bytea  NOT NULL REFERENCES keys (id),
    revision   bigint NOT NULL,
    written_at bigint NOT NULL,
    PRIMARY KEY (deployment, key)
);

CREATE TABLE sync_outbox (
    deployment        text   COLLATE "C" NOT NULL,
    key               bytea  NOT NULL REFERENCES keys (id),
    revision          bigint NOT NULL,
    unconfirmed_since bigint NOT NULL,
    next_attempt_at   bigint NOT NULL,
    attempts          bigint NOT NULL DEFAULT 0,
    last_error        text,
    last_error_at     bigint,
    claimed_by        text,
    claimed_until     bigint,
    PRIMARY KEY (deployment, key)
);
CREATE INDEX sync_outbox_due ON sync_outbox (deployment, next_attempt_at);

CREATE TABLE confirmed (
    deployment     text   COLLATE "C" NOT NULL,
    key            bytea  NOT NULL REFERENCES keys (id),
    revision       bigint NOT NULL,
    promise        text   NOT NULL,
    outage_seconds bigint NOT NULL,
    confirmed_at   bigint NOT NULL,
    PRIMARY KEY (deployment, key)
);

CREATE TABLE usage_hours (
    key        bytea  NOT NULL REFERENCES keys (id),
    hour       bigint NOT NULL,
    deployment text   NOT NULL,
    requests   bigint NOT NULL,
    PRIMARY KEY (key, hour, deployment)
);

CREATE TABLE usage_months (
    key        bytea  NOT NULL REFERENCES keys (id),
    month      bigint NOT NULL,
    meter      text   COLLATE "C" NOT NULL,
    deployment text   NOT NULL,
    requests   bigint NOT NULL,
    PRIMARY KEY (key, month, meter, deployment)
);

-- What SQLite calls by these names, so that one text of a statement serves both.

-- The greater and the lesser of two; NULL if one is.
CREATE FUNCTION max(bigint, bigint) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE WHEN $1 > $2 THEN $1 ELSE $2 END;
CREATE FUNCTION min(bigint, bigint) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN CASE WHEN $1 < $2 THEN $1 ELSE $2 END;
-- The texts of a JSON list, one a row.
CREATE FUNCTION json_each(list text) RETURNS TABLE (value text) LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    BEGIN ATOMIC SELECT jsonb_array_elements_text(list::jsonb); END;
-- The bytes that a text spells in hexadecimal, hyphens or whatever else left out.
CREATE FUNCTION unhex(digits text, left_out text DEFAULT '') RETURNS bytea LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN decode(translate(digits, left_out, ''), 'hex');
