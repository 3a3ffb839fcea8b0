-- After how many days without use an organization's keys are flagged; 0: never, NULL: as the settings say.
ALTER TABLE organizations ADD COLUMN unused_after_days bigint;
