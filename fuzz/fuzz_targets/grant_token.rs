//! Grant tokens: only what was issued is read.
#![no_main]

use kms::access::{TokenClaim, issue_token, read_token};
use libfuzzer_sys::fuzz_target;

/// Stands for the store's key: what matters is that the token has it.
fn mac(bytes: &[u8]) -> [u8; 32] {
    let mut mac = [0x5a_u8; 32];
    bytes
        .iter()
        .enumerate()
        .for_each(|(index, byte)| mac[index % 32] = mac[index % 32].rotate_left(3) ^ byte);
    mac
}

fuzz_target!(|token: &str| {
    if let Some(TokenClaim { key, grant }) = read_token(token, mac) {
        assert_eq!(issue_token(&TokenClaim { key, grant }, mac), token, "one encoding only");
    }
});
