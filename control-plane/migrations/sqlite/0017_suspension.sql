-- Suspended organizations, whose keys open nothing.
ALTER TABLE organizations ADD COLUMN suspended_by TEXT;
ALTER TABLE organizations ADD COLUMN suspended_at INTEGER;
-- Whether the key's record says that its organization is suspended. It follows by a job, as of its revision.
ALTER TABLE keys ADD COLUMN suspended INTEGER NOT NULL DEFAULT 0;
