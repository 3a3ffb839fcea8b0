//! What the layers below report, as problems.

use axum::http::StatusCode;
use keyward_shared::usage::UsageError;

use super::Problem;
use crate::{
    domain::{FieldError, key::Refused},
    oidc::TokenError,
    store::{CommitError, Named, StoreError},
};
impl From<FieldError> for Problem {
    fn from(error: FieldError) -> Self {
        Self::invalid(format!("{error}.")).of_field(error.field)
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let code = match refused {
            Refused::Revoked => "revoked",
            Refused::Superseded => "superseded",
            Refused::Expired => "expired",
            Refused::Deactivated => "deactivated",
            Refused::InGrace => "in_grace",
            Refused::Suspended => "organization_suspended",
            Refused::TooManyInGrace => "too_many_in_grace",
        };
        Self::new(StatusCode::CONFLICT, code, refused.to_string())
    }
}

impl From<UsageError> for Problem {
    fn from(error: UsageError) -> Self {
        match error {
            UsageError::Header | UsageError::UnknownSecret(_) | UsageError::Mac | UsageError::Clock => {
                Self::unsigned(format!("The report is not believed: {error}."))
            }
            UsageError::Body => Self::invalid("The body is not a report of at most 1000 keys."),
            UsageError::TooLarge => Self::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                "The body is larger than 1 MiB. Send fewer keys.",
            ),
        }
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        let detail = format!("The user token {error}.");
        match error {
            TokenError::Unavailable { retry_after_seconds } => Self::unavailable(detail, retry_after_seconds),
            _ => Self::wrong_credential(detail),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::internal(&error)
    }
}

impl From<CommitError> for Problem {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict => Self::contended(),
            CommitError::Repeated => Self::in_flight(),
            CommitError::NameTaken(named) => {
                let detail = match named {
                    Named::GatewayKey => {
                        "Another gateway key of this organization that has not ended has this name."
                    }
                    Named::Group => {
                        "Another group of this organization has this name, or had it and is still being deleted."
                    }
                };
                Self::conflict("name_taken", detail).of_field("name")
            }
            CommitError::LastOwner => Self::conflict(
                "last_owner",
                "An organization keeps at least one Owner. Make somebody else an Owner first.",
            ),
            CommitError::Suspended => Refused::Suspended.into(),
            CommitError::Store(error) => error.into(),
        }
    }
}
