//! Alibaba's dialects, dedicated KMS and the RPC API: the recorded requests, every limit at its edge, initial and primary
//! versions, dry runs, every failure with its code, HTTP status and body.

#[path = "support/protobuf.rs"]
mod protobuf;
#[path = "support/vendors.rs"]
mod vendors;

use std::collections::BTreeMap;

use kms::crypto::aad::{Aad, Context};
use kms::dialect::{Dialect, Response};
use kms::error::Status;
use protobuf::{Field, bytes_of, fields, message, text_of};
use serde_json::Value;
use vendors::{ACCOUNT, Http, REGION, Service, base64, header, is_uuid, json, names, recorded, unbase64};

const KEY: &str = "key-hzz62f1cb66fa42qo0000";
const RPC_KEY: &str = "1234abcd-12ab-34cd-56ef-123456780000";
const DKMS_VERSION: &str = "x-kms-apiversion: dkms-gcs-0.2\r\n";

fn dkms() -> Service {
    Service::with_key(Dialect::AlibabaDkms, KEY)
}

fn rpc() -> Service {
    Service::with_key(Dialect::AlibabaRpc, RPC_KEY)
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

/// HTTP status and code of a failure, whose body is checked.
#[track_caller]
fn rpc_error(response: &Response) -> (u16, String) {
    assert_eq!(header(response, "content-type"), Some("application/json; charset=utf-8"));
    let body = json(response);
    let recorded: Value =
        serde_json::from_slice(&recorded("alibaba_rpc/err_disabled.response.body")).expect("JSON");
    assert_eq!(names(&body), names(&recorded));
    assert_eq!(body["RequestId"], response.request_id);
    assert!(is_uuid(&response.request_id));
    (response.http_status, body["Code"].as_str().expect("a code").into())
}

/// A request with its parameters in the query, as SDKs send them.
fn rpc_call(service: &Service, action: &str, params: &[(&str, &str)]) -> Response {
    let headers = format!("x-acs-action: {action}\r\nx-acs-version: 2016-01-20\r\n");
    service.send("POST", &format!("/?{}", encode(params)), &headers, b"")
}

fn encode(params: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish()
}

#[track_caller]
fn rpc_ok(service: &Service, action: &str, params: &[(&str, &str)]) -> Value {
    let response = rpc_call(service, action, params);
    assert_eq!(response.http_status, 200, "{}", response.message);
    assert_eq!(header(&response, "content-type"), Some("application/json; charset=utf-8"));
    let body = json(&response);
    assert_eq!(body["RequestId"], response.request_id);
    body
}

#[track_caller]
fn rpc_code(service: &Service, action: &str, params: &[(&str, &str)]) -> (u16, String) {
    rpc_error(&rpc_call(service, action, params))
}

fn pairs<'a>(pairs: &[(&'a str, &'a str)]) -> Aad<'a> {
    Aad::Context(Context::new(pairs.iter().copied().collect()).expect("a context"))
}

#[test]
fn the_recorded_rpc_requests_have_responses_of_the_recorded_shape() {
    let service = rpc();
    service.alias("alias/example", RPC_KEY);
    let shape = |name: &str| -> Value {
        serde_json::from_slice(&recorded(&format!("alibaba_rpc/{name}.response.body"))).expect("JSON")
    };
    let masked = "12345678%2A%2A%2A%2A";
    let request = Http::recorded("alibaba_rpc/gdk_keyspec").replace(masked, "123456780000");
    let made = json(&request.send(&service));
    assert_eq!(names(&made), names(&shape("gdk_keyspec")));
    assert_eq!(unbase64(&made["Plaintext"]).len(), 32);
    assert_eq!(made["KeyVersionId"], service.primary(RPC_KEY));

    let made = json(&Http::recorded("alibaba_rpc/gdk_ctx_numbytes_alias").send(&service));
    assert_eq!(names(&made), names(&shape("gdk_ctx_numbytes_alias")));
    assert_eq!(made["KeyId"], RPC_KEY);
    let ciphertext = unbase64(&made["CiphertextBlob"]);
    let opened = service.native_decrypt(&ciphertext, pairs(&[("a", "б"), ("A", "1")]));
    assert_eq!(opened, Ok(unbase64(&made["Plaintext"])));
    assert_eq!(opened.map(|key| key.len()), Ok(64));

    let (ciphertext, plaintext) = service.native_data_key(RPC_KEY, pairs(&[("Example", "Example")]));
    let encoded = encode(&[("", &base64(&ciphertext))]);
    let request = Http::recorded("alibaba_rpc/decrypt")
        .replace("ODZhOWVmZDktM2QxNi00ODk0LWJkNGYtMWZjNDNmM2YyYWJmAAAA", &encoded[1..]);
    let opened = json(&request.send(&service));
    assert_eq!(names(&opened), names(&shape("decrypt")));
    assert_eq!(unbase64(&opened["Plaintext"]), plaintext);

    service.disable(RPC_KEY);
    let response = Http::recorded("alibaba_rpc/err_disabled").replace(masked, "123456780000").send(&service);
    assert_eq!(rpc_error(&response), (409, "Rejected.Disabled".into()));
    assert_eq!(json(&response)["Message"], shape("err_disabled")["Message"]);
    assert_eq!(json(&response)["HostId"], "kms.libkms.invalid", "the host that was asked");
}

#[test]
fn rpc_parameters_come_in_the_query_or_in_a_form() {
    let service = rpc();
    service.alias("alias/example", RPC_KEY);
    let form = encode(&[("Action", "GenerateDataKey"), ("KeyId", RPC_KEY), ("Version", "2016-01-20")]);
    let in_body = service.send("POST", "/", "", form.as_bytes());
    assert_eq!(in_body.http_status, 200, "{}", in_body.message);
    let in_query =
        service.send("GET", &format!("/?{form}&Format=JSON&SignatureNonce=1&AccessKeyId=a"), "", b"");
    assert_eq!(in_query.http_status, 200, "{}", in_query.message);
    let both = service.send("POST", "/?Action=GenerateDataKey", "", format!("KeyId={RPC_KEY}").as_bytes());
    assert_eq!(both.http_status, 200, "{}", both.message);
    for key_id in [
        "alias/example".to_string(),
        format!("acs:kms:{REGION}:{ACCOUNT}:key/{RPC_KEY}"),
        format!("acs:kms:{REGION}:{ACCOUNT}:alias/example"),
    ] {
        assert_eq!(rpc_ok(&service, "GenerateDataKey", &[("KeyId", &key_id)])["KeyId"], RPC_KEY);
    }
    let foreign = format!("acs:kms:{REGION}:000000000001:key/{RPC_KEY}");
    let not_found = (404, "Forbidden.KeyNotFound".to_string());
    assert_eq!(rpc_code(&service, "GenerateDataKey", &[("KeyId", &foreign)]), not_found);

    let invalid = || invalid();
    let twice = service.send("POST", &format!("/?{form}"), "", format!("KeyId={RPC_KEY}").as_bytes());
    assert_eq!(rpc_error(&twice), invalid());
    assert_eq!(rpc_code(&service, "GenerateDataKey", &[("KeyId", RPC_KEY), ("KeyId", RPC_KEY)]), invalid());
    assert_eq!(rpc_code(&service, "GenerateDataKey", &[("KeyId", RPC_KEY), ("Unknown", "1")]), invalid());
    assert_eq!(
        rpc_code(&service, "GenerateDataKey", &[("KeyId", RPC_KEY), ("CiphertextBlob", "1")]),
        invalid()
    );
    let no_utf8 = service.send("POST", "/?Action=GenerateDataKey&KeyId=%ff", "", b"");
    assert_eq!(rpc_error(&no_utf8), invalid());
    assert_eq!(rpc_code(&service, "GenerateDataKey", &[]), missing());
    assert_eq!(rpc_code(&service, "GenerateDataKey", &[("KeyId", "")]), missing());
    let unsupported = (400, "UnsupportedOperation".to_string());
    assert_eq!(rpc_code(&service, "GenerateDataKey", &[("KeyId", RPC_KEY), ("Recipient", "x")]), unsupported);
    assert_eq!(rpc_code(&service, "GenerateDataKey", &[("KeyId", RPC_KEY), ("Format", "XML")]), unsupported);
    let other =
        |method: &str, target: &str, headers: &str| rpc_error(&service.send(method, target, headers, b""));
    let unknown = (404, "InvalidAction.NotFound".to_string());
    assert_eq!(rpc_code(&service, "NoSuchAction", &[]), unknown);
    assert_eq!(other("POST", "/", ""), unknown);
    assert_eq!(other("PUT", "/?Action=GenerateDataKey", ""), unknown);
    assert_eq!(other("POST", "/other?Action=GenerateDataKey", ""), unknown);
    let version = "x-acs-version: 2017-01-01\r\n";
    assert_eq!(other("POST", "/?Action=GenerateDataKey", version), (400, "InvalidVersion".into()));
}

#[test]
fn rpc_lengths_and_contexts_are_those_of_the_contract_at_their_edges() {
    let service = rpc();
    let generate = |params: &[(&str, &str)]| {
        let params = [&[("KeyId", RPC_KEY)], params].concat();
        let response = rpc_call(&service, "GenerateDataKey", &params);
        if response.http_status != 200 {
            assert_eq!(rpc_error(&response), invalid(), "{params:?}");
            return None;
        }
        Some(unbase64(&json(&response)["Plaintext"]).len())
    };
    assert_eq!(generate(&[]), Some(32), "neither");
    assert_eq!(generate(&[("KeySpec", "AES_128"), ("NumberOfBytes", "64")]), Some(64), "both: the bytes win");
    for (spec, length) in [("AES_128", Some(16)), ("AES_256", Some(32)), ("AES_192", None), ("aes_256", None)]
    {
        assert_eq!(generate(&[("KeySpec", spec)]), length, "{spec}");
    }
    let numbers =
        [("1", Some(1)), ("1024", Some(1024)), ("0", None), ("1025", None), ("-1", None), ("+5", None)];
    for (number, length) in numbers.into_iter().chain([("5.0", None), ("x", None), (" 5", None)]) {
        assert_eq!(generate(&[("NumberOfBytes", number)]), length, "{number}");
    }
    assert_eq!(generate(&[("NumberOfBytes", "4294967328")]), None);

    // 8192 characters, of two bytes each.
    let context = |characters: usize| format!("{{\"k\":\"{}\"}}", "б".repeat(characters - 8));
    assert_eq!(generate(&[("EncryptionContext", &context(8192))]), Some(32));
    assert_eq!(generate(&[("EncryptionContext", &context(8193))]), None);
    for wrong in [
        "{",
        "[]",
        "{\"a\":1}",
        "{\"a\":\"b\",\"a\":\"c\"}",
        "{\"\":\"b\"}",
        "{\"a\":\"\\u0000\"}",
        "x",
        "{}x",
    ] {
        assert_eq!(generate(&[("EncryptionContext", wrong)]), None, "{wrong}");
    }
    let made = rpc_ok(&service, "GenerateDataKey", &[("KeyId", RPC_KEY), ("EncryptionContext", "{}")]);
    let opened = service.native_decrypt(&unbase64(&made["CiphertextBlob"]), Aad::None);
    assert_eq!(opened, Ok(unbase64(&made["Plaintext"])), "an empty context is none");
}

#[test]
fn rpc_tells_its_story() {
    let service = rpc();
    service.create("other");
    let context = ("EncryptionContext", "{\"a\":\"1\",\"b\":\"2\"}");
    let key = ("KeyId", RPC_KEY);
    let made = rpc_ok(&service, "GenerateDataKeyWithoutPlaintext", &[key, ("NumberOfBytes", "48"), context]);
    assert_eq!(names(&made), ["CiphertextBlob", "KeyId", "KeyVersionId", "RequestId"]);
    let blob = made["CiphertextBlob"].as_str().expect("a blob");
    let first = service.primary(RPC_KEY);
    service.rotate(RPC_KEY);
    // The order of the pairs is none.
    let turned = ("EncryptionContext", "{\"b\":\"2\", \"a\":\"1\"}");
    let opened = rpc_ok(&service, "Decrypt", &[("CiphertextBlob", blob), turned]);
    assert_eq!(unbase64(&opened["Plaintext"]).len(), 48);
    assert_eq!(opened["KeyVersionId"], first);

    let decrypt = |params: &[(&str, &str)]| rpc_code(&service, "Decrypt", params);
    assert_eq!(decrypt(&[("CiphertextBlob", blob)]), invalid());
    assert_eq!(decrypt(&[("CiphertextBlob", blob), ("EncryptionContext", "{\"a\":\"1\"}")]), invalid());
    assert_eq!(decrypt(&[("CiphertextBlob", "not base64")]), invalid());
    assert_eq!(decrypt(&[context]), missing());

    let sealed = rpc_ok(&service, "Encrypt", &[key, ("Plaintext", "cGF5bG9hZA=="), context]);
    assert_eq!(names(&sealed), ["CiphertextBlob", "KeyId", "KeyVersionId", "RequestId"]);
    assert_eq!(rpc_code(&service, "Encrypt", &[key]), missing());
    assert_eq!(rpc_code(&service, "Encrypt", &[key, ("Plaintext", "?")]), invalid());
    let blob = sealed["CiphertextBlob"].as_str().expect("a blob");
    let source = ("SourceEncryptionContext", context.1);
    let destination = ("DestinationKeyId", "other");
    let moved = rpc_ok(&service, "ReEncrypt", &[("CiphertextBlob", blob), source, destination]);
    assert_eq!(moved["KeyId"], RPC_KEY, "the vendor names the key that opened the source");
    assert_eq!(moved["KeyVersionId"], sealed["KeyVersionId"]);
    let moved = unbase64(&moved["CiphertextBlob"]);
    assert_eq!(service.native_decrypt(&moved, Aad::None), Ok(b"payload".to_vec()));
    assert_eq!(rpc_code(&service, "ReEncrypt", &[("CiphertextBlob", blob), source]), missing());
    assert_eq!(rpc_code(&service, "ReEncrypt", &[("CiphertextBlob", blob), destination]), invalid());

    assert_eq!(rpc_code(&service, "GenerateDataKey", &[("KeyId", "nowhere")]).1, "Forbidden.KeyNotFound");
    assert_eq!(rpc_code(&service, "GenerateDataKey", &[("KeyId", "alias/no")]).1, "Forbidden.AliasNotFound");
    service.disable(RPC_KEY);
    assert_eq!(rpc_code(&service, "GenerateDataKey", &[key]), (409, "Rejected.Disabled".into()));
    service.schedule_deletion(RPC_KEY);
    assert_eq!(rpc_code(&service, "GenerateDataKey", &[key]), (409, "Rejected.PendingDeletion".into()));
    service.create_external("empty");
    assert_eq!(rpc_code(&service, "GenerateDataKey", &[("KeyId", "empty")]).1, "Rejected.PendingImport");
}

#[test]
fn a_dry_run_fails_for_one_of_three_reasons() {
    let service = rpc();
    let key = ("KeyId", RPC_KEY);
    let dry = ("DryRun", "true");
    let would = (400, "DryRunOperationError".to_string());
    let wrong = (400, "ValidationError".to_string());
    let made = rpc_ok(&service, "GenerateDataKey", &[key, ("DryRun", "false")]);
    let blob = ("CiphertextBlob", made["CiphertextBlob"].as_str().expect("a blob"));
    assert_eq!(rpc_code(&service, "GenerateDataKey", &[key, dry]), would);
    assert_eq!(rpc_code(&service, "GenerateDataKey", &[key, ("DryRun", "True")]), would);
    assert_eq!(rpc_code(&service, "GenerateDataKeyWithoutPlaintext", &[key, dry]), would);
    assert_eq!(rpc_code(&service, "Encrypt", &[key, ("Plaintext", "eA=="), dry]), would);
    assert_eq!(rpc_code(&service, "Decrypt", &[blob, dry]), would);
    assert_eq!(rpc_code(&service, "ReEncrypt", &[blob, ("DestinationKeyId", RPC_KEY), dry]), would);
    assert_eq!(rpc_code(&service, "GenerateDataKey", &[key, ("NumberOfBytes", "1025"), dry]), wrong);
    assert_eq!(rpc_code(&service, "GenerateDataKey", &[dry]), wrong);
    assert_eq!(rpc_code(&service, "GenerateDataKey", &[("KeyId", "nowhere"), dry]), wrong);
    let context = ("EncryptionContext", "{\"a\":\"1\"}");
    assert_eq!(rpc_code(&service, "Decrypt", &[blob, context, dry]), wrong, "the tag is verified");
    service.disable(RPC_KEY);
    assert_eq!(rpc_code(&service, "GenerateDataKey", &[key, dry]), wrong);
    assert_eq!(rpc_code(&service, "GenerateDataKey", &[key, ("DryRun", "maybe")]), invalid());
}
