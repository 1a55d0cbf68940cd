//! Frames at their rate: when each is due, and how late it was.

use std::time::{Duration, Instant};

/// A clock that can be waited for. Tests bring one of their own.
pub trait Clock: Send {
    /// Time since a moment that does not change.
    fn now(&self) -> Duration;

    /// Waits for so long.
    fn sleep(&mut self, time: Duration);
}

/// The machine's clock.
#[derive(Debug)]
pub struct SystemClock(Instant);

impl Default for SystemClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&mut self, time: Duration) {
        std::thread::sleep(time);
    }
}

/// How late frames were that should have come at their rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lateness {
    /// Frames that came more than a frame's time after they were due.
    pub n_late: u64,
    /// Most that any frame came after it was due.
    pub worst: Duration,
}

/// Holds frames back until they are due. The first one is due at once; the others follow at the times that the recording has
/// for them, so a frame that is late delays none of those after it.
#[derive(Debug)]
pub struct Pace<C = SystemClock> {
    clock: C,
    interval_s: f64,
    /// When the first frame came, and the recording's time for it.
    first: Option<(Duration, f64)>,
    lateness: Lateness,
}

impl Pace {
    /// A pace of so many frames a second, by the machine's clock.
    #[must_use]
    pub fn new(fps: f64) -> Self {
        Self::with_clock(fps, SystemClock::default())
    }
}

impl<C: Clock> Pace<C> {
    /// A pace of so many frames a second, by any clock.
    pub fn with_clock(fps: f64, clock: C) -> Self {
        Self { clock, interval_s: 1.0 / fps, first: None, lateness: Lateness::default() }
    }

    /// Waits until the frame of the recording's time `time_s` is due, but no longer than `patience`. Whether it is due; then it
    /// counts as having come.
    pub fn wait(&mut self, time_s: f64, patience: Duration) -> bool {
        let now = self.clock.now();
        let (start, first_s) = *self.first.get_or_insert((now, time_s));
        // Times that run backwards, or are none, are due at once.
        let due = start + Duration::try_from_secs_f64(time_s - first_s).unwrap_or_default();
        let left = due.saturating_sub(now);
        if !left.is_zero() {
            self.clock.sleep(left.min(patience));
        }
        let now = self.clock.now();
        if now < due {
            return false;
        }
        let late = now - due;
        self.lateness.worst = self.lateness.worst.max(late);
        self.lateness.n_late += u64::from(late.as_secs_f64() > self.interval_s);
        true
    }

    /// How late frames were so far.
    pub fn lateness(&self) -> Lateness {
        self.lateness
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A clock that is set by hand and goes on while somebody sleeps.
    #[derive(Clone, Debug, Default)]
    struct Hands(Arc<Mutex<Duration>>);

    impl Hands {
        fn advance(&self, ms: u64) {
            *self.0.lock().expect("unpoisoned") += Duration::from_millis(ms);
        }
    }

    impl Clock for Hands {
        fn now(&self) -> Duration {
            *self.0.lock().expect("unpoisoned")
        }

        fn sleep(&mut self, time: Duration) {
            *self.0.lock().expect("unpoisoned") += time;
        }
    }

    const PATIENCE: Duration = Duration::from_secs(1);

    #[test]
    fn frames_come_when_they_are_due() {
        let clock = Hands::default();
        clock.advance(1234);
        let mut pace = Pace::with_clock(20.0, clock.clone());
        for i in 0..100_u32 {
            assert!(pace.wait(f64::from(i) / 20.0, PATIENCE));
            assert_eq!(clock.now(), Duration::from_millis(1234 + 50 * u64::from(i)));
            // Work of any length below a frame's time changes nothing.
            clock.advance(u64::from(i * 7 % 50));
        }
        assert_eq!(pace.lateness(), Lateness::default());
    }

    #[test]
    fn a_late_frame_delays_none_of_those_after_it() {
        let clock = Hands::default();
        let mut pace = Pace::with_clock(20.0, clock.clone());
        assert!(pace.wait(0.0, PATIENCE));
        clock.advance(170);
        let came: Vec<Duration> = (1..6_u32)
            .map(|i| {
                assert!(pace.wait(f64::from(i) / 20.0, PATIENCE));
                clock.now()
            })
            .collect();
        assert_eq!(came, [170, 170, 170, 200, 250].map(Duration::from_millis));
        // Due at 50, 100 and 150 ms; the first two came more than a frame late.
        assert_eq!(pace.lateness(), Lateness { n_late: 2, worst: Duration::from_millis(120) });
    }

    #[test]
    fn patience_ends_and_the_frame_is_asked_for_again() {
        let clock = Hands::default();
        let mut pace = Pace::with_clock(1.0, clock.clone());
        // A recording's time may begin anywhere, and jump.
        assert!(pace.wait(500.0, PATIENCE));
        let mut asked = 1;
        while !pace.wait(502.0, Duration::from_millis(300)) {
            asked += 1;
        }
        assert_eq!((asked, clock.now()), (7, Duration::from_secs(2)));
        assert!(pace.wait(501.0, PATIENCE) && pace.wait(f64::NAN, PATIENCE));
        assert_eq!(pace.lateness().n_late, 1);
    }
}
