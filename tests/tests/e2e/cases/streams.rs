//! Bodies stream: however long one is, the Worker holds a few pieces of it at a time.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::Duration,
};

use super::forwarding::key_of;
use crate::{
    actors::Call,
    stage::{LoneEdge, lone_edge, processes},
    stream::{Comparison, Noise},
};

cases![
    fifty_megabytes_up_with_flat_memory,
    fifty_megabytes_down_with_flat_memory,
    a_caller_who_stops_reading_makes_nobody_hold_the_rest,
    a_body_of_unknown_length_goes_up
];

const LONG: usize = 50 * 1024 * 1024;
/// What is sent first, so that the runtime's own buffers and code are already in memory.
const WARM_UP: usize = 8 * 1024 * 1024;
/// How much more memory the runtime may hold while a long body passes: half of it would show.
const FLAT_BYTES: u64 = 24 * 1024 * 1024;
/// Ample for the whole body to arrive, if anybody took it.
const PAUSE: Duration = Duration::from_millis(800);
/// The runtime collects garbage when it likes, so that one measurement may be unlucky.
const TRIES: usize = 3;

fn fifty_megabytes_up_with_flat_memory() {
    let lone = lone_edge::alone();
    let key = key_of(&lone);
    let send = |length: usize| {
        upload(
            &lone.edge.call("POST", "/platform/compare").bearer(&key),
            length,
            true,
        );
    };
    measure(&lone, send);
}

fn fifty_megabytes_down_with_flat_memory() {
    measure_downloads(Duration::ZERO);
}

/// The origin could send it all at once; so long as nobody takes it, it must stay there.
fn a_caller_who_stops_reading_makes_nobody_hold_the_rest() {
    measure_downloads(PAUSE);
}

/// Downloads by a caller who pauses between the head of an answer and its body.
fn measure_downloads(pause: Duration) {
    let lone = lone_edge::alone();
    let key = key_of(&lone);
    let receive = |length: usize| {
        let call = lone
            .edge
            .call("GET", &format!("/platform/noise/{length}"))
            .bearer(&key);
        let (head, mut body) = call.download();
        assert_eq!(head.status, 200, "{head}");
        thread::sleep(pause);
        assert_eq!(Comparison::of(&mut body).unwrap(), Comparison::whole(length));
    };
    measure(&lone, receive);
}

fn a_body_of_unknown_length_goes_up() {
    let lone = lone_edge::alone();
    let key = key_of(&lone);
    upload(
        &lone.edge.call("POST", "/platform/compare").bearer(&key),
        3_000_001,
        false,
    );
}

/// Sends a body, and checks that the origin got it whole.
fn upload(call: &Call<'_>, length: usize, is_length_told: bool) {
    let call = if is_length_told {
        call.clone().header("content-length", &length.to_string())
    } else {
        call.clone()
    };
    let mut body = Noise::of(length);
    let answer = call.upload(&mut body);
    assert_eq!(answer.status, 200, "{answer}");
    assert_eq!(answer.text(), format!("{:?}", Comparison::whole(length)));
}

/// Passes a long body while the memory of the runtime is watched.
#[track_caller]
fn measure(lone: &LoneEdge, pass: impl Fn(usize)) {
    // Twice, since the second one reuses what the first one left.
    pass(WARM_UP);
    pass(WARM_UP);
    if !processes::IS_KNOWN {
        pass(LONG);
        eprintln!("memory is not measured: this system does not tell");
        return;
    }
    let mut growths = Vec::new();
    for _ in 0..TRIES {
        let before = resident_bytes(lone);
        let highest = watch(lone, || pass(LONG));
        let growth = highest.saturating_sub(before);
        if growth <= FLAT_BYTES {
            eprintln!(
                "memory grew by {} KiB of {} while 50 MiB passed",
                growth / 1024,
                before / 1024
            );
            return;
        }
        growths.push(growth);
    }
    panic!("memory grew by {growths:?} bytes while {LONG} passed; at most {FLAT_BYTES} are flat");
}

/// The highest memory of the runtime while `work` is done.
fn watch(lone: &LoneEdge, work: impl FnOnce()) -> u64 {
    let (highest, is_done) = (AtomicU64::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                highest.fetch_max(resident_bytes(lone), Ordering::Relaxed);
                thread::sleep(Duration::from_millis(10));
            }
        });
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        is_done.store(true, Ordering::Relaxed);
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    highest.into_inner()
}

/// The memory of the processes in which Workers run: ours, and the one that `wrangler dev` puts in front of it.
fn resident_bytes(lone: &LoneEdge) -> u64 {
    let tree = processes::tree(lone.process);
    let runtimes: Vec<_> = tree.iter().filter(|process| process.name == "workerd").collect();
    assert!(!runtimes.is_empty(), "no runtime among {tree:?}");
    runtimes
        .into_iter()
        .map(|process| processes::resident_bytes(process.id))
        .sum()
}
