//! Alibaba's dedicated KMS: the recorded requests, every limit at its edge, initial and primary versions, every failure
//! with its code, HTTP status and body.

#[path = "support/protobuf.rs"]
mod protobuf;
#[path = "support/vendors.rs"]
mod vendors;

use std::collections::BTreeMap;

use kms::crypto::aad::Aad;
use kms::dialect::{Dialect, Response};
use kms::error::Status;
use protobuf::{Field, bytes_of, fields, message, text_of};
use vendors::{Service, header, is_uuid, recorded};

const KEY: &str = "key-hzz62f1cb66fa42qo0000";
const DKMS_VERSION: &str = "x-kms-apiversion: dkms-gcs-0.2\r\n";

fn dkms() -> Service {
    Service::with_key(Dialect::AlibabaDkms, KEY)
}

fn call(service: &Service, name: &str, request: &[(u32, Field)]) -> Response {
    let headers = format!("{DKMS_VERSION}x-kms-apiname: {name}\r\n");
    service.send("POST", "/", &headers, &message(request))
}

#[track_caller]
fn ok(service: &Service, name: &str, request: &[(u32, Field)]) -> BTreeMap<u32, Field> {
    let response = call(service, name, request);
    assert_eq!((response.http_status, response.grpc_status), (200, -1), "{}", response.message);
    assert_eq!(header(&response, "content-type"), Some("application/x-protobuf"));
    assert!(is_uuid(&response.request_id));
    fields(response.body.as_slice())
}

/// HTTP status, code and message of a failure, whose body is checked.
#[track_caller]
fn refused(response: &Response) -> (u16, String, String) {
    assert_eq!(header(response, "content-type"), Some("application/x-protobuf"));
    let error = fields(response.body.as_slice());
    assert!(error.keys().eq(&[1, 2, 3, 4]), "{error:?}");
    assert_eq!(error[&1], Field::Int(response.http_status.into()));
    assert!(is_uuid(text_of(&error, 4)));
    assert_eq!(text_of(&error, 4), response.request_id);
    (response.http_status, text_of(&error, 2).into(), text_of(&error, 3).into())
}

#[track_caller]
fn code(service: &Service, name: &str, request: &[(u32, Field)]) -> (u16, String) {
    let (http_status, code, _) = refused(&call(service, name, request));
    (http_status, code)
}

fn invalid() -> (u16, String) {
    (400, "InvalidParameter".into())
}

fn missing() -> (u16, String) {
    (400, "MissingParameter".into())
}

fn key() -> (u32, Field) {
    (1, KEY.into())
}

fn raw(aad: &[u8]) -> Aad<'_> {
    Aad::raw(aad).expect("AAD")
}

#[test]
fn the_recorded_dkms_requests_have_responses_of_the_recorded_shape() {
    let service = dkms();
    service.alias("alias/x", KEY);
    // The bodies of the recorded HTTP requests are binary: they stand beside them.
    let send = |service: &Service, name: &str| {
        let text =
            String::from_utf8_lossy(&recorded(&format!("alibaba_dkms/{name}.request.http"))).into_owned();
        let head = text.split("\n\n").next().expect("headers").to_string();
        let head = head.split("\r\n\r\n").next().expect("headers").to_string();
        let headers: String = head.lines().skip(1).map(|line| format!("{line}\r\n")).collect();
        assert!(headers.contains("authorization: Bearer"));
        service.send("POST", "/", &headers, &recorded(&format!("alibaba_dkms/{name}.request.pb")))
    };
    let shape = |name: &str| fields(&recorded(&format!("alibaba_dkms/{name}.response.pb")));
    for (name, length, aad) in [("gdk", 32, ""), ("gdk_aad_alg", 64, "aad\0"), ("advance_gdk", 32, "aad")] {
        let response = send(&service, name);
        assert_eq!(response.http_status, 200, "{name}: {}", response.message);
        let made = fields(response.body.as_slice());
        assert!(made.keys().eq(shape(name).keys()), "{name}");
        assert_eq!(made[&6], shape(name)[&6], "{name}: the algorithm");
        assert_eq!(text_of(&made, 1), KEY, "the id, where an alias was given");
        assert_eq!(bytes_of(&made, 3).len(), length, "{name}");
        assert_eq!(bytes_of(&made, 2), &bytes_of(&made, 4)[68..80], "{name}: the IV is the blob's");
        assert_eq!(text_of(&made, 5), response.request_id);
        let opened = service.native_decrypt(bytes_of(&made, 4), raw(aad.as_bytes()));
        assert_eq!(opened.as_deref(), Ok(bytes_of(&made, 3)), "{name}");
    }

    let (ciphertext, plaintext) = service.native_data_key(KEY, raw(b"a"));
    let mut decrypt = fields(&recorded("alibaba_dkms/decrypt.request.pb"));
    decrypt.insert(5, Field::Bytes(ciphertext[68..80].into()));
    decrypt.insert(1, Field::Bytes(ciphertext));
    let opened = ok(&service, "Decrypt", &decrypt.into_iter().collect::<Vec<_>>());
    assert!(opened.keys().eq(shape("decrypt").keys()));
    assert_eq!((bytes_of(&opened, 2), text_of(&opened, 4)), (plaintext.as_slice(), "AES_GCM"));

    let response = send(&Service::new(Dialect::AlibabaDkms), "err_not_found");
    let expected = shape("err_not_found");
    let said = |tag| text_of(&expected, tag).to_string();
    assert_eq!(refused(&response), (404, said(2), said(3)));
    assert_eq!(fields(response.body.as_slice())[&1], expected[&1]);
}

#[test]
fn dkms_lengths_are_those_of_the_contract_at_their_edges() {
    let service = dkms();
    for (name, tag) in [("GenerateDataKey", 3), ("AdvanceGenerateDataKey", 2)] {
        for (number, length) in [(0, 32), (1, 1), (32, 32), (1024, 1024)] {
            let made = ok(&service, name, &[key(), (tag, number.into())]);
            assert_eq!(bytes_of(&made, 3).len(), length, "{name} {number}");
        }
        for number in [-1, 1025, i32::MAX.into(), i32::MIN.into()] {
            assert_eq!(code(&service, name, &[key(), (tag, number.into())]), invalid(), "{name} {number}");
        }
        assert_eq!(bytes_of(&ok(&service, name, &[key()]), 3).len(), 32);
        assert_eq!(code(&service, name, &[]), missing());
        assert_eq!(code(&service, name, &[(1, "".into())]), missing());
        let aad = |length: usize| (tag + 1, vec![7; length].as_slice().into());
        assert_eq!(bytes_of(&ok(&service, name, &[key(), aad(8192)]), 3).len(), 32);
        assert_eq!(code(&service, name, &[key(), aad(8193)]), invalid());
    }
    for algorithm in ["AES_CBC", "aes_gcm", "XAES_256_GCM"] {
        assert_eq!(code(&service, "GenerateDataKey", &[key(), (2, algorithm.into())]), invalid());
    }
    for (length, expected) in [(1, Ok(1)), (1024, Ok(1024)), (1025, Err(())), (-1, Err(()))] {
        let request = [(1, length.into())];
        match expected {
            Ok(length) => assert_eq!(bytes_of(&ok(&service, "GenerateRandom", &request), 1).len(), length),
            Err(()) => assert_eq!(code(&service, "GenerateRandom", &request), invalid(), "{length}"),
        }
    }
    assert_eq!(code(&service, "GenerateRandom", &[]), missing());
}

#[test]
fn initial_and_primary_versions_are_told_apart() {
    let service = dkms();
    let first = service.primary(KEY);
    let before = ok(&service, "AdvanceGenerateDataKey", &[key(), (3, "aad".into())]);
    assert_eq!(text_of(&before, 7), first);
    let second = service.rotate(KEY);

    let plain = ok(&service, "GenerateDataKey", &[key(), (4, "aad".into())]);
    assert!(!plain.contains_key(&7), "the plain form does not name a version");
    let advance = ok(&service, "AdvanceGenerateDataKey", &[key(), (3, "aad".into())]);
    assert_eq!(text_of(&advance, 7), second);

    let decrypt = |made: &BTreeMap<u32, Field>| {
        [(1, made[&4].clone()), key(), (3, "AES_GCM".into()), (4, "aad".into()), (5, made[&2].clone())]
            .map(|(tag, field)| if field == Field::from(KEY) { (2, field) } else { (tag, field) })
    };
    // The vendor's table: what GenerateDataKey made opens with both, what AdvanceGenerateDataKey made with one.
    let opened = ok(&service, "Decrypt", &decrypt(&plain));
    assert_eq!(bytes_of(&opened, 2), bytes_of(&plain, 3));
    assert!(!opened.contains_key(&6));
    let opened = ok(&service, "AdvanceDecrypt", &decrypt(&plain));
    assert_eq!((bytes_of(&opened, 2), text_of(&opened, 6)), (bytes_of(&plain, 3), first.as_str()));
    let opened = ok(&service, "AdvanceDecrypt", &decrypt(&advance));
    assert_eq!((bytes_of(&opened, 2), text_of(&opened, 6)), (bytes_of(&advance, 3), second.as_str()));
    assert_eq!(code(&service, "Decrypt", &decrypt(&advance)), invalid());

    // AdvanceDecrypt needs the blob and the AAD, no more.
    let short = [(1, advance[&4].clone()), (4, "aad".into())];
    assert_eq!(bytes_of(&ok(&service, "AdvanceDecrypt", &short), 2), bytes_of(&advance, 3));
    assert_eq!(code(&service, "AdvanceDecrypt", &short[..1]), invalid());

    let sealed = ok(&service, "Encrypt", &[key(), (2, "payload".into()), (3, "AES_GCM".into())]);
    assert!(sealed.keys().eq(&[1, 2, 3, 4, 5]), "{sealed:?}");
    assert_eq!(bytes_of(&sealed, 3), &bytes_of(&sealed, 2)[68..80]);
    let plain_form = [(1, sealed[&2].clone()), (3, "AES_GCM".into()), (5, sealed[&3].clone())];
    assert_eq!(bytes_of(&ok(&service, "Decrypt", &plain_form), 2), b"payload");
    let sealed = ok(&service, "AdvanceEncrypt", &[key(), (2, "payload".into())]);
    assert_eq!(text_of(&sealed, 7), second);
    let plain_form = [(1, sealed[&2].clone()), (3, "AES_GCM".into()), (5, sealed[&3].clone())];
    assert_eq!(code(&service, "Decrypt", &plain_form), invalid());
    assert_eq!(bytes_of(&ok(&service, "AdvanceDecrypt", &plain_form), 2), b"payload");
}

#[test]
fn decryption_wants_what_it_was_given() {
    let service = dkms();
    service.create("key-other");
    let made = ok(&service, "GenerateDataKey", &[key(), (4, "aad".into())]);
    let right = [
        (1, made[&4].clone()),
        (2, KEY.into()),
        (3, "AES_GCM".into()),
        (4, "aad".into()),
        (5, made[&2].clone()),
    ];
    let changed = |tag: u32, field: Option<Field>| {
        let mut request: Vec<_> = right.iter().filter(|(known, _)| *known != tag).cloned().collect();
        request.extend(field.map(|field| (tag, field)));
        code(&service, "Decrypt", &request)
    };
    assert_eq!(bytes_of(&ok(&service, "Decrypt", &right), 2), bytes_of(&made, 3));
    assert_eq!(
        bytes_of(&ok(&service, "Decrypt", &[&right[..1], &right[2..]].concat()), 2),
        bytes_of(&made, 3)
    );
    for tag in [1, 3, 5] {
        assert_eq!(changed(tag, None), missing(), "field {tag}");
    }
    let mut iv = bytes_of(&made, 2).to_vec();
    iv[11] ^= 1;
    assert_eq!(changed(5, Some(Field::Bytes(iv.clone()))), invalid(), "another IV");
    assert_eq!(changed(5, Some(Field::Bytes(iv[..11].into()))), invalid(), "a shorter IV");
    assert_eq!(changed(4, None), invalid(), "no AAD");
    assert_eq!(changed(4, Some("AAD".into())), invalid(), "another AAD");
    assert_eq!(changed(3, Some("AES_CBC".into())), invalid(), "another algorithm");
    assert_eq!(changed(6, Some("PKCS7_PADDING".into())), invalid(), "a padding");
    assert_eq!(changed(2, Some("key-other".into())), invalid(), "another key");
    assert_eq!(changed(2, Some("key-nowhere".into())), (404, "Forbidden.KeyNotFound".into()));
    let mut altered = bytes_of(&made, 4).to_vec();
    altered[90] ^= 1;
    assert_eq!(changed(1, Some(Field::Bytes(altered))), invalid());
    // The same error as for a wrong AAD, to the letter.
    let texts = |response: &Response| refused(response).2;
    let wrong = call(&service, "Decrypt", &[&right[..3], &right[4..]].concat());
    assert_eq!(texts(&wrong), "The specified parameter is not valid.");
    assert_eq!(wrong.status, Status::InvalidCiphertext);
}

#[test]
fn encryption_takes_no_iv_from_the_caller() {
    let service = dkms();
    for name in ["Encrypt", "AdvanceEncrypt"] {
        let payload = (2, "payload".into());
        assert_eq!(
            code(&service, name, &[key(), payload.clone(), (5, [0; 12].as_slice().into())]),
            invalid()
        );
        assert_eq!(code(&service, name, &[key(), payload.clone(), (6, "NO_PADDING".into())]), invalid());
        assert_eq!(code(&service, name, &[key(), payload.clone(), (3, "AES_ECB".into())]), invalid());
        assert_eq!(code(&service, name, &[key()]), missing());
        assert_eq!(code(&service, name, std::slice::from_ref(&payload)), missing());
        let aad = |length: usize| (4, vec![7; length].as_slice().into());
        let sealed = ok(&service, name, &[key(), payload.clone(), aad(8192)]);
        assert_eq!(service.native_decrypt(bytes_of(&sealed, 2), raw(&[7; 8192])), Ok(b"payload".to_vec()));
        assert_eq!(code(&service, name, &[key(), payload, aad(8193)]), invalid());
        let payload = |length: usize| (2, vec![7; length].as_slice().into());
        assert_eq!(bytes_of(&ok(&service, name, &[key(), payload(65536)]), 2).len(), 65536 + 96);
        assert_eq!(code(&service, name, &[key(), payload(65537)]), invalid());
    }
}

#[test]
fn dkms_keys_have_states() {
    let service = dkms();
    service.alias("alias/x", KEY);
    let generate = |key_id: &str| code(&service, "GenerateDataKey", &[(1, key_id.into())]);
    assert_eq!(generate("alias/nowhere"), (404, "Forbidden.AliasNotFound".into()));
    assert_eq!(generate("nowhere"), (404, "Forbidden.KeyNotFound".into()));
    service.create_external("key-empty");
    assert_eq!(generate("key-empty"), (409, "Rejected.PendingImport".into()));
    service.disable(KEY);
    assert_eq!(generate("alias/x"), (409, "Rejected.Disabled".into()));
    service.schedule_deletion(KEY);
    assert_eq!(generate(KEY), (409, "Rejected.PendingDeletion".into()));
}

#[test]
fn dkms_requests_of_another_kind_are_refused() {
    let service = dkms();
    let body = message(&[key()]);
    let send = |method: &str, target: &str, headers: &str, body: &[u8]| {
        let (http_status, code, text) = refused(&service.send(method, target, headers, body));
        (http_status, code, text)
    };
    let name = "x-kms-apiname: GenerateDataKey\r\n";
    let both = format!("{DKMS_VERSION}{name}");
    let no_name = send("POST", "/", DKMS_VERSION, &body);
    assert_eq!(no_name, (400, "InvalidApiName".into(), "The ApiName \"\" is invalid.".into()));
    let other = send("POST", "/", &format!("{DKMS_VERSION}x-kms-apiname: Sign\r\n"), &body);
    assert_eq!(other, (400, "InvalidApiName".into(), "The ApiName \"Sign\" is invalid.".into()));
    for version in ["", "x-kms-apiversion: dkms-gcs-0.1\r\n"] {
        assert_eq!(send("POST", "/", &format!("{version}{name}"), &body).1, "InvalidApiVersion");
    }
    for (method, target) in [("GET", "/"), ("PUT", "/"), ("POST", "/x"), ("POST", "/?x=1")] {
        assert_eq!(send(method, target, &both, &body).1, "UnsupportedOperation", "{method} {target}");
    }
    let unknown = message(&[key(), (5, "unknown".into())]);
    let wrong_type = message(&[key(), (3, "32".into())]);
    for body in [&unknown[..], &wrong_type, &body[..5], b"\xff", b"{}"] {
        assert_eq!(send("POST", "/", &both, body).1, "InvalidParameter", "{body:?}");
    }
    // Headers in whatever case.
    let upper = "X-KMS-ApiVersion: dkms-gcs-0.2\r\nX-KMS-APINAME:GenerateDataKey\r\n";
    assert_eq!(service.send("POST", "/", upper, &body).http_status, 200);
}
