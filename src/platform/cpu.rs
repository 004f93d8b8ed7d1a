//! The CPU's random instruction, where there is one; and its vector registers, emptied.

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

/// Zeroes the vector registers. Finished work on keys leaves round keys in them, from where a signal or the dynamic
/// linker (which saves them all on the stack when it resolves a function of the host's) would copy them.
#[cfg(target_arch = "x86_64")]
#[inline]
pub fn clear_vector_registers() {
    use std::arch::asm;

    #[rustfmt::skip]
    #[target_feature(enable = "avx")]
    fn clear_avx() {
        // SAFETY: changes nothing but the registers it names, which the compiler knows of.
        unsafe {
            asm!("vzeroall",
                out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _, out("xmm4") _, out("xmm5") _, out("xmm6") _, out("xmm7") _,
                out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _, out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _,
                options(nomem, nostack, preserves_flags));
        }
    }

    /// The upper sixteen, which vzeroall leaves.
    #[rustfmt::skip]
    #[target_feature(enable = "avx512f")]
    fn clear_avx512() {
        // SAFETY: as above.
        unsafe {
            asm!(
                "vpxord zmm16, zmm16, zmm16",
                "vpxord zmm17, zmm17, zmm17",
                "vpxord zmm18, zmm18, zmm18",
                "vpxord zmm19, zmm19, zmm19",
                "vpxord zmm20, zmm20, zmm20",
                "vpxord zmm21, zmm21, zmm21",
                "vpxord zmm22, zmm22, zmm22",
                "vpxord zmm23, zmm23, zmm23",
                "vpxord zmm24, zmm24, zmm24",
                "vpxord zmm25, zmm25, zmm25",
                "vpxord zmm26, zmm26, zmm26",
                "vpxord zmm27, zmm27, zmm27",
                "vpxord zmm28, zmm28, zmm28",
                "vpxord zmm29, zmm29, zmm29",
                "vpxord zmm30, zmm30, zmm30",
                "vpxord zmm31, zmm31, zmm31",
                out("zmm16") _, out("zmm17") _, out("zmm18") _, out("zmm19") _, out("zmm20") _, out("zmm21") _, out("zmm22") _, out("zmm23") _,
                out("zmm24") _, out("zmm25") _, out("zmm26") _, out("zmm27") _, out("zmm28") _, out("zmm29") _, out("zmm30") _, out("zmm31") _,
                options(nomem, nostack, preserves_flags));
        }
    }

    #[rustfmt::skip]
    fn clear_sse() {
        // SAFETY: as above; every x86-64 processor has SSE2.
        unsafe {
            asm!(
                "pxor xmm0, xmm0",
                "pxor xmm1, xmm1",
                "pxor xmm2, xmm2",
                "pxor xmm3, xmm3",
                "pxor xmm4, xmm4",
                "pxor xmm5, xmm5",
                "pxor xmm6, xmm6",
                "pxor xmm7, xmm7",
                "pxor xmm8, xmm8",
                "pxor xmm9, xmm9",
                "pxor xmm10, xmm10",
                "pxor xmm11, xmm11",
                "pxor xmm12, xmm12",
                "pxor xmm13, xmm13",
                "pxor xmm14, xmm14",
                "pxor xmm15, xmm15",
                out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _, out("xmm4") _, out("xmm5") _, out("xmm6") _, out("xmm7") _,
                out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _, out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _,
                options(nomem, nostack, preserves_flags));
        }
    }

    if !std::arch::is_x86_feature_detected!("avx") {
        return clear_sse();
    }
    // SAFETY: the feature was detected.
    unsafe { clear_avx() };
    if std::arch::is_x86_feature_detected!("avx512f") {
        // SAFETY: the feature was detected.
        unsafe { clear_avx512() };
    }
}

#[cfg(target_arch = "aarch64")]
#[rustfmt::skip]
#[inline]
pub fn clear_vector_registers() {
    // SAFETY: changes nothing but the registers it names, which the compiler knows of.
    unsafe {
        std::arch::asm!(
            "movi v0.2d, #0",
            "movi v1.2d, #0",
            "movi v2.2d, #0",
            "movi v3.2d, #0",
            "movi v4.2d, #0",
            "movi v5.2d, #0",
            "movi v6.2d, #0",
            "movi v7.2d, #0",
            "movi v8.2d, #0",
            "movi v9.2d, #0",
            "movi v10.2d, #0",
            "movi v11.2d, #0",
            "movi v12.2d, #0",
            "movi v13.2d, #0",
            "movi v14.2d, #0",
            "movi v15.2d, #0",
            "movi v16.2d, #0",
            "movi v17.2d, #0",
            "movi v18.2d, #0",
            "movi v19.2d, #0",
            "movi v20.2d, #0",
            "movi v21.2d, #0",
            "movi v22.2d, #0",
            "movi v23.2d, #0",
            "movi v24.2d, #0",
            "movi v25.2d, #0",
            "movi v26.2d, #0",
            "movi v27.2d, #0",
            "movi v28.2d, #0",
            "movi v29.2d, #0",
            "movi v30.2d, #0",
            "movi v31.2d, #0",
            out("v0") _, out("v1") _, out("v2") _, out("v3") _, out("v4") _, out("v5") _, out("v6") _, out("v7") _,
            out("v8") _, out("v9") _, out("v10") _, out("v11") _, out("v12") _, out("v13") _, out("v14") _, out("v15") _,
            out("v16") _, out("v17") _, out("v18") _, out("v19") _, out("v20") _, out("v21") _, out("v22") _, out("v23") _,
            out("v24") _, out("v25") _, out("v26") _, out("v27") _, out("v28") _, out("v29") _, out("v30") _, out("v31") _,
            options(nomem, nostack, preserves_flags));
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
#[inline]
pub fn clear_vector_registers() {}
