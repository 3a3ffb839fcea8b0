//! Keys whose text was found where it should not be: told by members, or by GitHub's secret scanning.
//!
//! The texts are read, and neither logged nor stored; who tells a text that is no key's learns nothing.

use serde_json::{Map, Value, json};

use super::{
    App, Problem,
    change::{Changed, MAX_TRIES, Work},
};
use crate::{
    domain::{Action, KeyId, KeyWrite, OrganizationId, Target, leak::LeakOutcome},
    store::CommitError,
};

pub(super) mod github;
pub(super) mod report;

/// A key that has leaked, and what was done about it.
struct Leaked {
    key: KeyId,
    outcome: LeakOutcome,
    changed: Changed,
}

impl App {
    /// Does with the key of a text what its organization wants; none where no key of the organization, or of any, has the text.
    /// `told` is what the audit event says of the report.
    async fn leaked(
        &self,
        actor: &str,
        organization: Option<OrganizationId>,
        text: &str,
        told: &Map<String, Value>,
    ) -> Result<Option<Leaked>, Problem> {
        for _ in 0..MAX_TRIES {
            let Some((_, key, _)) = self.key_of_text(organization, text).await? else {
                return Ok(None);
            };
            let of_key = self.store.organization(key.organization).await?;
            let policy = of_key
                .map(|organization| organization.leak_policy)
                .unwrap_or_default();
            let now = self.clock.now();
            let (after, outcome) = key.leaked(policy, actor, now);
            let mut detail = told.clone();
            detail.insert("policy".to_owned(), json!(policy.as_str()));
            detail.insert("outcome".to_owned(), json!(outcome.as_str()));
            let work = Work {
                keys: after.into_iter().map(KeyWrite::Update).collect(),
                detail: Value::Object(detail),
                ..Work::on(Action::KeyLeaked, key.organization, Target::Key(key.id))
            };
            match self.commit_as(actor, work, now, None).await {
                Err(CommitError::Conflict) => {}
                Err(error) => return Err(error.into()),
                Ok(changed) => {
                    return Ok(Some(Leaked {
                        key: key.id,
                        outcome,
                        changed,
                    }));
                }
            }
        }
        Err(Problem::contended())
    }
}
