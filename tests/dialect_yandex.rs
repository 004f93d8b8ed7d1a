//! Yandex over gRPC: the recorded requests, every limit at its edge, every failure with its code and body.

#[path = "support/protobuf.rs"]
mod protobuf;
#[path = "support/vendors.rs"]
mod vendors;

use kms::crypto::aad::Aad;
use kms::dialect::{Dialect, Response};
use kms::error::Status;
use protobuf::{Field, bytes_of, fields, message, text_of};
use vendors::{Service, is_uuid, recorded};

const KEY: &str = "abj0123456789abcdefg";
const SERVICE: &str = "/yandex.cloud.kms.v1.SymmetricCryptoService/";

fn grpc() -> Service {
    Service::with_key(Dialect::YandexGrpc, KEY)
}

fn call(service: &Service, method: &str, body: &[u8]) -> Response {
    service.send("POST", &format!("{SERVICE}{method}"), "", body)
}

/// The response of a call that succeeds.
#[track_caller]
fn ok(service: &Service, method: &str, request: &[(u32, Field)]) -> std::collections::BTreeMap<u32, Field> {
    let response = call(service, method, &message(request));
    assert_eq!((response.grpc_status, response.http_status), (0, 0), "{}", response.message);
    assert_eq!((response.status, response.message.as_str()), (Status::Ok, ""));
    assert!(is_uuid(&response.request_id), "{}", response.request_id);
    fields(response.body.as_slice())
}

/// The code of a call that fails, and what it says; its body is checked.
#[track_caller]
fn refused(response: &Response) -> (i32, String) {
    assert_eq!(response.http_status, 0);
    let status = fields(response.body.as_slice());
    assert_eq!(status[&1], Field::Int(response.grpc_status.into()));
    assert_eq!(text_of(&status, 2), response.message);
    let any = fields(bytes_of(&status, 3));
    assert_eq!(text_of(&any, 1), "type.googleapis.com/google.rpc.RequestInfo");
    let info = fields(bytes_of(&any, 2));
    assert!(is_uuid(text_of(&info, 1)));
    assert_eq!(text_of(&info, 1), response.request_id);
    assert_eq!((status.len(), any.len(), info.len()), (3, 2, 1));
    (response.grpc_status, response.message.clone())
}

#[track_caller]
fn code(service: &Service, method: &str, request: &[(u32, Field)]) -> i32 {
    refused(&call(service, method, &message(request))).0
}

fn key() -> (u32, Field) {
    (1, KEY.into())
}

#[test]
fn the_recorded_requests_have_responses_of_the_recorded_shape() {
    let service = grpc();
    let shape = |name: &str| fields(&recorded(&format!("yandex_grpc/{name}.response.pb")));

    let response = call(&service, "GenerateDataKey", &recorded("yandex_grpc/gdk_aes256.request.pb"));
    let made = fields(response.body.as_slice());
    assert!(made.keys().eq(shape("gdk_aes256").keys()));
    assert_eq!(text_of(&made, 1), KEY);
    assert_eq!(text_of(&made, 2), service.primary(KEY));
    assert_eq!((bytes_of(&made, 3).len(), bytes_of(&made, 4).len()), (32, 128));

    // The version is the store's own, so the recorded one is not there.
    let all_fields = recorded("yandex_grpc/gdk_all_fields.request.pb");
    assert_eq!(refused(&call(&service, "GenerateDataKey", &all_fields)).0, 5);
    let mut with_version = fields(&all_fields);
    with_version.insert(2, Field::Bytes(service.primary(KEY).into()));
    let with_version: Vec<_> = with_version.into_iter().collect();
    let made = ok(&service, "GenerateDataKey", &with_version);
    assert!(made.keys().eq(shape("gdk_all_fields").keys()), "no plaintext: it was to be skipped");
    let aad = Aad::raw(b"aad\0\xff").expect("AAD");
    assert_eq!(service.native_decrypt(bytes_of(&made, 4), aad).map(|key| key.len()), Ok(16));

    let (ciphertext, plaintext) = service.native_data_key(KEY, Aad::raw(b"a").expect("AAD"));
    let mut decrypt = fields(&recorded("yandex_grpc/decrypt.request.pb"));
    decrypt.insert(3, Field::Bytes(ciphertext));
    let opened = ok(&service, "Decrypt", &decrypt.into_iter().collect::<Vec<_>>());
    assert!(opened.keys().eq(shape("decrypt").keys()));
    assert_eq!(bytes_of(&opened, 3), plaintext);

    let empty = Service::new(Dialect::YandexGrpc);
    let response = call(&empty, "GenerateDataKey", &recorded("yandex_grpc/gdk_aes256.request.pb"));
    let expected = fields(&recorded("yandex_grpc/err_not_found.status.pb"));
    assert_eq!(refused(&response), (5, text_of(&expected, 2).to_string()));
    assert_eq!(fields(response.body.as_slice())[&1], expected[&1]);
}

#[test]
fn limits_are_those_of_the_contract_at_their_edges() {
    let service = grpc();
    let longest = "k".repeat(50);
    service.create(&longest);
    service.create(&"k".repeat(51));
    assert_eq!(ok(&service, "GenerateDataKey", &[(1, longest.as_str().into())]).len(), 4);
    assert_eq!(code(&service, "GenerateDataKey", &[(1, "k".repeat(51).as_str().into())]), 3);
    // Characters, not bytes.
    assert_eq!(code(&service, "GenerateDataKey", &[(1, "ж".repeat(50).as_str().into())]), 5);
    assert_eq!(code(&service, "GenerateDataKey", &[(1, "ж".repeat(51).as_str().into())]), 3);
    assert_eq!(code(&service, "GenerateDataKey", &[key(), (2, "v".repeat(50).as_str().into())]), 5);
    assert_eq!(code(&service, "GenerateDataKey", &[key(), (2, "v".repeat(51).as_str().into())]), 3);

    let (most, more) = (vec![7; 8192], vec![7; 8193]);
    let made = ok(&service, "GenerateDataKey", &[key(), (3, most.as_slice().into())]);
    let refusal = call(&service, "GenerateDataKey", &message(&[key(), (3, more.as_slice().into())]));
    assert!(refusal.message.starts_with("aad_context: "), "in the vendor's words: {}", refusal.message);
    assert_eq!(refused(&refusal).0, 3);
    let ciphertext = (3, bytes_of(&made, 4).into());
    let opened = ok(&service, "Decrypt", &[key(), (2, most.as_slice().into()), ciphertext.clone()]);
    assert_eq!(bytes_of(&opened, 3), bytes_of(&made, 3));
    assert_eq!(code(&service, "Decrypt", &[key(), (2, more.as_slice().into()), ciphertext]), 3);

    let (most, more) = (vec![7; 32768], vec![7; 32769]);
    let sealed = ok(&service, "Encrypt", &[key(), (4, most.as_slice().into())]);
    assert_eq!(bytes_of(&sealed, 3).len(), 32768 + 96);
    assert_eq!(code(&service, "Encrypt", &[key(), (4, more.as_slice().into())]), 3);
    assert_eq!(ok(&service, "Encrypt", &[key(), (4, "x".into())]).len(), 3);
    assert_eq!(code(&service, "Encrypt", &[key()]), 3);
    assert_eq!(code(&service, "Encrypt", &[key(), (4, "".into())]), 3);
}

#[test]
fn each_spec_has_its_length() {
    let service = grpc();
    let made = |spec: i64| ok(&service, "GenerateDataKey", &[key(), (4, spec.into())]);
    for (spec, length) in [(0, 32), (1, 16), (2, 24), (3, 32)] {
        assert_eq!(bytes_of(&made(spec), 3).len(), length, "spec {spec}");
    }
    for (spec, expected) in [(4, 9), (5, 12), (6, 3), (99, 3), (-1, 3), (i32::MIN.into(), 3)] {
        assert_eq!(code(&service, "GenerateDataKey", &[key(), (4, spec.into())]), expected, "spec {spec}");
    }
    let seen = ok(&service, "GenerateDataKey", &[key(), (5, 0.into())]);
    let skipped = ok(&service, "GenerateDataKey", &[key(), (5, 1.into())]);
    assert!(seen.contains_key(&3) && !skipped.contains_key(&3));
    assert_eq!(bytes_of(&skipped, 4).len(), 128);
}

#[test]
fn versions_are_named_or_the_primary_one() {
    let service = grpc();
    let first = service.primary(KEY);
    let second = service.rotate(KEY);
    let made = |version: &str| ok(&service, "GenerateDataKey", &[key(), (2, version.into())]);
    assert_eq!(text_of(&made(""), 2), second);
    assert_eq!(text_of(&made(&first), 2), first);
    let sealed = ok(&service, "Encrypt", &[key(), (2, first.as_str().into()), (4, "payload".into())]);
    assert_eq!(text_of(&sealed, 2), first);
    let opened = ok(&service, "Decrypt", &[key(), (3, bytes_of(&sealed, 3).into())]);
    assert_eq!((text_of(&opened, 1), text_of(&opened, 2)), (KEY, first.as_str()));
    assert_eq!(bytes_of(&opened, 3), b"payload");
    assert_eq!(code(&service, "GenerateDataKey", &[key(), (2, "nowhere".into())]), 5);
}

#[test]
fn re_encryption_moves_a_ciphertext_to_another_key_and_aad() {
    let service = grpc();
    service.create("abj-other");
    let sealed = ok(&service, "Encrypt", &[key(), (3, "old".into()), (4, "payload".into())]);
    let source = [(4, KEY.into()), (5, "old".into()), (6, bytes_of(&sealed, 3).into())];
    let request = [&[(1, "abj-other".into()), (3, "new".into())], &source[..]].concat();
    let moved = ok(&service, "ReEncrypt", &request);
    assert_eq!(text_of(&moved, 1), "abj-other");
    assert_eq!(text_of(&moved, 2), service.primary("abj-other"));
    assert_eq!(text_of(&moved, 3), KEY);
    assert_eq!(text_of(&moved, 4), service.primary(KEY));
    let aad = Aad::raw(b"new").expect("AAD");
    assert_eq!(service.native_decrypt(bytes_of(&moved, 5), aad), Ok(b"payload".to_vec()));

    let changed = |tag: u32, field: Field| {
        let mut request: Vec<_> = request.iter().filter(|(known, _)| *known != tag).cloned().collect();
        request.push((tag, field));
        code(&service, "ReEncrypt", &request)
    };
    assert_eq!(changed(5, "wrong".into()), 3);
    assert_eq!(changed(4, "abj-other".into()), 3, "the ciphertext is of another key");
    assert_eq!(changed(4, "".into()), 3);
    assert_eq!(changed(1, "".into()), 3);
    assert_eq!(changed(6, "".into()), 3);
    assert_eq!(changed(4, "nowhere".into()), 5);
    for tag in [3, 5] {
        assert_eq!(changed(tag, vec![0; 8193].as_slice().into()), 3);
    }
    for tag in [1, 2, 4] {
        assert_eq!(changed(tag, "k".repeat(51).as_str().into()), 3);
    }
}

#[test]
fn failures_have_their_codes() {
    let service = grpc();
    let made = ok(&service, "GenerateDataKey", &[key(), (3, "aad".into())]);
    let ciphertext = bytes_of(&made, 4).to_vec();
    let decrypt = |key_id: &str, aad: &str, ciphertext: &[u8]| {
        let request = message(&[(1, key_id.into()), (2, aad.into()), (3, ciphertext.into())]);
        let response = call(&service, "Decrypt", &request);
        (refused(&response).0, response.status)
    };
    assert_eq!(decrypt(KEY, "AAD", &ciphertext), (3, Status::InvalidCiphertext));
    assert_eq!(decrypt(KEY, "", &ciphertext), (3, Status::InvalidCiphertext));
    let mut altered = ciphertext.clone();
    altered[100] ^= 1;
    assert_eq!(decrypt(KEY, "aad", &altered), (3, Status::InvalidCiphertext));
    assert_eq!(decrypt(KEY, "aad", &ciphertext[..127]), (3, Status::InvalidCiphertext));
    assert_eq!(decrypt(KEY, "aad", b""), (3, Status::InvalidArgument));
    assert_eq!(decrypt("", "aad", &ciphertext), (3, Status::InvalidArgument));
    assert_eq!(decrypt("nowhere", "aad", &ciphertext), (5, Status::NotFound));
    service.create("abj-other");
    assert_eq!(decrypt("abj-other", "aad", &ciphertext), (3, Status::IncorrectKey));

    service.disable(KEY);
    assert_eq!(decrypt(KEY, "aad", &ciphertext), (9, Status::Disabled));
    assert_eq!(code(&service, "GenerateDataKey", &[key()]), 9);
    service.schedule_deletion(KEY);
    assert_eq!(decrypt(KEY, "aad", &ciphertext), (9, Status::InvalidState));
    service.create_external("abj-empty");
    assert_eq!(code(&service, "GenerateDataKey", &[(1, "abj-empty".into())]), 9);

    assert_eq!(code(&service, "GenerateDataKey", &[]), 3, "a key is required");
    for (method, target) in [
        ("POST", format!("{SERVICE}Sign")),
        ("POST", format!("{SERVICE}generateDataKey")),
        ("POST", format!("{SERVICE}GenerateDataKey?x=1")),
        ("POST", "/yandex.cloud.kms.v1.SymmetricKeyService/Get".into()),
        ("POST", String::new()),
        ("GET", format!("{SERVICE}GenerateDataKey")),
    ] {
        assert_eq!(refused(&service.send(method, &target, "", b"")).0, 12, "{method} {target}");
    }
}

#[test]
fn what_is_no_message_of_the_method_is_refused() {
    let service = grpc();
    let valid = message(&[key(), (4, 3.into())]);
    assert_eq!(call(&service, "GenerateDataKey", &valid).grpc_status, 0);
    let unknown = message(&[key(), (6, "unknown".into())]);
    let wrong_type = message(&[key(), (4, "AES_256".into())]);
    let no_utf8 = message(&[(1, [0xff, 0xfe].as_slice().into())]);
    for body in [&unknown[..], &wrong_type, &no_utf8, &valid[..5], b"\xff", b"\x07", b"{\"keyId\":\"k\"}"] {
        let response = call(&service, "GenerateDataKey", body);
        assert_eq!(refused(&response).0, 3, "{body:?}");
        assert_eq!(response.status, Status::InvalidArgument);
    }
}
