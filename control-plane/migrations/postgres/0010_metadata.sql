-- What the owners of APIs write down beside a key for themselves. The edge never hears of it.
ALTER TABLE keys ADD COLUMN holder text;
ALTER TABLE keys ADD COLUMN metadata text NOT NULL DEFAULT '{}';
CREATE INDEX keys_by_holder ON keys (organization, holder, id DESC) WHERE holder IS NOT NULL;
