//! What must hold, and whether it does.

use crate::{
    contestants::{EMPTY, EMPTY_401, FORGED, FORWARD, HONO, KEYWARD_FORWARD, VERIFY},
    figures::Figures,
};

/// The largest Worker, compressed, in bytes.
pub const MAX_GZIP_BYTES: u64 = 400_000;
/// The most CPU that a start may take beyond that of the empty Worker, in milliseconds.
pub const MAX_START_UP_MS: f64 = 50.0;

/// The CPU of one contestant may be so many times that of another.
const RATIOS: &[(&str, &str, f64)] = &[
    (KEYWARD_FORWARD, FORWARD, 1.15),
    (VERIFY, EMPTY, 1.25),
    (VERIFY, HONO, 0.9),
    (FORGED, EMPTY_401, 1.1),
];

/// One thing that must hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Bound {
    /// What is compared.
    pub what: String,
    /// The most it may be.
    pub at_most: f64,
    /// What it is; none when it was not measured.
    pub is: Option<f64>,
}

impl Bound {
    /// Whether it holds; none when it was not measured.
    #[must_use]
    pub fn holds(&self) -> Option<bool> {
        self.is.map(|is| is <= self.at_most)
    }
}

/// What must hold of the figures.
#[must_use]
pub fn of(
    figures: &[Figures],
    gzip_bytes: u64,
    start_up_ms: Option<f64>,
    look_ups: Option<u64>,
) -> Vec<Bound> {
    let find = |name: &str| figures.iter().find(|figures| figures.contestant.name == name);
    let ratios = RATIOS.iter().map(|(own, other, at_most)| Bound {
        what: format!("{own} / {other}"),
        at_most: *at_most,
        is: find(own)
            .zip(find(other))
            .and_then(|(own, other)| own.ratio_to(other)),
    });
    let mut bounds: Vec<_> = ratios.collect();
    bounds.push(Bound {
        what: "KV reads, KeyGuard calls and requests to the origin for forged keys".to_owned(),
        at_most: 0.0,
        is: look_ups.map(|count| u32::try_from(count).map_or(f64::INFINITY, f64::from)),
    });
    bounds.push(Bound {
        what: "Worker, gzipped, in KB".to_owned(),
        at_most: in_thousands(MAX_GZIP_BYTES),
        is: Some(in_thousands(gzip_bytes)),
    });
    bounds.push(Bound {
        what: "CPU of a start in ms, that of the empty Worker taken off".to_owned(),
        at_most: MAX_START_UP_MS,
        is: start_up_ms,
    });
    bounds
}

fn in_thousands(bytes: u64) -> f64 {
    // A Worker has at most a few million bytes.
    f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contestants;

    #[test]
    fn a_bound_is_met_not_met_or_not_measured() {
        let figures = |name: &str, cpu_us: f64| Figures {
            contestant: contestants::find(name).unwrap(),
            cpu_us: vec![cpu_us],
            loads: vec![],
        };
        let bounds = of(
            &[
                figures(FORWARD, 100.0),
                figures(KEYWARD_FORWARD, 116.0),
                figures(FORGED, 1.0),
            ],
            400_000,
            Some(49.0),
            Some(1),
        );
        let held: Vec<_> = bounds.iter().map(Bound::holds).collect();
        assert_eq!(
            held,
            [Some(false), None, None, None, Some(false), Some(true), Some(true)]
        );
    }
}
