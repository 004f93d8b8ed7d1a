#![no_main]

use kms::dialect::Dialect;
use libkms_fuzz::exchange;

libfuzzer_sys::fuzz_target!(|request: &[u8]| exchange(Dialect::Tencent, request));
