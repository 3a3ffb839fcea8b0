//! What this deployment is: read once per isolate from the Worker's variables and secrets.

mod settings;

use keyward_shared::{
    Brands, Environment, Family, ImportedKeys, RouteTable, SecretRing,
    lease::LeaseTerm,
    route::{Consistency, Route},
};

pub use self::settings::SettingError;
use self::settings::Settings;
use crate::{assertion::Issuer, usage::Reporting, verify::secrets::VerifySecrets};

/// One Worker and its namespace of records.
#[derive(Debug)]
pub struct Deployment {
    /// Its id in the control plane. Records are signed for it.
    pub id: String,
    /// The one environment it serves.
    pub environment: Environment,
    /// The brand parts of its keys.
    pub brands: Brands,
    /// What keys made elsewhere look like.
    pub imported_keys: ImportedKeys,
    /// The secrets that make tags.
    pub tag_secrets: TagSecrets,
    /// The secrets that sign records.
    pub record_secrets: SecretRing,
    /// The secrets that sign what the control plane sends to the edge first. Without any, records come by KV alone.
    pub sync_secrets: Option<SecretRing>,
    /// What it signs for origins, and by which name.
    pub issuer: Issuer,
    /// How guards report what they count. None where they do not.
    pub usage: Option<Reporting>,
    /// Who may ask about keys. Without any nobody may.
    pub verify_secrets: Option<VerifySecrets>,
    /// How many questions about keys an isolate answers to one secret in a minute.
    pub verify_per_minute: u32,
    /// How long leases last.
    pub lease_term: LeaseTerm,
    /// Who decides on keys without a lease, where a route does not say.
    pub consistency: Consistency,
    /// For how long a record is trusted after it was read, in milliseconds.
    pub record_cache_ms: u64,
    /// The `realm` of challenges.
    pub realm: String,
    /// What passes, and where to.
    pub routes: RouteTable,
}

/// The secrets that make the tags of each family of keys. One that is absent admits none of that family.
#[derive(Debug)]
pub struct TagSecrets {
    production: Option<SecretRing>,
    test: Option<SecretRing>,
    development: Option<SecretRing>,
    gateway: Option<SecretRing>,
}

impl TagSecrets {
    /// The ring of a family.
    pub fn of(&self, family: Family) -> Option<&SecretRing> {
        match family {
            Family::Service(Environment::Production) => self.production.as_ref(),
            Family::Service(Environment::Test) => self.test.as_ref(),
            Family::Service(Environment::Development) => self.development.as_ref(),
            Family::Gateway => self.gateway.as_ref(),
        }
    }
}

impl Deployment {
    /// Reads the settings. `read` gives the text of a variable or secret; an empty one counts as absent. Whether there is a
    /// queue for [`Deployment::usage`] they do not say.
    ///
    /// # Errors
    /// The first setting that is missing or wrong.
    pub fn from_settings(
        read: impl Fn(&str) -> Option<String>,
        routes: RouteTable,
    ) -> Result<Self, SettingError> {
        let settings = Settings::new(&read);
        let environment = settings
            .required("ENVIRONMENT", "must be production, test or development")?
            .parse()
            .map_err(|error| SettingError::new("ENVIRONMENT", error))?;
        let brands = Brands::new(
            settings.parsed("SERVICE_KEY_BRAND", "hk")?,
            settings.parsed("GATEWAY_KEY_BRAND", "hpk")?,
        );
        let id = settings.deployment_id()?;
        let brands = brands.map_err(|error| {
            SettingError::new(
                "SERVICE_KEY_BRAND",
                format!("it equals GATEWAY_KEY_BRAND; {error}"),
            )
        })?;
        Ok(Self {
            issuer: settings.issuer(&id, environment)?,
            id,
            environment,
            brands,
            imported_keys: settings.imported_keys(&brands)?,
            tag_secrets: settings.tag_secrets(environment)?,
            record_secrets: settings.required_ring("RECORD_SECRETS")?,
            sync_secrets: settings.optional_ring("SYNC_SECRETS")?,
            usage: None,
            verify_secrets: settings.optional_parsed("VERIFY_SECRETS")?,
            verify_per_minute: settings.verify_per_minute()?,
            lease_term: settings.lease_term()?,
            consistency: settings.parsed("CONSISTENCY", "strict")?,
            record_cache_ms: settings.record_cache_ms()?,
            realm: settings.realm()?,
            routes: settings.routes(routes)?,
        })
    }

    /// Whether a route decides on the record in KV, and asks the guard in the background.
    pub fn is_fast(&self, route: &Route) -> bool {
        route.consistency.unwrap_or(self.consistency) == Consistency::Fast
    }

    /// Whether guards hear of every change before it counts as made, so that what a guard says needs no second source.
    pub fn guards_are_told(&self) -> bool {
        self.sync_secrets.is_some()
    }
}
