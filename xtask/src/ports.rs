//! The three addresses of a stack: which ports, and whether they are free.

use std::{
    fmt, io,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process,
    sync::atomic::{AtomicU16, Ordering},
};

use anyhow::{Context as _, Result, bail, ensure};

/// What listens on a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `keyward serve`.
    ControlPlane,
    /// The Worker, in `wrangler dev`.
    Edge,
    /// The sample origin behind the Worker.
    Origin,
}

impl Role {
    /// The environment variable that moves it.
    #[must_use]
    pub fn variable(self) -> &'static str {
        match self {
            Self::ControlPlane => "KEYWARD_PORT",
            Self::Edge => "KEYWARD_EDGE_PORT",
            Self::Origin => "KEYWARD_ORIGIN_PORT",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::ControlPlane => 8080,
            Self::Edge => 8787,
            Self::Origin => 9000,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ControlPlane => "the control plane",
            Self::Edge => "the Worker",
            Self::Origin => "the sample origin",
        })
    }
}

/// One port for each role, all different, all on the loopback address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    control_plane: u16,
    edge: u16,
    origin: u16,
}

impl Ports {
    /// Every role there is.
    pub const ROLES: [Role; 3] = [Role::ControlPlane, Role::Edge, Role::Origin];

    /// Reads the variables; one that is unset or empty means the default.
    ///
    /// # Errors
    /// A sentence that names the variable, for a value that is no port, or two roles on one port.
    pub fn from_variables(read: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let port = |role: Role| match read(role.variable()).filter(|text| !text.is_empty()) {
            None => Ok(role.default_port()),
            Some(text) => match text.parse::<u16>() {
                Ok(port) if port > 0 => Ok(port),
                _ => bail!("{} is `{text}`; it must be a port, 1 to 65535", role.variable()),
            },
        };
        let ports = Self {
            control_plane: port(Role::ControlPlane)?,
            edge: port(Role::Edge)?,
            origin: port(Role::Origin)?,
        };
        for (index, one) in Self::ROLES.into_iter().enumerate() {
            for other in Self::ROLES.into_iter().skip(index + 1) {
                ensure!(
                    ports.of(one) != ports.of(other),
                    "{} and {} are both {}; each needs a port of its own",
                    one.variable(),
                    other.variable(),
                    ports.of(one)
                );
            }
        }
        Ok(ports)
    }

    /// Three ports that nobody uses now. Somebody may take one before it is used; then the start fails and says so.
    ///
    /// # Errors
    /// When all are taken.
    pub fn free() -> Result<Self> {
        Ok(Self {
            control_plane: free_port()?,
            edge: free_port()?,
            origin: free_port()?,
        })
    }

    /// The port of one role.
    #[must_use]
    pub fn of(&self, role: Role) -> u16 {
        match role {
            Role::ControlPlane => self.control_plane,
            Role::Edge => self.edge,
            Role::Origin => self.origin,
        }
    }

    /// Where a role listens, for example `127.0.0.1:8080`.
    #[must_use]
    pub fn address(&self, role: Role) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.of(role)))
    }

    /// Where a role answers, without a slash at the end.
    #[must_use]
    pub fn url(&self, role: Role) -> String {
        format!("http://{}", self.address(role))
    }

    /// # Errors
    /// A sentence that names the port, what it is for and what to set, for the first port that is taken.
    pub fn ensure_free(&self) -> Result<()> {
        for role in Self::ROLES {
            let address = self.address(role);
            match TcpListener::bind(address) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => bail!(
                    "port {} is in use, and {role} needs it; end what listens there, or set {} to another port",
                    self.of(role),
                    role.variable()
                ),
                Err(error) => {
                    return Err(error).with_context(|| {
                        format!(
                            "{role} cannot listen on {address}; set {} to another port",
                            role.variable()
                        )
                    });
                }
            }
        }
        Ok(())
    }
}

/// The first of the ports that [`free_port`] picks from: below those that Linux (32768 and up) and macOS (49152 and up)
/// give out by themselves.
const FIRST: u16 = 20_000;
/// How many it picks from.
const COUNT: u16 = 12_000;

/// A port that nobody listens on, and that this process has not been given before.
///
/// Not one that the system gives out for the asking: it gives such a port out again, for the local end of any
/// connection, before the process that is meant to listen there has started.
///
/// # Errors
/// When all are taken.
pub fn free_port() -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Processes side by side start far from each other.
    let start = process::id().wrapping_mul(367);
    let candidate = |_| {
        let offset = u32::from(NEXT.fetch_add(1, Ordering::Relaxed)).wrapping_add(start) % u32::from(COUNT);
        FIRST.saturating_add(u16::try_from(offset).unwrap_or_default())
    };
    (0..COUNT)
        .map(candidate)
        .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok())
        .context("cannot find a free port")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(variables: &[(&str, &str)]) -> Result<Ports> {
        Ports::from_variables(|name| {
            variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn unset_and_empty_variables_mean_the_defaults() {
        let ports = ports(&[("KEYWARD_EDGE_PORT", "")]).unwrap();
        assert_eq!(ports.url(Role::ControlPlane), "http://127.0.0.1:8080");
        assert_eq!(ports.url(Role::Edge), "http://127.0.0.1:8787");
        assert_eq!(ports.url(Role::Origin), "http://127.0.0.1:9000");
    }

    #[test]
    fn each_variable_moves_its_port() {
        let variables = [
            ("KEYWARD_PORT", "1"),
            ("KEYWARD_EDGE_PORT", "2"),
            ("KEYWARD_ORIGIN_PORT", "65535"),
        ];
        let ports = ports(&variables).unwrap();
        assert_eq!(Ports::ROLES.map(|role| ports.of(role)), [1, 2, 65535]);
    }

    #[test]
    fn what_is_no_port_is_refused_by_name() {
        for value in ["0", "65536", "-1", "80 ", "http"] {
            let error = ports(&[("KEYWARD_ORIGIN_PORT", value)]).unwrap_err().to_string();
            assert!(
                error.contains("KEYWARD_ORIGIN_PORT") && error.contains(value),
                "{error}"
            );
        }
    }

    #[test]
    fn two_roles_on_one_port_are_refused() {
        let error = ports(&[("KEYWARD_PORT", "9000")]).unwrap_err().to_string();
        assert_eq!(
            error,
            "KEYWARD_PORT and KEYWARD_ORIGIN_PORT are both 9000; each needs a port of its own"
        );
    }

    #[test]
    fn a_taken_port_is_one_sentence_that_says_what_to_do() {
        let ports = Ports::free().unwrap();
        let _taken = TcpListener::bind(ports.address(Role::Edge)).unwrap();
        let error = ports.ensure_free().unwrap_err().to_string();
        assert!(error.contains(&ports.of(Role::Edge).to_string()), "{error}");
        assert!(
            error.contains("the Worker") && error.contains("KEYWARD_EDGE_PORT"),
            "{error}"
        );
    }
}
