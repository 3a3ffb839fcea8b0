-- Suspended organizations, whose keys open nothing.
ALTER TABLE organizations ADD COLUMN suspended_by text;
ALTER TABLE organizations ADD COLUMN suspended_at bigint;
-- Whether the key's record says that its organization is suspended. It follows by a job, as of its revision.
ALTER TABLE keys ADD COLUMN suspended bigint NOT NULL DEFAULT 0;
