-- When it was written down, as an event, that the key has ended by itself: its time, or its grace period, was over. Another expiry is
-- another end.
ALTER TABLE keys ADD COLUMN end_noted_at INTEGER;
-- Ends that are still to come or to be noted.
CREATE INDEX keys_that_end ON keys (expires_at)
    WHERE end_noted_at IS NULL AND expires_at IS NOT NULL AND status IN ('active', 'deactivated');
