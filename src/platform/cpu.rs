//! The CPU's random instruction, where there is one.

/// Eight bytes of RDRAND, or None where the processor has none or it fails.
#[cfg(target_arch = "x86_64")]
#[inline]
pub fn random_u64() -> Option<u64> {
    #[target_feature(enable = "rdrand")]
    fn read() -> Option<u64> {
        let mut value = 0;
        // Some processors answer all ones after a suspend (systemd issue 11810): no better than none.
        (std::arch::x86_64::_rdrand64_step(&mut value) == 1 && value != u64::MAX).then_some(value)
    }
    if std::arch::is_x86_feature_detected!("rdrand") {
        // SAFETY: the feature was detected.
        unsafe { read() }
    } else {
        None
    }
}

#[cfg(not(target_arch = "x86_64"))]
#[inline]
pub fn random_u64() -> Option<u64> {
    None
}
