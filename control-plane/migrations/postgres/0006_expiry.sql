-- When a key ends may change, and rotated keys may live on for a grace period.

-- When it was decided when the key expires: its lifetime counts from then.
ALTER TABLE keys ADD COLUMN expiry_set_at bigint NOT NULL DEFAULT 0;
UPDATE keys SET expiry_set_at = created_at;
-- From when on no record ever made of it opens anything; NULL for never.
ALTER TABLE keys ADD COLUMN records_end_at bigint;
UPDATE keys SET records_end_at = expires_at;
