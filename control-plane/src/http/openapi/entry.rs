//! What the description says of an operation. Path, method and parameters of the path come from `operations.rs`, refusals from
//! what every operation has in common.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::schemas::Schemas;
use crate::{
    http::{
        change::VALIDATE_ONLY,
        paging::{CURSOR, LIMIT},
        query::ORGANIZATION,
    },
    schema,
};

/// What the description says of an operation.
pub(in crate::http) struct Entry {
    pub(super) summary: &'static str,
    pub(super) detail: &'static str,
    pub(super) query: Vec<Parameter>,
    pub(super) body: Option<Body>,
    pub(super) answers: Vec<Answer>,
    /// Whether the answer tells how far the change has come.
    pub(super) propagates: bool,
    pub(super) conflicts: bool,
    /// Whether it takes `Idempotency-Key`.
    pub(super) repeats: bool,
    pub(super) takes_credential: bool,
}

/// A query parameter.
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) meaning: &'static str,
    pub(super) schema: fn(&mut Schemas) -> Value,
}

/// A body of JSON.
pub(super) struct Body {
    pub(super) is_required: bool,
    pub(super) schema: fn(&mut Schemas) -> Value,
    pub(super) examples: Vec<(&'static str, Value)>,
    /// Whether the handler can read it.
    #[cfg(test)]
    pub(super) can_read: fn(&Value) -> bool,
}

/// What is answered when it was done.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) meaning: &'static str,
    /// Of the body; none where there is none.
    pub(super) schema: Option<fn(&mut Schemas) -> Value>,
    pub(super) media_type: &'static str,
    /// Another media type that it comes in if it is asked for: text with one document a line.
    pub(super) lines: Option<&'static str>,
    pub(super) example: Option<Value>,
}

impl Entry {
    /// An operation in one line, and what there is to know besides.
    pub(in crate::http) const fn new(summary: &'static str, detail: &'static str) -> Self {
        Self {
            summary,
            detail,
            query: Vec::new(),
            body: None,
            answers: Vec::new(),
            propagates: false,
            conflicts: false,
            repeats: false,
            takes_credential: true,
        }
    }

    /// It takes this query parameter.
    pub(in crate::http) fn query<T: JsonSchema>(mut self, name: &'static str, meaning: &'static str) -> Self {
        self.query.push(Parameter {
            name,
            meaning,
            schema: Schemas::read::<T>,
        });
        self
    }

    /// It answers with pages.
    pub(in crate::http) fn paged(self) -> Self {
        self.query::<schema::PageLimit>(
            LIMIT,
            "How many entries there are on a page. Without it the answer holds them all.",
        )
        .query::<String>(
            CURSOR,
            "Where the page begins, as the `Link` of the page before says. Goes with `limit`.",
        )
    }

    /// Its query may name the organization (`Parameters::of_place`), unless its path does.
    pub(in crate::http) fn in_place(self) -> Self {
        self.query::<schema::Id>(
            ORGANIZATION,
            "The organization that the call concerns. Persons of several organizations have to say which.",
        )
    }

    /// It can be asked whether it would be done.
    pub(in crate::http) fn validates(self) -> Self {
        let entry = self.query::<bool>(
            VALIDATE_ONLY,
            "Whether only to check the request: all that would refuse it does, and nothing is written, remembered or told the edge.",
        );
        entry.answers_nothing("With `validate_only`: it would be done.")
    }

    /// It reads a body of this type.
    pub(in crate::http) fn body<T: JsonSchema + DeserializeOwned>(
        self,
        examples: Vec<(&'static str, Value)>,
    ) -> Self {
        self.with_body::<T>(true, examples)
    }

    /// It reads a body of this type, which may be left out.
    pub(in crate::http) fn optional_body<T: JsonSchema + DeserializeOwned>(
        self,
        examples: Vec<(&'static str, Value)>,
    ) -> Self {
        self.with_body::<T>(false, examples)
    }

    fn with_body<T: JsonSchema + DeserializeOwned>(
        mut self,
        is_required: bool,
        examples: Vec<(&'static str, Value)>,
    ) -> Self {
        self.body = Some(Body {
            is_required,
            schema: Schemas::read::<T>,
            examples,
            #[cfg(test)]
            can_read: |value| serde_json::from_value::<T>(value.clone()).is_ok(),
        });
        self
    }

    /// It answers with a body of this type.
    pub(in crate::http) fn answers<T: JsonSchema>(mut self, status: u16, meaning: &'static str) -> Self {
        self.answers.push(Answer {
            status,
            meaning,
            schema: Some(Schemas::written::<T>),
            media_type: "application/json",
            lines: None,
            example: None,
        });
        self
    }

    /// It answers with 204.
    pub(in crate::http) fn answers_nothing(mut self, meaning: &'static str) -> Self {
        self.answers.push(Answer {
            status: 204,
            meaning,
            schema: None,
            media_type: "application/json",
            lines: None,
            example: None,
        });
        self
    }

    /// It takes no credential in a header.
    pub(in crate::http) const fn without_credential(mut self) -> Self {
        self.takes_credential = false;
        self
    }

    /// The last answer comes as lines of this media type too.
    pub(in crate::http) fn or_lines(mut self, media_type: &'static str) -> Self {
        if let Some(answer) = self.answers.last_mut() {
            answer.lines = Some(media_type);
        }
        self
    }

    /// The last answer looks like this.
    pub(in crate::http) fn example(mut self, example: Value) -> Self {
        if let Some(answer) = self.answers.last_mut() {
            answer.example = Some(example);
        }
        self
    }

    /// It may not go with how things stand (409).
    pub(in crate::http) const fn conflicts(mut self) -> Self {
        self.conflicts = true;
        self
    }

    /// It is done once, however often it is sent with one `Idempotency-Key`.
    pub(in crate::http) const fn repeatable(mut self) -> Self {
        self.repeats = true;
        self.conflicts()
    }

    /// It changes what the edge knows: `Keyward-Propagation` tells how far that has come. It may conflict.
    pub(in crate::http) const fn propagates(mut self) -> Self {
        self.propagates = true;
        self.conflicts()
    }
}
