//! `keyward keys list`.

use clap::Args;
use serde_json::Value;

use super::list_of;
use crate::{
    cli::{
        exit::CODES,
        listing,
        remote::{Place, Remote},
        show,
    },
    client::Pages,
    clock::{Clock as _, SystemClock},
};

/// List keys, the newest first or as `--sort` says
#[derive(Args)]
#[command(after_help = CODES)]
pub(super) struct List {
    /// Only keys whose name or owner has this in it, whose preview begins with it, or whose id it is
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
    /// Only keys of this service
    #[arg(long, value_name = "SERVICE")]
    service: Option<String>,
    /// Only keys of this environment: production, test or development
    #[arg(long, value_name = "ENVIRONMENT")]
    environment: Option<String>,
    /// Only keys of this kind: service or gateway
    #[arg(long, value_name = "KIND")]
    kind: Option<String>,
    /// Only keys with this scope, of their own or of a group
    #[arg(long, value_name = "SCOPE")]
    scope: Option<String>,
    /// Only keys in this group
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,
    /// Only keys in one of these states, joined by commas: active, deactivated, expired, superseded, revoked
    #[arg(long, value_name = "STATES", conflicts_with = "active")]
    status: Option<String>,
    /// Only keys that open something now
    #[arg(long)]
    active: bool,
    /// Only keys that nobody has used for as long as their organization allows
    #[arg(long)]
    unused: bool,
    /// Only keys that this one manages, by the name of `created_by`
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// Only keys that this one holds
    #[arg(long, value_name = "TEXT")]
    owner: Option<String>,
    /// Only keys that this one made
    #[arg(long, value_name = "NAME")]
    created_by: Option<String>,
    /// Only keys that expire before this (RFC 3339, or a date)
    #[arg(long, value_name = "TIME")]
    expires_before: Option<String>,
    /// Only keys that were not used since (RFC 3339, or a date)
    #[arg(long, value_name = "TIME")]
    unused_since: Option<String>,
    /// By created_at, name, last_used_at or expires_at; with a `-` in front the greatest first [default: -created_at]
    #[arg(long, value_name = "FIELD", allow_hyphen_values = true)]
    sort: Option<String>,
    /// So many at most [default: all]
    #[arg(long, short, value_name = "COUNT")]
    limit: Option<usize>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    remote: Remote,
}

impl List {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let session = self.remote.session()?;
        let organization = session.organization(&self.place).await?;
        let request = list_of(organization.as_ref())
            .with("search", self.search)
            .with("service_id", self.service)
            .with("environment", self.environment)
            .with("kind", self.kind)
            .with("scope", self.scope)
            .with("group", self.group)
            .with("status", self.status)
            .with("active_only", self.active.then_some(true))
            .with("unused", self.unused.then_some(true))
            .with("user_id", self.user)
            .with("owner", self.owner)
            .with("created_by", self.created_by)
            .with("expires_before", self.expires_before)
            .with("unused_since", self.unused_since)
            .with("sort", self.sort);
        let pages = Pages::of(&session.client, request, self.limit);
        let head = &[
            "NAME",
            "KEY",
            "STATUS",
            "SERVICE",
            "ENVIRONMENT",
            "EDGE",
            "LAST USED",
            "EXPIRES",
            "ID",
        ];
        listing::show(pages, self.remote.json, head, row).await
    }
}

fn row(key: &Value) -> Vec<String> {
    let now = SystemClock.now();
    let is_active = key["status"] == "active";
    vec![
        show::cell(&key["name"]),
        show::cell(&key["key_prefix"]).replace(&"*".repeat(39), "***"),
        match (&key["suspended"], &key["is_active"], &key["unused"]) {
            (Value::Bool(true), ..) if is_active => "suspended".to_owned(),
            (_, Value::Bool(false), _) if is_active => "expired".to_owned(),
            (.., Value::Bool(true)) => "unused".to_owned(),
            _ => show::cell(&key["status"]),
        },
        show::cell(&key["service_id"]),
        show::cell(&key["environment"]),
        show::cell(&key["edge"]["state"]),
        show::when(&key["last_used_at"], now),
        show::when(&key["expires_at"], now),
        show::cell(&key["key_id"]),
    ]
}
