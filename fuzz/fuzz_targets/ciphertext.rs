//! Ciphertexts that nobody made: none opens, none does harm.
#![no_main]

use std::sync::OnceLock;

use kms::crypto::aad::Aad;
use kms::engine::{CreateKeyRequest, DecryptRequest, GrantTokens, Kms, OpenOptions, Output};
use kms::root::RootKeySource;
use libfuzzer_sys::fuzz_target;

struct Memory(Vec<u8>);

impl Output<1> for Memory {
    fn reserve(&mut self, [need]: [usize; 1]) -> kms::Result<[Option<&mut [u8]>; 1]> {
        self.0.resize(need, 0);
        Ok([Some(&mut self.0)])
    }
}

fn kms() -> &'static Kms {
    static KMS: OnceLock<Kms> = OnceLock::new();
    KMS.get_or_init(|| {
        let kms = Kms::open(&OpenOptions {
            store: "memory:",
            root: RootKeySource::Raw(&[1; 32]),
            account_id: None,
            region: None,
            flags: 1,
            max_staleness_ms: 0,
            timeout_ms: 0,
            max_cached_keys: 0,
            audit: None,
        })
        .expect("a store in memory");
        kms.create_key(&CreateKeyRequest { key_id: Some("k"), ..Default::default() }).expect("a key");
        kms
    })
}

fuzz_target!(|ciphertext: &[u8]| {
    for key_id in [None, Some("k")] {
        let request = DecryptRequest {
            ciphertext,
            iv: &[],
            key_id,
            aad: Aad::None,
            grant_tokens: GrantTokens::new(),
            flags: 0,
        };
        assert!(kms().decrypt(&request, &mut Memory(Vec::new())).is_err());
    }
});
