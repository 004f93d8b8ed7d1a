//! Clocks. The monotonic one is the kernel's coarse clock: 7 ns instead of 28, at a resolution of a tick (4 to 10 ms).

/// Milliseconds since an arbitrary start; never goes back.
#[inline]
pub fn monotonic_ms() -> u64 {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC_COARSE;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC;
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a valid clock id and a place for the answer; cannot fail then.
    unsafe { libc::clock_gettime(CLOCK, &mut time) };
    time.tv_sec as u64 * 1000 + time.tv_nsec as u64 / 1_000_000 + ahead() * 1000
}

/// Seconds since 1970-01-01 00:00:00 UTC.
pub fn unix_seconds() -> i64 {
    let elapsed = match std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
        Ok(elapsed) => i64::try_from(elapsed.as_secs()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_secs()).unwrap_or(i64::MAX),
    };
    elapsed.saturating_add_unsigned(ahead())
}

/// Seconds that a test has put the clocks forward.
#[inline]
fn ahead() -> u64 {
    #[cfg(feature = "test-hooks")]
    return crate::test_hooks::SECONDS_AHEAD.load(std::sync::atomic::Ordering::Relaxed);
    #[cfg(not(feature = "test-hooks"))]
    return 0;
}
