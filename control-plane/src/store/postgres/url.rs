//! The address of a PostgreSQL database.

use std::{fmt, net::IpAddr, str::FromStr};

use sqlx::postgres::{PgConnectOptions, PgSslMode};

/// Where the database is and who we are there. It may hold a password, and prints nothing of it.
#[derive(Clone)]
pub struct PostgresUrl(Box<PgConnectOptions>);

impl PostgresUrl {
    /// How to connect to it.
    pub(super) fn options(&self) -> PgConnectOptions {
        self.0.as_ref().clone()
    }
}

impl FromStr for PostgresUrl {
    type Err = BadPostgresUrl;

    fn from_str(url: &str) -> Result<Self, BadPostgresUrl> {
        let options: PgConnectOptions = url.parse().map_err(|_| BadPostgresUrl)?;
        if options.get_database().is_none() {
            return Err(BadPostgresUrl);
        }
        // These two go on in the clear when somebody in between says that the server speaks no TLS.
        let may_fall_back = matches!(options.get_ssl_mode(), PgSslMode::Allow | PgSslMode::Prefer);
        let options = if may_fall_back && !is_on_this_machine(&options) {
            options.ssl_mode(PgSslMode::VerifyFull)
        } else {
            options
        };
        Ok(Self(Box::new(options)))
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.get_database().unwrap_or_default();
        write!(f, "PostgreSQL, {name} at ")?;
        match self.0.get_socket() {
            Some(socket) => write!(f, "{}", socket.display()),
            None => write!(f, "{}:{}", self.0.get_host(), self.0.get_port()),
        }
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({self})")
    }
}

/// A text that is no address of a PostgreSQL database. It is not repeated, since it may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must name a PostgreSQL database, for example postgres://keyward:<password>@db.example.com/keyward; special characters in \
     it are written as %xx"
)]
pub struct BadPostgresUrl;

/// Whether nobody is between us and the server.
fn is_on_this_machine(options: &PgConnectOptions) -> bool {
    let host = options.get_host().trim_matches(['[', ']']);
    options.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_the_password_nor_a_wrong_address_is_shown() {
        let url: PostgresUrl = "postgres://keyward:canary@db.example.com/keyward"
            .parse()
            .unwrap();
        assert_eq!(url.to_string(), "PostgreSQL, keyward at db.example.com:5432");
        assert!(!format!("{url:?}").contains("canary"));
        let error = "postgres://keyward:canary@:x/y"
            .parse::<PostgresUrl>()
            .unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"));
    }

    #[test]
    fn the_database_has_to_be_named() {
        assert!(
            "postgres://keyward@db.example.com"
                .parse::<PostgresUrl>()
                .is_err()
        );
    }

    #[test]
    fn off_this_machine_the_server_is_verified_unless_the_address_says_otherwise() {
        for (url, expected) in [
            ("postgres://db.example.com/keyward", PgSslMode::VerifyFull),
            (
                "postgres://db.example.com/keyward?sslmode=prefer",
                PgSslMode::VerifyFull,
            ),
            (
                "postgres://db.example.com/keyward?sslmode=require",
                PgSslMode::Require,
            ),
            (
                "postgres://db.example.com/keyward?sslmode=disable",
                PgSslMode::Disable,
            ),
            ("postgres://localhost/keyward", PgSslMode::Prefer),
            ("postgres://[::1]/keyward", PgSslMode::Prefer),
            ("postgres:///keyward?host=/run/postgresql", PgSslMode::Prefer),
        ] {
            let url: PostgresUrl = url.parse().unwrap();
            // Their type has no equality.
            assert_eq!(
                format!("{:?}", url.options().get_ssl_mode()),
                format!("{expected:?}")
            );
        }
    }
}
