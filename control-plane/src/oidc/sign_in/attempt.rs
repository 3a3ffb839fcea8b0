//! What a browser has begun: the secret that state, nonce and verifier are made of, where to go afterwards, and until when.

use std::{fmt, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use keyward_shared::{Entropy, secret};
use ring::hmac;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::{
    clock::{after, whole_second},
    domain::session::{AttemptHash, SessionHash},
};

/// How long somebody may take at the issuer.
pub const LASTS: Duration = Duration::from_secs(600);
/// The bytes of the secret, all of them random.
const SECRET_BYTES: usize = 32;
/// The longest path to go back to, in bytes: with it the cookie stays well below the 4096 bytes that browsers take.
const MAX_RETURN_BYTES: usize = 1024;

/// One attempt to sign in. It does not print.
pub struct Attempt {
    secret: Zeroizing<[u8; SECRET_BYTES]>,
    /// Where the browser goes when it is signed in.
    pub return_to: ReturnTo,
    /// The session that the browser had when it began.
    pub replaced: Option<SessionHash>,
    /// Until when it may end well.
    pub ends_at: Timestamp,
}

/// A page of ours to go back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnTo(String);

/// An attempt as the cookie holds it, before it is sealed.
#[derive(Deserialize, Serialize)]
struct Written {
    secret: String,
    return_to: String,
    replaced: Option<String>,
    ends_at: i64,
}

impl Attempt {
    /// One that begins now.
    pub fn starting(
        return_to: ReturnTo,
        replaced: Option<SessionHash>,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Self {
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        entropy.fill(secret.as_mut_slice());
        Self {
            secret,
            return_to,
            replaced,
            ends_at: whole_second(after(now, LASTS)),
        }
    }

    /// As text, to be sealed.
    pub fn expose(&self) -> Zeroizing<Vec<u8>> {
        let written = Written {
            secret: URL_SAFE_NO_PAD.encode(self.secret.as_slice()),
            return_to: self.return_to.0.clone(),
            replaced: self.replaced.map(|hash| URL_SAFE_NO_PAD.encode(hash.0)),
            ends_at: self.ends_at.as_second(),
        };
        Zeroizing::new(serde_json::to_vec(&written).unwrap_or_default())
    }

    /// Reads what [`Attempt::expose`] has written; none where its time is over.
    pub fn parse(text: &[u8], now: Timestamp) -> Option<Self> {
        let written: Written = serde_json::from_slice(text).ok()?;
        let ends_at = Timestamp::from_second(written.ends_at).ok()?;
        let replaced = match &written.replaced {
            Some(hash) => Some(SessionHash(*bytes(hash)?)),
            None => None,
        };
        (now < ends_at).then_some(Self {
            secret: bytes(&written.secret)?,
            return_to: ReturnTo::new(&written.return_to)?,
            replaced,
            ends_at,
        })
    }

    /// What the issuer sends back with the browser.
    pub fn state(&self) -> String {
        self.derived("state")
    }

    /// Whether a text is that, in constant time.
    pub fn has_state(&self, text: &str) -> bool {
        secret::equal(self.state().as_bytes(), text.as_bytes())
    }

    /// What the ID token has to hold.
    pub(super) fn nonce(&self) -> String {
        self.derived("nonce")
    }

    /// What shows the issuer that the code comes from whoever asked for it (RFC 7636 §4.1).
    pub(super) fn verifier(&self) -> Zeroizing<String> {
        Zeroizing::new(self.derived("verifier"))
    }

    /// Its hash, which the issuer is told first (§4.2).
    pub(super) fn challenge(&self) -> String {
        challenge_of(&self.verifier())
    }

    /// What it is known by once it has led to a session.
    pub fn hash(&self) -> AttemptHash {
        AttemptHash(Sha256::digest(self.derived("attempt")).into())
    }

    /// 256 bits for one use, from which nobody gets to those for another.
    fn derived(&self, what: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.secret.as_slice());
        let text = format!("keyward sign-in {what} v1");
        URL_SAFE_NO_PAD.encode(hmac::sign(&key, text.as_bytes()))
    }
}

fn challenge_of(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

fn bytes(text: &str) -> Option<Zeroizing<[u8; SECRET_BYTES]>> {
    let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
    Some(Zeroizing::new(bytes.as_slice().try_into().ok()?))
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Attempt(…)")
    }
}

impl ReturnTo {
    /// A path of this origin with its query: nothing that a browser takes for another host, and no call of the API.
    pub fn new(text: &str) -> Option<Self> {
        let rest = text.strip_prefix('/')?;
        let is_elsewhere = rest.starts_with('/') || text.contains('\\');
        let is_api = rest == "api" || rest.starts_with("api/");
        let is_plain = text.len() <= MAX_RETURN_BYTES && text.bytes().all(|byte| byte.is_ascii_graphic());
        (is_plain && !is_elsewhere && !is_api).then(|| Self(text.to_owned()))
    }

    /// The page where everything begins.
    pub fn start() -> Self {
        Self("/".to_owned())
    }

    /// As `Location` holds it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::key::tests::TestEntropy;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn attempt(seed: u8) -> Attempt {
        let return_to = ReturnTo::new("/keys?search=a").unwrap();
        let entropy = TestEntropy::seeded(seed.into());
        Attempt::starting(return_to, Some(SessionHash([seed; 32])), at(0), &entropy)
    }

    #[test]
    fn a_way_back_leads_to_a_page_of_ours() {
        for good in [
            "/",
            "/keys",
            "/keys?a=b&c=%2F%2Fe",
            "/keys#x",
            "/apiary",
            "/k@v:1",
        ] {
            let url = reqwest::Url::parse("https://keyward.example/api/v1/session/oidc/callback").unwrap();
            let back = ReturnTo::new(good).unwrap();
            assert_eq!(
                url.join(back.as_str()).unwrap().host_str(),
                Some("keyward.example"),
                "{good}"
            );
        }
        let long = format!("/{}", "a".repeat(1024));
        for bad in [
            "",
            "keys",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example",
            "/a\\b",
            "/a\r\nSet-Cookie: x",
            "/a\tb",
            "/a b",
            "/ä",
            "javascript:alert(1)",
            " /",
            "/\u{9}/evil.example",
            "/api",
            "/api/v1/session",
            &long,
        ] {
            assert_eq!(ReturnTo::new(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn an_attempt_is_read_back_until_its_time_is_over() {
        let begun = attempt(1);
        let text = begun.expose();
        let read = Attempt::parse(&text, at(599)).unwrap();
        assert_eq!(
            (read.state(), read.nonce(), read.verifier()),
            (begun.state(), begun.nonce(), begun.verifier())
        );
        assert_eq!(
            (read.return_to.as_str(), read.replaced),
            ("/keys?search=a", Some(SessionHash([1; 32])))
        );
        assert!(
            read.has_state(&begun.state()) && !read.has_state(&attempt(2).state()) && !read.has_state("")
        );
        assert!(Attempt::parse(&text, at(600)).is_none());
        assert!(Attempt::parse(b"{}", at(0)).is_none());
    }

    #[test]
    fn what_is_told_of_an_attempt_says_nothing_of_the_rest() {
        let begun = attempt(1);
        let all = [
            begun.state(),
            begun.nonce(),
            begun.verifier().to_string(),
            begun.challenge(),
        ];
        for (index, text) in all.iter().enumerate() {
            assert!(text.len() == 43 && !all[..index].contains(text));
        }
        assert_ne!(begun.hash(), attempt(2).hash());
        assert_eq!(format!("{begun:?}"), "Attempt(…)");
    }

    /// RFC 7636, appendix B.
    #[test]
    fn the_challenge_is_that_of_the_standard() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(
            challenge_of(verifier),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }
}
