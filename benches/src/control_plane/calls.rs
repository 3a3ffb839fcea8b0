//! What is asked of the service, one call at a time over one connection, and how long each takes.

use std::{path::Path, time::Duration};

use anyhow::{Result, ensure};
use keyward_control_plane::domain::KeyId;
use serde_json::json;
use xtask::clock::Stopwatch;

use super::{disk::Disk, service::Service};
use crate::line::{Line, Received};

/// How many calls of each kind read.
const READS: usize = 3000;
/// How many write.
const WRITES: usize = 1000;
/// The size of a page.
const PAGE: &str = "limit=100";
/// From one place to the next: a prime, so that it comes by all of them.
const STEP: usize = 7919;
/// Calls before them, which do not count: caches are warm afterwards.
const WARM_UP: usize = 100;

/// How long calls of one kind took.
#[derive(Clone, Debug)]
pub(super) struct Timed {
    pub(super) what: &'static str,
    sorted: Vec<Duration>,
}

impl Timed {
    fn of(what: &'static str, mut took: Vec<Duration>) -> Self {
        took.sort_unstable();
        Self { what, sorted: took }
    }

    /// So many of a hundred calls took no longer.
    pub(super) fn percentile(&self, percent: usize) -> Duration {
        let place = (self.sorted.len() * percent).div_ceil(100).saturating_sub(1);
        self.sorted.get(place).copied().unwrap_or_default()
    }
}

/// What the service is asked over.
struct Caller<'s> {
    service: &'s Service,
    line: Line,
}

impl<'s> Caller<'s> {
    fn open(service: &'s Service) -> Result<Self> {
        let line = Line::open(service.address)?;
        Ok(Self { service, line })
    }

    fn ask(&mut self, method: &str, path: &str, body: &str, status: u16) -> Result<(Duration, Received)> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: keyward\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n{body}",
            self.service.admin_token,
            body.len()
        );
        let watch = Stopwatch::start();
        let answer = self.line.ask(&request)?;
        let took = watch.elapsed();
        ensure!(
            answer.status() == Some(status),
            "{method} {path} answered `{}`: {}",
            answer.start,
            String::from_utf8_lossy(&answer.body)
        );
        Ok((took, answer))
    }
}

/// Lists pages and gets keys, wherever they are in the table.
pub(super) fn read(service: &Service, keys: &[KeyId]) -> Result<Vec<Timed>> {
    let mut caller = Caller::open(service)?;
    let places = places(&mut caller)?;
    let mut pages = Vec::new();
    for number in 0..WARM_UP + READS {
        let (took, _) = caller.ask("GET", &places[number.wrapping_mul(STEP) % places.len()], "", 200)?;
        if number >= WARM_UP {
            pages.push(took);
        }
    }
    let mut gets = Vec::new();
    for (number, key) in spread(keys).take(WARM_UP + READS).enumerate() {
        let (took, _) = caller.ask("GET", &format!("/api/v1/keys/{key}"), "", 200)?;
        if number >= WARM_UP {
            gets.push(took);
        }
    }
    Ok(vec![Timed::of("list page", pages), Timed::of("get", gets)])
}

/// Pages of [`PAGE`] keys all over the table, as paths: the list is walked once, from the newest key to the oldest.
fn places(caller: &mut Caller<'_>) -> Result<Vec<String>> {
    const STRIDE: &str = "limit=1000";
    let mut places = Vec::new();
    let mut next = Some(format!("/api/v1/keys?{STRIDE}"));
    while let Some(path) = next {
        let (_, answer) = caller.ask("GET", &path, "", 200)?;
        next = answer.link.as_deref().and_then(next_page);
        places.push(path.replace(STRIDE, PAGE));
    }
    Ok(places)
}

/// Creates and rotates keys, with a sync of the disk by itself after each.
pub(super) fn write(service: &Service, keys: &[KeyId], folder: &Path) -> Result<Vec<Timed>> {
    let mut caller = Caller::open(service)?;
    let mut disk = Disk::open(folder)?;
    let (mut creates, mut rotations, mut syncs) = (Vec::new(), Vec::new(), Vec::new());
    for (number, key) in spread(keys).take(WARM_UP + WRITES).enumerate() {
        let body =
            json!({ "name": format!("new {number}"), "service_id": "prediction", "scopes": ["predict"] });
        let (created, _) = caller.ask("POST", "/api/v1/keys", &body.to_string(), 201)?;
        let (rotated, _) = caller.ask("POST", &format!("/api/v1/keys/{key}/rotate"), "", 201)?;
        let synced = disk.sync()?;
        if number >= WARM_UP {
            creates.push(created);
            rotations.push(rotated);
            syncs.push(synced);
        }
    }
    Ok(vec![
        Timed::of("create", creates),
        Timed::of("rotate", rotations),
        Timed::of("fsync alone", syncs),
    ])
}

/// Keys in an order in which neighbours are far from each other.
fn spread(keys: &[KeyId]) -> impl Iterator<Item = &KeyId> {
    (0..keys.len()).filter_map(|number| keys.get(number.wrapping_mul(STEP) % keys.len()))
}

/// The path of the next page, from the link with `rel="next"` (RFC 8288).
fn next_page(link: &str) -> Option<String> {
    let (target, relation) = link.strip_prefix('<')?.split_once('>')?;
    (relation.trim() == "; rel=\"next\"").then(|| target.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_all_calls() {
        let timed = Timed::of("call", (1..=200).rev().map(Duration::from_millis).collect());
        assert_eq!(timed.percentile(50), Duration::from_millis(100));
        assert_eq!(timed.percentile(99), Duration::from_millis(198));
        assert_eq!(timed.percentile(100), Duration::from_millis(200));
        assert_eq!(Timed::of("none", vec![]).percentile(99), Duration::ZERO);
    }

    #[test]
    fn the_next_page_is_where_the_link_says() {
        assert_eq!(
            next_page("</a?limit=1&cursor=x>; rel=\"next\""),
            Some("/a?limit=1&cursor=x".to_owned())
        );
        assert_eq!(next_page("</a>; rel=\"prev\""), None);
    }
}
