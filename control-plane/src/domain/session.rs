//! Sessions of the web page: somebody who has shown a credential once, and is known by a cookie for a while.
//!
//! The browser holds the session's id and nothing else; the database holds its SHA-256. What a session may do is not in it: each
//! request looks at the credential's holder anew.

use std::{fmt, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use keyward_shared::Entropy;
use ring::hmac;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::KeyId;
use crate::clock::after;

/// The bytes of a session's id, all of them random.
const ID_BYTES: usize = 32;
/// What the token against cross-site requests is made of, besides the id.
const CSRF: &[u8] = b"keyward csrf token v1";

/// The id of a session. Whoever has it is signed in, so it does not print.
#[derive(Clone)]
pub struct SessionId(Zeroizing<[u8; ID_BYTES]>);

impl SessionId {
    /// A new one.
    pub fn new(entropy: &dyn Entropy) -> Self {
        let mut bytes = Zeroizing::new([0; ID_BYTES]);
        entropy.fill(bytes.as_mut_slice());
        Self(bytes)
    }

    /// Reads what a cookie holds; none for anything that was never one.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(text).ok()?);
        let bytes = <[u8; ID_BYTES]>::try_from(bytes.as_slice()).ok()?;
        Some(Self(Zeroizing::new(bytes)))
    }

    /// As the cookie holds it: base64url without padding.
    pub fn expose(&self) -> Zeroizing<String> {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(self.0.as_slice()))
    }

    /// As the database knows it.
    pub fn hash(&self) -> SessionHash {
        SessionHash(Sha256::digest(self.0.as_slice()).into())
    }

    /// What requests that change something carry besides the cookie: a page of another origin makes the browser send the cookie
    /// perhaps, and never reads this. It follows from the id, so nobody has to keep it.
    pub fn csrf_token(&self) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.key(), CSRF))
    }

    /// Whether the text is that token, in constant time.
    pub fn has_csrf_token(&self, text: &str) -> bool {
        let token = URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
        hmac::verify(&self.key(), CSRF, &token).is_ok()
    }

    fn key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.0.as_slice())
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(…)")
    }
}

/// SHA-256 of a session's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionHash(pub [u8; 32]);

/// What an attempt to sign in with the issuer is known by once it has led to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttemptHash(pub [u8; 32]);

/// Whose session it is: by what a request tells whether that one may still do anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// Who has shown the admin token.
    PlatformAdmin {
        /// Which token that was (`AdminToken::generation`). With another one the session is over.
        generation: [u8; 32],
    },
    /// Who has shown an API key. With the key the session ends.
    Key(KeyId),
    /// A person.
    User {
        /// Who says so. With another one the session is over.
        issuer: String,
        /// The issuer's `sub`.
        subject: String,
    },
}

/// A session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// What it is known by.
    pub hash: SessionHash,
    /// Whose it is.
    pub holder: Holder,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was last used, to a minute or so.
    pub seen_at: Timestamp,
    /// When it is over, however much it is used.
    pub ends_at: Timestamp,
}

/// How long sessions last.
#[derive(Clone, Copy, Debug)]
pub struct SessionTimes {
    /// Unused.
    pub idle: Duration,
    /// At most.
    pub longest: Duration,
}

impl SessionTimes {
    /// How old `seen_at` may be until a use is written down: a fifteenth of the time unused, a minute at most.
    pub fn note_use_after(&self) -> Duration {
        (self.idle / 15).min(Duration::from_secs(60))
    }
}

impl Session {
    /// A session that begins now, and ends with the credential that was shown for it if that one ends.
    pub fn starting(
        hash: SessionHash,
        holder: Holder,
        credential_ends_at: Option<Timestamp>,
        times: SessionTimes,
        now: Timestamp,
    ) -> Self {
        let longest = after(now, times.longest);
        Self {
            hash,
            holder,
            started_at: now,
            seen_at: now,
            ends_at: credential_ends_at.map_or(longest, |end| end.min(longest)),
        }
    }

    /// When it is over, unless it is used before.
    pub fn expires_at(&self, times: SessionTimes) -> Timestamp {
        after(self.seen_at, times.idle).min(self.ends_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::key::tests::TestEntropy;

    #[test]
    fn an_id_leads_back_from_its_cookie_and_does_not_print() {
        let id = SessionId::new(&TestEntropy::seeded(7));
        let text = id.expose();
        assert_eq!(text.len(), 43);
        assert_eq!(SessionId::parse(&text).unwrap().hash(), id.hash());
        assert!(!format!("{id:?}").contains(&text[..4]));
        for wrong in [
            "",
            "short",
            &text[1..],
            &format!("{}=", *text),
            &format!("{}A", *text),
        ] {
            assert!(SessionId::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn the_csrf_token_is_that_of_this_session_alone() {
        let (one, other) = (
            SessionId::new(&TestEntropy::seeded(1)),
            SessionId::new(&TestEntropy::seeded(2)),
        );
        let token = one.csrf_token();
        assert!(one.has_csrf_token(&token));
        for wrong in [
            other.csrf_token().as_str(),
            "",
            &token[1..],
            one.expose().as_str(),
        ] {
            assert!(!one.has_csrf_token(wrong), "{wrong}");
        }
    }

    #[test]
    fn it_ends_unused_at_last_and_with_its_credential() {
        let times = SessionTimes {
            idle: Duration::from_secs(900),
            longest: Duration::from_secs(3600),
        };
        let at = |seconds: i64| Timestamp::from_second(1_800_000_000 + seconds).unwrap();
        let starting = |end| {
            let holder = Holder::PlatformAdmin { generation: [0; 32] };
            Session::starting(SessionHash([0; 32]), holder, end, times, at(0))
        };
        let session = starting(None);
        assert_eq!(session.expires_at(times), at(900));
        let used = Session {
            seen_at: at(3000),
            ..session
        };
        assert_eq!(used.expires_at(times), at(3600));
        assert_eq!(starting(Some(at(60))).expires_at(times), at(60));
        assert_eq!(starting(Some(at(9999))).ends_at, at(3600));
    }
}
