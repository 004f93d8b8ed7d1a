//! AWS KMS and QKMS: keys and what belongs to them, managed through the dialects. Every test runs in both, which differ in
//! their ARNs only.

#[path = "support/aws.rs"]
mod aws;
#[path = "support/exchange.rs"]
mod exchange;
#[path = "support/handle.rs"]
mod handle;
#[path = "support/keys.rs"]
mod keys;
#[path = "support/life.rs"]
mod life;

use aws::{ACCOUNT, KEY, Service, now, unbase64};
use kms::capi::constants::{KMS_DIALECT_AWS, KMS_EXCHANGE_MIN_CAPACITY};
use serde_json::{Value, json};

#[test]
fn the_life_of_a_key() {
    Service::both(|service| {
        let before = now();
        let made = service
            .ok("CreateKey", json!({ "Description": "orders", "Tags": [{ "TagKey": "a", "TagValue": "" }] }));
        let metadata = &made["KeyMetadata"];
        let key_id = metadata["KeyId"].as_str().expect("an id").to_string();
        let arn = service.key_arn(&key_id);
        let created = metadata["CreationDate"].as_i64().expect("a number");
        assert!((before..=now()).contains(&created));
        let expected = json!({
            "AWSAccountId": ACCOUNT, "KeyId": key_id, "Arn": arn, "CreationDate": created, "Enabled": true,
            "Description": "orders", "KeyUsage": "ENCRYPT_DECRYPT", "KeyState": "Enabled", "Origin": "AWS_KMS",
            "KeyManager": "CUSTOMER", "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT", "KeySpec": "SYMMETRIC_DEFAULT",
            "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"], "MultiRegion": false,
        });
        assert_eq!(*metadata, expected);
        let key = json!({ "KeyId": key_id });
        assert_eq!(service.ok("DescribeKey", key.clone()), made);
        let describe = || service.ok("DescribeKey", key.clone())["KeyMetadata"].clone();

        assert_eq!(
            service.ok("UpdateKeyDescription", json!({ "KeyId": key_id, "Description": "" })),
            Value::Null
        );
        assert_eq!(describe()["Description"], "");
        service.ok("DisableKey", key.clone());
        assert_eq!((&describe()["KeyState"], &describe()["Enabled"]), (&json!("Disabled"), &json!(false)));
        service.ok("EnableKey", key.clone());

        let scheduled =
            service.ok("ScheduleKeyDeletion", json!({ "KeyId": key_id, "PendingWindowInDays": 7 }));
        let at = scheduled["DeletionDate"].as_i64().expect("a number");
        assert!((before + 7 * 86_400..=now() + 7 * 86_400).contains(&at));
        let expected = json!({ "KeyId": arn, "DeletionDate": at, "KeyState": "PendingDeletion", "PendingWindowInDays": 7 });
        assert_eq!(scheduled, expected);
        assert_eq!(
            (&describe()["KeyState"], &describe()["DeletionDate"]),
            (&json!("PendingDeletion"), &json!(at))
        );
        let pending = format!("{arn} is pending deletion.");
        for (operation, arguments) in [
            ("GenerateDataKey", json!({ "KeyId": key_id, "NumberOfBytes": 1 })),
            ("ScheduleKeyDeletion", key.clone()),
            ("EnableKey", key.clone()),
            ("UpdateKeyDescription", json!({ "KeyId": key_id, "Description": "x" })),
        ] {
            service.refused("KMSInvalidStateException", &pending, operation, arguments);
        }
        assert_eq!(service.ok("CancelKeyDeletion", key.clone()), json!({ "KeyId": arn }));
        assert_eq!(describe()["KeyState"], "Disabled");
        let not_pending = format!("{arn} is not pending deletion.");
        service.refused("KMSInvalidStateException", &not_pending, "CancelKeyDeletion", key.clone());
        let window = service.ok("ScheduleKeyDeletion", key.clone())["PendingWindowInDays"].clone();
        assert_eq!(window, 30);
        for days in [6, 31] {
            let arguments = json!({ "KeyId": KEY, "PendingWindowInDays": days });
            assert_eq!(service.error("ScheduleKeyDeletion", arguments).0, "ValidationException");
        }
    });
}

#[test]
fn keys_of_other_kinds() {
    Service::both(|service| {
        let external = service.ok("CreateKey", json!({ "Origin": "EXTERNAL" }))["KeyMetadata"].clone();
        assert_eq!(
            (&external["KeyState"], &external["Origin"]),
            (&json!("PendingImport"), &json!("EXTERNAL"))
        );
        let arn = external["Arn"].as_str().expect("an ARN");
        let pending = format!("{arn} is pending import.");
        let arguments = json!({ "KeyId": arn, "NumberOfBytes": 1 });
        service.refused("KMSInvalidStateException", &pending, "GenerateDataKey", arguments);
        // Of what can never be done with a key, its state says nothing: before and after its material is there.
        let rotations = || {
            for operation in ["EnableKeyRotation", "RotateKeyOnDemand"] {
                let origin = format!("{arn} origin is EXTERNAL which is not valid for this operation.");
                service.refused("UnsupportedOperationException", &origin, operation, json!({ "KeyId": arn }));
            }
        };
        rotations();
        service.kms.import(external["KeyId"].as_str().expect("an id"), &[7; 32]).expect("to import");
        rotations();

        let unsupported = [
            json!({ "KeySpec": "RSA_2048", "KeyUsage": "SIGN_VERIFY" }),
            json!({ "CustomerMasterKeySpec": "RSA_2048", "KeyUsage": "ENCRYPT_DECRYPT" }),
            json!({ "KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC" }),
            json!({ "Origin": "AWS_CLOUDHSM" }),
            json!({ "Origin": "EXTERNAL_KEY_STORE" }),
            json!({ "MultiRegion": true }),
            json!({ "CustomKeyStoreId": "cks-1" }),
            json!({ "KeySpec": "ML_KEM_768", "KeyUsage": "ENCAPSULATE_DECAPSULATE" }),
        ];
        for arguments in unsupported {
            let error = service.error("CreateKey", arguments.clone());
            assert_eq!(error.0, "UnsupportedOperationException", "{arguments}");
        }
        service.invalid(
            "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
            "CreateKey",
            json!({ "KeySpec": "HMAC_224" }),
        );
        service.constraint(
            "Value 'RANDOM' at 'keyUsage' failed to satisfy constraint: Member must satisfy enum value set: \
             [ENCRYPT_DECRYPT, SIGN_VERIFY, GENERATE_VERIFY_MAC]",
            "CreateKey",
            json!({ "KeyUsage": "RANDOM" }),
        );
        service.constraint(
            "Value 'HMAC_random' at 'keySpec' failed to satisfy constraint: Member must satisfy enum value set: \
             [RSA_2048, ECC_NIST_P384, ECC_NIST_P256, ECC_NIST_P521, HMAC_384, RSA_3072, ECC_SECG_P256K1, RSA_4096, \
             SYMMETRIC_DEFAULT, HMAC_256, HMAC_224, HMAC_512]",
            "CreateKey",
            json!({ "KeySpec": "HMAC_random" }),
        );
        let description = |len: usize| json!({ "Description": "é".repeat(len) });
        service.ok("CreateKey", description(4096));
        assert_eq!(service.error("CreateKey", description(8193)).0, "ValidationException");
        for operation in [
            "Sign",
            "Verify",
            "GetPublicKey",
            "GenerateMac",
            "VerifyMac",
            "GenerateDataKeyPair",
            "GetParametersForImport",
            "ImportKeyMaterial",
            "DeriveSharedSecret",
            "ReplicateKey",
        ] {
            assert_eq!(service.error(operation, json!({ "KeyId": KEY })).0, "UnsupportedOperationException");
        }
        let recipient =
            json!({ "KeyId": KEY, "NumberOfBytes": 1, "Recipient": { "AttestationDocument": "" } });
        assert_eq!(service.error("GenerateDataKey", recipient).0, "UnsupportedOperationException");
    });
}

#[test]
fn aliases() {
    Service::both(|service| {
        service.kms.create_key("other").expect("a key");
        let alias = |alias: &str, key: &str| json!({ "AliasName": alias, "TargetKeyId": key });
        assert_eq!(service.ok("CreateAlias", alias("alias/new", "other")), Value::Null);
        let taken = format!("An alias with the name {} already exists", service.arn("alias/new"));
        service.refused("AlreadyExistsException", &taken, "CreateAlias", alias("alias/new", KEY));
        let listed = service.ok("ListAliases", json!({ "KeyId": "other" }));
        let item = &listed["Aliases"][0];
        assert_eq!(
            (&item["AliasName"], &item["AliasArn"]),
            (&json!("alias/new"), &json!(service.arn("alias/new")))
        );
        assert_eq!((&item["TargetKeyId"], &listed["Truncated"]), (&json!("other"), &json!(false)));
        assert!(item["CreationDate"].is_i64() && item["LastUpdatedDate"].is_i64());

        service.ok("UpdateAlias", alias("alias/new", KEY));
        let key = service.ok("DescribeKey", json!({ "KeyId": "alias/new" }));
        assert_eq!(key["KeyMetadata"]["KeyId"], KEY);
        service.ok("DeleteAlias", json!({ "AliasName": "alias/new" }));
        let missing = format!("Alias {} is not found.", service.arn("alias/new"));
        service.refused("NotFoundException", &missing, "DeleteAlias", json!({ "AliasName": "alias/new" }));
        service.refused("NotFoundException", &missing, "UpdateAlias", alias("alias/new", KEY));

        let prefix = "Alias must start with the prefix \"alias/\". Please see \
                      https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html";
        for name in ["new", "Alias/new", "alias/"] {
            service.invalid(prefix, "CreateAlias", alias(name, KEY));
        }
        service.constraint(
            "Value 'alias/a b' at 'aliasName' failed to satisfy constraint: Member must satisfy regular expression \
             pattern: ^[a-zA-Z0-9:/_-]+$",
            "CreateAlias",
            alias("alias/a b", KEY),
        );
        service.invalid(
            "alias/a:b contains invalid characters for an alias",
            "CreateAlias",
            alias("alias/a:b", KEY),
        );
        service.refused("NotAuthorizedException", "", "CreateAlias", alias("alias/aws/s3", KEY));
        service.invalid(
            "Aliases must refer to keys. Not aliases",
            "CreateAlias",
            alias("alias/x", "alias/app"),
        );
        service.invalid(
            "Aliases must refer to keys. Not aliases",
            "CreateAlias",
            alias("alias/x", &service.arn("alias/app")),
        );
        let long = |len: usize| format!("alias/{}", "a".repeat(len - 6));
        service.ok("CreateAlias", alias(&long(256), KEY));
        assert_eq!(service.error("CreateAlias", alias(&long(257), KEY)).0, "ValidationException");
        assert_eq!(service.error("CreateAlias", alias("alias/x", "none")).0, "NotFoundException");
    });
}

#[test]
fn tags() {
    Service::both(|service| {
        let tags = |count: usize| -> Vec<Value> {
            (0..count).map(|n| json!({ "TagKey": format!("k{n:02}"), "TagValue": format!("v{n}") })).collect()
        };
        service.ok("TagResource", json!({ "KeyId": KEY, "Tags": tags(50) }));
        let more = json!({ "KeyId": KEY, "Tags": [{ "TagKey": "one-more", "TagValue": "" }] });
        service.refused("TagException", "Too many tags", "TagResource", more);
        service.refused("TagException", "Too many tags", "CreateKey", json!({ "Tags": tags(51) }));
        let twice = [tags(1), tags(1)].concat();
        service.refused(
            "TagException",
            "Duplicate tag keys",
            "TagResource",
            json!({ "KeyId": KEY, "Tags": twice }),
        );
        let reserved = json!([{ "TagKey": "aws:x", "TagValue": "" }]);
        let text = "Tags beginning with aws: are reserved";
        service.refused("TagException", text, "CreateKey", json!({ "Tags": reserved }));

        let first = service.ok("ListResourceTags", json!({ "KeyId": KEY, "Limit": 20 }));
        assert_eq!(first["Tags"].as_array().expect("tags").len(), 20);
        assert_eq!((&first["Tags"][0], &first["Truncated"]), (&tags(1)[0], &json!(true)));
        let marker = &first["NextMarker"];
        let rest = service.ok("ListResourceTags", json!({ "KeyId": KEY, "Marker": marker }));
        assert_eq!(rest["Tags"].as_array().expect("tags").len(), 30);
        assert_eq!((&rest["Truncated"], &rest["NextMarker"]), (&json!(false), &Value::Null));
        service.ok("UntagResource", json!({ "KeyId": KEY, "TagKeys": ["k00", "not-there"] }));
        let left = service.ok("ListResourceTags", json!({ "KeyId": KEY }));
        assert_eq!(left["Tags"].as_array().expect("tags").len(), 49);

        let tag = |key: String, value: String| json!({ "Tags": [{ "TagKey": key, "TagValue": value }] });
        let long = "failed to satisfy constraint: Member must have length less than or equal to";
        let key = "k".repeat(129);
        service.constraint(
            &format!("Value '{key}' at 'tags.1.member.tagKey' {long} 128"),
            "CreateKey",
            tag(key.clone(), "".into()),
        );
        let value = "v".repeat(257);
        service.constraint(
            &format!("Value '{value}' at 'tags.1.member.tagValue' {long} 256"),
            "CreateKey",
            tag("k".into(), value.clone()),
        );
        service.ok("CreateKey", tag("k".repeat(128), "v".repeat(256)));
    });
}

#[test]
fn rotation() {
    Service::both(|service| {
        let (arn, key) = (service.key_arn(KEY), json!({ "KeyId": KEY }));
        let status = || service.ok("GetKeyRotationStatus", key.clone());
        assert_eq!(status(), json!({ "KeyRotationEnabled": false, "KeyId": arn }));
        service.ok("EnableKeyRotation", key.clone());
        assert_eq!(status()["RotationPeriodInDays"], 365);
        for days in [90, 2560] {
            service.ok("EnableKeyRotation", json!({ "KeyId": KEY, "RotationPeriodInDays": days }));
            let status = status();
            assert_eq!(
                (&status["RotationPeriodInDays"], &status["KeyRotationEnabled"]),
                (&json!(days), &json!(true))
            );
            let next = status["NextRotationDate"].as_i64().expect("a number");
            assert!((now() + days * 86_400 - next).abs() < 60, "{next}");
        }
        for days in [89, 2561] {
            let arguments = json!({ "KeyId": KEY, "RotationPeriodInDays": days });
            assert_eq!(service.error("EnableKeyRotation", arguments).0, "ValidationException");
        }
        service.ok("DisableKeyRotation", key.clone());
        assert_eq!(status(), json!({ "KeyRotationEnabled": false, "KeyId": arn }));

        assert_eq!(
            service.ok("ListKeyRotations", key.clone()),
            json!({ "Rotations": [], "Truncated": false })
        );
        let (plaintext, blob) = service.data_key();
        for _ in 0..3 {
            assert_eq!(service.ok("RotateKeyOnDemand", key.clone()), json!({ "KeyId": arn }));
        }
        let opened = service.ok("Decrypt", json!({ "CiphertextBlob": blob }));
        assert_eq!(unbase64(&opened["Plaintext"]), plaintext);
        let page = service.ok("ListKeyRotations", json!({ "KeyId": KEY, "Limit": 2 }));
        assert_eq!(page["Truncated"], true);
        let item = &page["Rotations"][0];
        assert_eq!((&item["KeyId"], &item["RotationType"]), (&json!(arn), &json!("ON_DEMAND")));
        let rest = service.ok("ListKeyRotations", json!({ "KeyId": KEY, "Marker": page["NextMarker"] }));
        assert_eq!(rest["Rotations"].as_array().expect("rotations").len(), 1);

        service.ok("DisableKey", key.clone());
        let disabled = format!("{arn} is disabled.");
        service.refused("DisabledException", &disabled, "RotateKeyOnDemand", key.clone());
        service.refused("DisabledException", &disabled, "EnableKeyRotation", key.clone());
    });
}

/// A rotation that was due is not one on demand; and what was set natively outlives the dialect's own settings.
#[test]
fn rotations_by_themselves() {
    Service::both(|service| {
        service.kms.set_rotation(KEY, 2).expect("rotation after two uses");
        service.ok("EnableKeyRotation", json!({ "KeyId": KEY }));
        (0..3).for_each(|_| drop(service.data_key()));
        service.ok("RotateKeyOnDemand", json!({ "KeyId": KEY }));
        let kinds = |more: Value| -> Vec<Value> {
            let mut arguments = json!({ "KeyId": KEY });
            arguments
                .as_object_mut()
                .expect("an object")
                .extend(more.as_object().expect("an object").clone());
            let listed = service.ok("ListKeyRotations", arguments);
            let items = listed["Rotations"].as_array().expect("rotations");
            items.iter().map(|item| item["RotationType"].clone()).collect()
        };
        assert_eq!(kinds(json!({})), ["AUTOMATIC", "ON_DEMAND"]);
        assert_eq!(kinds(json!({ "IncludeKeyMaterial": "ROTATIONS_ONLY" })), ["AUTOMATIC", "ON_DEMAND"]);
        let all = kinds(json!({ "IncludeKeyMaterial": "ALL_KEY_MATERIAL" }));
        assert_eq!(all, [Value::Null, json!("AUTOMATIC"), json!("ON_DEMAND")]);
        service.ok("DisableKeyRotation", json!({ "KeyId": KEY }));
        (0..4).for_each(|_| drop(service.data_key()));
        assert_eq!(kinds(json!({})).len(), 2, "a key that rotates no more by itself");
    });
}

#[test]
fn pages_of_keys() {
    Service::both(|service| {
        let mut ids: Vec<String> = vec![KEY.into()];
        for n in 0..30 {
            let id = format!("key-{n:02}-{}", "x".repeat(50));
            service.kms.create_key(&id).expect("a key");
            ids.push(id);
        }
        let mut found = Vec::new();
        let mut marker = Value::Null;
        loop {
            let page = service.ok("ListKeys", json!({ "Limit": 7, "Marker": marker }));
            let keys = page["Keys"].as_array().expect("keys");
            assert!(keys.len() <= 7);
            for key in keys {
                let id = key["KeyId"].as_str().expect("an id").to_string();
                assert_eq!(key["KeyArn"], service.key_arn(&id));
                found.push(id);
            }
            marker = page["NextMarker"].clone();
            assert_eq!(page["Truncated"], json!(!marker.is_null()));
            if marker.is_null() {
                break;
            }
        }
        found.sort();
        ids.sort();
        assert_eq!(found, ids);
        assert_eq!(service.error("ListKeys", json!({ "Marker": "no marker" })).0, "InvalidMarkerException");
        for limit in [0, 1001] {
            assert_eq!(service.error("ListKeys", json!({ "Limit": limit })).0, "ValidationException");
        }
        assert_eq!(service.error("ListAliases", json!({ "Limit": 101 })).0, "ValidationException");
        assert_eq!(
            service.error("ListResourceTags", json!({ "KeyId": KEY, "Limit": 51 })).0,
            "ValidationException"
        );
    });
}

/// A page of the most items is cut to what fits, and none is lost.
#[test]
fn long_pages_are_cut() {
    let service = Service::new(KMS_DIALECT_AWS);
    for n in 0..900 {
        service.kms.create_key(&format!("{n:03}{}", "y".repeat(61))).expect("a key");
    }
    let page = service.call("ListKeys", json!({ "Limit": 1000 }));
    assert!(page.body.len() <= KMS_EXCHANGE_MIN_CAPACITY, "{}", page.body.len());
    let first = page.json();
    let cut = first["Keys"].as_array().expect("keys").len();
    assert!(cut > 400 && first["Truncated"] == true, "{cut}");
    let rest = service.ok("ListKeys", json!({ "Limit": 1000, "Marker": first["NextMarker"] }));
    assert_eq!(cut + rest["Keys"].as_array().expect("keys").len(), 901);
}
