//! Who plays: callers, an organization of their own, and another one.

use std::sync::atomic::{AtomicU64, Ordering};

use keyward_control_plane::domain::{Key, OrganizationId};
use keyward_shared::Environment;
use serde_json::{Value, json};

use crate::{
    keys::{self, DEFAULT},
    service::{ADMIN_TOKEN, Answer, Service, static_key, user},
};

/// A kind of caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// Holds the admin token.
    Platform,
    /// Holds the legacy static key of the organization.
    Static,
    Owner,
    Admin,
    Developer,
    Viewer,
    /// Owns the other organization.
    Stranger,
    /// Is in no organization.
    Nobody,
    /// Sends nothing.
    Anonymous,
    /// Sends a token whose time is over.
    Late,
    /// Sends a token of another issuer.
    Misled,
}

impl Who {
    pub(crate) const ALL: [Self; 11] = [
        Self::Platform,
        Self::Static,
        Self::Owner,
        Self::Admin,
        Self::Developer,
        Self::Viewer,
        Self::Stranger,
        Self::Nobody,
        Self::Anonymous,
        Self::Late,
        Self::Misled,
    ];

    /// Those whose credential is none.
    pub(crate) const UNKNOWN: [Self; 3] = [Self::Anonymous, Self::Late, Self::Misled];

    /// The name of the caller's keys.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Platform => "admin",
            Self::Static => "static-key",
            Self::Owner => "owen",
            Self::Admin => "ada",
            Self::Developer => "dev",
            Self::Viewer => "vic",
            Self::Stranger => "stan",
            Self::Nobody | Self::Anonymous | Self::Late | Self::Misled => "nell",
        }
    }

    fn credential(self) -> Option<(&'static str, String)> {
        let bearer = |token: String| Some(("authorization", format!("Bearer {token}")));
        match self {
            Self::Platform => bearer(ADMIN_TOKEN.into()),
            Self::Static => Some(("api-key", static_key(DEFAULT))),
            Self::Anonymous => None,
            Self::Late => bearer(crate::service::user_with(json!({ "exp": 1 }))),
            Self::Misled => bearer(crate::service::user_with(json!({ "iss": "https://other" }))),
            person => bearer(user(person.name())),
        }
    }
}

/// A service with everybody on it.
pub(crate) struct Stage {
    pub(crate) service: Service,
    /// Of [`Who::Stranger`].
    pub(crate) other: OrganizationId,
    seeds: AtomicU64,
}

impl Stage {
    pub(crate) async fn set() -> Self {
        let service = Service::start().await;
        let made = service
            .ask(
                &user("stan"),
                "POST",
                "/api/v1/organizations",
                Some(&json!({ "name": "Other" })),
            )
            .await
            .expect(201);
        let stage = Self {
            service,
            other: made["organization_id"].as_str().unwrap().parse().unwrap(),
            seeds: AtomicU64::new(1000),
        };
        for (who, role) in [
            (Who::Owner, "owner"),
            (Who::Admin, "admin"),
            (Who::Developer, "developer"),
            (Who::Viewer, "viewer"),
        ] {
            stage.put_member(who.name(), role).await;
        }
        stage
    }

    /// Makes somebody a member of the organization.
    pub(crate) async fn put_member(&self, subject: &str, role: &str) {
        let path = format!("/api/v1/organizations/{DEFAULT}/members/{subject}");
        let answer = self
            .ask(Who::Platform, "PUT", &path, Some(&json!({ "role": role })))
            .await;
        assert!(answer.status < 300, "{answer:?}");
    }

    /// A new key in the database.
    pub(crate) async fn plant(&self, organization: OrganizationId, owner: &str) -> Key {
        let seed = self.seed();
        let key = Key {
            owner: owner.into(),
            ..keys::key_for(seed, organization, Environment::Production)
        };
        let change = keys::create(&key, &[], keys::at(50));
        self.service.store.commit(&change).await.unwrap();
        key
    }

    /// A number that was not used before.
    pub(crate) fn seed(&self) -> u64 {
        self.seeds.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) async fn ask(&self, who: Who, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let credential = who.credential();
        let headers: Vec<_> = credential
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        self.service.send(method, path, &headers, body).await
    }
}
