//! AWS KMS and QKMS: key policies, grants and principals through the dialects.

#[path = "support/aws.rs"]
mod aws;
#[path = "support/exchange.rs"]
mod exchange;
#[path = "support/handle.rs"]
mod handle;
#[path = "support/keys.rs"]
mod keys;

use aws::{ACCOUNT, KEY, Service, now, unbase64};
use kms::capi::constants::KMS_ACCESS_DENIED;
use serde_json::{Value, json};

const ALICE: &str = "arn:aws:iam::111122223333:user/alice";
const BOB: &str = "arn:aws:iam::111122223333:user/bob";

fn policy(statements: Value) -> String {
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

/// What the root may, and what ALICE may.
fn alice_may(actions: Value) -> String {
    let root = format!("arn:aws:iam::{ACCOUNT}:root");
    policy(json!([
        { "Effect": "Allow", "Principal": { "AWS": root }, "Action": "kms:*", "Resource": "*" },
        { "Effect": "Allow", "Principal": { "AWS": ALICE }, "Action": actions, "Resource": "*" },
    ]))
}

fn generate() -> Value {
    json!({ "KeyId": KEY, "NumberOfBytes": 32 })
}

fn denied(service: &Service, principal: &str, operation: &str, arguments: Value) {
    let answer = service.call(operation, arguments);
    assert_eq!(answer.status, KMS_ACCESS_DENIED, "{operation}: {}", answer.message);
    let expected = format!(
        "User: {principal} is not authorized to perform: kms:{operation} on resource: {}",
        service.key_arn(KEY)
    );
    assert_eq!(
        answer.json(),
        json!({ "__type": "AccessDeniedException", "message": expected }),
        "{operation}"
    );
}

#[test]
fn policies() {
    Service::both(|service| {
        let alice = service.as_principal(ALICE);
        denied(&alice, ALICE, "GenerateDataKey", generate());
        let text = alice_may(json!(["kms:GenerateDataKey"]));
        service.ok("PutKeyPolicy", json!({ "KeyId": KEY, "PolicyName": "default", "Policy": text }));
        let blob = alice.ok("GenerateDataKey", generate())["CiphertextBlob"].clone();
        denied(&alice, ALICE, "Decrypt", json!({ "CiphertextBlob": blob }));
        denied(&alice, ALICE, "DisableKey", json!({ "KeyId": KEY }));
        // Who may generate but not describe gets no more to know by a bad combination.
        let error = alice.error("GenerateDataKey", json!({ "KeyId": KEY }));
        assert_eq!(error.1, "Please specify either number of bytes or key spec.");
        denied(
            &service.as_principal(BOB),
            BOB,
            "GenerateDataKey",
            json!({ "KeyId": KEY, "KeySpec": "AES_128" }),
        );
        assert_eq!(
            service.as_principal(BOB).error("GenerateDataKey", json!({ "KeyId": KEY })).0,
            "AccessDeniedException"
        );

        let got = service.ok("GetKeyPolicy", json!({ "KeyId": KEY }));
        assert_eq!(got, json!({ "Policy": text, "PolicyName": "default" }));
        let names = service.ok("ListKeyPolicies", json!({ "KeyId": KEY }));
        assert_eq!(names, json!({ "PolicyNames": ["default"], "Truncated": false }));
        let other = json!({ "KeyId": KEY, "PolicyName": "other" });
        service.refused("NotFoundException", "No such policy exists", "GetKeyPolicy", other);
        assert_eq!(
            service.error("ListKeyPolicies", json!({ "KeyId": KEY, "Marker": "x" })).0,
            "InvalidMarkerException"
        );

        let malformed =
            |policy: &str| service.error("PutKeyPolicy", json!({ "KeyId": KEY, "Policy": policy })).0;
        for text in ["{}", "no JSON", &policy(json!([{ "Effect": "Perhaps" }])), &" ".repeat(32_769)] {
            assert_eq!(malformed(text), "MalformedPolicyDocumentException", "{text}");
        }
        assert_eq!(malformed(""), "ValidationException");
        assert_eq!(malformed(&" ".repeat(131_073)), "ValidationException");
        let nobody = policy(json!([
            { "Effect": "Allow", "Principal": { "AWS": ALICE }, "Action": "kms:Decrypt", "Resource": "*" }
        ]));
        service.refused(
            "MalformedPolicyDocumentException",
            "The new key policy will not allow you to update the key policy in the future.",
            "PutKeyPolicy",
            json!({ "KeyId": KEY, "Policy": nobody }),
        );
        let bypass = json!({ "KeyId": KEY, "Policy": nobody, "BypassPolicyLockoutSafetyCheck": true });
        service.ok("PutKeyPolicy", bypass);
        denied(service, &format!("arn:aws:iam::{ACCOUNT}:root"), "GetKeyPolicy", json!({ "KeyId": KEY }));

        let made = service.ok("CreateKey", json!({ "Policy": text }));
        let arguments = json!({ "KeyId": made["KeyMetadata"]["KeyId"], "NumberOfBytes": 1 });
        alice.ok("GenerateDataKey", arguments);
        assert_eq!(
            service.error("CreateKey", json!({ "Policy": "{}" })).0,
            "MalformedPolicyDocumentException"
        );
        assert_eq!(alice.error("CreateKey", json!({})).0, "AccessDeniedException");
        assert_eq!(alice.error("ListKeys", json!({})).0, "AccessDeniedException");
    });
}

#[test]
fn grants() {
    Service::both(|service| {
        let (alice, bob) = (service.as_principal(ALICE), service.as_principal(BOB));
        let before = now();
        let asked = json!({ "KeyId": KEY, "GranteePrincipal": ALICE, "RetiringPrincipal": BOB, "Name": "a/name",
            "Operations": ["GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "Decrypt"],
            "Constraints": { "EncryptionContextSubset": { "tenant": "7" } } });
        let made = service.ok("CreateGrant", asked.clone());
        let grant_id = made["GrantId"].as_str().expect("an id");
        assert_eq!(grant_id.len(), 64);
        // A named grant that is there already is given again.
        assert_eq!(service.ok("CreateGrant", asked)["GrantId"], grant_id);

        let context = json!({ "tenant": "7", "more": "x" });
        let arguments = json!({ "KeyId": KEY, "NumberOfBytes": 32, "EncryptionContext": context });
        let key = alice.ok("GenerateDataKey", arguments.clone());
        let mut with_token = arguments;
        with_token["GrantTokens"] = json!([made["GrantToken"]]);
        alice.ok("GenerateDataKeyWithoutPlaintext", with_token);
        let blob = &key["CiphertextBlob"];
        let opened = alice.ok("Decrypt", json!({ "CiphertextBlob": blob, "EncryptionContext": context }));
        assert_eq!(unbase64(&opened["Plaintext"]), unbase64(&key["Plaintext"]));
        denied(&alice, ALICE, "GenerateDataKey", generate());
        denied(&bob, BOB, "GenerateDataKey", generate());

        let listed = service.ok("ListGrants", json!({ "KeyId": KEY, "GranteePrincipal": ALICE }));
        let created = listed["Grants"][0]["CreationDate"].as_i64().expect("a number");
        assert!((before..=now()).contains(&created));
        let expected = json!({ "KeyId": service.key_arn(KEY), "GrantId": grant_id, "Name": "a/name",
            "CreationDate": created, "GranteePrincipal": ALICE, "RetiringPrincipal": BOB,
            "IssuingAccount": format!("arn:aws:iam::{ACCOUNT}:root"), "Operations": ["Decrypt", "GenerateDataKey"],
            "Constraints": { "EncryptionContextSubset": { "tenant": "7" } } });
        assert_eq!(listed, json!({ "Grants": [expected], "Truncated": false }));
        let none = service.ok("ListGrants", json!({ "KeyId": KEY, "GranteePrincipal": BOB }));
        assert_eq!(none["Grants"], json!([]));
        assert_eq!(bob.ok("ListRetirableGrants", json!({ "RetiringPrincipal": BOB })), listed);
        assert_eq!(
            alice.error("ListRetirableGrants", json!({ "RetiringPrincipal": BOB })).0,
            "AccessDeniedException"
        );

        let retire = json!({ "KeyId": KEY, "GrantId": grant_id });
        denied(&alice, ALICE, "RetireGrant", retire.clone());
        let dry = json!({ "KeyId": KEY, "GrantId": grant_id, "DryRun": true });
        assert_eq!(bob.error("RetireGrant", dry.clone()).0, "DryRunOperationException");
        assert_eq!(service.error("RevokeGrant", dry).0, "DryRunOperationException");
        bob.ok("RetireGrant", json!({ "GrantToken": made["GrantToken"] }));
        assert_eq!(service.ok("ListGrants", json!({ "KeyId": KEY }))["Grants"], json!([]));
        let gone = format!("Grant ID {grant_id} not found");
        service.refused("NotFoundException", &gone, "RevokeGrant", retire);
    });
}

#[test]
fn what_a_grant_cannot_be() {
    Service::both(|service| {
        let ask = |change: &dyn Fn(&mut Value)| {
            let mut asked = json!({ "KeyId": KEY, "GranteePrincipal": ALICE, "Operations": ["Decrypt"] });
            change(&mut asked);
            service.call("CreateGrant", asked).json()["__type"].as_str().map(String::from)
        };
        let invalid = Some("ValidationException".to_string());
        let changes: [&dyn Fn(&mut Value); 9] = [
            &|asked| asked["Operations"] = json!([]),
            &|asked| asked["Operations"] = json!(["Sign"]),
            &|asked| asked["Operations"] = json!(["Fly"]),
            &|asked| asked["Operations"] = Value::Null,
            &|asked| asked["GranteePrincipal"] = Value::Null,
            &|asked| asked["GranteePrincipal"] = json!("p".repeat(257)),
            &|asked| asked["Name"] = json!("n".repeat(257)),
            &|asked| asked["Name"] = json!("not a name"),
            &|asked| {
                let pairs = json!({ "a": "b" });
                asked["Constraints"] =
                    json!({ "EncryptionContextSubset": pairs, "EncryptionContextEquals": pairs });
            },
        ];
        for (index, change) in changes.into_iter().enumerate() {
            assert_eq!(ask(change), invalid, "change {index}");
        }
        let dry =
            json!({ "KeyId": KEY, "GranteePrincipal": ALICE, "Operations": ["Decrypt"], "DryRun": true });
        assert_eq!(service.error("CreateGrant", dry).0, "DryRunOperationException");
        assert_eq!(ask(&|asked| asked["Constraints"] = json!([])), Some("SerializationException".into()));
        assert_eq!(ask(&|asked| asked["Name"] = json!("n".repeat(256))), None);
        service.ok("DisableKey", json!({ "KeyId": KEY }));
        assert_eq!(ask(&|_| {}), Some("DisabledException".into()));

        assert_eq!(service.error("RetireGrant", json!({})).0, "ValidationException");
        assert_eq!(service.error("RetireGrant", json!({ "KeyId": KEY })).0, "ValidationException");
        assert_eq!(
            service.error("RetireGrant", json!({ "GrantToken": "no-token" })).0,
            "InvalidGrantTokenException"
        );
        assert_eq!(
            service.error("RevokeGrant", json!({ "KeyId": KEY, "GrantId": "x" })).0,
            "InvalidGrantIdException"
        );
        assert_eq!(
            service.error("ListGrants", json!({ "KeyId": KEY, "Limit": 101 })).0,
            "ValidationException"
        );
    });
}

/// More grants than fit on a page, none of which is lost.
#[test]
fn pages_of_grants() {
    Service::both(|service| {
        let mut made: Vec<String> = (0..7)
            .map(|index| {
                let asked = json!({ "KeyId": KEY, "GranteePrincipal": ALICE, "Operations": ["Decrypt"],
                    "Constraints": { "EncryptionContextEquals": { "long": "x".repeat(30_000), "n": index.to_string() } } });
                service.ok("CreateGrant", asked)["GrantId"].as_str().expect("an id").to_string()
            })
            .collect();
        let (mut found, mut marker) = (Vec::new(), Value::Null);
        loop {
            let page = service.ok("ListGrants", json!({ "KeyId": KEY, "Limit": 100, "Marker": marker }));
            let grants = page["Grants"].as_array().expect("grants");
            assert!((1..=4).contains(&grants.len()), "{}", grants.len());
            found.extend(grants.iter().map(|grant| grant["GrantId"].as_str().expect("an id").to_string()));
            marker = page["NextMarker"].clone();
            if marker.is_null() {
                break;
            }
        }
        made.sort();
        found.sort();
        assert_eq!(found, made);
    });
}
