//! Requests of vendors' SDKs: every dialect answers whatever it is sent.
#![no_main]

use std::sync::OnceLock;

use kms::dialect::{self, Dialect, Request};
use kms::engine::{CreateKeyRequest, Kms, OpenOptions};
use kms::root::RootKeySource;
use libfuzzer_sys::fuzz_target;

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

fuzz_target!(|request: (u8, &str, &[u8], &[u8])| {
    let (dialect, target, headers, body) = request;
    let dialect = Dialect::ALL[usize::from(dialect) % Dialect::ALL.len()];
    let method = if body.len() % 2 == 0 { "POST" } else { "GET" };
    let answer = dialect::answer(kms(), dialect, &Request::new(Some(method), target, headers, body));
    assert!(answer.is_ok_and(|response| response.http_status != 0 || response.grpc_status >= 0));
});
