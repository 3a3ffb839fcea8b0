-- migrations/sqlite/0020_sign_ins.sql, for PostgreSQL; what the columns mean is explained there.

CREATE TABLE sign_ins (
    hash    bytea  NOT NULL PRIMARY KEY,
    ends_at bigint NOT NULL
);
