-- What a list of keys is narrowed by, in the order that it usually has: a page is found without reading a row, and then its rows are.
DROP INDEX keys_by_organization;
CREATE INDEX keys_listed ON keys (organization, id DESC, status, suspended, expires_at, rotated_into, environment, service, name, holder, preview);

-- Lists of keys by last use; what was never used comes last either way.
CREATE INDEX keys_by_last_use ON keys (organization, COALESCE(last_used_at, 9223372036854775807), id);
CREATE INDEX keys_by_last_use_descending ON keys (organization, COALESCE(last_used_at, -1), id);
