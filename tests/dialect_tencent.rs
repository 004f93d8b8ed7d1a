//! Tencent's dialects, API v2 and v3: the recorded requests, every limit at its edge, parameters in every form, every
//! failure with its code and body.

#[path = "support/vendors.rs"]
mod vendors;

use kms::crypto::aad::{Aad, Context};
use kms::dialect::{Dialect, Response};
use kms::error::Status;
use serde_json::{Value, json};
use vendors::{Http, Service, base64, header, is_uuid, json, names, recorded, unbase64};

const V2_KEY: &str = "kms-345sdfk";
const V3_KEY: &str = "23e80852-1e38-11e9-b129-5cb9019b4b01";
const V2: &str = "/v2/index.php";

fn v2() -> Service {
    Service::with_key(Dialect::Tencent, V2_KEY)
}

fn v3() -> Service {
    Service::with_key(Dialect::TencentV3, V3_KEY)
}

fn encode(params: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish()
}

fn pairs<'a>(pairs: &[(&'a str, &'a str)]) -> Aad<'a> {
    Aad::Context(Context::new(pairs.iter().copied().collect()).expect("a context"))
}

/// Every answer is HTTP 200, of this content type exactly.
#[track_caller]
fn body(response: &Response) -> Value {
    assert_eq!((response.http_status, response.grpc_status), (200, -1));
    assert_eq!(header(response, "content-type"), Some("application/json"));
    json(response)
}

fn v2_call(service: &Service, action: &str, params: &[(&str, &str)]) -> Response {
    let form = encode(&[&[("Action", action)], params].concat());
    service.send("POST", V2, "", form.as_bytes())
}

#[track_caller]
fn v2_ok(service: &Service, action: &str, params: &[(&str, &str)]) -> Value {
    let response = v2_call(service, action, params);
    let body = body(&response);
    assert_eq!((&body["code"], &body["message"]), (&json!(0), &json!("")), "{}", response.message);
    assert_eq!(body["codeDesc"], "Success");
    body
}

/// The code of a failure, whose body is checked.
#[track_caller]
fn v2_error(response: &Response) -> i64 {
    let body = body(response);
    assert_eq!(names(&body), ["code", "message", "requestId"]);
    let code = body["code"].as_i64().expect("a code");
    let message = body["message"].as_str().expect("a message");
    assert!(message.starts_with(&format!("({code}) ")) && message.len() > 7, "{message}");
    let request_id = body["requestId"].as_str().expect("a request id");
    assert!(request_id.parse::<u64>().is_ok() && request_id == response.request_id, "{request_id}");
    assert_ne!(response.status, Status::Ok);
    code
}

#[track_caller]
fn v2_code(service: &Service, action: &str, params: &[(&str, &str)]) -> i64 {
    v2_error(&v2_call(service, action, params))
}

#[test]
fn the_recorded_v2_requests_have_responses_of_the_recorded_shape() {
    let service = v2();
    let shape = |name: &str| -> Value {
        serde_json::from_slice(&recorded(&format!("tencent_v2/{name}.response.body"))).expect("JSON")
    };
    for (name, length) in [("gdk_keyspec_get", 32), ("gdk_numbytes_ctx_post", 64)] {
        let response = Http::recorded(&format!("tencent_v2/{name}")).send(&service);
        let made = body(&response);
        assert_eq!(names(&made), names(&shape(name)), "{name}");
        for same in ["code", "message", "codeDesc", "keyId"] {
            assert_eq!(made[same], shape(name)[same], "{name}");
        }
        assert!(made["requestId"].as_str().expect("an id").parse::<u64>().is_ok());
        assert_eq!(made["requestId"], response.request_id);
        assert_eq!(unbase64(&made["plaintext"]).len(), length);
        let ciphertext = unbase64(&made["ciphertextBlob"]);
        let aad = if name.contains("ctx") { pairs(&[("a", "b")]) } else { Aad::None };
        assert_eq!(service.native_decrypt(&ciphertext, aad), Ok(unbase64(&made["plaintext"])), "{name}");
    }
    let (ciphertext, plaintext) = service.native_data_key(V2_KEY, Aad::None);
    let encoded = encode(&[("", &base64(&ciphertext))]);
    let request = Http::recorded("tencent_v2/decrypt_post")
        .replace("TEtNUy1vcGFxdWUtY2lwaGVydGV4dC1ibG9i", &encoded[1..]);
    let opened = body(&request.send(&service));
    // The recording leaves codeDesc out, which the contract has in every success.
    assert_eq!(names(&opened), ["code", "codeDesc", "keyId", "message", "plaintext", "requestId"]);
    assert!(names(&shape("decrypt_post")).iter().all(|name| names(&opened).contains(name)));
    assert_eq!(unbase64(&opened["plaintext"]), plaintext);
}

#[test]
fn v2_lengths_are_those_of_the_contract_at_their_edges() {
    let service = v2();
    let generate = |params: &[(&str, &str)]| {
        let params = [&[("keyId", V2_KEY)], params].concat();
        let response = v2_call(&service, "GenerateDataKey", &params);
        if response.status != Status::Ok {
            assert_eq!(v2_error(&response), 4000, "{params:?}");
            return None;
        }
        Some(unbase64(&body(&response)["plaintext"]).len())
    };
    assert_eq!(generate(&[]), Some(32), "neither");
    assert_eq!(generate(&[("keySpec", "AES_128"), ("numberOfBytes", "64")]), Some(64), "both: the bytes win");
    for (spec, length) in [("AES_128", Some(16)), ("AES_256", Some(32)), ("AES_192", None), ("x", None)] {
        assert_eq!(generate(&[("keySpec", spec)]), length, "{spec}");
    }
    let numbers =
        [("1", Some(1)), ("1024", Some(1024)), ("0", None), ("1025", None), ("-1", None), ("x", None)];
    for (number, length) in numbers {
        assert_eq!(generate(&[("numberOfBytes", number)]), length, "{number}");
    }
    for wrong in ["{", "[\"a\"]", "{\"a\":null}", "{\"a\":\"b\",\"a\":\"c\"}", "{\"\":\"b\"}", "a=b"] {
        assert_eq!(generate(&[("encryptionContext", wrong)]), None, "{wrong}");
    }
    let encrypt = |length: usize| {
        let plaintext = base64(&vec![7; length]);
        v2_call(&service, "Encrypt", &[("keyId", V2_KEY), ("plaintext", &plaintext)])
    };
    assert_eq!(unbase64(&body(&encrypt(4096))["ciphertextBlob"]).len(), 4096 + 96);
    assert_eq!(unbase64(&body(&encrypt(1))["ciphertextBlob"]).len(), 1 + 96);
    assert_eq!((v2_error(&encrypt(4097)), v2_error(&encrypt(0))), (4000, 4000));
}

#[test]
fn v2_tells_its_story() {
    let service = v2();
    let context = ("encryptionContext", "{\"a\":\"б\"}");
    let key = ("keyId", V2_KEY);
    let made = v2_ok(&service, "GenerateDataKey", &[key, context]);
    let blob = ("ciphertextBlob", made["ciphertextBlob"].as_str().expect("a blob"));
    assert_eq!(v2_ok(&service, "Decrypt", &[blob, context])["plaintext"], made["plaintext"]);
    assert_eq!(v2_code(&service, "Decrypt", &[blob]), 4000);
    assert_eq!(v2_code(&service, "Decrypt", &[blob, ("encryptionContext", "{\"a\":\"b\"}")]), 4000);
    assert_eq!(v2_code(&service, "Decrypt", &[("ciphertextBlob", "AAAA")]), 4000);
    assert_eq!(v2_code(&service, "Decrypt", &[("ciphertextBlob", "?")]), 4000);
    assert_eq!(v2_code(&service, "Decrypt", &[]), 4000);

    let sealed = v2_ok(&service, "Encrypt", &[key, ("plaintext", "cGF5bG9hZA=="), context]);
    assert_eq!(names(&sealed), ["ciphertextBlob", "code", "codeDesc", "keyId", "message", "requestId"]);
    let sealed = ("ciphertextBlob", sealed["ciphertextBlob"].as_str().expect("a blob"));
    assert_eq!(v2_ok(&service, "Decrypt", &[sealed, context])["plaintext"], "cGF5bG9hZA==");

    assert_eq!(v2_code(&service, "GenerateDataKey", &[("keyId", "kms-nowhere")]), 5000);
    assert_eq!(v2_code(&service, "GenerateDataKey", &[]), 4000);
    service.disable(V2_KEY);
    assert_eq!(v2_code(&service, "GenerateDataKey", &[key]), 5100);
    assert_eq!(v2_code(&service, "Decrypt", &[blob, context]), 5100);
    service.schedule_deletion(V2_KEY);
    assert_eq!(v2_code(&service, "GenerateDataKey", &[key]), 5100);
}

#[test]
fn v2_requests_of_another_kind_are_refused() {
    let service = v2();
    let key = ("keyId", V2_KEY);
    assert_eq!(v2_code(&service, "GenerateDataKey", &[key, ("unknown", "1")]), 4000);
    assert_eq!(v2_code(&service, "GenerateDataKey", &[key, ("KeyId", V2_KEY)]), 4000, "names have a case");
    assert_eq!(v2_code(&service, "GenerateDataKey", &[key, key]), 4000);
    assert_eq!(v2_code(&service, "NoSuchAction", &[key]), 4000);
    // Not looked through for minutes.
    let many: String = (0..300_000).map(|number| format!("p{number}=&")).collect();
    assert_eq!(v2_error(&service.send("POST", V2, "", many.as_bytes())), 4000);
    let send = |method: &str, target: &str, body: &[u8]| v2_error(&service.send(method, target, "", body));
    let query = format!("Action=GenerateDataKey&keyId={V2_KEY}");
    assert_eq!(body(&service.send("GET", &format!("{V2}?{query}"), "", b""))["code"], 0);
    assert_eq!(body(&service.send("POST", V2, "", query.as_bytes()))["code"], 0);
    assert_eq!(send("PUT", V2, query.as_bytes()), 4000);
    assert_eq!(send("POST", "/", query.as_bytes()), 4000);
    assert_eq!(send("POST", V2, b""), 4000);
    assert_eq!(send("POST", V2, b"{\"Action\":\"GenerateDataKey\"}"), 4000);
    assert_eq!(send("POST", V2, b"Action=GenerateDataKey&keyId=%ff"), 4000);
    assert_eq!(send("POST", &format!("{V2}?{query}"), query.as_bytes()), 4000, "everything twice");
}

fn v3_call(service: &Service, action: &str, params: &Value) -> Response {
    let headers =
        format!("X-TC-Action: {action}\r\nX-TC-Version: 2019-01-18\r\nContent-Type: application/json\r\n");
    service.send("POST", "/", &headers, params.to_string().as_bytes())
}

#[track_caller]
fn v3_ok(service: &Service, action: &str, params: &Value) -> Value {
    let response = v3_call(service, action, params);
    let body = body(&response);
    assert_eq!(names(&body), ["Response"]);
    let answer = body["Response"].clone();
    assert_eq!(answer.get("Error"), None, "{}", response.message);
    assert_eq!(answer["RequestId"], response.request_id);
    assert!(is_uuid(&response.request_id));
    answer
}

/// The code of a failure, whose body is checked.
#[track_caller]
fn v3_error(response: &Response) -> String {
    let body = body(response);
    let expected: Value =
        serde_json::from_slice(&recorded("tencent_v3/err_cmk_not_found.response.body")).expect("JSON");
    assert_eq!(names(&body), names(&expected));
    assert_eq!(names(&body["Response"]), names(&expected["Response"]));
    assert_eq!(names(&body["Response"]["Error"]), ["Code", "Message"]);
    assert_eq!(body["Response"]["RequestId"], response.request_id);
    assert_ne!(response.status, Status::Ok);
    body["Response"]["Error"]["Code"].as_str().expect("a code").into()
}

#[track_caller]
fn v3_code(service: &Service, action: &str, params: &Value) -> String {
    v3_error(&v3_call(service, action, params))
}

#[test]
fn the_recorded_v3_requests_have_responses_of_the_recorded_shape() {
    let service = v3();
    let shape = |name: &str| -> Value {
        let recorded = recorded(&format!("tencent_v3/{name}.response.body"));
        serde_json::from_slice::<Value>(&recorded).expect("JSON")["Response"].clone()
    };
    for (name, length) in [("gdk_keyspec", 32), ("gdk_both", 64)] {
        let made = body(&Http::recorded(&format!("tencent_v3/{name}")).send(&service))["Response"].clone();
        assert_eq!(names(&made), names(&shape(name)), "{name}");
        assert_eq!((&made["KeyId"], unbase64(&made["Plaintext"]).len()), (&json!(V3_KEY), length));
        let ciphertext = unbase64(&made["CiphertextBlob"]);
        assert_eq!(service.native_decrypt(&ciphertext, Aad::None), Ok(unbase64(&made["Plaintext"])));
    }
    let (ciphertext, plaintext) = service.native_data_key(V3_KEY, pairs(&[("a", "b")]));
    let request = Http::recorded("tencent_v3/decrypt").replace("opaque", &base64(&ciphertext));
    let opened = body(&request.send(&service))["Response"].clone();
    assert_eq!(names(&opened), names(&shape("decrypt")));
    assert_eq!(unbase64(&opened["Plaintext"]), plaintext);

    let response = Http::recorded("tencent_v3/err_cmk_not_found").send(&Service::new(Dialect::TencentV3));
    let expected = shape("err_cmk_not_found");
    assert_eq!(v3_error(&response), "ResourceUnavailable.CmkNotFound");
    assert_eq!(body(&response)["Response"]["Error"], expected["Error"]);
    // As it is recorded, the ciphertext is none.
    let response = Http::recorded("tencent_v3/decrypt").send(&service);
    assert_eq!(v3_error(&response), "InvalidParameterValue.InvalidCiphertext");
}

#[test]
fn v3_lengths_are_those_of_the_contract_at_their_edges() {
    let service = v3();
    let generate = |mut params: Value| {
        params["KeyId"] = json!(V3_KEY);
        let response = v3_call(&service, "GenerateDataKey", &params);
        if response.status != Status::Ok {
            assert_eq!(v3_error(&response), "InvalidParameter", "{params}");
            return None;
        }
        Some(unbase64(&body(&response)["Response"]["Plaintext"]).len())
    };
    assert_eq!(generate(json!({})), None, "neither");
    assert_eq!(generate(json!({"KeySpec": null, "NumberOfBytes": null})), None, "neither");
    assert_eq!(generate(json!({"KeySpec": "AES_128", "NumberOfBytes": 64})), Some(64), "both: the bytes win");
    for (spec, length) in [("AES_128", Some(16)), ("AES_256", Some(32)), ("AES_192", None), ("", None)] {
        assert_eq!(generate(json!({"KeySpec": spec})), length, "{spec}");
    }
    for (number, length) in
        [(json!(1), Some(1)), (json!(1024), Some(1024)), (json!(0), None), (json!(1025), None)]
    {
        assert_eq!(generate(json!({"NumberOfBytes": number})), length, "{number}");
    }
    for number in
        [json!(-1), json!("64"), json!(64.0), json!(true), json!([64]), json!({}), json!(4294967360_u64)]
    {
        assert_eq!(generate(json!({"NumberOfBytes": number})), None, "{number}");
    }
    for context in
        [json!("{"), json!("[]"), json!("{\"a\":1}"), json!({"a": "b"}), json!("{\"a\":\"b\",\"a\":\"b\"}")]
    {
        assert_eq!(generate(json!({"KeySpec": "AES_256", "EncryptionContext": context})), None, "{context}");
    }
    let random = |number: i64| v3_call(&service, "GenerateRandom", &json!({"NumberOfBytes": number}));
    for number in [1, 1024] {
        let answer = body(&random(number))["Response"].clone();
        assert_eq!(names(&answer), ["Plaintext", "RequestId"]);
        assert_eq!(unbase64(&answer["Plaintext"]).len() as i64, number);
    }
    for number in [0, 1025, -1] {
        assert_eq!(v3_error(&random(number)), "InvalidParameter");
    }
    let encrypt = |length: usize| {
        v3_call(&service, "Encrypt", &json!({"KeyId": V3_KEY, "Plaintext": base64(&vec![7; length])}))
    };
    assert_eq!(unbase64(&body(&encrypt(4096))["Response"]["CiphertextBlob"]).len(), 4096 + 96);
    assert_eq!(v3_error(&encrypt(4097)), "InvalidParameterValue.InvalidPlaintext");
    assert_eq!(v3_error(&encrypt(0)), "InvalidParameter");
}

#[test]
fn v3_parameters_come_as_json_query_or_form() {
    let service = v3();
    let params = [("KeyId", V3_KEY), ("NumberOfBytes", "48"), ("EncryptionContext", "{\"a\":\"b\"}")];
    let signed = [("Action", "GenerateDataKey"), ("Version", "2019-01-18"), ("Region", "r"), ("Nonce", "1")];
    let all = encode(&[&signed[..], &params].concat());
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let action = "X-TC-Action: GenerateDataKey\r\n";
    let plain = encode(&params);
    let json_body =
        json!({"KeyId": V3_KEY, "NumberOfBytes": 48, "EncryptionContext": "{\"a\":\"b\"}"}).to_string();
    for (method, target, headers, content) in [
        ("GET", format!("/?{all}"), form.to_string(), ""),
        ("GET", format!("/?{plain}"), format!("{form}{action}"), ""),
        ("POST", "/".into(), form.into(), &all),
        ("POST", "/".into(), form.replace("urlencoded", "urlencoded; charset=utf-8"), &all),
        ("POST", "/?Action=GenerateDataKey".into(), "Content-Type: application/json\r\n".into(), &json_body),
        ("POST", "/".into(), action.into(), &json_body),
        (
            "POST",
            "/".into(),
            format!("{action}Content-Type: application/json; charset=utf-8\r\n"),
            &json_body,
        ),
    ] {
        let response = service.send(method, &target, &headers, content.as_bytes());
        let answer = body(&response)["Response"].clone();
        assert_eq!(answer.get("Error"), None, "{method} {target} {headers}");
        assert_eq!(unbase64(&answer["Plaintext"]).len(), 48);
        let ciphertext = unbase64(&answer["CiphertextBlob"]);
        assert_eq!(service.native_decrypt(&ciphertext, pairs(&[("a", "b")])).map(|key| key.len()), Ok(48));
    }
    let send = |method: &str, target: &str, headers: &str, body: &str| {
        v3_error(&service.send(method, target, headers, body.as_bytes()))
    };
    assert_eq!(send("POST", "/", "", &json_body), "InvalidAction");
    assert_eq!(send("POST", "/", "X-TC-Action: NoSuchAction\r\n", &json_body), "InvalidAction");
    assert_eq!(send("PUT", "/", action, &json_body), "InvalidAction");
    assert_eq!(send("POST", "/x", action, &json_body), "InvalidAction");
    let version = format!("{action}X-TC-Version: 2020-01-01\r\n");
    assert_eq!(send("POST", "/", &version, &json_body), "NoSuchVersion");
    for wrong in [
        "",
        "[]",
        "null",
        "{",
        "{} {}",
        "KeyId=x",
        &json_body.replace("NumberOfBytes", "numberOfBytes"),
        &json_body.replace('}', ",\"Unknown\":1}"),
        &format!("{{\"KeyId\":\"{V3_KEY}\",\"KeyId\":\"{V3_KEY}\",\"NumberOfBytes\":1}}"),
        "{\"NumberOfBytes\":1}",
        "{\"KeyId\":1,\"NumberOfBytes\":1}",
        "{\"KeyId\":\"\",\"NumberOfBytes\":1}",
        &json_body.replace('}', ",\"Unknown\":null}"),
    ] {
        assert_eq!(send("POST", "/", action, wrong), "InvalidParameter", "{wrong}");
    }
    let many: Vec<String> = (0..100_000).map(|number| format!("\"p{number}\":0")).collect();
    assert_eq!(send("POST", "/", action, &format!("{{{}}}", many.join(","))), "InvalidParameter");
    let twice = format!("/?KeyId={V3_KEY}");
    assert_eq!(send("POST", &twice, action, &json_body), "InvalidParameter");
    for name in
        ["EncryptionPublicKey", "EncryptionAlgorithm", "IsHostedByKms", "DataKeyName", "HsmClusterId", "Tags"]
    {
        let params = json!({"KeyId": V3_KEY, "NumberOfBytes": 1, name: 1});
        assert_eq!(v3_code(&service, "GenerateDataKey", &params), "UnsupportedOperation", "{name}");
        // Which says nothing.
        v3_ok(&service, "GenerateDataKey", &json!({"KeyId": V3_KEY, "NumberOfBytes": 1, name: null}));
    }
}

#[test]
fn v3_tells_its_story() {
    let service = v3();
    service.create("other");
    let context = "{\"a\": \"\\u0431\", \"b\": \"\"}";
    let made = v3_ok(
        &service,
        "GenerateDataKey",
        &json!({"KeyId": V3_KEY, "KeySpec": "AES_256", "EncryptionContext": context}),
    );
    let decrypt =
        |context: &str| json!({"CiphertextBlob": made["CiphertextBlob"], "EncryptionContext": context});
    let opened = v3_ok(&service, "Decrypt", &decrypt("{\"b\":\"\",\"a\":\"б\"}"));
    assert_eq!(opened["Plaintext"], made["Plaintext"]);
    assert_eq!(
        v3_code(&service, "Decrypt", &decrypt("{\"a\":\"б\"}")),
        "InvalidParameterValue.InvalidCiphertext"
    );
    for wrong in ["AAAA", "?"] {
        let params = json!({"CiphertextBlob": wrong});
        assert_eq!(v3_code(&service, "Decrypt", &params), "InvalidParameterValue.InvalidCiphertext");
    }
    assert_eq!(v3_code(&service, "Decrypt", &json!({})), "InvalidParameter");

    let sealed = v3_ok(&service, "Encrypt", &json!({"KeyId": V3_KEY, "Plaintext": "cGF5bG9hZA=="}));
    assert_eq!(names(&sealed), ["CiphertextBlob", "KeyId", "RequestId"]);
    let invalid = v3_code(&service, "Encrypt", &json!({"KeyId": V3_KEY, "Plaintext": "?"}));
    assert_eq!(invalid, "InvalidParameterValue.InvalidPlaintext");
    let moved = v3_ok(
        &service,
        "ReEncrypt",
        &json!({"CiphertextBlob": sealed["CiphertextBlob"], "DestinationKeyId": "other",
            "DestinationEncryptionContext": "{\"to\":\"other\"}"}),
    );
    assert_eq!(names(&moved), ["CiphertextBlob", "KeyId", "ReEncrypted", "RequestId", "SourceKeyId"]);
    assert_eq!((&moved["KeyId"], &moved["SourceKeyId"]), (&json!("other"), &json!(V3_KEY)));
    let ciphertext = unbase64(&moved["CiphertextBlob"]);
    assert_eq!(service.native_decrypt(&ciphertext, pairs(&[("to", "other")])), Ok(b"payload".to_vec()));

    let generate =
        |key_id: &str| v3_code(&service, "GenerateDataKey", &json!({"KeyId": key_id, "KeySpec": "AES_256"}));
    assert_eq!(generate("nowhere"), "ResourceUnavailable.CmkNotFound");
    service.create_external("empty");
    assert_eq!(generate("empty"), "ResourceUnavailable.CmkStateNotSupport");
    service.disable(V3_KEY);
    assert_eq!(generate(V3_KEY), "ResourceUnavailable.CmkDisabled");
    service.schedule_deletion(V3_KEY);
    assert_eq!(generate(V3_KEY), "ResourceUnavailable.KeyPendingDelete");
}
