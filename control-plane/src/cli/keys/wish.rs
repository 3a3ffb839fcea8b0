//! What a key is to be like, as flags.

use anyhow::bail;
use clap::Args;
use serde_json::{Map, Value, json};

/// What may be said of a new key and of one that changes.
#[derive(Args)]
pub(super) struct Wish {
    /// A scope that it has; once for each
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// A group that it is in; once for each
    #[arg(long = "group", value_name = "GROUP")]
    groups: Vec<String>,
    /// An address or network (CIDR) that it may be used from; once for each
    #[arg(long = "allow-ip", value_name = "ADDRESS")]
    allowed_ips: Vec<String>,
    /// In how many days it expires, 1 to 365
    #[arg(long, value_name = "DAYS")]
    expires_in_days: Option<u32>,
    /// How many requests it may make in an hour
    #[arg(long, value_name = "REQUESTS")]
    rate_limit: Option<u32>,
    /// How many metered requests it may make in a month
    #[arg(long, value_name = "REQUESTS")]
    monthly_limit: Option<u64>,
    /// Its billing plan
    #[arg(long, value_name = "PLAN")]
    plan: Option<String>,
    /// Who holds it, in your own words
    #[arg(long, value_name = "TEXT")]
    owner: Option<String>,
    /// A pair of its metadata; once for each
    #[arg(long = "metadata", value_name = "NAME=VALUE")]
    metadata: Vec<String>,
}

impl Wish {
    /// The fields that were given.
    pub(super) fn fields(self) -> anyhow::Result<Map<String, Value>> {
        let list = |items: Vec<String>| (!items.is_empty()).then(|| json!(items));
        let mut metadata = Map::new();
        for pair in self.metadata {
            let Some((name, value)) = pair.split_once('=') else {
                bail!("--metadata {pair:?} must be <name>=<value>");
            };
            metadata.insert(name.to_owned(), json!(value));
        }
        let fields = [
            ("scopes", list(self.scopes)),
            ("groups", list(self.groups)),
            ("allowed_ips", list(self.allowed_ips)),
            ("expires_in_days", self.expires_in_days.map(|days| json!(days))),
            ("rate_limit_per_hour", self.rate_limit.map(|limit| json!(limit))),
            (
                "monthly_prediction_limit",
                self.monthly_limit.map(|limit| json!(limit)),
            ),
            ("billing_plan", self.plan.map(|plan| json!(plan))),
            ("owner", self.owner.map(|owner| json!(owner))),
            (
                "metadata",
                (!metadata.is_empty()).then_some(Value::Object(metadata)),
            ),
        ];
        let given = fields
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Ok(given.collect())
    }
}
