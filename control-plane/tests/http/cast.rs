//! Who plays: callers, an organization of their own, and another one.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering},
};

use keyward_control_plane::domain::{Key, OrganizationId, principal::Reach};
use keyward_shared::Environment;
use serde_json::{Value, json};

use crate::{
    keys::{self, DEFAULT},
    service::{ADMIN_TOKEN, Answer, Service, static_key, user, user_with},
};

/// A kind of caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
    /// A gateway key in the group `admin`.
    AdminKey,
    /// One that may manage every key.
    ManagerKey,
    /// One that may create keys.
    CreatorKey,
    /// One that may look at everything.
    ReaderKey,
    /// One that may do nothing here, and something at the edge.
    ScopedKey,
    /// A service key that may look at everything.
    ServiceReader,
    /// A gateway key in the group `admin` of the other organization.
    StrangersKey,
    /// Sends nothing.
    Anonymous,
    /// Sends a token whose time is over.
    Late,
    /// Sends a token of another issuer.
    Misled,
    /// A service key in no group.
    ServiceKey,
    /// Keys in the group `admin` that are good no more.
    DeactivatedKey,
    RevokedKey,
    RotatedKey,
}

impl Who {
    pub(crate) const ALL: [Self; 22] = [
        Self::Platform,
        Self::Static,
        Self::Owner,
        Self::Admin,
        Self::Developer,
        Self::Viewer,
        Self::Stranger,
        Self::Nobody,
        Self::AdminKey,
        Self::ManagerKey,
        Self::CreatorKey,
        Self::ReaderKey,
        Self::ScopedKey,
        Self::ServiceReader,
        Self::StrangersKey,
        Self::Anonymous,
        Self::Late,
        Self::Misled,
        Self::ServiceKey,
        Self::DeactivatedKey,
        Self::RevokedKey,
        Self::RotatedKey,
    ];

    /// Those whose credential is none, or none any more; with the code that says so.
    pub(crate) const fn refused_as(self) -> Option<&'static str> {
        match self {
            Self::Anonymous | Self::Late | Self::Misled | Self::ServiceKey => Some("unauthenticated"),
            Self::DeactivatedKey => Some("deactivated"),
            Self::RevokedKey => Some("revoked"),
            Self::RotatedKey => Some("superseded"),
            _ => None,
        }
    }

    /// Those who have no place in the organization.
    pub(crate) const fn is_outside(self) -> bool {
        matches!(self, Self::Stranger | Self::Nobody | Self::StrangersKey)
    }

    const fn subject(self) -> &'static str {
        match self {
            Self::Owner => "owen",
            Self::Admin => "ada",
            Self::Developer => "dev",
            Self::Viewer => "vic",
            Self::Stranger => "stan",
            _ => "nell",
        }
    }
}

/// A service with everybody on it.
pub(crate) struct Stage {
    pub(crate) service: Service,
    /// Of [`Who::Stranger`].
    pub(crate) other: OrganizationId,
    /// The texts and names of the keys that call.
    keys: HashMap<Who, (String, String)>,
    seeds: AtomicU64,
}

impl Stage {
    /// With the people only.
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
            keys: HashMap::new(),
            seeds: AtomicU64::new(1000),
        };
        for (who, role) in [
            (Who::Owner, "owner"),
            (Who::Admin, "admin"),
            (Who::Developer, "developer"),
            (Who::Viewer, "viewer"),
        ] {
            stage.put_member(who.subject(), role).await;
        }
        stage
    }

    /// With the keys that call besides.
    pub(crate) async fn set_with_keys() -> Self {
        let mut stage = Self::set().await;
        let both = json!(["predict", "read"]);
        for (name, scopes, permissions) in [
            (
                "manager",
                &both,
                json!(["keys:read", "keys:create", "keys:manage"]),
            ),
            ("creator", &both, json!(["keys:read", "keys:create"])),
            (
                "reader",
                &json!([]),
                json!(["keys:read", "members:read", "groups:read"]),
            ),
            ("scoped", &both, json!([])),
        ] {
            let group = json!({ "name": name, "scopes": scopes, "permissions": permissions });
            stage
                .ask(Who::Admin, "POST", "/api/v1/groups", Some(&group))
                .await
                .expect(201);
        }
        for (who, group) in [
            (Who::AdminKey, "admin"),
            (Who::ManagerKey, "manager"),
            (Who::CreatorKey, "creator"),
            (Who::ReaderKey, "reader"),
            (Who::ScopedKey, "scoped"),
            (Who::DeactivatedKey, "admin"),
            (Who::RevokedKey, "admin"),
            (Who::RotatedKey, "admin"),
        ] {
            let wish = json!({ "name": format!("{who:?}"), "groups": [group] });
            stage.make_key(who, Who::Admin, &wish).await;
        }
        let wish = json!({ "name": "s", "service_id": "prediction", "groups": ["reader"] });
        stage.make_key(Who::ServiceReader, Who::Admin, &wish).await;
        let wish = json!({ "name": "s", "service_id": "prediction" });
        stage.make_key(Who::ServiceKey, Who::Admin, &wish).await;
        let wish = json!({ "name": "theirs", "groups": ["admin"] });
        stage.make_key(Who::StrangersKey, Who::Stranger, &wish).await;
        for (who, method, end) in [
            (Who::DeactivatedKey, "POST", "/deactivate"),
            (Who::RevokedKey, "DELETE", ""),
            (Who::RotatedKey, "POST", "/rotate"),
        ] {
            let path = format!("/api/v1/keys/{}{end}", stage.key_id(who));
            let answer = stage.ask(Who::Admin, method, &path, None).await;
            assert!(answer.status < 300, "{answer:?}");
        }
        stage
    }

    async fn make_key(&mut self, who: Who, maker: Who, wish: &Value) {
        let made = self
            .ask(maker, "POST", "/api/v1/keys", Some(wish))
            .await
            .expect(201);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let of_key = (text(&made["api_key"]), text(&made["key_info"]["key_id"]));
        self.keys.insert(who, of_key);
    }

    /// The id of a key that calls.
    pub(crate) fn key_id(&self, who: Who) -> &str {
        &self.keys[&who].1
    }

    /// The text of a key that calls.
    pub(crate) fn key_text(&self, who: Who) -> &str {
        &self.keys[&who].0
    }

    /// The name that a caller's keys belong to.
    pub(crate) fn name(&self, who: Who) -> String {
        match (who, self.keys.get(&who)) {
            (_, Some((_, id))) => format!("key:{id}"),
            (Who::Platform, _) => "admin".into(),
            (Who::Static, _) => "static-key".into(),
            (person, _) => person.subject().into(),
        }
    }

    /// What somebody shows to sign in; none for who has nothing that the page takes.
    pub(crate) fn token(&self, who: Who) -> Option<String> {
        let (name, value) = self.credential(who)?;
        (name == "authorization").then(|| value.replacen("Bearer ", "", 1))
    }

    fn credential(&self, who: Who) -> Option<(&'static str, String)> {
        let bearer = |token: String| Some(("authorization", format!("Bearer {token}")));
        match (who, self.keys.get(&who)) {
            (_, Some((text, _))) => bearer(text.clone()),
            (Who::Platform, _) => bearer(ADMIN_TOKEN.into()),
            (Who::Static, _) => Some(("api-key", static_key(DEFAULT))),
            (Who::Anonymous, _) => None,
            (Who::Late, _) => bearer(user_with(json!({ "exp": 1 }))),
            (Who::Misled, _) => bearer(user_with(json!({ "iss": "https://other" }))),
            (person, _) => bearer(user(person.subject())),
        }
    }

    /// Makes somebody a member of the organization.
    pub(crate) async fn put_member(&self, subject: &str, role: &str) {
        let path = format!("/api/v1/organizations/{DEFAULT}/members/{subject}");
        let answer = self
            .ask(Who::Platform, "PUT", &path, Some(&json!({ "role": role })))
            .await;
        assert!(answer.status < 300, "{answer:?}");
    }

    /// A new key in the database, with the scopes `predict` and `read`.
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

    /// Gives the keys that call, and are good, to somebody else.
    pub(crate) async fn hand_keys_over(&self, owner: &str) {
        for (_, id) in self.keys.values() {
            let found = self.service.store.key(&Reach::Everywhere, id.parse().unwrap());
            let key = found.await.unwrap().unwrap();
            if let Ok(key) = key.handed_to(owner, keys::at(100)) {
                let change = keys::update(&key, &[], keys::at(100));
                self.service.store.commit(&change).await.unwrap();
            }
        }
    }

    /// A new group of an organization, by its id.
    pub(crate) async fn plant_group(&self, organization: OrganizationId) -> String {
        let group = json!({ "name": format!("g{}", self.seed()), "scopes": ["read"] });
        let path = format!("/api/v1/groups?organization_id={organization}");
        let made = self
            .ask(Who::Platform, "POST", &path, Some(&group))
            .await
            .expect(201);
        made["group_id"].as_str().unwrap().to_owned()
    }

    /// A number that was not used before.
    pub(crate) fn seed(&self) -> u64 {
        self.seeds.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) async fn ask(&self, who: Who, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let credential = self.credential(who);
        let headers: Vec<_> = credential
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        self.service.send(method, path, &headers, body).await
    }
}
