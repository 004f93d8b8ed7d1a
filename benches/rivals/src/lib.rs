//! A data key without key management, as a user of another library would make it: 32 random bytes for the key, 12 for the
//! IV, AES-256-GCM over 32 bytes with 64 bytes of AAD, under a key that is expanded once. benches/data_keys.c runs these
//! functions in its rounds.

mod softhsm;

use std::cell::RefCell;
use std::hint::black_box;

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit};
use chacha20::ChaCha20Rng;
use chacha20::rand_core::{Rng, SeedableRng};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

const KEY: [u8; 32] = [1; 32];
const AAD: [u8; 64] = [0; 64];

thread_local! {
    static GENERATOR: RefCell<ChaCha20Rng> = RefCell::new(ChaCha20Rng::from_seed(kernel_bytes()));
}

fn kernel_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("random bytes");
    bytes
}

fn generated_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    GENERATOR.with_borrow_mut(|generator| generator.fill_bytes(&mut bytes));
    bytes
}

/// Runs `seal` on so many data keys and IVs.
fn data_keys(calls: usize, random: fn() -> [u8; 44], seal: impl Fn([u8; 12], &mut [u8; 32]) -> [u8; 16]) {
    for _ in 0..calls {
        let random = random();
        let (data_key, iv) = random.split_at(32);
        let mut sealed = data_key.try_into().expect("32 bytes");
        let tag = seal(iv.try_into().expect("12 bytes"), &mut sealed);
        black_box((data_key, sealed, tag));
    }
}

fn ring_seals(calls: usize, random: fn() -> [u8; 44]) {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &KEY).expect("a key"));
    data_keys(calls, random, |iv, data_key| {
        let nonce = Nonce::assume_unique_for_key(iv);
        let tag = key.seal_in_place_separate_tag(nonce, Aad::from(&AAD), data_key).expect("to seal");
        tag.as_ref().try_into().expect("16 bytes")
    });
}

fn aws_lc_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("random bytes");
    bytes
}

fn aws_lc_seals(calls: usize, random: fn() -> [u8; 44]) {
    use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &KEY).expect("a key"));
    data_keys(calls, random, |iv, data_key| {
        let nonce = Nonce::assume_unique_for_key(iv);
        let tag = key.seal_in_place_separate_tag(nonce, Aad::from(&AAD), data_key).expect("to seal");
        tag.as_ref().try_into().expect("16 bytes")
    });
}

fn aes_gcm_seals(calls: usize, random: fn() -> [u8; 44]) {
    let key = Aes256Gcm::new(&KEY.into());
    data_keys(calls, random, |iv, data_key| {
        let tag = key.encrypt_inout_detached(&iv.into(), &AAD, data_key.as_mut_slice().into());
        tag.expect("to seal").into()
    });
}

/// ring, with a ChaCha20 generator in this process.
#[unsafe(no_mangle)]
pub extern "C" fn rival_ring(calls: usize) {
    ring_seals(calls, generated_bytes);
}

/// aws-lc-rs, with a ChaCha20 generator in this process.
#[unsafe(no_mangle)]
pub extern "C" fn rival_aws_lc(calls: usize) {
    aws_lc_seals(calls, generated_bytes);
}

/// aws-lc-rs, with its own generator.
#[unsafe(no_mangle)]
pub extern "C" fn rival_aws_lc_own(calls: usize) {
    aws_lc_seals(calls, aws_lc_bytes);
}

/// The aes-gcm crate, with a ChaCha20 generator in this process.
#[unsafe(no_mangle)]
pub extern "C" fn rival_aes_gcm(calls: usize) {
    aes_gcm_seals(calls, generated_bytes);
}

/// The aes-gcm crate, with the kernel's generator.
#[unsafe(no_mangle)]
pub extern "C" fn rival_aes_gcm_getrandom(calls: usize) {
    aes_gcm_seals(calls, kernel_bytes);
}

/// SoftHSM2 over PKCS#11: its generator, and a key in its token.
#[unsafe(no_mangle)]
pub extern "C" fn rival_softhsm(calls: usize) {
    softhsm::data_keys(calls);
}
