//! Alibaba's RPC API: the recorded requests, parameters in every form, every limit at its edge, dry runs, every failure
//! with its code, HTTP status and body.

#[path = "support/vendors.rs"]
mod vendors;

use kms::crypto::aad::{Aad, Context};
use kms::dialect::{Dialect, Response};
use serde_json::Value;
use vendors::{ACCOUNT, Http, REGION, Service, base64, header, is_uuid, json, names, recorded, unbase64};

const KEY: &str = "1234abcd-12ab-34cd-56ef-123456780000";

fn rpc() -> Service {
    Service::with_key(Dialect::AlibabaRpc, KEY)
}

fn invalid() -> (u16, String) {
    (400, "InvalidParameter".into())
}

fn missing() -> (u16, String) {
    (400, "MissingParameter".into())
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
    service.alias("alias/example", KEY);
    let shape = |name: &str| -> Value {
        serde_json::from_slice(&recorded(&format!("alibaba_rpc/{name}.response.body"))).expect("JSON")
    };
    let masked = "12345678%2A%2A%2A%2A";
    let request = Http::recorded("alibaba_rpc/gdk_keyspec").replace(masked, "123456780000");
    let made = json(&request.send(&service));
    assert_eq!(names(&made), names(&shape("gdk_keyspec")));
    assert_eq!(unbase64(&made["Plaintext"]).len(), 32);
    assert_eq!(made["KeyVersionId"], service.primary(KEY));

    let made = json(&Http::recorded("alibaba_rpc/gdk_ctx_numbytes_alias").send(&service));
    assert_eq!(names(&made), names(&shape("gdk_ctx_numbytes_alias")));
    assert_eq!(made["KeyId"], KEY);
    let ciphertext = unbase64(&made["CiphertextBlob"]);
    let opened = service.native_decrypt(&ciphertext, pairs(&[("a", "б"), ("A", "1")]));
    assert_eq!(opened, Ok(unbase64(&made["Plaintext"])));
    assert_eq!(opened.map(|key| key.len()), Ok(64));

    let (ciphertext, plaintext) = service.native_data_key(KEY, pairs(&[("Example", "Example")]));
    let encoded = encode(&[("", &base64(&ciphertext))]);
    let request = Http::recorded("alibaba_rpc/decrypt")
        .replace("ODZhOWVmZDktM2QxNi00ODk0LWJkNGYtMWZjNDNmM2YyYWJmAAAA", &encoded[1..]);
    let opened = json(&request.send(&service));
    assert_eq!(names(&opened), names(&shape("decrypt")));
    assert_eq!(unbase64(&opened["Plaintext"]), plaintext);

    service.disable(KEY);
    let response = Http::recorded("alibaba_rpc/err_disabled").replace(masked, "123456780000").send(&service);
    assert_eq!(rpc_error(&response), (409, "Rejected.Disabled".into()));
    assert_eq!(json(&response)["Message"], shape("err_disabled")["Message"]);
    assert_eq!(json(&response)["HostId"], "kms.libkms.invalid", "the host that was asked");
}

#[test]
fn rpc_parameters_come_in_the_query_or_in_a_form() {
    let service = rpc();
    service.alias("alias/example", KEY);
    let form = encode(&[("Action", "GenerateDataKey"), ("KeyId", KEY), ("Version", "2016-01-20")]);
    let in_body = service.send("POST", "/", "", form.as_bytes());
    assert_eq!(in_body.http_status, 200, "{}", in_body.message);
    let in_query =
        service.send("GET", &format!("/?{form}&Format=JSON&SignatureNonce=1&AccessKeyId=a"), "", b"");
    assert_eq!(in_query.http_status, 200, "{}", in_query.message);
    let both = service.send("POST", "/?Action=GenerateDataKey", "", format!("KeyId={KEY}").as_bytes());
    assert_eq!(both.http_status, 200, "{}", both.message);
    for key_id in [
        "alias/example".to_string(),
        format!("acs:kms:{REGION}:{ACCOUNT}:key/{KEY}"),
        format!("acs:kms:{REGION}:{ACCOUNT}:alias/example"),
    ] {
        assert_eq!(rpc_ok(&service, "GenerateDataKey", &[("KeyId", &key_id)])["KeyId"], KEY);
    }
    let foreign = format!("acs:kms:{REGION}:000000000001:key/{KEY}");
    let not_found = (404, "Forbidden.KeyNotFound".to_string());
    assert_eq!(rpc_code(&service, "GenerateDataKey", &[("KeyId", &foreign)]), not_found);

    let twice = service.send("POST", &format!("/?{form}"), "", format!("KeyId={KEY}").as_bytes());
    assert_eq!(rpc_error(&twice), invalid());
    assert_eq!(rpc_code(&service, "GenerateDataKey", &[("KeyId", KEY), ("KeyId", KEY)]), invalid());
    assert_eq!(rpc_code(&service, "GenerateDataKey", &[("KeyId", KEY), ("Unknown", "1")]), invalid());
    assert_eq!(rpc_code(&service, "GenerateDataKey", &[("KeyId", KEY), ("CiphertextBlob", "1")]), invalid());
    let no_utf8 = service.send("POST", "/?Action=GenerateDataKey&KeyId=%ff", "", b"");
    assert_eq!(rpc_error(&no_utf8), invalid());
    assert_eq!(rpc_code(&service, "GenerateDataKey", &[]), missing());
    assert_eq!(rpc_code(&service, "GenerateDataKey", &[("KeyId", "")]), missing());
    let unsupported = (400, "UnsupportedOperation".to_string());
    assert_eq!(rpc_code(&service, "GenerateDataKey", &[("KeyId", KEY), ("Recipient", "x")]), unsupported);
    rpc_ok(&service, "GenerateDataKey", &[("KeyId", KEY), ("Recipient", ""), ("EncryptionContext", "")]);
    assert_eq!(rpc_code(&service, "GenerateDataKey", &[("KeyId", KEY), ("Format", "XML")]), unsupported);
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
        let params = [&[("KeyId", KEY)], params].concat();
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
    let made = rpc_ok(&service, "GenerateDataKey", &[("KeyId", KEY), ("EncryptionContext", "{}")]);
    let opened = service.native_decrypt(&unbase64(&made["CiphertextBlob"]), Aad::None);
    assert_eq!(opened, Ok(unbase64(&made["Plaintext"])), "an empty context is none");
}

#[test]
fn rpc_tells_its_story() {
    let service = rpc();
    service.create("other");
    let context = ("EncryptionContext", "{\"a\":\"1\",\"b\":\"2\"}");
    let key = ("KeyId", KEY);
    let made = rpc_ok(&service, "GenerateDataKeyWithoutPlaintext", &[key, ("NumberOfBytes", "48"), context]);
    assert_eq!(names(&made), ["CiphertextBlob", "KeyId", "KeyVersionId", "RequestId"]);
    let blob = made["CiphertextBlob"].as_str().expect("a blob");
    let first = service.primary(KEY);
    service.rotate(KEY);
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
    assert_eq!(moved["KeyId"], KEY, "the vendor names the key that opened the source");
    assert_eq!(moved["KeyVersionId"], sealed["KeyVersionId"]);
    let moved = unbase64(&moved["CiphertextBlob"]);
    assert_eq!(service.native_decrypt(&moved, Aad::None), Ok(b"payload".to_vec()));
    assert_eq!(rpc_code(&service, "ReEncrypt", &[("CiphertextBlob", blob), source]), missing());
    assert_eq!(rpc_code(&service, "ReEncrypt", &[("CiphertextBlob", blob), destination]), invalid());

    assert_eq!(rpc_code(&service, "GenerateDataKey", &[("KeyId", "nowhere")]).1, "Forbidden.KeyNotFound");
    assert_eq!(rpc_code(&service, "GenerateDataKey", &[("KeyId", "alias/no")]).1, "Forbidden.AliasNotFound");
    service.disable(KEY);
    assert_eq!(rpc_code(&service, "GenerateDataKey", &[key]), (409, "Rejected.Disabled".into()));
    service.schedule_deletion(KEY);
    assert_eq!(rpc_code(&service, "GenerateDataKey", &[key]), (409, "Rejected.PendingDeletion".into()));
    service.create_external("empty");
    assert_eq!(rpc_code(&service, "GenerateDataKey", &[("KeyId", "empty")]).1, "Rejected.PendingImport");
}

#[test]
fn a_dry_run_fails_for_one_of_three_reasons() {
    let service = rpc();
    let key = ("KeyId", KEY);
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
    assert_eq!(rpc_code(&service, "ReEncrypt", &[blob, ("DestinationKeyId", KEY), dry]), would);
    assert_eq!(rpc_code(&service, "GenerateDataKey", &[key, ("NumberOfBytes", "1025"), dry]), wrong);
    assert_eq!(rpc_code(&service, "GenerateDataKey", &[dry]), wrong);
    assert_eq!(rpc_code(&service, "GenerateDataKey", &[("KeyId", "nowhere"), dry]), wrong);
    let context = ("EncryptionContext", "{\"a\":\"1\"}");
    assert_eq!(rpc_code(&service, "Decrypt", &[blob, context, dry]), wrong, "the tag is verified");
    service.disable(KEY);
    assert_eq!(rpc_code(&service, "GenerateDataKey", &[key, dry]), wrong);
    assert_eq!(rpc_code(&service, "GenerateDataKey", &[key, ("DryRun", "maybe")]), invalid());
}
