-- migrations/sqlite/0022_key_listing.sql, for PostgreSQL. A row of this index is some hundred bytes, 800 at most.
DROP INDEX keys_by_organization;
CREATE INDEX keys_listed ON keys (organization, id DESC)
    INCLUDE (status, suspended, expires_at, rotated_into, environment, service, name, holder, preview);

CREATE INDEX keys_by_last_use ON keys (organization, COALESCE(last_used_at, 9223372036854775807), id);
CREATE INDEX keys_by_last_use_descending ON keys (organization, COALESCE(last_used_at, -1), id);
