//! What was measured of one contestant, and medians over rounds.

use crate::{contestants::Contestant, wrk::Load};

/// One contestant's rounds.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Who it is.
    pub contestant: &'static Contestant,
    /// CPU microseconds a request, by round.
    pub cpu_us: Vec<f64>,
    /// What `wrk` saw, by round.
    pub loads: Vec<Load>,
}

impl Figures {
    /// CPU microseconds a request.
    #[must_use]
    pub fn median_cpu_us(&self) -> Option<f64> {
        median(&self.cpu_us)
    }

    /// Half of the answers came within so many microseconds.
    #[must_use]
    pub fn p50_us(&self) -> Option<f64> {
        median(&self.loads.iter().map(|load| load.p50_us).collect::<Vec<_>>())
    }

    /// 99 of 100 did.
    #[must_use]
    pub fn p99_us(&self) -> Option<f64> {
        median(&self.loads.iter().map(|load| load.p99_us).collect::<Vec<_>>())
    }

    /// How many times the CPU of another it takes: within each round, where both ran side by side, and of that the median.
    #[must_use]
    pub fn ratio_to(&self, other: &Self) -> Option<f64> {
        let ratios: Vec<_> = self
            .cpu_us
            .iter()
            .zip(&other.cpu_us)
            .map(|(own, others)| own / others)
            .collect();
        median(&ratios)
    }
}

/// The one in the middle, or the mean of the two.
#[must_use]
pub fn median(numbers: &[f64]) -> Option<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    Some(if sorted.len() % 2 == 1 {
        upper
    } else {
        f64::midpoint(sorted[middle - 1], upper)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contestants::CONTESTANTS;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), Some(2.5));
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let figures = |cpu_us: &[f64]| Figures {
            contestant: &CONTESTANTS[0],
            cpu_us: cpu_us.to_vec(),
            loads: vec![],
        };
        // The machine became slower in the last round, for both.
        assert_eq!(
            figures(&[12.0, 12.0, 24.0]).ratio_to(&figures(&[10.0, 10.0, 20.0])),
            Some(1.2)
        );
    }
}
