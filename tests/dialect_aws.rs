//! AWS KMS and QKMS: data keys and payloads as their SDKs ask for them, and what they get. Every test runs in both
//! dialects, which differ in their ARNs only.

#[path = "support/aws.rs"]
mod aws;
#[path = "support/exchange.rs"]
mod exchange;
#[path = "support/handle.rs"]
mod handle;
#[path = "support/keys.rs"]
mod keys;

use aws::{ACCOUNT, KEY, Service, check_form, members, unbase64};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use exchange::{Recorded, Sent};
use handle::{Bound, Decrypt};
use kms::capi::constants::*;
use serde_json::{Value, json};

#[test]
fn recorded_requests() {
    Service::both(|service| {
        let arn = service.key_arn(KEY);
        let replay = |name: &str, change: &dyn Fn(Recorded) -> Recorded| {
            let recorded = change(Recorded::read(&format!("qkms/{name}.request.http")));
            let answer = service.kms.exchange(service.dialect, &recorded.sent());
            check_form(&answer);
            answer
        };
        // QKMS's ARNs are in the recorded requests.
        let as_sent =
            |recorded: Recorded| recorded.with("arn:verenc:111122223333:key/", &service.arn("key/"));
        let answered = |name: &str| -> Value {
            let path =
                format!("{}/tests/vectors/dialects/qkms/{name}.response.body", env!("CARGO_MANIFEST_DIR"));
            serde_json::from_slice(&std::fs::read(path).expect("a recorded response")).expect("JSON")
        };

        let answer = replay("gdk_keyspec", &|recorded| recorded).json();
        assert_eq!(members(&answer), members(&answered("gdk_keyspec")));
        assert_eq!(answer["KeyId"], arn);
        assert_eq!(unbase64(&answer["Plaintext"]).len(), 32);

        let answer = replay("gdk_numbytes_alias", &|recorded| recorded).json();
        assert_eq!(
            (answer["KeyId"].as_str(), unbase64(&answer["Plaintext"]).len()),
            (Some(arn.as_str()), 64)
        );

        let answer = replay("gdk_wop", &as_sent).json();
        assert_eq!(members(&answer), members(&answered("gdk_wop")));
        assert_eq!(unbase64(&answer["CiphertextBlob"]).len(), 16 + KMS_CIPHERTEXT_OVERHEAD);

        assert_eq!(replay("gdk_ctx_grants", &|recorded| recorded).status, KMS_INVALID_GRANT_TOKEN);
        let answer = replay("gdk_ctx_grants", &|recorded| recorded.with("[\"tok\"]", "[]")).json();
        let context = [("Purpose", "Test"), ("A", "\u{431}\"\\\u{e9}")];
        let blob = unbase64(&answer["CiphertextBlob"]);
        let opened = service.kms.decrypt(Decrypt::new(&blob, Bound::Context(&context)));
        assert_eq!(opened.as_ref(), Ok(&unbase64(&answer["Plaintext"])));

        let sealed = replay("encrypt", &as_sent).json();
        assert_eq!(members(&sealed), members(&answered("encrypt")));
        let blob = sealed["CiphertextBlob"].as_str().expect("a blob");
        let opened =
            replay("decrypt", &|recorded| recorded.with("TEtNUy1vcGFxdWUtY2lwaGVydGV4dC1ibG9i", blob)).json();
        let expected = json!({ "KeyId": arn, "Plaintext": STANDARD.encode("Hello World"),
            "EncryptionAlgorithm": "SYMMETRIC_DEFAULT" });
        assert_eq!(opened, expected);
        assert_eq!(replay("decrypt", &|recorded| recorded).json()["__type"], "InvalidCiphertextException");

        service.ok("DisableKey", json!({ "KeyId": KEY }));
        let expected = json!({ "__type": "DisabledException", "message": format!("{arn} is disabled.") });
        assert_eq!(replay("err_disabled", &as_sent).json(), expected);
        let gone = "99999999-12ab-34cd-56ef-1234567890ab";
        let answer = replay("err_notfound", &|recorded| as_sent(recorded).with(KEY, gone)).json();
        let message = format!("Key '{}' does not exist", service.key_arn(gone));
        assert_eq!(answer, json!({ "__type": "NotFoundException", "message": message }));
    });
}

#[test]
fn targets_methods_and_paths() {
    Service::both(|service| {
        let body = json!({ "KeyId": KEY, "KeySpec": "AES_256" }).to_string().into_bytes();
        let target = |target: &str| format!("x-amz-target: {target}\r\n");
        let good =
            Sent { method: "POST", target: "/", headers: target("TrentService.GenerateDataKey"), body };
        assert_eq!(service.kms.exchange(service.dialect, &good).http_status, 200);
        let bad = [
            Sent { method: "GET", ..good.clone() },
            Sent { target: "/kms", ..good.clone() },
            Sent { headers: String::new(), ..good.clone() },
            Sent { headers: target("TrentService.generateDataKey"), ..good.clone() },
            Sent { headers: target("TrentService."), ..good.clone() },
            Sent { headers: target("KMS.GenerateDataKey"), ..good.clone() },
            Sent { headers: target("GenerateDataKey"), ..good.clone() },
        ];
        for sent in bad {
            let answer = service.kms.exchange(service.dialect, &sent);
            assert_eq!(answer.http_status, 400, "{sent:?}");
            assert_eq!(answer.json()["__type"], "UnknownOperationException", "{sent:?}");
        }
    });
}

#[test]
fn bodies_that_are_none() {
    Service::both(|service| {
        let bodies = [
            "",
            " ",
            "null",
            "[]",
            "[\"k\",\"AES_256\",null,null,null,null,null]",
            "\"KeyId\"",
            "{",
            "{\"KeyId\"}",
            "{\"KeyId\":\"k\"} x",
            "{\"KeyId\":\"k\",}",
            "{\"KeyId\":1,\"KeySpec\":\"AES_256\"}",
            "{\"KeyId\":\"k\",\"NumberOfBytes\":\"32\"}",
            "{\"KeyId\":\"k\",\"NumberOfBytes\":32.5}",
            "{\"KeyId\":\"k\",\"NumberOfBytes\":4294967328}",
            "{\"KeyId\":\"k\",\"NumberOfBytes\":true}",
            "{\"KeyId\":\"k\",\"DryRun\":\"true\"}",
            "{\"KeyId\":\"k\",\"GrantTokens\":\"t\"}",
            "{\"KeyId\":\"k\",\"GrantTokens\":[null]}",
            "{\"KeyId\":\"k\",\"EncryptionContext\":[]}",
            "{\"KeyId\":\"k\",\"EncryptionContext\":{\"a\":1}}",
            "{\"KeyId\":\"k\",\"EncryptionContext\":{\"a\":null}}",
            "{\"KeyId\":\"k\",\"EncryptionContext\":{\"a\":\"1\",\"a\":\"1\"}}",
            "{\"KeyId\":\"k\",\"EncryptionContext\":{\"a\":\"1\",\"\\u0061\":\"2\"}}",
            "{\"KeyId\":\"k\",\"EncryptionContext\":{\"a\":\"\\ud800\"}}",
            "{\"KeyId\":\"k\",\"KeyId\":\"k\"}",
            "{\"KeyId\":\"k\",\"keyId\":\"k\"}",
            "{\"KeyId\":\"k\",\"Unknown\":1}",
        ];
        for body in bodies {
            let answer = service.kms.aws_text(service.dialect, "GenerateDataKey", body);
            check_form(&answer);
            assert_eq!(answer.json()["__type"], "SerializationException", "{body}");
        }
        let headers = "X-Amz-Target: TrentService.GenerateDataKey\r\n".to_string();
        let sent = Sent { method: "", target: "/", headers, body: b"{\"KeyId\":\"\xff\"}".to_vec() };
        assert_eq!(service.kms.exchange(service.dialect, &sent).json()["__type"], "SerializationException");
        for blob in ["*", "QQ", "QQ=", "Q Q=", "_-==", "QR=="] {
            let answer = service.call("Decrypt", json!({ "CiphertextBlob": blob }));
            assert_eq!(answer.json()["__type"], "SerializationException", "{blob}");
        }
        // What could be a secret is not repeated.
        let answer = service.kms.aws_text(service.dialect, "Encrypt", "{\"Plaintext\":\"hunter2!\"}");
        assert!(!String::from_utf8_lossy(&answer.body).contains("hunter2"));
        assert!(!answer.message.contains("hunter2"));
    });
}

#[test]
fn names_of_keys() {
    Service::both(|service| {
        let (alias_arn, key_arn) = (service.arn("alias/app"), service.key_arn(KEY));
        for name in [KEY, "alias/app", &key_arn, &alias_arn] {
            let answer = service.ok("GenerateDataKey", json!({ "KeyId": name, "NumberOfBytes": 1 }));
            assert_eq!(answer["KeyId"], key_arn, "{name}");
        }
        let missing = |name: &str, message: &str| {
            let arguments = json!({ "KeyId": name, "NumberOfBytes": 1 });
            service.refused("NotFoundException", message, "GenerateDataKey", arguments);
        };
        missing("fake-key-id", "Invalid keyId 'fake-key-id'");
        missing("alias/none", &format!("Alias {} is not found.", service.arn("alias/none")));
        let other = key_arn.replace(ACCOUNT, "999999999999");
        missing(&other, &format!("Key '{other}' does not exist"));
        let other = alias_arn.replace(ACCOUNT, "999999999999");
        missing(&other, &format!("Alias {other} is not found."));
        missing(&format!("arn:aws:kms:eu-west-9:{ACCOUNT}:key/{KEY}"), "Invalid arn eu-west-9");
        let multi_region = format!("mrk-{}", "0".repeat(32));
        missing(&multi_region, &format!("Key '{}' does not exist", service.key_arn(&multi_region)));
        missing("arn:aws:kms", "Invalid arn arn:aws:kms");
        // No text is a name that breaks the answer.
        for name in ["\"", "\\", "\u{0}", "\u{1}\n", "é", "alias/", "alias/\"", "arn:", " "] {
            let answer = service.call("DescribeKey", json!({ "KeyId": name }));
            assert_eq!(answer.json()["__type"], "NotFoundException", "{name:?}");
        }
    });
}

#[test]
fn limits_of_data_operations() {
    Service::both(|service| {
        for (spec, len) in [("AES_256", 32), ("AES_128", 16)] {
            let answer = service.ok("GenerateDataKey", json!({ "KeyId": KEY, "KeySpec": spec }));
            assert_eq!(unbase64(&answer["Plaintext"]).len(), len);
        }
        for len in [1, 1024] {
            let answer = service.ok("GenerateDataKey", json!({ "KeyId": KEY, "NumberOfBytes": len }));
            assert_eq!(unbase64(&answer["Plaintext"]).len(), len);
            assert_eq!(
                unbase64(&service.ok("GenerateRandom", json!({ "NumberOfBytes": len }))["Plaintext"]).len(),
                len
            );
        }
        let range = "failed to satisfy constraint: Member must have value";
        let (least, most) =
            (format!("{range} greater than or equal to 1"), format!("{range} less than or equal to 1024"));
        for operation in ["GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateRandom"] {
            let arguments = |len: i32| match operation {
                "GenerateRandom" => json!({ "NumberOfBytes": len }),
                _ => json!({ "KeyId": KEY, "NumberOfBytes": len }),
            };
            service.constraint(&format!("Value '0' at 'numberOfBytes' {least}"), operation, arguments(0));
            service.constraint(&format!("Value '-1' at 'numberOfBytes' {least}"), operation, arguments(-1));
            service.constraint(
                &format!("Value '1025' at 'numberOfBytes' {most}"),
                operation,
                arguments(1025),
            );
        }
        service.invalid("NumberOfBytes is required.", "GenerateRandom", json!({}));
        service.constraint(
            "Value 'AES_192' at 'keySpec' failed to satisfy constraint: Member must satisfy enum value set: \
             [AES_256, AES_128]",
            "GenerateDataKey",
            json!({ "KeyId": KEY, "KeySpec": "AES_192" }),
        );

        let plaintext = |len: usize| json!({ "KeyId": KEY, "Plaintext": STANDARD.encode(vec![7; len]) });
        service.ok("Encrypt", plaintext(1));
        let largest = service.ok("Encrypt", plaintext(4096));
        let opened = service.ok("Decrypt", json!({ "CiphertextBlob": largest["CiphertextBlob"] }));
        assert_eq!(unbase64(&opened["Plaintext"]), vec![7; 4096]);
        let length = |member: &str, limit: &str| {
            format!("Value at '{member}' failed to satisfy constraint: Member must have length {limit}")
        };
        service.constraint(&length("plaintext", "less than or equal to 4096"), "Encrypt", plaintext(4097));
        service.constraint(&length("plaintext", "greater than or equal to 1"), "Encrypt", plaintext(0));
        let blob = |len: usize| json!({ "CiphertextBlob": STANDARD.encode(vec![7; len]) });
        assert_eq!(service.error("Decrypt", blob(6144)).0, "InvalidCiphertextException");
        service.constraint(&length("ciphertextBlob", "less than or equal to 6144"), "Decrypt", blob(6145));
        service.constraint(&length("ciphertextBlob", "greater than or equal to 1"), "Decrypt", blob(0));
        let null = "Value null at 'ciphertextBlob' failed to satisfy constraint: Member must not be null";
        service.constraint(null, "Decrypt", json!({}));

        let token = "t".repeat(8192);
        let tokens = |tokens: Vec<&str>| json!({ "KeyId": KEY, "NumberOfBytes": 1, "GrantTokens": tokens });
        assert_eq!(
            service.error("GenerateDataKey", tokens(vec![&token; 10])).0,
            "InvalidGrantTokenException"
        );
        let eleven = service.error("GenerateDataKey", tokens(vec!["t"; 11]));
        assert!(eleven.1.ends_with("at 'grantTokens' failed to satisfy constraint: Member must have length less than or equal to 10"), "{eleven:?}");
        assert_eq!(
            service.error("GenerateDataKey", tokens(vec![&"t".repeat(8193)])).0,
            "ValidationException"
        );
        service.constraint(
            "Value '[t, ]' at 'grantTokens' failed to satisfy constraint: Member must satisfy constraint: [Member must \
             have length less than or equal to 8192, Member must have length greater than or equal to 1]",
            "GenerateDataKey",
            tokens(vec!["t", ""]),
        );
        let name = |len: usize| json!({ "KeyId": "k".repeat(len), "NumberOfBytes": 1 });
        assert_eq!(service.error("GenerateDataKey", name(2048)).0, "NotFoundException");
        assert_eq!(service.error("GenerateDataKey", name(2049)).0, "ValidationException");
        assert_eq!(service.error("GenerateDataKey", name(0)).0, "ValidationException");
        // However long the value, there is an answer.
        assert_eq!(service.error("GenerateDataKey", name(500_000)).0, "ValidationException");
        let error =
            service.error("GenerateDataKey", json!({ "KeyId": "\u{1}".repeat(500_000), "NumberOfBytes": 1 }));
        assert_eq!(error.0, "ValidationException");
    });
}

#[test]
fn all_constraints_are_told_at_once() {
    Service::both(|service| {
        service.invalid(
            "2 validation errors detected: Value null at 'keyId' failed to satisfy constraint: Member must not be \
             null; Value '0' at 'numberOfBytes' failed to satisfy constraint: Member must have value greater than \
             or equal to 1",
            "GenerateDataKey",
            json!({ "NumberOfBytes": 0 }),
        );
        // null is the same as nothing.
        let arguments = json!({ "KeyId": KEY, "KeySpec": null, "NumberOfBytes": 5, "GrantTokens": null });
        service.ok("GenerateDataKey", arguments);
    });
}

#[test]
fn contexts() {
    Service::both(|service| {
        let generate = |context: Value| {
            service.call(
                "GenerateDataKey",
                json!({ "KeyId": KEY, "NumberOfBytes": 9, "EncryptionContext": context }),
            )
        };
        let blob = generate(json!({ "b": "2", "a": "1" })).json()["CiphertextBlob"].clone();
        let decrypt = |context: Value| {
            service.call("Decrypt", json!({ "CiphertextBlob": blob, "EncryptionContext": context }))
        };
        assert_eq!(decrypt(json!({ "a": "1", "b": "2" })).status, KMS_OK);
        for other in [json!({}), json!(null), json!({ "a": "1" }), json!({ "a": "1", "b": "2", "c": "" })] {
            let answer = decrypt(other.clone());
            assert_eq!(answer.status, KMS_INVALID_CIPHERTEXT, "{other}");
            assert_eq!(answer.json(), json!({ "__type": "InvalidCiphertextException", "message": "" }));
        }
        // A context without pairs is none.
        let blob = generate(json!({})).json()["CiphertextBlob"].clone();
        assert_eq!(service.call("Decrypt", json!({ "CiphertextBlob": blob })).status, KMS_OK);

        let pairs =
            |count: usize| (0..count).map(|n| (n.to_string(), json!("v"))).collect::<serde_json::Map<_, _>>();
        assert_eq!(generate(pairs(2048).into()).status, KMS_OK);
        assert_eq!(generate(pairs(2049).into()).json()["__type"], "ValidationException");
        assert_eq!(generate(json!({ "k": "v".repeat(32767) })).status, KMS_OK);
        assert_eq!(generate(json!({ "k": "v".repeat(32768) })).json()["__type"], "ValidationException");
        assert_eq!(generate(json!({ "": "v" })).json()["__type"], "ValidationException");
        assert_eq!(generate(json!({ "k": "\u{0}" })).json()["__type"], "ValidationException");
    });
}

/// Shape, then the key, then the combination, then usage, then state.
#[test]
fn order_of_checks() {
    const PLEASE: &str = "Please specify either number of bytes or key spec.";
    Service::both(|service| {
        for both in [json!({}), json!({ "KeySpec": "AES_256", "NumberOfBytes": 32 })] {
            for operation in ["GenerateDataKey", "GenerateDataKeyWithoutPlaintext"] {
                let with = |more: Value| {
                    let mut arguments = both.clone();
                    let object = arguments.as_object_mut().expect("an object");
                    object.extend(more.as_object().expect("an object").clone());
                    arguments
                };
                assert_eq!(service.error(operation, with(json!({ "KeyId": "none" }))).0, "NotFoundException");
                service.invalid(PLEASE, operation, with(json!({ "KeyId": KEY })));
                service.invalid(PLEASE, operation, with(json!({ "KeyId": KEY, "DryRun": true })));
                let tokens = with(json!({ "KeyId": KEY, "GrantTokens": ["t"] }));
                assert_eq!(service.error(operation, tokens).0, "InvalidGrantTokenException");
                service.ok("DisableKey", json!({ "KeyId": KEY }));
                service.invalid(PLEASE, operation, with(json!({ "KeyId": KEY })));
                service.ok("EnableKey", json!({ "KeyId": KEY }));
            }
        }
        let rsa = "Algorithm RSAES_OAEP_SHA_1 is incompatible with key spec SYMMETRIC_DEFAULT.";
        let encrypt = |key: &str| json!({ "KeyId": key, "Plaintext": "QQ==", "EncryptionAlgorithm": "RSAES_OAEP_SHA_1" });
        assert_eq!(service.error("Encrypt", encrypt("none")).0, "NotFoundException");
        service.ok("DisableKey", json!({ "KeyId": KEY }));
        service.refused("InvalidKeyUsageException", rsa, "Encrypt", encrypt(KEY));
        service.refused(
            "DisabledException",
            &format!("{} is disabled.", service.key_arn(KEY)),
            "Encrypt",
            json!({ "KeyId": KEY, "Plaintext": "QQ==" }),
        );
    });
}

#[test]
fn decrypt_and_re_encrypt() {
    Service::both(|service| {
        service.kms.create_key("other").expect("a key");
        let (plaintext, blob) = service.data_key();
        for key in [KEY, "alias/app"] {
            let answer = service.ok("Decrypt", json!({ "CiphertextBlob": blob, "KeyId": key }));
            assert_eq!(unbase64(&answer["Plaintext"]), plaintext);
        }
        let wrong = "The key ID in the request does not identify a CMK that can perform this operation.";
        let arguments = json!({ "CiphertextBlob": blob, "KeyId": "other" });
        service.refused("IncorrectKeyException", wrong, "Decrypt", arguments);

        let moved = service.ok(
            "ReEncrypt",
            json!({ "CiphertextBlob": blob, "DestinationKeyId": "other",
            "DestinationEncryptionContext": { "a": "1" } }),
        );
        assert_eq!(moved["SourceKeyId"], service.key_arn(KEY));
        assert_eq!(moved["KeyId"], service.key_arn("other"));
        assert_eq!(moved["SourceEncryptionAlgorithm"], "SYMMETRIC_DEFAULT");
        assert_eq!(moved["DestinationEncryptionAlgorithm"], "SYMMETRIC_DEFAULT");
        let opened = service.ok(
            "Decrypt",
            json!({ "CiphertextBlob": moved["CiphertextBlob"],
            "EncryptionContext": { "a": "1" } }),
        );
        assert_eq!(unbase64(&opened["Plaintext"]), plaintext);
        let null = "Value null at 'destinationKeyId' failed to satisfy constraint: Member must not be null";
        service.constraint(null, "ReEncrypt", json!({ "CiphertextBlob": blob }));

        // The key of the blob is of another store.
        let elsewhere = Service::new(service.dialect);
        let error = elsewhere.error("Decrypt", json!({ "CiphertextBlob": blob }));
        assert_eq!(error.0, "NotFoundException");
        // Each altered byte, and each length.
        let bytes = STANDARD.decode(&blob).expect("base64");
        for index in 24..bytes.len() {
            let mut altered = bytes.clone();
            altered[index] ^= 1;
            let arguments = json!({ "CiphertextBlob": STANDARD.encode(altered) });
            service.refused("InvalidCiphertextException", "", "Decrypt", arguments);
        }
        for len in 1..96 {
            let arguments = json!({ "CiphertextBlob": STANDARD.encode(&bytes[..len]) });
            service.refused("InvalidCiphertextException", "", "Decrypt", arguments);
        }
    });
}

#[test]
fn dry_runs() {
    Service::both(|service| {
        let (_, blob) = service.data_key();
        let calls = [
            ("GenerateDataKey", json!({ "KeyId": KEY, "NumberOfBytes": 1, "DryRun": true })),
            ("GenerateDataKeyWithoutPlaintext", json!({ "KeyId": KEY, "NumberOfBytes": 1, "DryRun": true })),
            ("Encrypt", json!({ "KeyId": KEY, "Plaintext": "QQ==", "DryRun": true })),
            ("Decrypt", json!({ "CiphertextBlob": blob, "DryRun": true })),
            ("ReEncrypt", json!({ "CiphertextBlob": blob, "DestinationKeyId": KEY, "DryRun": true })),
        ];
        for (operation, arguments) in calls {
            let would = "The request would have succeeded, but the DryRun option is set.";
            service.refused("DryRunOperationException", would, operation, arguments);
        }
        let wrong = json!({ "CiphertextBlob": blob, "EncryptionContext": { "a": "b" }, "DryRun": true });
        service.refused("InvalidCiphertextException", "", "Decrypt", wrong);
    });
}
