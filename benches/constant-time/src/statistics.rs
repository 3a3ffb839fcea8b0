//! Telling a difference from noise.

/// What is above it was disturbed: this share of the looks counts.
const KEPT_PERCENT: usize = 90;

/// What is next. The same at each start: what varies is the machine.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new() -> Self {
        Self(0x9E37_79B9_7F4A_7C15)
    }

    /// A number below `end` (xorshift64).
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or_default() % end
    }
}

/// Welch's t of two sides, of what is not above the 90th percentile of both together. Sides without any spread differ by nothing, or
/// without end.
#[expect(
    clippy::cast_precision_loss,
    reason = "looks and their times are far below 2⁵³"
)]
pub(crate) fn welch_t(looks: &[(usize, u64)]) -> f64 {
    let mut times: Vec<u64> = looks.iter().map(|(_, took)| *took).collect();
    times.sort_unstable();
    let most = times
        .get(times.len() * KEPT_PERCENT / 100)
        .copied()
        .unwrap_or(u64::MAX);
    let moments = |wanted: usize| {
        let kept = looks
            .iter()
            .filter(|(side, took)| *side == wanted && *took <= most);
        let kept: Vec<f64> = kept.map(|(_, took)| *took as f64).collect();
        let count = kept.len() as f64;
        let mean = kept.iter().sum::<f64>() / count;
        let variance = kept.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance / count)
    };
    let ((first, first_error), (second, second_error)) = (moments(0), moments(1));
    match first - second {
        0.0 => 0.0,
        difference => difference / (first_error + second_error).sqrt(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times that spread over ten, and of side 1 `more`.
    fn looks(more: u64) -> Vec<(usize, u64)> {
        let mut chance = Chance::new();
        (0..10_000u64)
            .map(|number| {
                let side = chance.below(2);
                (side, 1000 + number * 7919 % 10 + if side == 1 { more } else { 0 })
            })
            .collect()
    }

    #[test]
    fn a_difference_below_the_spread_is_noticed_and_none_is_not() {
        assert!(welch_t(&looks(0)).abs() < 4.5, "{}", welch_t(&looks(0)));
        assert!(welch_t(&looks(1)).abs() > 10.0, "{}", welch_t(&looks(1)));
    }

    #[test]
    fn what_was_disturbed_does_not_count() {
        let mut disturbed = looks(0);
        for (_, took) in disturbed.iter_mut().filter(|(side, _)| *side == 1).take(400) {
            *took += 100_000;
        }
        assert!(welch_t(&disturbed).abs() < 4.5, "{}", welch_t(&disturbed));
    }

    #[test]
    fn sides_without_spread_are_the_same_or_not() {
        assert_eq!(welch_t(&[(0, 5), (0, 5), (1, 5), (1, 5)]), 0.0);
        assert!(welch_t(&[(0, 5), (0, 5), (1, 6), (1, 6)]).is_infinite());
    }
}
