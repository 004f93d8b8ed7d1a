//! A data key that was generated in one dialect is decrypted in every other that can express the same AAD or context,
//! and natively, and the other way round. A row of `SPEAKERS` is all that a dialect adds.

#[path = "support/exchange.rs"]
mod exchange;
#[path = "support/handle.rs"]
mod handle;
#[path = "support/keys.rs"]
mod keys;
#[path = "support/protobuf.rs"]
mod protobuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use exchange::{Received, Sent};
use handle::{Bound, Decrypt, Handle};
use kms::capi::constants::*;
use protobuf::{Field, bytes_of, fields, message};
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

const SPEAKERS: [Speaker; 9] = [
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
    Speaker { name: "Yandex gRPC", can_say: aad_or_nothing, generate: grpc_generate, decrypt: grpc_decrypt },
    Speaker { name: "Yandex REST", can_say: aad_or_nothing, generate: rest_generate, decrypt: rest_decrypt },
    Speaker { name: "Alibaba dKMS", can_say: aad_or_nothing, generate: dkms_generate, decrypt: dkms_decrypt },
    Speaker {
        name: "Alibaba RPC",
        can_say: context_or_nothing,
        generate: rpc_generate,
        decrypt: rpc_decrypt,
    },
    Speaker {
        name: "Tencent v2",
        can_say: context_or_nothing,
        generate: tencent_generate,
        decrypt: tencent_decrypt,
    },
    Speaker {
        name: "Tencent v3",
        can_say: context_or_nothing,
        generate: tencent_v3_generate,
        decrypt: tencent_v3_decrypt,
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

fn aad_or_nothing(bound: &Bound<'_>) -> bool {
    !matches!(bound, Bound::Context(_))
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

fn aad<'a>(bound: Bound<'a>) -> &'a [u8] {
    match bound {
        Bound::Nothing => b"",
        Bound::Aad(aad) => aad,
        Bound::Context(_) => panic!("no words for a context"),
    }
}

/// What a successful answer's body says.
fn succeeded<T>(answer: &Received, read: impl FnOnce(&Received) -> T) -> T {
    assert_eq!(answer.status, KMS_OK, "{}", answer.message);
    read(answer)
}

/// What an answer's body says, or its native status.
fn outcome<T>(answer: &Received, read: impl FnOnce(&Received) -> T) -> Result<T, i32> {
    if answer.status == KMS_OK { Ok(read(answer)) } else { Err(answer.status) }
}

/// A data key in a message: the numbers of its plaintext and its ciphertext.
fn in_message(answer: &Received, plaintext: u32, ciphertext: u32) -> DataKey {
    let fields = fields(&answer.body);
    DataKey {
        plaintext: bytes_of(&fields, plaintext).to_vec(),
        ciphertext: bytes_of(&fields, ciphertext).to_vec(),
    }
}

fn grpc(kms: &Handle, method: &str, request: &[(u32, Field)]) -> Received {
    let target = format!("/yandex.cloud.kms.v1.SymmetricCryptoService/{method}");
    let body = message(request);
    kms.exchange(KMS_DIALECT_YANDEX_GRPC, &Sent { target: &target, body, ..Sent::default() })
}

fn grpc_generate(kms: &Handle, bound: Bound<'_>) -> DataKey {
    let request = [(1, KEY.into()), (3, aad(bound).into()), (4, 3.into())];
    succeeded(&grpc(kms, "GenerateDataKey", &request), |answer| in_message(answer, 3, 4))
}

fn grpc_decrypt(kms: &Handle, key: &DataKey, bound: Bound<'_>) -> Result<Vec<u8>, i32> {
    let request = [(1, KEY.into()), (2, aad(bound).into()), (3, key.ciphertext.as_slice().into())];
    outcome(&grpc(kms, "Decrypt", &request), |answer| bytes_of(&fields(&answer.body), 3).to_vec())
}

fn rest(kms: &Handle, method: &str, body: &Value) -> Received {
    let target = format!("/kms/v1/keys/{KEY}:{method}");
    let sent = Sent { method: "POST", target: &target, body: body.to_string().into(), ..Sent::default() };
    kms.exchange(KMS_DIALECT_YANDEX_REST, &sent)
}

fn rest_generate(kms: &Handle, bound: Bound<'_>) -> DataKey {
    let body = json!({ "dataKeySpec": "AES_256", "aadContext": STANDARD.encode(aad(bound)) });
    succeeded(&rest(kms, "generateDataKey", &body), |answer| {
        let body = answer.json();
        let member = |name: &str| unbase64(&body[name]);
        DataKey { plaintext: member("dataKeyPlaintext"), ciphertext: member("dataKeyCiphertext") }
    })
}

fn rest_decrypt(kms: &Handle, key: &DataKey, bound: Bound<'_>) -> Result<Vec<u8>, i32> {
    let ciphertext = STANDARD.encode(&key.ciphertext);
    let body = json!({ "ciphertext": ciphertext, "aadContext": STANDARD.encode(aad(bound)) });
    outcome(&rest(kms, "decrypt", &body), |answer| unbase64(&answer.json()["plaintext"]))
}

fn dkms(kms: &Handle, operation: &str, request: &[(u32, Field)]) -> Received {
    let headers = format!("x-kms-apiversion: dkms-gcs-0.2\r\nx-kms-apiname: {operation}\r\n");
    kms.exchange(
        KMS_DIALECT_ALIBABA_DKMS,
        &Sent { method: "POST", target: "/", headers, body: message(request) },
    )
}

fn dkms_generate(kms: &Handle, bound: Bound<'_>) -> DataKey {
    let request = [(1, KEY.into()), (3, 32.into()), (4, aad(bound).into())];
    succeeded(&dkms(kms, "GenerateDataKey", &request), |answer| in_message(answer, 3, 4))
}

/// The vendor's decryption wants the IV shown, which every ciphertext holds.
fn dkms_decrypt(kms: &Handle, key: &DataKey, bound: Bound<'_>) -> Result<Vec<u8>, i32> {
    let (blob, iv) = (key.ciphertext.as_slice(), &key.ciphertext[68..80]);
    let request = [(1, blob.into()), (3, "AES_GCM".into()), (4, aad(bound).into()), (5, iv.into())];
    outcome(&dkms(kms, "Decrypt", &request), |answer| bytes_of(&fields(&answer.body), 2).to_vec())
}

fn form(params: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish()
}

fn rpc(kms: &Handle, action: &str, params: &[(&str, &str)]) -> Received {
    let target = format!("/?{}", form(params));
    let headers = format!("x-acs-action: {action}\r\nx-acs-version: 2016-01-20\r\n");
    let sent = Sent { method: "POST", target: &target, headers, body: Vec::new() };
    kms.exchange(KMS_DIALECT_ALIBABA_RPC, &sent)
}

fn rpc_generate(kms: &Handle, bound: Bound<'_>) -> DataKey {
    let context = context(bound).to_string();
    let params = [("KeyId", KEY), ("KeySpec", "AES_256"), ("EncryptionContext", &context)];
    succeeded(&rpc(kms, "GenerateDataKey", &params), |answer| {
        let body = answer.json();
        DataKey { plaintext: unbase64(&body["Plaintext"]), ciphertext: unbase64(&body["CiphertextBlob"]) }
    })
}

fn rpc_decrypt(kms: &Handle, key: &DataKey, bound: Bound<'_>) -> Result<Vec<u8>, i32> {
    let (blob, context) = (STANDARD.encode(&key.ciphertext), context(bound).to_string());
    let params = [("CiphertextBlob", blob.as_str()), ("EncryptionContext", &context)];
    outcome(&rpc(kms, "Decrypt", &params), |answer| unbase64(&answer.json()["Plaintext"]))
}

fn tencent(kms: &Handle, params: &[(&str, &str)]) -> Received {
    let body = form(params).into_bytes();
    let sent = Sent { method: "POST", target: "/v2/index.php", body, ..Sent::default() };
    kms.exchange(KMS_DIALECT_TENCENT, &sent)
}

fn tencent_generate(kms: &Handle, bound: Bound<'_>) -> DataKey {
    let context = context(bound).to_string();
    let params = [("Action", "GenerateDataKey"), ("keyId", KEY), ("encryptionContext", &context)];
    succeeded(&tencent(kms, &params), |answer| {
        let body = answer.json();
        DataKey { plaintext: unbase64(&body["plaintext"]), ciphertext: unbase64(&body["ciphertextBlob"]) }
    })
}

fn tencent_decrypt(kms: &Handle, key: &DataKey, bound: Bound<'_>) -> Result<Vec<u8>, i32> {
    let (blob, context) = (STANDARD.encode(&key.ciphertext), context(bound).to_string());
    let params = [("Action", "Decrypt"), ("ciphertextBlob", &blob), ("encryptionContext", &context)];
    outcome(&tencent(kms, &params), |answer| unbase64(&answer.json()["plaintext"]))
}

fn tencent_v3(kms: &Handle, action: &str, body: &Value) -> Received {
    let headers = format!("X-TC-Action: {action}\r\nContent-Type: application/json\r\n");
    let sent = Sent { method: "POST", target: "/", headers, body: body.to_string().into() };
    kms.exchange(KMS_DIALECT_TENCENT_V3, &sent)
}

fn tencent_v3_generate(kms: &Handle, bound: Bound<'_>) -> DataKey {
    let context = context(bound).to_string();
    let body = json!({ "KeyId": KEY, "NumberOfBytes": 32, "EncryptionContext": context });
    succeeded(&tencent_v3(kms, "GenerateDataKey", &body), |answer| {
        let body = &answer.json()["Response"];
        DataKey { plaintext: unbase64(&body["Plaintext"]), ciphertext: unbase64(&body["CiphertextBlob"]) }
    })
}

fn tencent_v3_decrypt(kms: &Handle, key: &DataKey, bound: Bound<'_>) -> Result<Vec<u8>, i32> {
    let blob = STANDARD.encode(&key.ciphertext);
    let body = json!({ "CiphertextBlob": blob, "EncryptionContext": context(bound).to_string() });
    outcome(&tencent_v3(kms, "Decrypt", &body), |answer| unbase64(&answer.json()["Response"]["Plaintext"]))
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
    // Nothing: all nine; raw AAD: native and three; each of two contexts: native and five.
    assert_eq!(pairs, 9 * 9 + 4 * 4 + 2 * 6 * 6);
}
