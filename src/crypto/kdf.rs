//! HKDF-SHA256 (RFC 5869) and HMAC-SHA256 (RFC 2104): the keys and digests of the store.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::secret::{KEY_WORK_DEPTH, on_wiped_stack};

/// Derives 32 bytes from a secret.
pub fn derive(secret: &[u8; 32], salt: &[u8], info: &[&[u8]], out: &mut [u8; 32]) {
    on_wiped_stack::<KEY_WORK_DEPTH, _>(|| {
        let hkdf = Hkdf::<Sha256>::new(Some(salt), secret);
        if hkdf.expand_multi_info(info, out).is_err() {
            unreachable!("HKDF-SHA256 gives up to 8160 bytes");
        }
    });
}

/// HMAC-SHA256 over the parts, one after the other.
pub fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    on_wiped_stack::<KEY_WORK_DEPTH, _>(|| {
        let Ok(mut hmac) = Hmac::<Sha256>::new_from_slice(key) else {
            unreachable!("HMAC takes a key of any length");
        };
        parts.iter().for_each(|part| hmac.update(part));
        hmac.finalize().into_bytes().into()
    })
}

/// SHA-256 over the parts, one after the other.
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut digest = Sha256::new();
    parts.iter().for_each(|part| digest.update(part));
    digest.finalize().into()
}
