-- The audit trail is read by organization, actor, action, target and time, and holds events of the installation as a whole.

-- NULL: of the installation as a whole.
ALTER TABLE audit_events ALTER COLUMN organization DROP NOT NULL;

-- Lists come by time, and events of one moment in the order of the chain.
DROP INDEX audit_events_by_target;
CREATE INDEX audit_events_by_time ON audit_events (at, sequence);
CREATE INDEX audit_events_by_organization ON audit_events (organization, at, sequence);
CREATE INDEX audit_events_by_actor ON audit_events (actor, at, sequence);
CREATE INDEX audit_events_by_action ON audit_events (action, at, sequence);
CREATE INDEX audit_events_by_target ON audit_events (target, at, sequence);
