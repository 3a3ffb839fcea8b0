//! Whoever can write to a Worker's KV: the publisher, and in these tests a thief of its token.

use serde_json::{Value, json};

use super::{Answer, Line, line::Outgoing};

/// A KV namespace over the REST API that `wrangler dev` serves.
#[derive(Clone, Debug)]
pub(crate) struct Kv {
    line: Line,
    namespace: String,
}

impl Kv {
    /// `edge` is the URL of the Worker.
    pub(crate) fn at(edge: &str, namespace: &str) -> Self {
        Self {
            line: Line::to(&Self::base(edge)),
            namespace: namespace.to_owned(),
        }
    }

    /// What the control plane calls `kv_url`.
    pub(crate) fn base(edge: &str) -> String {
        format!("{edge}/cdn-cgi/explorer/api")
    }

    #[track_caller]
    pub(crate) fn put(&self, name: &str, value: &str) {
        let pairs = json!([{ "key": name, "value": value }]);
        self.ask("PUT", "bulk", Some(&pairs)).expect(200);
    }

    #[track_caller]
    pub(crate) fn delete(&self, names: &[String]) {
        if !names.is_empty() {
            self.ask("POST", "bulk/delete", Some(&json!(names))).expect(200);
        }
    }

    /// The text of a value.
    #[track_caller]
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        let answer = self.ask("GET", &format!("values/{}", name.replace(':', "%3A")), None);
        (answer.status != 404).then(|| answer.expect(200).text())
    }

    /// All names.
    #[track_caller]
    pub(crate) fn names(&self) -> Vec<String> {
        let list = self.ask("GET", "keys?limit=1000", None).expect(200).json();
        let names = list["result"].as_array().expect("a list of names").iter();
        names
            .map(|entry| entry["name"].as_str().expect("a name").to_owned())
            .collect()
    }

    #[track_caller]
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let headers = [("content-type".to_owned(), "application/json".to_owned())];
        let path = format!("/storage/kv/namespaces/{}/{path}", self.namespace);
        let headers = if body.is_some() { &headers[..] } else { &[] };
        self.line.send(
            &Outgoing {
                method,
                path: &path,
                headers,
            },
            body.map(Value::to_string).as_deref().map(str::as_bytes),
        )
    }
}
