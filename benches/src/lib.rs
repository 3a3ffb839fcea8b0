//! What `cargo xtask bench` runs: the Worker and its contestants in plain `workerd`, one core for them and another for all that drives them; and the
//! control plane with a million keys ([`control_plane`]), the web page over many ([`web`]), and whether comparing secrets takes always the same ([`constant_time`]).
//!
//! A package of its own, because what it needs takes long to compile and `xtask` is what a newcomer waits for first.
//!
//! In reading order: [`command_line`] → [`contestants`] (who takes part) → [`prepared`] and [`build`] (what each runs) → [`workerd`] and [`config`] (how it is started) →
//! [`rounds`] (who is driven when, by [`wrk`]) → [`bounds`] and [`report`]. [`stand_in`] is the origin and the KV behind them,
//! [`credentials`] and [`requests`] what they are asked, [`cpu`] what counts.

pub mod bounds;
pub mod build;
pub mod check;
pub mod command_line;
pub mod config;
pub mod constant_time;
pub mod contestants;
pub mod control_plane;
pub mod cores;
pub mod counters;
pub mod cpu;
pub mod credentials;
pub mod document;
pub mod edge;
pub mod figures;
pub mod forged;
pub mod line;
pub mod machine;
pub mod prepared;
pub mod profile;
pub mod report;
pub mod requests;
pub mod rounds;
pub mod stand_in;
pub mod start_up;
pub mod web;
pub mod workerd;
pub mod wrk;
