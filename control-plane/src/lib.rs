//! The control plane: issues keys and tells the edge what it may know of them.
//!
//! [`domain`] holds the rules, [`store`] the rows, [`http`] the REST API and [`publish`] the way to Workers KV;
//! [`audit`] checks the audit trail, [`oidc`] tells which person a user token belongs to; [`sealing`] keeps answers from whoever has the database alone;
//! [`retention`] drops what was kept long enough; [`crash`] lets tests end it anywhere; [`settings`] says how they are put together, [`doctor`] whether they are, and [`cli`] is the
//! command line that does it.

pub mod audit;
pub mod cli;
pub mod client;
pub mod clock;
pub mod crash;
pub mod doctor;
pub mod domain;
pub mod expiry;
pub mod http;
pub mod metrics;
pub mod oidc;
pub mod publish;
pub mod retention;
pub mod schema;
pub mod sealing;
pub mod server;
pub mod settings;
pub mod store;
pub mod sweep;
