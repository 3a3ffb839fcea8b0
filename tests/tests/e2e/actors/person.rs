//! A person with a token of the development stack's issuer.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use keyward_shared::Secret;
use serde_json::json;

use super::Admin;
use crate::stage::DevStack;

/// The year 2100: such a token outlives every test.
const FAR_AWAY: i64 = 4_102_444_800;

/// Calls the API of a stack with a user token instead of the admin token.
pub(crate) fn person(stack: &DevStack, subject: &str) -> Admin {
    let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({
        "iss": stack.variable("KEYWARD_JWT_ISSUER"),
        "aud": stack.variable("KEYWARD_JWT_AUDIENCE"),
        "sub": subject,
        "exp": FAR_AWAY,
    });
    let text = format!(
        "{}.{}",
        part(json!({ "alg": "HS256", "typ": "JWT" })),
        part(claims)
    );
    let secret = Secret::new(stack.variable("KEYWARD_JWT_SECRET").into_bytes()).unwrap();
    let signature = URL_SAFE_NO_PAD.encode(secret.hmac([text.as_bytes()]));
    Admin::at(stack.admin.line().url(), &format!("{text}.{signature}"))
}
