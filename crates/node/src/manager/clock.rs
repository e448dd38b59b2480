//! The time of the rules: this machine's clock, without its jumps, and never back.
//!
//! A clock that jumps by an hour must not end every lease at once, nor make leases that last an hour
//! longer. So time goes on with the clock that only counts, and comes nearer to the machine's by going
//! faster or slower. Another manager goes on where the last one was, as far as what is stored tells.

use candela_core::time::Time;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A greater difference is no jump: the machine slept or its clock was never set, so it is believed; or
/// what is stored was written with such a clock, so it isn't.
const JUMP_MAX: Duration = Duration::from_secs(2 * 3_600);

/// A manager says so when what is stored is later than its own clock by more.
const AHEAD_TOLD: Duration = Duration::from_secs(5);

/// One for the process, as the machine has one.
static CLOCK: Mutex<Option<Clock>> = Mutex::new(None);

/// What was shown last, since 1970, and when.
#[derive(Clone, Copy)]
struct Clock {
    shown: Duration,
    at: Instant,
}

/// The time now.
pub(crate) fn now() -> Time {
    read(Duration::ZERO)
}

/// From now on, no time before that of something that is stored is shown.
pub(crate) fn not_before(stored: Time) {
    let (stored, wall) = (Duration::from_millis(stored.0), wall());
    let ahead = stored.saturating_sub(wall);
    if ahead > AHEAD_TOLD {
        tracing::warn!(
            ahead_s = ahead.as_secs(),
            "what is stored is later than this machine's clock: one of the managers' clocks is wrong"
        );
    }
    if ahead <= JUMP_MAX {
        read(stored);
    }
}

fn wall() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn read(not_before: Duration) -> Time {
    let mut clock = CLOCK.lock().unwrap_or_else(PoisonError::into_inner);
    let (wall, at) = (wall(), Instant::now());
    let next = clock.map_or(wall, |clock| next(clock.shown, at - clock.at, wall));
    let shown = next.max(not_before);
    *clock = Some(Clock { shown, at });
    Time(u64::try_from(shown.as_millis()).unwrap_or(u64::MAX))
}

/// What is shown after what was shown, when so much time has passed and the machine's clock says that.
fn next(shown: Duration, passed: Duration, wall: Duration) -> Duration {
    let (slowest, fastest) = (shown + passed / 2, shown + passed * 2);
    if wall > shown + passed + JUMP_MAX { wall } else { wall.clamp(slowest, fastest) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);
    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn jumps_are_made_up_for_slowly_and_time_never_goes_back() {
        let start = 1_000_000 * HOUR;
        let check = |wall, want| assert_eq!(next(start, S, wall), want, "{wall:?}");
        check(start + S, start + S);
        check(start + S + S / 4, start + S + S / 4);
        check(start + HOUR, start + 2 * S);
        check(start - HOUR, start + S / 2);
        check(Duration::ZERO, start + S / 2);
        // It slept for a night.
        check(start + 8 * HOUR, start + 8 * HOUR);
    }

    #[test]
    fn after_an_hour_ahead_time_is_right_again_two_hours_later() {
        let start = 1_000_000 * HOUR;
        let after = |hours: u32| {
            let steps = (0..hours * 3_600).map(|step| start + step * S);
            steps.fold(start + HOUR, |shown, wall| next(shown, S, wall + S))
        };
        assert_eq!(after(1), start + 3 * HOUR / 2);
        assert_eq!(after(2), start + 2 * HOUR);
        assert_eq!(after(3), start + 3 * HOUR);
    }

    #[test]
    fn it_goes_on_from_what_is_stored() {
        let before = now();
        not_before(Time(before.0 + 60_000));
        assert!(now() >= Time(before.0 + 60_000));
        // Nobody's time.
        not_before(Time(before.0 + 100 * 3_600_000));
        assert!(now() < Time(before.0 + 3_600_000));
    }
}
