//! A platform admin, who holds the admin token, or whoever else manages keys with a token.

use serde_json::{Value, json};

use super::{Answer, Line, line::Outgoing};
use crate::evidence;

/// A key as the answer that made it showed it.
#[derive(Clone)]
pub(crate) struct NewKey {
    /// The secret text.
    pub(crate) text: String,
    /// The public id.
    pub(crate) id: String,
    /// `key_info` of that answer.
    pub(crate) info: Value,
    /// The `Keyward-Propagation` of that answer.
    pub(crate) propagation: Option<String>,
}

impl NewKey {
    /// What an answer 201 shows.
    #[track_caller]
    pub(crate) fn of(answer: &Answer) -> Self {
        let body = answer.json();
        let text = body["api_key"]
            .as_str()
            .expect("a created key has its text")
            .to_owned();
        evidence::plant(&text);
        Self {
            text,
            id: body["key_info"]["key_id"]
                .as_str()
                .expect("a created key has an id")
                .to_owned(),
            info: body["key_info"].clone(),
            propagation: answer.header("keyward-propagation").map(str::to_owned),
        }
    }
}

/// Manages keys over REST.
#[derive(Clone, Debug)]
pub(crate) struct Admin {
    line: Line,
    token: String,
}

impl Admin {
    pub(crate) fn at(url: &str, token: &str) -> Self {
        Self {
            line: Line::to(url),
            token: token.to_owned(),
        }
    }

    pub(crate) fn line(&self) -> &Line {
        &self.line
    }

    pub(crate) fn token(&self) -> &str {
        &self.token
    }

    /// A request with the admin token, and JSON if there is a body.
    #[track_caller]
    pub(crate) fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.ask_with(
            method,
            path,
            body.map(Value::to_string).as_deref(),
            Some("application/json"),
        )
    }

    /// A request with the admin token and any text for a body.
    #[track_caller]
    pub(crate) fn ask_with(
        &self,
        method: &str,
        path: &str,
        body: Option<&str>,
        content_type: Option<&str>,
    ) -> Answer {
        let mut headers = vec![("authorization".to_owned(), format!("Bearer {}", self.token))];
        if let (Some(_), Some(content_type)) = (body, content_type) {
            headers.push(("content-type".to_owned(), content_type.to_owned()));
        }
        let request = Outgoing {
            method,
            path,
            headers: &headers,
        };
        self.line.send(&request, body.map(str::as_bytes))
    }

    /// A request with the admin token; having no answer is an outcome too.
    pub(crate) fn attempt(&self, method: &str, path: &str, body: Option<&Value>) -> Option<Answer> {
        let headers = [
            ("authorization".to_owned(), format!("Bearer {}", self.token)),
            ("content-type".to_owned(), "application/json".to_owned()),
        ];
        let request = Outgoing {
            method,
            path,
            headers: &headers,
        };
        let body = body.map(Value::to_string);
        self.line
            .try_send(&request, body.as_deref().map(str::as_bytes))
            .ok()
    }

    /// A request with other headers, or none.
    #[track_caller]
    pub(crate) fn ask_as(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let headers: Vec<_> = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        self.line.send(
            &Outgoing {
                method,
                path,
                headers: &headers,
            },
            None,
        )
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, None)
    }

    /// Tries to create a key under an `Idempotency-Key`.
    #[track_caller]
    pub(crate) fn create_once(&self, value: &str, wish: &Value) -> Answer {
        let headers = [
            ("authorization".to_owned(), format!("Bearer {}", self.token)),
            ("content-type".to_owned(), "application/json".to_owned()),
            ("idempotency-key".to_owned(), value.to_owned()),
        ];
        let request = Outgoing {
            method: "POST",
            path: "/api/v1/keys",
            headers: &headers,
        };
        self.line.send(&request, Some(wish.to_string().as_bytes()))
    }

    /// Tries to create a key.
    #[track_caller]
    pub(crate) fn try_create(&self, body: &Value) -> Answer {
        let answer = self.ask("POST", "/api/v1/keys", Some(body));
        if answer.status == 201 {
            // Whatever the test does with it, its text is never to be found.
            NewKey::of(&answer);
        }
        answer
    }

    /// Creates a key at another path than the usual one.
    #[track_caller]
    pub(crate) fn create_at(&self, path: &str, body: &Value) -> NewKey {
        NewKey::of(&self.ask("POST", path, Some(body)).expect(201))
    }

    /// Creates a key.
    #[track_caller]
    pub(crate) fn create(&self, body: &Value) -> NewKey {
        NewKey::of(&self.try_create(body).expect(201))
    }

    /// The key as the database has it. What is told besides of the edge changes by itself.
    #[track_caller]
    pub(crate) fn show(&self, key: &NewKey) -> Value {
        let mut shown = self.get(&path(key)).expect(200).json();
        let edge = shown.as_object_mut().and_then(|shown| shown.remove("edge"));
        let state = edge.as_ref().and_then(|edge| edge["state"].as_str());
        assert!(
            state.is_some_and(|state| ["confirmed", "pending", "eventual", "none"].contains(&state)),
            "{edge:?}"
        );
        shown
    }

    #[track_caller]
    pub(crate) fn patch(&self, key: &NewKey, body: &Value) -> Answer {
        self.ask("PATCH", &path(key), Some(body))
    }

    #[track_caller]
    pub(crate) fn deactivate(&self, key: &NewKey) -> Answer {
        self.ask("POST", &format!("{}/deactivate", path(key)), None)
    }

    #[track_caller]
    pub(crate) fn activate(&self, key: &NewKey) -> Answer {
        self.ask("POST", &format!("{}/activate", path(key)), None)
    }

    /// Tries to rotate a key.
    #[track_caller]
    pub(crate) fn try_rotate(&self, key: &NewKey) -> Answer {
        let answer = self.ask("POST", &format!("{}/rotate", path(key)), None);
        if answer.status == 201 {
            NewKey::of(&answer);
        }
        answer
    }

    #[track_caller]
    pub(crate) fn rotate(&self, key: &NewKey) -> NewKey {
        NewKey::of(&self.try_rotate(key).expect(201))
    }

    #[track_caller]
    pub(crate) fn revoke(&self, key: &NewKey) -> Answer {
        self.ask("DELETE", &path(key), None)
    }

    /// Revokes a key, and says whether that was acknowledged.
    pub(crate) fn try_revoke(&self, key: &NewKey) -> bool {
        let headers = [("authorization".to_owned(), format!("Bearer {}", self.token))];
        let path = path(key);
        let request = Outgoing {
            method: "DELETE",
            path: &path,
            headers: &headers,
        };
        self.line
            .try_send(&request, None)
            .is_ok_and(|answer| answer.status == 200)
    }

    /// `GET /api/v1/sync`.
    #[track_caller]
    pub(crate) fn sync(&self) -> Value {
        self.get("/api/v1/sync").expect(200).json()
    }
}

/// Where a key is managed.
pub(crate) fn path(key: &NewKey) -> String {
    format!("/api/v1/keys/{}", key.id)
}

/// A wish for a key of a service with scopes.
pub(crate) fn a_key(service: &str, scopes: &[&str]) -> Value {
    json!({ "name": format!("a key for {service}"), "service_id": service, "scopes": scopes })
}

/// A wish for a key that may call `POST /v1/predict`.
pub(crate) fn prediction_key() -> Value {
    a_key("prediction", &["predict"])
}
