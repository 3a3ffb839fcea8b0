//! The statements that PostgreSQL wants otherwise.

/// What totals by hour add to those by day or month: deployment, environment, list of `[key, hour, requests, day, month]`. It comes
/// before the hours are written.
macro_rules! roll_up {
    ($table:literal, $slot:literal) => {
        concat!(
            "INSERT INTO ", $table, " (key, slot, deployment, requests)
             SELECT told.key, told.slot, $1, SUM(told.requests - COALESCE(known.requests, 0))
             FROM (SELECT keys.id AS key, (told ->> 1)::bigint AS hour, (told ->> ", $slot, ")::bigint AS slot,
                       MAX((told ->> 2)::bigint) AS requests
                   FROM jsonb_array_elements($3::jsonb) AS told JOIN keys ON keys.id = unhex(told ->> 0, '-')
                   WHERE keys.environment IN ($2, '*') GROUP BY 1, 2, 3) AS told
             LEFT JOIN usage_hours AS known ON known.key = told.key AND known.slot = told.hour AND known.deployment = $1
             WHERE told.requests > COALESCE(known.requests, 0)
               AND told.hour >= COALESCE((SELECT first FROM usage_horizons WHERE slots = 'hours'), 0)
             GROUP BY 1, 2 ORDER BY 1, 2
             ON CONFLICT (key, slot, deployment) DO UPDATE SET requests = ", $table, ".requests + excluded.requests"
        )
    };
}

/// What totals by hour add to those of their organizations, likewise: by hour, day or month.
macro_rules! roll_up_organizations {
    ($slots:literal, $slot:literal) => {
        concat!(
            "INSERT INTO organization_usage (organization, slots, slot, deployment, requests)
             SELECT told.organization, '", $slots, "', told.slot, $1, SUM(told.requests - COALESCE(known.requests, 0))
             FROM (SELECT keys.id AS key, keys.organization AS organization, (told ->> 1)::bigint AS hour, (told ->> ", $slot, ")::bigint AS slot,
                       MAX((told ->> 2)::bigint) AS requests
                   FROM jsonb_array_elements($3::jsonb) AS told JOIN keys ON keys.id = unhex(told ->> 0, '-')
                   WHERE keys.environment IN ($2, '*') GROUP BY 1, 2, 3, 4) AS told
             LEFT JOIN usage_hours AS known ON known.key = told.key AND known.slot = told.hour AND known.deployment = $1
             WHERE told.requests > COALESCE(known.requests, 0)
               AND told.hour >= COALESCE((SELECT first FROM usage_horizons WHERE slots = 'hours'), 0)
             GROUP BY 1, 3 ORDER BY 1, 3
             ON CONFLICT (organization, slots, slot, deployment) DO UPDATE SET requests = organization_usage.requests + excluded.requests"
        )
    };
}

pub(super) const ROLL_UP_ORGANIZATION_HOURS: &str = roll_up_organizations!("hours", "1");
pub(super) const ROLL_UP_ORGANIZATION_DAYS: &str = roll_up_organizations!("days", "3");
pub(super) const ROLL_UP_ORGANIZATION_MONTHS: &str = roll_up_organizations!("months", "4");

pub(super) const ROLL_UP_DAYS: &str = roll_up!("usage_days", "3");
pub(super) const ROLL_UP_MONTHS: &str = roll_up!("usage_months", "4");

/// Totals by hour: the same parameters. One statement may touch a row once only, so the greatest of a list is found before.
pub(super) const RECORD_HOURS: &str = "
    INSERT INTO usage_hours (key, slot, deployment, requests)
    SELECT keys.id, (told ->> 1)::bigint, $1, MAX((told ->> 2)::bigint)
    FROM jsonb_array_elements($3::jsonb) AS told JOIN keys ON keys.id = unhex(told ->> 0, '-')
    WHERE keys.environment IN ($2, '*')
      AND (told ->> 1)::bigint >= COALESCE((SELECT first FROM usage_horizons WHERE slots = 'hours'), 0)
    GROUP BY 1, 2 ORDER BY 1, 2
    ON CONFLICT (key, slot, deployment) DO UPDATE SET requests = excluded.requests
    WHERE excluded.requests > usage_hours.requests";

/// Metered totals by month: deployment, environment, list of `[key, month, meter, requests]`.
pub(super) const RECORD_METERED: &str = "
    INSERT INTO metered_months (key, month, meter, deployment, requests)
    SELECT keys.id, (told ->> 1)::bigint, told ->> 2, $1, MAX((told ->> 3)::bigint)
    FROM jsonb_array_elements($3::jsonb) AS told JOIN keys ON keys.id = unhex(told ->> 0, '-')
    WHERE keys.environment IN ($2, '*')
      AND (told ->> 1)::bigint >= COALESCE((SELECT first FROM usage_horizons WHERE slots = 'months'), 0)
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (key, month, meter, deployment) DO UPDATE SET requests = excluded.requests
    WHERE excluded.requests > metered_months.requests";

/// What metered totals add to those of their organizations. It comes before they are written.
pub(super) const ROLL_UP_METERED: &str = "
    INSERT INTO organization_metered (organization, month, meter, requests)
    SELECT told.organization, told.month, told.meter, SUM(told.requests - COALESCE(known.requests, 0))
    FROM (SELECT keys.id AS key, keys.organization AS organization, (told ->> 1)::bigint AS month, told ->> 2 AS meter,
              MAX((told ->> 3)::bigint) AS requests
          FROM jsonb_array_elements($3::jsonb) AS told JOIN keys ON keys.id = unhex(told ->> 0, '-')
          WHERE keys.environment IN ($2, '*') GROUP BY 1, 2, 3, 4) AS told
    LEFT JOIN metered_months AS known ON known.key = told.key AND known.month = told.month AND known.meter = told.meter
        AND known.deployment = $1
    WHERE told.requests > COALESCE(known.requests, 0)
      AND told.month >= COALESCE((SELECT first FROM usage_horizons WHERE slots = 'months'), 0)
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    ON CONFLICT (organization, month, meter) DO UPDATE SET requests = organization_metered.requests + excluded.requests";

/// Refusals: environment, kind of slots, list of `[key, slot, reason, requests]`, each key, slot and reason once.
pub(super) const RECORD_REFUSALS: &str = "
    INSERT INTO refusals (key, slots, slot, reason, requests)
    SELECT keys.id, $2, (told ->> 1)::bigint, told ->> 2, (told ->> 3)::bigint
    FROM jsonb_array_elements($3::jsonb) AS told JOIN keys ON keys.id = unhex(told ->> 0, '-')
    WHERE keys.environment IN ($1, '*')
    ON CONFLICT (key, slots, slot, reason) DO UPDATE SET requests = refusals.requests + excluded.requests";

/// The same of their organizations.
pub(super) const RECORD_ORGANIZATION_REFUSALS: &str = "
    INSERT INTO organization_refusals (organization, slots, slot, reason, requests)
    SELECT keys.organization, $2, (told ->> 1)::bigint, told ->> 2, SUM((told ->> 3)::bigint)
    FROM jsonb_array_elements($3::jsonb) AS told JOIN keys ON keys.id = unhex(told ->> 0, '-')
    WHERE keys.environment IN ($1, '*') GROUP BY 1, 3, 4 ORDER BY 1, 3, 4
    ON CONFLICT (organization, slots, slot, reason) DO UPDATE SET requests = organization_refusals.requests + excluded.requests";

/// Last uses: environment, list of `[key, milliseconds]`. No new revision: a use is no change of the key, and conflicts with none.
pub(super) const RECORD_LAST_USES: &str = "
    UPDATE keys SET last_used_at = told.at
    FROM (SELECT unhex(told ->> 0, '-') AS key, MAX((told ->> 1)::bigint) AS at
          FROM jsonb_array_elements($2::jsonb) AS told GROUP BY 1) AS told
    WHERE keys.id = told.key AND keys.environment IN ($1, '*')
      AND (keys.last_used_at IS NULL OR keys.last_used_at < told.at)";

/// Compares a column with a pattern, whatever the case of letters: what stands before the two, between, and behind. `ILIKE` takes three
/// times as long.
pub(super) const LIKE_IN_ANY_CASE: [&str; 3] = ["lower(", ") LIKE lower(", ")"];

/// Locks rows of the outbox, by ascending key as everybody does: deployment, list of keys.
pub(super) const LOCK_OUTBOX: Option<&str> = Some(
    "SELECT 1 FROM outbox WHERE deployment = $1 AND key IN (SELECT unhex(value, '-') FROM json_each($2))
     ORDER BY key FOR NO KEY UPDATE",
);

/// The first thing that is damaged. What the server's own checksums find it reports with whatever is read.
pub(super) const DAMAGE: &str = "
    SELECT 'the index ' || indexrelid::regclass || ' is not valid' FROM pg_index WHERE NOT indisvalid
    UNION ALL
    SELECT 'the constraint ' || conname || ' is not validated' FROM pg_constraint WHERE NOT convalidated
    LIMIT 1";

/// Its clock, in milliseconds since 1970.
pub(super) const TIME: &str = "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint";
