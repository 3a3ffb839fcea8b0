//! The way from the database to the edge: signed records, to its KeyGuards and into Workers KV.
//!
//! A change marks its keys dirty in the same transaction (the outbox). The [`Publisher`] claims dirty rows, reads the
//! keys as they are then, signs them and writes them; what it could not write stays dirty. The [`Reconciler`]
//! compares the whole database with the whole namespace and marks dirty what differs.
//!
//! A deployment with an edge has a second way, to its KeyGuards, and a second outbox: the [`Syncer`] asks the edge, and
//! confirms a change once nothing is admitted under what was before it. The edge goes first; neither way holds up the other.
//!
//! **Never an older revision over a newer one.** KV has no conditional write, so the promise rests on the outbox: one
//! row per name and deployment, claimed by one publisher at a time, and the key is read under the claim, so what is
//! sent is the newest there is. What can break that, a write that lands late, is written over: see
//! [`crate::store::LATE_WRITE`].
//!
//! Every `select!` here is `biased`: which of two things that are ready comes first is not left to chance, so that a simulation
//! (`simulation/`) goes the same way every time.

mod backoff;
mod batch;
pub mod cloudflare;
pub mod deployment;
mod drain;
pub mod edge;
mod ending;
mod follow;
mod key_jobs;
pub mod kv;
mod lane;
mod pace;
pub mod propagation;
pub mod publisher;
pub mod reconcile;
pub mod recovery;
mod run;
pub mod status;
pub mod sync;
pub(crate) mod transport;

pub use self::{
    cloudflare::{ApiToken, CloudflareKv, Endpoint, EndpointError},
    deployment::{Deployment, Deployments},
    edge::{Edge, EdgeClient, EdgeEndpoint, EdgeError},
    follow::{Followed, Follower},
    kv::{KeyValueStore, KvError},
    lane::Lane,
    propagation::Propagation,
    publisher::{Progress, Publisher},
    reconcile::{ReconcileReport, Reconciler},
    status::SyncStatus,
    sync::Syncer,
};
