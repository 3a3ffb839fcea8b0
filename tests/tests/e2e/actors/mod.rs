//! Who takes part: an [`Admin`] who manages keys, callers of an [`Edge`], alone or in a crowd, whoever can write to [`Kv`], and a client that
//! sends exact bytes over the [`wire`], and one end of a [`Socket`].

pub(crate) mod admin;
mod answer;
mod crowd;
mod edge;
mod kv;
pub(crate) mod line;
mod person;
mod socket;
pub(crate) mod wire;

pub(crate) use self::{
    admin::{Admin, NewKey, a_key, prediction_key},
    answer::Answer,
    crowd::{Sample, under_load, under_mixed_load},
    edge::{Call, Edge, answered_before_it_is_read},
    kv::Kv,
    line::Line,
    person::person,
    socket::{Ending, Socket},
};
