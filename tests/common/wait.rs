//! Waiting for what other processes do: it is looked for again and again, up to a deadline.

use core::time::Duration;

use potluck::sys::clock;

/// Between two looks at a condition.
const LOOK: Duration = Duration::from_millis(5);

/// Waits until `look` gives something, and tells how long that took. Panics after `deadline`.
pub(crate) fn wait<T>(what: &str, deadline: Duration, mut look: impl FnMut() -> Option<T>) -> (T, Duration) {
    let start = clock::now();
    loop {
        if let Some(found) = look() {
            return (found, clock::now().since(start));
        }
        assert!(clock::now().since(start) < deadline, "not within {deadline:?}: {what}");
        pause(LOOK);
    }
}

/// Lets time pass: between two looks, and where a test needs a moment of its own choosing.
#[expect(clippy::disallowed_methods, reason = "waits for other processes, which have no channel to here")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}
