-- The audit trail is read by organization, actor, action, target and time, and holds events of the installation as a whole.

CREATE TABLE audit_events_of_all (
    sequence     INTEGER NOT NULL PRIMARY KEY,
    id           BLOB    NOT NULL UNIQUE,
    at           INTEGER NOT NULL,
    -- NULL: of the installation as a whole.
    organization BLOB    REFERENCES organizations (id),
    actor        TEXT    NOT NULL,
    action       TEXT    NOT NULL,
    -- A key's, group's or organization's id, or a member's subject; the action says which. Empty: nothing that has a name.
    target       BLOB    NOT NULL,
    request_id   TEXT    NOT NULL,
    detail       TEXT    NOT NULL,
    chain        BLOB    NOT NULL
) STRICT;
INSERT INTO audit_events_of_all (sequence, id, at, organization, actor, action, target, request_id, detail, chain)
SELECT sequence, id, at, organization, actor, action, target, request_id, detail, chain FROM audit_events;
DROP TABLE audit_events;
ALTER TABLE audit_events_of_all RENAME TO audit_events;

-- Lists come by time, and events of one moment in the order of the chain.
CREATE INDEX audit_events_by_time ON audit_events (at, sequence);
CREATE INDEX audit_events_by_organization ON audit_events (organization, at, sequence);
CREATE INDEX audit_events_by_actor ON audit_events (actor, at, sequence);
CREATE INDEX audit_events_by_action ON audit_events (action, at, sequence);
CREATE INDEX audit_events_by_target ON audit_events (target, at, sequence);
