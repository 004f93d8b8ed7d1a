//! Requests that are broken in thousands of ways: each has an answer in the vendor's form, none is a bug of ours, and
//! none that was altered decrypts. What is altered, and how, is the same in every run.

#[path = "support/protobuf.rs"]
mod protobuf;
#[path = "support/vendors.rs"]
mod vendors;

use kms::crypto::aad::Aad;
use kms::dialect::{Dialect, Response};
use kms::error::Status;
use protobuf::{fields, message};
use serde_json::json;
use vendors::{Service, base64, header};

const KEY: &str = "kms-345sdfk";
const ROUNDS: usize = 3000;

/// SplitMix64, whose numbers are the same everywhere.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

/// Alters, removes, repeats or inserts some bytes.
fn broken(numbers: &mut Numbers, bytes: &[u8]) -> Vec<u8> {
    const TOKENS: [&[u8]; 14] = [
        b"\"",
        b"{",
        b"}",
        b"[",
        b"\\u0000",
        b"%ff",
        b"&",
        b"=",
        b"null",
        b"-1",
        b"1e999",
        b"\x80",
        b"\xff\xff\xff\xff\x0f",
        b"\n",
    ];
    let mut bytes = bytes.to_vec();
    for _ in 0..=numbers.below(3) {
        let at = numbers.below(bytes.len() + 1);
        let len = numbers.below(9).min(bytes.len() - at);
        match numbers.below(5) {
            0 if at < bytes.len() => bytes[at] ^= 1 << numbers.below(8),
            1 => drop(bytes.drain(at..at + len)),
            2 => {
                let repeated = bytes[at..at + len].repeat(1 + numbers.below(40));
                drop(bytes.splice(at..at, repeated));
            }
            3 => bytes.truncate(at),
            _ => drop(bytes.splice(at..at, TOKENS[numbers.below(TOKENS.len())].iter().copied())),
        }
    }
    bytes
}

/// An answer in the vendor's form.
fn check(service: &Service, response: &Response) {
    assert_ne!(response.status, Status::Internal, "{}", response.message);
    let body = response.body.as_slice();
    match service.dialect {
        Dialect::YandexGrpc if response.grpc_status != 0 => {
            assert_eq!(protobuf::text_of(&fields(body), 2), response.message);
        }
        Dialect::YandexGrpc | Dialect::AlibabaDkms => assert!(!fields(body).is_empty()),
        _ => {
            assert!(vendors::json(response).is_object(), "{}", header(response, "content-type").unwrap_or(""))
        }
    }
}

/// Breaks a request that is answered with success; gives how often the broken one still was.
fn break_all(service: &Service, (target, headers, body): &(String, String, Vec<u8>)) -> usize {
    let send = |target: &str, headers: &str, body: &[u8]| service.send("POST", target, headers, body);
    let whole = send(target, headers, body);
    assert_eq!(whole.status, Status::Ok, "{}", whole.message);
    let mut numbers = Numbers(body.len() as u64);
    let mut succeeded = 0;
    for _ in 0..ROUNDS {
        let response = send(target, headers, &broken(&mut numbers, body));
        check(service, &response);
        succeeded += usize::from(response.status == Status::Ok);
        // C gives the target and the headers as text.
        let target = String::from_utf8_lossy(&broken(&mut numbers, target.as_bytes())).into_owned();
        let headers = broken(&mut numbers, headers.as_bytes());
        check(service, &send(&target, &String::from_utf8_lossy(&headers), body));
    }
    succeeded
}

/// Requests to generate and to decrypt, in a dialect: target, headers and body.
fn requests(service: &Service) -> [(String, String, Vec<u8>); 2] {
    let (blob, _) = service.native_data_key(KEY, Aad::None);
    let text = base64(&blob);
    let form = |params: &[(&str, &str)]| {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish().into_bytes()
    };
    let post = |target: &str, headers: &str, body: Vec<u8>| (target.to_string(), headers.to_string(), body);
    match service.dialect {
        Dialect::YandexGrpc => {
            let service = "/yandex.cloud.kms.v1.SymmetricCryptoService/";
            [
                post(
                    &format!("{service}GenerateDataKey"),
                    "",
                    message(&[(1, KEY.into()), (3, "aad".into()), (4, 3.into())]),
                ),
                post(
                    &format!("{service}Decrypt"),
                    "",
                    message(&[(1, KEY.into()), (3, blob.as_slice().into())]),
                ),
            ]
        }
        Dialect::YandexRest => {
            let keys = format!("/kms/v1/keys/{KEY}");
            [
                post(
                    &format!("{keys}:generateDataKey"),
                    "",
                    json!({"dataKeySpec": "AES_256", "aadContext": "YWFk"}).to_string().into(),
                ),
                post(&format!("{keys}:decrypt"), "", json!({"ciphertext": text}).to_string().into()),
            ]
        }
        Dialect::AlibabaDkms => {
            let headers = |name: &str| format!("x-kms-apiversion: dkms-gcs-0.2\r\nx-kms-apiname: {name}\r\n");
            [
                post(
                    "/",
                    &headers("GenerateDataKey"),
                    message(&[(1, KEY.into()), (3, 32.into()), (4, "aad".into())]),
                ),
                post("/", &headers("AdvanceDecrypt"), message(&[(1, blob.as_slice().into())])),
            ]
        }
        Dialect::AlibabaRpc => [
            post(
                "/?Action=GenerateDataKey",
                "",
                form(&[("KeyId", KEY), ("EncryptionContext", "{\"a\":\"b\"}")]),
            ),
            post("/?Action=Decrypt", "", form(&[("CiphertextBlob", &text)])),
        ],
        Dialect::Tencent => [
            post(
                "/v2/index.php",
                "",
                form(&[
                    ("Action", "GenerateDataKey"),
                    ("keyId", KEY),
                    ("encryptionContext", "{\"a\":\"b\"}"),
                ]),
            ),
            post("/v2/index.php", "", form(&[("Action", "Decrypt"), ("ciphertextBlob", &text)])),
        ],
        Dialect::Qkms | Dialect::Aws => {
            let headers = |name: &str| format!("X-Amz-Target: TrentService.{name}\r\n");
            [
                post(
                    "/",
                    &headers("GenerateDataKey"),
                    json!({"KeyId": KEY, "NumberOfBytes": 32, "EncryptionContext": {"a": "b"}})
                        .to_string()
                        .into(),
                ),
                post("/", &headers("Decrypt"), json!({"CiphertextBlob": text}).to_string().into()),
            ]
        }
        Dialect::TencentV3 => [
            post(
                "/",
                "X-TC-Action: GenerateDataKey\r\n",
                json!({"KeyId": KEY, "NumberOfBytes": 32, "EncryptionContext": "{\"a\":\"b\"}"})
                    .to_string()
                    .into(),
            ),
            post("/", "X-TC-Action: Decrypt\r\n", json!({"CiphertextBlob": text}).to_string().into()),
        ],
    }
}

#[test]
fn every_broken_request_has_an_answer() {
    for dialect in Dialect::ALL {
        let service = Service::with_key(dialect, KEY);
        let [generate, decrypt] = requests(&service);
        let succeeded = break_all(&service, &generate);
        assert!((1..ROUNDS / 2).contains(&succeeded), "{dialect:?}: {succeeded} of {ROUNDS}");
        let succeeded = break_all(&service, &decrypt);
        // Some breaks leave the request what it was: a space in JSON, a part repeated no time.
        assert!(succeeded < ROUNDS / 5, "{dialect:?}: {succeeded} of {ROUNDS}");
    }
}

#[test]
fn every_bit_of_a_ciphertext_counts() {
    let service = Service::with_key(Dialect::AlibabaDkms, KEY);
    let (blob, plaintext) = service.native_data_key(KEY, Aad::None);
    for bit in 0..blob.len() * 8 {
        let mut altered = blob.clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        let headers = "x-kms-apiversion: dkms-gcs-0.2\r\nx-kms-apiname: AdvanceDecrypt\r\n";
        let response = service.send("POST", "/", headers, &message(&[(1, altered.as_slice().into())]));
        assert_ne!(response.status, Status::Ok, "bit {bit}");
        let body = response.body.as_slice();
        assert!(!body.windows(plaintext.len()).any(|part| part == plaintext), "bit {bit}");
    }
}
