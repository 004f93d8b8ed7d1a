//! Yandex over REST: the recorded requests, every limit at its edge, every form of JSON that the contract names, every
//! failure with its HTTP status and body.

#[path = "support/vendors.rs"]
mod vendors;

use kms::crypto::aad::Aad;
use kms::dialect::{Dialect, Response};
use kms::error::Status;
use serde_json::{Value, json};
use vendors::{Http, Service, base64, header, json, names, recorded, unbase64};

const KEY: &str = "abj0123456789abcdefg";

fn rest() -> Service {
    Service::with_key(Dialect::YandexRest, KEY)
}

/// The code and the message of an error, whose shape is checked.
#[track_caller]
fn error(response: &Response) -> (i64, String) {
    assert_eq!(header(response, "content-type"), Some("application/json"));
    let body = json(response);
    assert_eq!(names(&body), ["code", "details", "message"]);
    let detail = &body["details"][0];
    assert_eq!(body["details"].as_array().map(Vec::len), Some(1));
    assert_eq!(names(detail), ["@type", "requestId"]);
    assert_eq!(detail["@type"], "type.googleapis.com/google.rpc.RequestInfo");
    assert_eq!(detail["requestId"], response.request_id);
    (body["code"].as_i64().expect("a code"), body["message"].as_str().expect("a message").into())
}

fn post(service: &Service, method: &str, body: &str) -> Response {
    let target = format!("/kms/v1/keys/{KEY}:{method}");
    service.send("POST", &target, "Content-Type: application/json\r\n", body.as_bytes())
}

#[track_caller]
fn ok(service: &Service, method: &str, body: &Value) -> Value {
    let response = post(service, method, &body.to_string());
    assert_eq!(response.http_status, 200, "{}", response.message);
    assert_eq!(header(&response, "content-type"), Some("application/json"));
    json(&response)
}

#[track_caller]
fn code(response: &Response) -> (u16, i64) {
    (response.http_status, error(response).0)
}

#[test]
fn the_recorded_requests_have_responses_of_the_recorded_shape() {
    let service = rest();
    let shape = |name: &str| -> Value {
        serde_json::from_slice(&recorded(&format!("yandex_rest/{name}.response.body"))).expect("JSON")
    };
    let response = Http::recorded("yandex_rest/gdk_aes256").send(&service);
    let made = json(&response);
    assert_eq!((response.http_status, names(&made)), (200, names(&shape("gdk_aes256"))));
    assert!(response.body.as_slice().starts_with(b"{\n \"keyId\": "), "laid out as the vendor does");

    let request =
        Http::recorded("yandex_rest/gdk_all_fields").replace("abjver0123456789abcd", &service.primary(KEY));
    let made = json(&request.send(&service));
    assert_eq!(names(&made), names(&shape("gdk_all_fields")));
    let aad = || Aad::raw(b"aad\0\xff").expect("AAD");
    assert_eq!(
        service.native_decrypt(&unbase64(&made["dataKeyCiphertext"]), aad()).map(|key| key.len()),
        Ok(16)
    );

    let (ciphertext, plaintext) = service.native_data_key(KEY, Aad::raw(b"a").expect("AAD"));
    let request = Http::recorded("yandex_rest/decrypt")
        .replace("TEtNUy1vcGFxdWUtY2lwaGVydGV4dC1ibG9i", &base64(&ciphertext));
    let opened = json(&request.send(&service));
    assert_eq!(names(&opened), names(&shape("decrypt")));
    assert_eq!(unbase64(&opened["plaintext"]), plaintext);

    let response = Http::recorded("yandex_rest/err_not_found").send(&Service::new(Dialect::YandexRest));
    let expected = shape("err_not_found");
    assert_eq!(response.http_status, 404);
    assert_eq!(error(&response), (5, expected["message"].as_str().expect("a message").into()));
}

#[test]
fn every_form_of_proto3_json_is_read() {
    let service = rest();
    let first = service.primary(KEY);
    service.rotate(KEY);
    let aad = [0xfb, 0xff, 0xbf, 1];
    let forms = [
        json!({"versionId": first, "aadContext": "+/+/AQ==", "dataKeySpec": "AES_192", "skipPlaintext": false}),
        json!({"version_id": first, "aad_context": "-_-_AQ==", "data_key_spec": "AES_192", "skip_plaintext": false}),
        json!({"versionId": first, "aad_context": "-_-_AQ", "dataKeySpec": 2, "skipPlaintext": null}),
        json!({"versionId": first, "aadContext": "+/+/AQ", "dataKeySpec": 2.0}),
    ];
    for form in forms {
        let made = ok(&service, "generateDataKey", &form);
        assert_eq!((&made["keyId"], &made["versionId"]), (&json!(KEY), &json!(first)), "{form}");
        let plaintext = unbase64(&made["dataKeyPlaintext"]);
        assert_eq!(plaintext.len(), 24, "{form}");
        let ciphertext = unbase64(&made["dataKeyCiphertext"]);
        assert_eq!(
            service.native_decrypt(&ciphertext, Aad::raw(&aad).expect("AAD")),
            Ok(plaintext),
            "{form}"
        );
    }
    for (spec, length) in [
        (json!("SYMMETRIC_ALGORITHM_UNSPECIFIED"), 32),
        (json!(0), 32),
        (json!(null), 32),
        (json!("AES_128"), 16),
        (json!(1), 16),
        (json!("AES_256"), 32),
        (json!(3), 32),
    ] {
        let made = ok(&service, "generateDataKey", &json!({"dataKeySpec": spec}));
        assert_eq!(unbase64(&made["dataKeyPlaintext"]).len(), length, "{spec}");
    }
    let empty = post(&service, "generateDataKey", "");
    assert_eq!(unbase64(&json(&empty)["dataKeyPlaintext"]).len(), 32);
    let skipped = ok(&service, "generateDataKey", &json!({"skipPlaintext": true}));
    assert_eq!(names(&skipped), ["dataKeyCiphertext", "keyId", "versionId"]);
    // The path's key may be in the body too, if it is the same.
    ok(&service, "generateDataKey", &json!({"keyId": KEY}));
    service.alias("alias/orders", KEY);
    for name in [
        "%61bj0123456789abcdefg:generateDataKey",
        "alias%2Forders:generateDataKey",
        "alias%2forders%3AgenerateDataKey",
    ] {
        let escaped = service.send("POST", &format!("/kms/v1/keys/{name}"), "", b"{}");
        assert_eq!((escaped.http_status, &json(&escaped)["keyId"]), (200, &json!(KEY)), "{name}");
    }
}

/// Escapes say the same as what they stand for, also in a plaintext, which is read by other means than the rest.
#[test]
fn escapes_in_strings() {
    let service = rest();
    let escape = |text: &str| -> String { text.bytes().map(|byte| format!("\\u{byte:04X}")).collect() };
    let body = format!(
        r#"{{"{}": "{}", "{}": "{}"}}"#,
        escape("plaintext"),
        escape("//8="),
        escape("aad_context"),
        escape("YQ")
    );
    for body in [body.as_str(), r#"{"plaintext":"\/\/8=","aadContext":"YQ=="}"#] {
        let response = post(&service, "encrypt", body);
        assert_eq!(response.http_status, 200, "{body}: {}", response.message);
        let ciphertext = unbase64(&json(&response)["ciphertext"]);
        let aad = Aad::raw(b"a").expect("AAD");
        assert_eq!(service.native_decrypt(&ciphertext, aad), Ok(vec![0xff, 0xff]));
    }
    let wrong = [
        r"QUJD\n",
        r"QUJD\ud83d",
        r"\udc00",
        r"\ud83d\u0041",
        r"\ud83d\n12345",
        r"\ud83dQUJDRA",
        r"\x",
        r"\u00",
    ];
    for text in wrong {
        let response = post(&service, "encrypt", &format!(r#"{{"plaintext":"{text}"}}"#));
        assert_eq!(code(&response), (400, 3), "{text}");
    }
}

#[test]
fn other_json_is_refused() {
    let service = rest();
    for body in [
        r#"{"unknown": 1}"#,
        r#"{"data_keySpec": "AES_256"}"#,
        r#"{"skipPlaintext": "true"}"#,
        r#"{"skipPlaintext": 1}"#,
        r#"{"dataKeySpec": "aes_256"}"#,
        r#"{"dataKeySpec": "3"}"#,
        r#"{"dataKeySpec": 3.5}"#,
        r#"{"dataKeySpec": 6}"#,
        r#"{"dataKeySpec": -1}"#,
        r#"{"dataKeySpec": 4294967299}"#,
        r#"{"dataKeySpec": true}"#,
        r#"{"aadContext": "not base64!"}"#,
        r#"{"aadContext": "-_+/"}"#,
        r#"{"aadContext": [1]}"#,
        r#"{"versionId": 1}"#,
        r#"{"aadContext": "YQ==", "aadContext": "YQ=="}"#,
        r#"{"aadContext": "YQ==", "aad_context": "YQ=="}"#,
        r#"{"keyId": "another"}"#,
        r#"["abj0123456789abcdefg"]"#,
        r#"[]"#,
        r#""x""#,
        "null",
        "{",
        "{} {}",
        "{'a': 1}",
        "\u{feff}{}",
        "key=value",
    ] {
        let response = post(&service, "generateDataKey", body);
        assert_eq!(code(&response), (400, 3), "{body}");
        assert_eq!(response.status, Status::InvalidArgument, "{body}");
    }
    let response =
        service.send("POST", &format!("/kms/v1/keys/{KEY}:generateDataKey"), "", b"{\"versionId\":\"\xff\"}");
    assert_eq!(code(&response), (400, 3));
    // What was refused is not quoted: it may be a plaintext.
    let response =
        post(&service, "encrypt", r#"{"plaintext": 1, "SECRET": "SECRET", "aadContext": "SECRET!"}"#);
    assert!(!String::from_utf8_lossy(response.body.as_slice()).contains("SECRET"));
    assert!(!response.message.contains("SECRET"));
}

#[test]
fn limits_are_those_of_the_contract_at_their_edges() {
    let service = rest();
    // The limit is on the text: 6144 bytes are 8192 characters.
    for (method, member, more) in [
        ("generateDataKey", "aadContext", json!({})),
        ("encrypt", "aadContext", json!({"plaintext": "eA=="})),
        ("decrypt", "aadContext", json!({"ciphertext": base64(&service.native_data_key(KEY, Aad::None).0)})),
    ] {
        let with = |bytes: usize| {
            let mut body = more.clone();
            body[member] = json!(base64(&vec![7; bytes]));
            post(&service, method, &body.to_string())
        };
        let (within, beyond) = (with(6144), with(6145));
        // Decryption fails later: the AAD is not the right one.
        let expected = if method == "decrypt" { Status::InvalidCiphertext } else { Status::Ok };
        assert_eq!(within.status, expected, "{method}");
        assert_eq!((code(&beyond), beyond.status), ((400, 3), Status::InvalidArgument), "{method}");
        assert!(error(&beyond).1.starts_with("aad_context: "), "{method}: the limit is named");
    }
    let version = |length: usize| {
        let body = json!({"versionId": "v".repeat(length)}).to_string();
        code(&post(&service, "generateDataKey", &body))
    };
    assert_eq!((version(50), version(51)), ((404, 5), (400, 3)));
    let key = |length: usize| {
        let target = format!("/kms/v1/keys/{}:generateDataKey", "k".repeat(length));
        code(&service.send("POST", &target, "", b"{}"))
    };
    assert_eq!((key(50), key(51), key(0)), ((404, 5), (400, 3), (400, 3)));
    let plaintext = |bytes: usize| {
        let body = json!({"plaintext": base64(&vec![7; bytes])}).to_string();
        post(&service, "encrypt", &body).http_status
    };
    assert_eq!((plaintext(32768), plaintext(32769), plaintext(0)), (200, 400, 400));
}

#[test]
fn the_story() {
    let service = rest();
    service.create("abj-other");
    let sealed = ok(&service, "encrypt", &json!({"plaintext": "cGF5bG9hZA==", "aadContext": "YQ=="}));
    assert_eq!(names(&sealed), ["ciphertext", "keyId", "versionId"]);
    let decrypt = |aad: &str| {
        post(&service, "decrypt", &json!({"ciphertext": sealed["ciphertext"], "aadContext": aad}).to_string())
    };
    assert_eq!(json(&decrypt("YQ=="))["plaintext"], "cGF5bG9hZA==");
    assert_eq!(code(&decrypt("Yg==")), (400, 3));
    let moved = service.send(
        "POST",
        "/kms/v1/keys/abj-other:reEncrypt",
        "",
        json!({"sourceKeyId": KEY, "source_aad_context": "YQ==", "ciphertext": sealed["ciphertext"]})
            .to_string()
            .as_bytes(),
    );
    let moved = json(&moved);
    assert_eq!(names(&moved), ["ciphertext", "keyId", "sourceKeyId", "sourceVersionId", "versionId"]);
    assert_eq!((&moved["keyId"], &moved["sourceKeyId"]), (&json!("abj-other"), &json!(KEY)));
    assert_eq!(service.native_decrypt(&unbase64(&moved["ciphertext"]), Aad::None), Ok(b"payload".to_vec()));

    service.disable(KEY);
    assert_eq!(code(&decrypt("YQ==")), (400, 9));
    assert_eq!(
        code(&post(&service, "generateDataKey", r#"{"dataKeySpec": "GOST_R_3412_2015_K"}"#)),
        (501, 12)
    );
    service.enable(KEY);
    assert_eq!(code(&post(&service, "generateDataKey", r#"{"dataKeySpec": "AES_256_HSM"}"#)), (400, 9));
}

#[test]
fn other_targets_are_refused() {
    let service = rest();
    for (method, target, expected) in [
        ("POST", format!("/kms/v1/keys/{KEY}:sign"), (501, 12)),
        ("POST", format!("/kms/v1/keys/{KEY}"), (501, 12)),
        ("POST", format!("/kms/v1/keys/{KEY}/x:generateDataKey"), (501, 12)),
        ("POST", format!("/v1/keys/{KEY}:generateDataKey"), (501, 12)),
        ("POST", "/".into(), (501, 12)),
        ("GET", format!("/kms/v1/keys/{KEY}:generateDataKey"), (501, 12)),
        ("PUT", format!("/kms/v1/keys/{KEY}:generateDataKey"), (501, 12)),
        ("POST", format!("/kms/v1/keys/{KEY}:generateDataKey?aadContext=YQ=="), (400, 3)),
        ("POST", "/kms/v1/keys/%ff:generateDataKey".into(), (400, 3)),
    ] {
        assert_eq!(code(&service.send(method, &target, "", b"{}")), expected, "{method} {target}");
    }
}
