//! The statements that SQLite wants otherwise.
//!
//! `CROSS JOIN` and `+`: it is to look each key up by its id. By itself it takes the environment for the narrower way, and reads
//! the whole list once for each key there is.

/// What totals by hour add to those by day or month: deployment, environment, list of `[key, hour, requests, day, month]`. It comes
/// before the hours are written.
macro_rules! roll_up {
    ($table:literal, $slot:literal) => {
        concat!(
            "INSERT INTO ", $table, " (key, slot, deployment, requests)
             SELECT told.key, told.slot, $1, SUM(told.requests - COALESCE(known.requests, 0))
             FROM (SELECT keys.id AS key, told.value ->> 1 AS hour, told.value ->> ", $slot, " AS slot, MAX(told.value ->> 2) AS requests
                   FROM json_each($3) AS told CROSS JOIN keys ON keys.id = unhex(told.value ->> 0, '-')
                   WHERE keys.environment IN ($2, '*') GROUP BY 1, 2, 3) AS told
             LEFT JOIN usage_hours AS known ON known.key = told.key AND known.slot = told.hour AND known.deployment = $1
             WHERE told.requests > COALESCE(known.requests, 0)
               AND told.hour >= COALESCE((SELECT first FROM usage_horizons WHERE slots = 'hours'), 0)
             GROUP BY 1, 2
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
             FROM (SELECT keys.id AS key, keys.organization AS organization, told.value ->> 1 AS hour, told.value ->> ", $slot, " AS slot,
                       MAX(told.value ->> 2) AS requests
                   FROM json_each($3) AS told CROSS JOIN keys ON keys.id = unhex(told.value ->> 0, '-')
                   WHERE keys.environment IN ($2, '*') GROUP BY 1, 2, 3, 4) AS told
             LEFT JOIN usage_hours AS known ON known.key = told.key AND known.slot = told.hour AND known.deployment = $1
             WHERE told.requests > COALESCE(known.requests, 0)
               AND told.hour >= COALESCE((SELECT first FROM usage_horizons WHERE slots = 'hours'), 0)
             GROUP BY 1, 3
             ON CONFLICT (organization, slots, slot, deployment) DO UPDATE SET requests = organization_usage.requests + excluded.requests"
        )
    };
}

pub(super) const ROLL_UP_ORGANIZATION_HOURS: &str = roll_up_organizations!("hours", "1");
pub(super) const ROLL_UP_ORGANIZATION_DAYS: &str = roll_up_organizations!("days", "3");
pub(super) const ROLL_UP_ORGANIZATION_MONTHS: &str = roll_up_organizations!("months", "4");

pub(super) const ROLL_UP_DAYS: &str = roll_up!("usage_days", "3");
pub(super) const ROLL_UP_MONTHS: &str = roll_up!("usage_months", "4");

/// Totals by hour: the same parameters.
pub(super) const RECORD_HOURS: &str = "
    INSERT INTO usage_hours (key, slot, deployment, requests)
    SELECT keys.id, told.value ->> 1, $1, told.value ->> 2
    FROM json_each($3) AS told CROSS JOIN keys ON keys.id = unhex(told.value ->> 0, '-')
    WHERE keys.environment IN ($2, '*')
      AND told.value ->> 1 >= COALESCE((SELECT first FROM usage_horizons WHERE slots = 'hours'), 0)
    ON CONFLICT (key, slot, deployment) DO UPDATE SET requests = excluded.requests
    WHERE excluded.requests > usage_hours.requests";

/// Metered totals by month: deployment, environment, list of `[key, month, meter, requests]`.
pub(super) const RECORD_METERED: &str = "
    INSERT INTO metered_months (key, month, meter, deployment, requests)
    SELECT keys.id, told.value ->> 1, told.value ->> 2, $1, told.value ->> 3
    FROM json_each($3) AS told CROSS JOIN keys ON keys.id = unhex(told.value ->> 0, '-')
    WHERE keys.environment IN ($2, '*')
      AND told.value ->> 1 >= COALESCE((SELECT first FROM usage_horizons WHERE slots = 'months'), 0)
    ON CONFLICT (key, month, meter, deployment) DO UPDATE SET requests = excluded.requests
    WHERE excluded.requests > metered_months.requests";

/// What metered totals add to those of their organizations. It comes before they are written.
pub(super) const ROLL_UP_METERED: &str = "
    INSERT INTO organization_metered (organization, month, meter, requests)
    SELECT told.organization, told.month, told.meter, SUM(told.requests - COALESCE(known.requests, 0))
    FROM (SELECT keys.id AS key, keys.organization AS organization, told.value ->> 1 AS month, told.value ->> 2 AS meter,
              MAX(told.value ->> 3) AS requests
          FROM json_each($3) AS told CROSS JOIN keys ON keys.id = unhex(told.value ->> 0, '-')
          WHERE keys.environment IN ($2, '*') GROUP BY 1, 2, 3, 4) AS told
    LEFT JOIN metered_months AS known ON known.key = told.key AND known.month = told.month AND known.meter = told.meter
        AND known.deployment = $1
    WHERE told.requests > COALESCE(known.requests, 0)
      AND told.month >= COALESCE((SELECT first FROM usage_horizons WHERE slots = 'months'), 0)
    GROUP BY 1, 2, 3
    ON CONFLICT (organization, month, meter) DO UPDATE SET requests = organization_metered.requests + excluded.requests";

/// Refusals: environment, kind of slots, list of `[key, slot, reason, requests]`, each key, slot and reason once.
pub(super) const RECORD_REFUSALS: &str = "
    INSERT INTO refusals (key, slots, slot, reason, requests)
    SELECT keys.id, $2, told.value ->> 1, told.value ->> 2, told.value ->> 3
    FROM json_each($3) AS told CROSS JOIN keys ON keys.id = unhex(told.value ->> 0, '-')
    WHERE keys.environment IN ($1, '*')
    ON CONFLICT (key, slots, slot, reason) DO UPDATE SET requests = refusals.requests + excluded.requests";

/// The same of their organizations.
pub(super) const RECORD_ORGANIZATION_REFUSALS: &str = "
    INSERT INTO organization_refusals (organization, slots, slot, reason, requests)
    SELECT keys.organization, $2, told.value ->> 1, told.value ->> 2, SUM(told.value ->> 3)
    FROM json_each($3) AS told CROSS JOIN keys ON keys.id = unhex(told.value ->> 0, '-')
    WHERE keys.environment IN ($1, '*') GROUP BY 1, 3, 4
    ON CONFLICT (organization, slots, slot, reason) DO UPDATE SET requests = organization_refusals.requests + excluded.requests";

/// Last uses: environment, list of `[key, milliseconds]`. No new revision: a use is no change of the key, and conflicts with none.
pub(super) const RECORD_LAST_USES: &str = "
    UPDATE keys SET last_used_at = told.at
    FROM (SELECT unhex(value ->> 0, '-') AS key, MAX(value ->> 1) AS at FROM json_each($2) GROUP BY 1) AS told
    WHERE keys.id = told.key AND +keys.environment IN ($1, '*')
      AND (keys.last_used_at IS NULL OR keys.last_used_at < told.at)";

/// Compares a column with a pattern, whatever the case of ASCII letters: what stands before the two, between, and behind.
pub(super) const LIKE_IN_ANY_CASE: [&str; 3] = ["", " LIKE ", ""];

/// Locks rows of the outbox. There is one writer, so nobody else holds a lock.
pub(super) const LOCK_OUTBOX: Option<&str> = None;

/// The first thing that is damaged.
pub(super) const DAMAGE: &str = "
    SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'
    UNION ALL
    SELECT 'a row of ' || \"table\" || ' refers to a row of ' || parent || ' that is missing' FROM pragma_foreign_key_check
    LIMIT 1";

/// Its clock, in milliseconds since 1970.
pub(super) const TIME: &str = "SELECT CAST(ROUND(unixepoch('subsec') * 1000) AS INTEGER)";
