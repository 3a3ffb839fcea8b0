-- Organizations with members, keys with owners, and audit events of other things than keys.

-- The default organization was made by the service itself, for the platform admin.
ALTER TABLE organizations ADD COLUMN created_by TEXT NOT NULL DEFAULT 'admin';

CREATE TABLE members (
    organization BLOB    NOT NULL REFERENCES organizations (id),
    -- The `sub` of the person's tokens.
    subject      TEXT    NOT NULL,
    role         TEXT    NOT NULL,
    added_by     TEXT    NOT NULL,
    added_at     INTEGER NOT NULL,
    PRIMARY KEY (organization, subject)
) STRICT, WITHOUT ROWID;
-- Who calls is looked up by subject.
CREATE INDEX members_by_subject ON members (subject);

-- Whose a key is, by name: whoever created it, until it is handed over.
ALTER TABLE keys ADD COLUMN owner TEXT NOT NULL DEFAULT 'admin';
UPDATE keys SET owner = created_by;
CREATE INDEX keys_by_owner ON keys (organization, owner, id DESC);

-- What was changed: a key's, group's or organization's id, or a member's subject; the action says which.
ALTER TABLE audit_events RENAME COLUMN key TO target;
DROP INDEX audit_events_by_key;
CREATE INDEX audit_events_by_target ON audit_events (target, sequence);
