-- Lists of keys by name.
CREATE INDEX keys_by_name ON keys (organization, lower(name), id);
