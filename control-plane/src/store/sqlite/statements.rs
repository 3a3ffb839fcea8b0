//! The statements that SQLite wants otherwise.
//!
//! `CROSS JOIN` and `+`: it is to look each key up by its id. By itself it takes the environment for the narrower way, and reads
//! the whole list once for each key there is.

/// Totals by hour: deployment, environment, list of `[key, hour, requests]`.
pub(super) const RECORD_HOURS: &str = "
    INSERT INTO usage_hours (key, hour, deployment, requests)
    SELECT keys.id, told.value ->> 1, $1, told.value ->> 2
    FROM json_each($3) AS told CROSS JOIN keys ON keys.id = unhex(told.value ->> 0, '-')
    WHERE keys.environment IN ($2, '*')
    ON CONFLICT (key, hour, deployment) DO UPDATE SET requests = excluded.requests
    WHERE excluded.requests > usage_hours.requests";

/// Totals by month and meter: deployment, environment, list of `[key, month, meter, requests]`.
pub(super) const RECORD_MONTHS: &str = "
    INSERT INTO usage_months (key, month, meter, deployment, requests)
    SELECT keys.id, told.value ->> 1, told.value ->> 2, $1, told.value ->> 3
    FROM json_each($3) AS told CROSS JOIN keys ON keys.id = unhex(told.value ->> 0, '-')
    WHERE keys.environment IN ($2, '*')
    ON CONFLICT (key, month, meter, deployment) DO UPDATE SET requests = excluded.requests
    WHERE excluded.requests > usage_months.requests";

/// Last uses: environment, list of `[key, milliseconds]`. No new revision: a use is no change of the key, and conflicts with none.
pub(super) const RECORD_LAST_USES: &str = "
    UPDATE keys SET last_used_at = told.at
    FROM (SELECT unhex(value ->> 0, '-') AS key, MAX(value ->> 1) AS at FROM json_each($2) GROUP BY 1) AS told
    WHERE keys.id = told.key AND +keys.environment IN ($1, '*')
      AND (keys.last_used_at IS NULL OR keys.last_used_at < told.at)";

/// Locks rows of the outbox. There is one writer, so nobody else holds a lock.
pub(super) const LOCK_OUTBOX: Option<&str> = None;
