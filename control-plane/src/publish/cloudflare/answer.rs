//! The envelope around every answer: `{success, errors, messages, result, result_info}`.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, de::DeserializeOwned};

use super::ApiToken;
use crate::publish::kv::KvFault;

/// How much of what the store says about a failure goes into an error.
const MAX_DETAIL_CHARACTERS: usize = 200;

#[derive(Deserialize)]
struct Envelope<T> {
    success: bool,
    result: Option<T>,
    result_info: Option<ResultInfo>,
}

#[derive(Deserialize)]
struct ResultInfo {
    cursor: Option<String>,
}

/// The part of an envelope that says what went wrong.
#[derive(Deserialize)]
struct Complaint {
    #[serde(default)]
    errors: Vec<Message>,
    result: Option<BulkWrite>,
}

#[derive(Deserialize)]
struct Message {
    code: Option<u64>,
    #[serde(default)]
    message: String,
}

/// The result of a bulk write or delete.
#[derive(Default, Deserialize)]
pub(super) struct BulkWrite {
    successful_key_count: Option<u64>,
    #[serde(default)]
    unsuccessful_keys: Vec<String>,
}

impl BulkWrite {
    /// The names that were not fully written. The count has to agree, or the answer says nothing about any name.
    pub(super) fn unsuccessful<'a>(
        self,
        sent: impl ExactSizeIterator<Item = &'a str>,
    ) -> Result<HashSet<String>, KvFault> {
        let count = sent.len();
        let unsuccessful: HashSet<String> = self.unsuccessful_keys.into_iter().collect();
        let known = sent.filter(|name| unsuccessful.contains(*name)).count();
        let successful = self
            .successful_key_count
            .map_or(Some(count - known), |count| usize::try_from(count).ok());
        if known == unsuccessful.len() && successful == Some(count - known) {
            Ok(unsuccessful)
        } else {
            Err(KvFault::Unreadable(format!(
                "it does not account for the {count} names of the call"
            )))
        }
    }
}

/// The result of a bulk read.
#[derive(Deserialize)]
pub(super) struct BulkRead {
    values: HashMap<String, Option<String>>,
}

impl BulkRead {
    pub(super) fn values(self) -> HashMap<String, String> {
        let present = |(name, value): (String, Option<String>)| Some((name, value?));
        self.values.into_iter().filter_map(present).collect()
    }
}

/// One name of a list.
#[derive(Deserialize)]
pub(super) struct ListedName {
    pub(super) name: String,
}

/// The result of a good answer.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, KvFault> {
    envelope(body)?
        .result
        .ok_or_else(|| KvFault::Unreadable("it has no result".to_owned()))
}

/// The results of a good answer, and the cursor of the next page.
pub(super) fn read_page<T: DeserializeOwned>(body: &[u8]) -> Result<(Vec<T>, Option<String>), KvFault> {
    let envelope: Envelope<Vec<T>> = envelope(body)?;
    let results = envelope
        .result
        .ok_or_else(|| KvFault::Unreadable("it has no result".to_owned()))?;
    let cursor = envelope.result_info.and_then(|info| info.cursor);
    Ok((results, cursor.filter(|cursor| !cursor.is_empty())))
}

fn envelope<T: DeserializeOwned>(body: &[u8]) -> Result<Envelope<T>, KvFault> {
    // serde's message quotes what it met, which may be a value; its place is enough.
    let envelope: Envelope<T> = serde_json::from_slice(body).map_err(|error| {
        KvFault::Unreadable(format!(
            "not the expected JSON at line {} column {}",
            error.line(),
            error.column()
        ))
    })?;
    if envelope.success {
        Ok(envelope)
    } else {
        Err(KvFault::Unreadable(
            "its status says yes and its text says no".to_owned(),
        ))
    }
}

/// What an answer with this status means, other than a good one.
pub(super) fn fault(status: u16, body: &[u8], token: Option<&ApiToken>) -> KvFault {
    let complaint = serde_json::from_slice::<Complaint>(body).ok();
    let detail = complaint
        .as_ref()
        .map_or_else(String::new, |complaint| detail(complaint, token));
    let did_a_part = complaint
        .and_then(|complaint| complaint.result?.successful_key_count)
        .is_some_and(|count| count > 0);
    match status {
        // Given up on while it was under way: by the server, or by something between.
        408 | 499 => KvFault::Failed { status, detail },
        // The API's description lets a refusal carry the result of a bulk write.
        400..=499 if did_a_part => KvFault::Failed { status, detail },
        300..=499 => KvFault::Refused { status, detail },
        _ => KvFault::Failed { status, detail },
    }
}

fn detail(complaint: &Complaint, token: Option<&ApiToken>) -> String {
    let Some(error) = complaint.errors.first() else {
        return String::new();
    };
    let text = match error.code {
        Some(code) => format!("{code} {}", error.message),
        None => error.message.clone(),
    };
    let text = token.map_or_else(|| text.clone(), |token| token.cut_from(&text));
    let text: String = text
        .chars()
        .filter(|character| !character.is_control())
        .take(MAX_DETAIL_CHARACTERS)
        .collect();
    format!(": {text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(result: &str, sent: &[&str]) -> Result<Vec<String>, KvFault> {
        let body = format!(r#"{{"success":true,"errors":[],"messages":[],"result":{result}}}"#);
        let unsuccessful = read::<BulkWrite>(body.as_bytes())?.unsuccessful(sent.iter().copied())?;
        Ok(unsuccessful.into_iter().collect())
    }

    #[test]
    fn a_write_is_believed_when_it_accounts_for_every_name() {
        assert_eq!(
            write(
                r#"{"successful_key_count":2,"unsuccessful_keys":[]}"#,
                &["a", "b"]
            )
            .unwrap(),
            [""; 0]
        );
        assert_eq!(
            write(
                r#"{"successful_key_count":1,"unsuccessful_keys":["b"]}"#,
                &["a", "b"]
            )
            .unwrap(),
            ["b"]
        );
        assert_eq!(write("{}", &["a", "b"]).unwrap(), [""; 0]);
        for wrong in [
            r#"{"successful_key_count":1,"unsuccessful_keys":[]}"#,
            r#"{"successful_key_count":3,"unsuccessful_keys":[]}"#,
            r#"{"successful_key_count":2,"unsuccessful_keys":["other"]}"#,
            r#"{"unsuccessful_keys":["other"]}"#,
            "null",
        ] {
            assert!(
                matches!(write(wrong, &["a", "b"]), Err(KvFault::Unreadable(_))),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_status_says_whether_anything_can_have_been_done() {
        let certain = |status, body: &str| fault(status, body.as_bytes(), None).is_certainly_not_applied();
        assert!(certain(400, "") && certain(403, "{}") && certain(429, "slow down") && certain(307, ""));
        assert!(!certain(500, "") && !certain(503, "{}") && !certain(408, "") && !certain(100, ""));
        assert!(certain(400, r#"{"result":{"successful_key_count":0}}"#));
        assert!(!certain(
            400,
            r#"{"result":{"successful_key_count":3,"unsuccessful_keys":["a"]}}"#
        ));
    }

    #[test]
    fn the_stores_own_words_are_short_and_without_the_token() {
        let token: ApiToken = "secret-token".parse().unwrap();
        let long = "x".repeat(1000);
        let body = format!(r#"{{"errors":[{{"code":10000,"message":"no\n secret-token {long}"}}]}}"#);
        let text = fault(403, body.as_bytes(), Some(&token)).to_string();
        assert!(
            text.contains(": 10000 no … xxx") && text.contains("api_token") && text.len() < 400,
            "{text}"
        );
    }
}
