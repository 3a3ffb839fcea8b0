//! An isolate's clock, watched for going back.

use crate::time::UnixMillis;

/// Watches the clock of one isolate. Whatever was granted before the clock went back is void afterwards: how long ago it
/// was granted can no longer be told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Watch {
    latest: UnixMillis,
    epoch: u32,
}

/// A moment on a watched clock. Moments of different epochs cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    at: UnixMillis,
    epoch: u32,
}

impl Watch {
    /// Takes every reading of the clock, and tells whether it went back since the last.
    pub fn read(&mut self, clock: UnixMillis) -> Moment {
        if clock < self.latest {
            self.epoch = self.epoch.wrapping_add(1);
        }
        self.latest = clock;
        Moment {
            at: clock,
            epoch: self.epoch,
        }
    }
}

impl Moment {
    /// What the clock showed.
    pub fn at(self) -> UnixMillis {
        self.at
    }

    /// Milliseconds since an earlier moment; none when the clock went back in between.
    pub fn since(self, earlier: Self) -> Option<u64> {
        if self.epoch == earlier.epoch {
            self.at.since(earlier.at)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_since_a_moment_before_the_clock_went_back() {
        let mut watch = Watch::default();
        let first = watch.read(UnixMillis(1000));
        let second = watch.read(UnixMillis(1500));
        assert_eq!((second.since(first), first.since(second)), (Some(500), None));
        let back = watch.read(UnixMillis(1499));
        let later = watch.read(UnixMillis(2000));
        assert_eq!((back.since(first), later.since(second)), (None, None));
        assert_eq!((later.since(back), later.at()), (Some(501), UnixMillis(2000)));
    }
}
