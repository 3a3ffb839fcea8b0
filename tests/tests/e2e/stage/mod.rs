//! Where the tests play: the whole stack as a person starts it, single processes, and what stands between them.

pub(crate) mod beyond;
pub(crate) mod control_plane;
pub(crate) mod dev_stack;
mod example;
pub(crate) mod gate;
pub(crate) mod guarded;
pub(crate) mod keyward;
pub(crate) mod lab;
pub(crate) mod live_origin;
pub(crate) mod lone_edge;
pub(crate) mod postgres;
pub(crate) mod processes;
pub(crate) mod programs;
mod rolling;
pub(crate) mod rough_origin;
pub(crate) mod run_folder;
mod server;
pub(crate) mod test_origin;
mod twin;

pub(crate) use self::{
    beyond::Beyond,
    control_plane::ControlPlane,
    dev_stack::{DevStack, shared},
    example::Example,
    gate::{Gate, Mode},
    lab::{Lab, LabKey},
    lone_edge::LoneEdge,
    rolling::{Rolling, new_caller_secret},
    twin::Twin,
};
