//! A data key that was generated in one dialect is decrypted in every other that can express the same AAD or context,
//! and natively, and the other way round. A row of `SPEAKERS` is all that a dialect adds.

#[path = "support/exchange.rs"]
mod exchange;
#[path = "support/handle.rs"]
mod handle;
#[path = "support/keys.rs"]
mod keys;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use handle::{Bound, Decrypt, Handle};
use kms::capi::constants::{KMS_DIALECT_AWS, KMS_DIALECT_QKMS, KMS_INVALID_CIPHERTEXT, KMS_OK};
use serde_json::{Map, Value, json};

const KEY: &str = "shared-key";

/// A data key, as the one who generated it got it.
struct DataKey {
    plaintext: Vec<u8>,
    ciphertext: Vec<u8>,
}

/// Someone who generates and decrypts data keys of 32 bytes under KEY.
struct Speaker {
    name: &'static str,
    /// Whether it has words for this.
    can_say: fn(&Bound<'_>) -> bool,
    generate: fn(&Handle, Bound<'_>) -> DataKey,
    /// The native status of a failure.
    decrypt: fn(&Handle, &DataKey, Bound<'_>) -> Result<Vec<u8>, i32>,
}

const SPEAKERS: [Speaker; 3] = [
    Speaker { name: "native", can_say: |_| true, generate: native_generate, decrypt: native_decrypt },
    Speaker {
        name: "QKMS",
        can_say: context_or_nothing,
        generate: |kms, bound| aws_generate(KMS_DIALECT_QKMS, kms, bound),
        decrypt: |kms, key, bound| aws_decrypt(KMS_DIALECT_QKMS, kms, key, bound),
    },
    Speaker {
        name: "AWS",
        can_say: context_or_nothing,
        generate: |kms, bound| aws_generate(KMS_DIALECT_AWS, kms, bound),
        decrypt: |kms, key, bound| aws_decrypt(KMS_DIALECT_AWS, kms, key, bound),
    },
];

const BOUNDS: [Bound<'static>; 4] = [
    Bound::Nothing,
    Bound::Aad(b"\x00\xffraw bytes"),
    Bound::Context(&[("tenant", "7")]),
    Bound::Context(&[("Purpose", "Test"), ("A", "\u{431}\"\\\u{e9}"), ("empty", "")]),
];

fn context_or_nothing(bound: &Bound<'_>) -> bool {
    !matches!(bound, Bound::Aad(_))
}

fn native_generate(kms: &Handle, bound: Bound<'_>) -> DataKey {
    let made = kms.generate(KEY, 32, bound).expect("a data key");
    DataKey { plaintext: made.plaintext, ciphertext: made.ciphertext }
}

fn native_decrypt(kms: &Handle, key: &DataKey, bound: Bound<'_>) -> Result<Vec<u8>, i32> {
    kms.decrypt(Decrypt::new(&key.ciphertext, bound)).map_err(|failure| failure.status)
}

/// A context in JSON.
fn context(bound: Bound<'_>) -> Value {
    match bound {
        Bound::Nothing => json!({}),
        Bound::Context(pairs) => Value::Object(
            pairs.iter().map(|(key, value)| ((*key).into(), json!(value))).collect::<Map<_, _>>(),
        ),
        Bound::Aad(_) => panic!("no words for raw AAD"),
    }
}

fn unbase64(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().expect("a text")).expect("base64")
}

fn aws_generate(dialect: u32, kms: &Handle, bound: Bound<'_>) -> DataKey {
    let arguments = json!({ "KeyId": KEY, "KeySpec": "AES_256", "EncryptionContext": context(bound) });
    let answer = kms.aws(dialect, "GenerateDataKey", arguments);
    assert_eq!(answer.status, KMS_OK, "{}", answer.message);
    let body = answer.json();
    DataKey { plaintext: unbase64(&body["Plaintext"]), ciphertext: unbase64(&body["CiphertextBlob"]) }
}

fn aws_decrypt(dialect: u32, kms: &Handle, key: &DataKey, bound: Bound<'_>) -> Result<Vec<u8>, i32> {
    let blob = STANDARD.encode(&key.ciphertext);
    let answer =
        kms.aws(dialect, "Decrypt", json!({ "CiphertextBlob": blob, "EncryptionContext": context(bound) }));
    if answer.status == KMS_OK { Ok(unbase64(&answer.json()["Plaintext"])) } else { Err(answer.status) }
}

#[test]
fn what_one_wraps_every_other_unwraps() {
    let kms = Handle::memory();
    kms.create_key(KEY).expect("a key");
    let mut pairs = 0;
    for bound in BOUNDS {
        for from in SPEAKERS.iter().filter(|speaker| (speaker.can_say)(&bound)) {
            let key = (from.generate)(&kms, bound);
            assert_eq!(key.plaintext.len(), 32, "{}", from.name);
            for to in SPEAKERS.iter().filter(|speaker| (speaker.can_say)(&bound)) {
                let names = (from.name, to.name);
                assert_eq!(
                    (to.decrypt)(&kms, &key, bound).as_ref(),
                    Ok(&key.plaintext),
                    "{names:?}, {bound:?}"
                );
                // Not with anything else that it has words for.
                for other in BOUNDS.iter().filter(|other| (to.can_say)(other)) {
                    if format!("{other:?}") != format!("{bound:?}") {
                        let outcome = (to.decrypt)(&kms, &key, *other);
                        assert_eq!(outcome, Err(KMS_INVALID_CIPHERTEXT), "{names:?}, {bound:?}, {other:?}");
                    }
                }
                pairs += 1;
            }
        }
    }
    assert!(pairs >= 3 * SPEAKERS.len() * SPEAKERS.len() - SPEAKERS.len(), "{pairs} pairs only");
}
