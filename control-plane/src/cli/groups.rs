//! `keyward groups`.

use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::{
    exit::CODES,
    listing,
    remote::{Place, Remote, Sure},
    show,
};
use crate::client::{Answer, Pages, Request};

/// Groups: scopes at the edge and permissions here, for keys that are in them
#[derive(Args)]
pub(super) struct Groups {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
#[command(after_help = CODES)]
enum Command {
    /// List groups
    #[command(after_help = CODES)]
    List {
        /// So many at most [default: all]
        #[arg(long, short, value_name = "COUNT")]
        limit: Option<usize>,
        #[command(flatten)]
        at: At,
    },
    /// Show a group
    #[command(after_help = CODES)]
    Get {
        /// Its name or id
        group: String,
        #[command(flatten)]
        at: At,
    },
    /// Make a group
    #[command(after_help = CODES)]
    Create {
        /// What it is called; that does not change
        name: String,
        #[command(flatten)]
        gives: Gives,
        #[command(flatten)]
        at: At,
    },
    /// Change what a group gives its keys, which follow. A list that is named is replaced as a whole
    #[command(after_help = CODES)]
    Update {
        /// Its name or id
        group: String,
        #[command(flatten)]
        gives: Gives,
        /// It gives no scopes any more
        #[arg(long, conflicts_with = "scopes")]
        clear_scopes: bool,
        /// It gives no permissions any more
        #[arg(long, conflicts_with = "permissions")]
        clear_permissions: bool,
        #[command(flatten)]
        at: At,
    },
    /// Delete a group; its keys lose what it gave them
    #[command(after_help = CODES)]
    Delete {
        /// Its name or id
        group: String,
        #[command(flatten)]
        sure: Sure,
        #[command(flatten)]
        at: At,
    },
}

#[derive(Args)]
struct At {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    remote: Remote,
}

/// What a group gives.
#[derive(Args)]
struct Gives {
    /// A scope at the edge; once for each
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// A permission here, such as keys:read; once for each
    #[arg(long = "permission", value_name = "PERMISSION")]
    permissions: Vec<String>,
}

impl Gives {
    fn fields(self) -> Map<String, Value> {
        let fields = [("scopes", self.scopes), ("permissions", self.permissions)];
        let given = fields.into_iter().filter(|(_, list)| !list.is_empty());
        given.map(|(name, list)| (name.to_owned(), json!(list))).collect()
    }
}

impl At {
    /// Asks for a group, or about all of them.
    async fn ask(&self, method: Method, group: Option<&str>, body: Option<Value>) -> anyhow::Result<()> {
        let session = self.remote.session()?;
        let organization = session.organization(&self.place).await?;
        let path = ["api", "v1", "groups"].into_iter().chain(group);
        let request = Request::new(method, path).with("organization_id", organization);
        let request = match body {
            Some(body) => request.body(body),
            None => request,
        };
        let Answer {
            body, propagation, ..
        } = session.client.send(&request).await?;
        if let Some(propagation) = propagation {
            show::note(&format!("edge: {propagation}"));
        }
        if self.remote.json {
            return show::json(&body);
        }
        show::line(&show::all_facts(&body))
    }
}

impl Groups {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        match self.command {
            Command::List { limit, at } => {
                let session = at.remote.session()?;
                let organization = session.organization(&at.place).await?;
                let request =
                    Request::new(Method::GET, ["api", "v1", "groups"]).with("organization_id", organization);
                let pages = Pages::of(&session.client, request, limit);
                listing::show(
                    pages,
                    at.remote.json,
                    &["NAME", "SCOPES", "PERMISSIONS", "ID"],
                    row,
                )
                .await
            }
            Command::Get { group, at } => at.ask(Method::GET, Some(&group), None).await,
            Command::Create { name, gives, at } => {
                let mut body = gives.fields();
                body.insert("name".to_owned(), json!(name));
                at.ask(Method::POST, None, Some(Value::Object(body))).await
            }
            Command::Update {
                group,
                gives,
                clear_scopes,
                clear_permissions,
                at,
            } => {
                let mut body = gives.fields();
                for (name, cleared) in [("scopes", clear_scopes), ("permissions", clear_permissions)] {
                    body.extend(cleared.then(|| (name.to_owned(), json!([]))));
                }
                at.ask(Method::PATCH, Some(&group), Some(Value::Object(body)))
                    .await
            }
            Command::Delete { group, sure, at } => {
                sure.ask(&format!(
                    "Delete the group {group}? Its keys lose what it gives them."
                ))?;
                at.ask(Method::DELETE, Some(&group), None).await
            }
        }
    }
}

fn row(group: &Value) -> Vec<String> {
    ["name", "scopes", "permissions", "group_id"]
        .map(|field| show::cell(&group[field]))
        .to_vec()
}
