//! The statements that PostgreSQL wants otherwise.

/// Totals by hour: deployment, environment, list of `[key, hour, requests]`. One statement may touch a row once only, so the
/// greatest of a list is found before.
pub(super) const RECORD_HOURS: &str = "
    INSERT INTO usage_hours (key, hour, deployment, requests)
    SELECT keys.id, (told ->> 1)::bigint, $1, MAX((told ->> 2)::bigint)
    FROM jsonb_array_elements($3::jsonb) AS told JOIN keys ON keys.id = unhex(told ->> 0, '-')
    WHERE keys.environment IN ($2, '*')
    GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (key, hour, deployment) DO UPDATE SET requests = excluded.requests
    WHERE excluded.requests > usage_hours.requests";

/// Totals by month and meter: deployment, environment, list of `[key, month, meter, requests]`.
pub(super) const RECORD_MONTHS: &str = "
    INSERT INTO usage_months (key, month, meter, deployment, requests)
    SELECT keys.id, (told ->> 1)::bigint, told ->> 2, $1, MAX((told ->> 3)::bigint)
    FROM jsonb_array_elements($3::jsonb) AS told JOIN keys ON keys.id = unhex(told ->> 0, '-')
    WHERE keys.environment IN ($2, '*')
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (key, month, meter, deployment) DO UPDATE SET requests = excluded.requests
    WHERE excluded.requests > usage_months.requests";

/// Last uses: environment, list of `[key, milliseconds]`. No new revision: a use is no change of the key, and conflicts with none.
pub(super) const RECORD_LAST_USES: &str = "
    UPDATE keys SET last_used_at = told.at
    FROM (SELECT unhex(told ->> 0, '-') AS key, MAX((told ->> 1)::bigint) AS at
          FROM jsonb_array_elements($2::jsonb) AS told GROUP BY 1) AS told
    WHERE keys.id = told.key AND keys.environment IN ($1, '*')
      AND (keys.last_used_at IS NULL OR keys.last_used_at < told.at)";

/// Locks rows of the outbox, by ascending key as everybody does: deployment, list of keys.
pub(super) const LOCK_OUTBOX: Option<&str> = Some(
    "SELECT 1 FROM outbox WHERE deployment = $1 AND key IN (SELECT unhex(value, '-') FROM json_each($2))
     ORDER BY key FOR NO KEY UPDATE",
);
