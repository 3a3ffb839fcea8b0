//! Where the browser is, as it says itself, and where it has to be.

use axum::http::{HeaderMap, HeaderName, header, uri::Authority};

use crate::{http::Problem, publish::transport::is_loopback, settings::PublicUrl};

/// Where a request comes from, as browsers tell of every request (Fetch Metadata).
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The origin that the page has in the browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) struct Origin {
    /// As `Origin` has it.
    pub(super) text: String,
    /// Whether it is reached over TLS.
    pub(super) is_secure: bool,
}

impl Origin {
    /// The configured one. Without one it is the host that the request names: over plain HTTP where that is this machine, and else over
    /// TLS, which a proxy has taken off.
    ///
    /// # Errors
    /// 400 where the request names no host.
    pub(in crate::http) fn of(headers: &HeaderMap, configured: Option<&PublicUrl>) -> Result<Self, Problem> {
        if let Some(url) = configured {
            let text = url.as_str().to_owned();
            let is_secure = text.starts_with("https:");
            return Ok(Self { text, is_secure });
        }
        let host: Authority = only(headers, &header::HOST)
            .and_then(|host| host.parse().ok())
            .filter(|host: &Authority| !host.as_str().contains('@'))
            .ok_or_else(|| Problem::invalid("The request names no host."))?;
        let is_secure = !is_loopback(host.host());
        let scheme = if is_secure { "https" } else { "http" };
        let text = format!("{scheme}://{}", host.as_str().to_ascii_lowercase());
        Ok(Self { text, is_secure })
    }

    /// Whether a request may come along with a cookie. One of another origin may not, even of the same site: a neighbouring host or port
    /// is somebody else.
    ///
    /// # Errors
    /// 403 `csrf`.
    pub(super) fn check_read(&self, headers: &HeaderMap) -> Result<(), Problem> {
        // `none`: somebody has written the address into the browser.
        self.check(headers, &["same-origin", "none"])
    }

    /// The same of a request that changes something: the page's own script has sent it.
    ///
    /// # Errors
    /// 403 `csrf`.
    pub(super) fn check_change(&self, headers: &HeaderMap) -> Result<(), Problem> {
        self.check(headers, &["same-origin"])
    }

    /// Whether the browser says at all where it is.
    pub(super) fn is_told(headers: &HeaderMap) -> bool {
        headers.contains_key(header::ORIGIN) || headers.contains_key(FETCH_SITE)
    }

    fn check(&self, headers: &HeaderMap, sites: &[&str]) -> Result<(), Problem> {
        let site_is_good = !headers.contains_key(FETCH_SITE)
            || only(headers, &FETCH_SITE).is_some_and(|site| sites.contains(&site));
        let origin_is_good = !headers.contains_key(header::ORIGIN)
            || only(headers, &header::ORIGIN).is_some_and(|origin| origin == self.text);
        if site_is_good && origin_is_good {
            return Ok(());
        }
        Err(Problem::csrf(format!(
            "The request does not come from the page at {}. If that is not where you are: the setting public_url says where the page \
             is, and plain http is for this machine alone.",
            self.text
        )))
    }
}

/// The value of a header that is there once.
pub(super) fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    fn origin(host: &'static str) -> String {
        Origin::of(&headers(&[("host", host)]), None).unwrap().text
    }

    #[test]
    fn only_this_machine_goes_without_tls() {
        assert_eq!(origin("127.0.0.1:8080"), "http://127.0.0.1:8080");
        assert_eq!(origin("LocalHost:8080"), "http://localhost:8080");
        assert_eq!(origin("[::1]:8080"), "http://[::1]:8080");
        assert_eq!(origin("keyward.example"), "https://keyward.example");
        assert_eq!(origin("127.0.0.1.evil.example"), "https://127.0.0.1.evil.example");
        assert_eq!(origin("192.168.1.5:8080"), "https://192.168.1.5:8080");
        for bad in ["", "a b", "u@localhost", "localhost/x"] {
            let map = headers(&[("host", bad)]);
            assert!(Origin::of(&map, None).is_err(), "{bad}");
        }
        assert!(Origin::of(&HeaderMap::new(), None).is_err());
        let url = PublicUrl::new("https://keyward.example").unwrap();
        let map = headers(&[("host", "127.0.0.1:8080")]);
        assert_eq!(
            Origin::of(&map, Some(&url)).unwrap().text,
            "https://keyward.example"
        );
    }

    #[test]
    fn others_are_told_apart_by_either_header() {
        let here = Origin {
            text: "https://keyward.example".into(),
            is_secure: true,
        };
        let read = |pairs: &[_]| here.check_read(&headers(pairs)).is_ok();
        let change = |pairs: &[_]| here.check_change(&headers(pairs)).is_ok();
        let own = ("origin", "https://keyward.example");
        assert!(
            read(&[])
                && read(&[("sec-fetch-site", "none")])
                && read(&[("sec-fetch-site", "same-origin"), own])
        );
        assert!(change(&[own]) && change(&[("sec-fetch-site", "same-origin")]));
        assert!(!change(&[("sec-fetch-site", "none")]));
        for foreign in [
            ("origin", "https://keyward.example.evil"),
            ("origin", "http://keyward.example"),
            ("origin", "https://keyward.example:8443"),
            ("origin", "null"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", "cross-site"),
        ] {
            assert!(!read(&[foreign]) && !change(&[foreign]), "{foreign:?}");
            assert!(!change(&[own, foreign]), "{foreign:?}");
        }
    }
}
