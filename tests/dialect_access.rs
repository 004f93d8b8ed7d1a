//! A principal that no policy and no grant allows, through every dialect but AWS's and QKMS's, which have a test of their
//! own: each operation is refused as the vendor says it, and allowed as soon as a policy or a grant says so.

#[path = "support/protobuf.rs"]
mod protobuf;
#[path = "support/vendors.rs"]
mod vendors;

use form_urlencoded::byte_serialize;
use kms::crypto::aad::Aad;
use kms::dialect::{Dialect, Response};
use kms::engine::{CreateGrantRequest, GrantTokens, PolicyRequest};
use kms::error::Status;
use protobuf::{Field, bytes_of, fields, message, text_of};
use serde_json::json;
use vendors::{ACCOUNT, Service, base64, json, names};

const KEY: &str = "orders";
const ALICE: &str = "arn:aws:iam::000000000000:user/alice";
const DIALECTS: [Dialect; 6] = [
    Dialect::YandexGrpc,
    Dialect::YandexRest,
    Dialect::AlibabaDkms,
    Dialect::Tencent,
    Dialect::AlibabaRpc,
    Dialect::TencentV3,
];

/// What there is to ask for, in each dialect's own words where it has them.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Operation {
    GenerateDataKey,
    Encrypt,
    Decrypt,
    ReEncrypt,
    GenerateRandom,
}

use Operation::{Decrypt, Encrypt, GenerateDataKey, GenerateRandom, ReEncrypt};

fn of(dialect: Dialect) -> &'static [Operation] {
    match dialect {
        Dialect::AlibabaDkms => &[GenerateDataKey, Encrypt, Decrypt, GenerateRandom],
        Dialect::Tencent => &[GenerateDataKey, Encrypt, Decrypt],
        Dialect::TencentV3 => &[GenerateDataKey, Encrypt, Decrypt, ReEncrypt, GenerateRandom],
        _ => &[GenerateDataKey, Encrypt, Decrypt, ReEncrypt],
    }
}

fn form(pairs: &[(&str, &str)]) -> String {
    let encode = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    pairs.join("&")
}

/// `blob` is of KEY and bound to nothing; what is encrypted anew, goes to KEY.
fn ask(service: &Service, operation: Operation, blob: &[u8]) -> Response {
    let name = format!("{operation:?}");
    let text = base64(blob);
    match service.dialect {
        Dialect::YandexGrpc => {
            let body: Vec<(u32, Field)> = match operation {
                Encrypt => vec![(1, KEY.into()), (4, "secret".into())],
                Decrypt => vec![(1, KEY.into()), (3, blob.into())],
                ReEncrypt => vec![(1, KEY.into()), (4, KEY.into()), (6, blob.into())],
                _ => vec![(1, KEY.into())],
            };
            let target = format!("/yandex.cloud.kms.v1.SymmetricCryptoService/{name}");
            service.send("POST", &target, "", &message(&body))
        }
        Dialect::YandexRest => {
            let body = match operation {
                Encrypt => json!({ "plaintext": "QUJD" }),
                Decrypt => json!({ "ciphertext": text }),
                ReEncrypt => json!({ "ciphertext": text, "sourceKeyId": KEY }),
                _ => json!({}),
            };
            let target = format!("/kms/v1/keys/{KEY}:{}{}", name[..1].to_lowercase(), &name[1..]);
            service.send("POST", &target, "", body.to_string().as_bytes())
        }
        Dialect::AlibabaDkms => {
            let (name, body): (&str, Vec<(u32, Field)>) = match operation {
                Encrypt => ("AdvanceEncrypt", vec![(1, KEY.into()), (2, "secret".into())]),
                Decrypt => ("AdvanceDecrypt", vec![(1, blob.into())]),
                GenerateRandom => ("GenerateRandom", vec![(1, 8.into())]),
                _ => ("GenerateDataKey", vec![(1, KEY.into())]),
            };
            let headers = format!("x-kms-apiname: {name}\r\nx-kms-apiversion: dkms-gcs-0.2\r\n");
            service.send("POST", "/", &headers, &message(&body))
        }
        Dialect::Tencent => {
            let parameters = match operation {
                Encrypt => form(&[("keyId", KEY), ("plaintext", "QUJD")]),
                Decrypt => form(&[("ciphertextBlob", &text)]),
                _ => form(&[("keyId", KEY)]),
            };
            service.send("GET", &format!("/v2/index.php?Action={name}&{parameters}"), "", b"")
        }
        Dialect::AlibabaRpc => alibaba_rpc(service, operation, &text, ""),
        _ => {
            let body = match operation {
                Encrypt => json!({ "KeyId": KEY, "Plaintext": "QUJD" }),
                Decrypt => json!({ "CiphertextBlob": text }),
                ReEncrypt => json!({ "CiphertextBlob": text, "DestinationKeyId": KEY }),
                GenerateRandom => json!({ "NumberOfBytes": 8 }),
                GenerateDataKey => json!({ "KeyId": KEY, "KeySpec": "AES_256" }),
            };
            let headers = format!("x-tc-action: {name}\r\ncontent-type: application/json\r\n");
            service.send("POST", "/", &headers, body.to_string().as_bytes())
        }
    }
}

fn alibaba_rpc(service: &Service, operation: Operation, blob: &str, more: &str) -> Response {
    let parameters = match operation {
        Encrypt => form(&[("KeyId", KEY), ("Plaintext", "QUJD")]),
        Decrypt => form(&[("CiphertextBlob", blob)]),
        ReEncrypt => form(&[("CiphertextBlob", blob), ("DestinationKeyId", KEY)]),
        _ => form(&[("KeyId", KEY)]),
    };
    let headers = format!("x-acs-action: {operation:?}\r\n");
    service.send("POST", &format!("/?{parameters}{more}"), &headers, b"")
}

/// The vendor's own words, which are the same for whoever, whatever and wherever.
fn assert_denied(service: &Service, operation: Operation, response: &Response) {
    let which = format!("{:?} {operation:?}: {}", service.dialect, response.message);
    assert_eq!(response.status, Status::AccessDenied, "{which}");
    let id = &response.request_id;
    let body = response.body.as_slice();
    match service.dialect {
        Dialect::YandexGrpc => {
            assert_eq!(
                (response.grpc_status, response.message.as_str()),
                (7, "Permission denied"),
                "{which}"
            );
            let status = fields(body);
            assert_eq!(status[&1], Field::Int(7));
            assert_eq!(text_of(&status, 2), "Permission denied");
            let detail = fields(bytes_of(&status, 3));
            assert_eq!(text_of(&fields(bytes_of(&detail, 2)), 1), id);
        }
        Dialect::YandexRest => {
            assert_eq!(response.http_status, 403, "{which}");
            let info = json!({ "@type": "type.googleapis.com/google.rpc.RequestInfo", "requestId": id });
            let expected = json!({ "code": 7, "message": "Permission denied", "details": [info] });
            assert_eq!(json(response), expected);
        }
        Dialect::AlibabaDkms => {
            assert_eq!(response.http_status, 403, "{which}");
            let error = fields(body);
            assert_eq!((&error[&1], text_of(&error, 2)), (&Field::Int(403), "Forbidden.NoPermission"));
            assert_eq!(text_of(&error, 3), "This operation is forbidden by permission system.");
            assert_eq!(text_of(&error, 4), id);
        }
        Dialect::AlibabaRpc => {
            assert_eq!(response.http_status, 403, "{which}");
            let body = json(response);
            assert_eq!(names(&body), ["Code", "HostId", "Message", "Recommend", "RequestId"]);
            assert_eq!(body["Code"], "Forbidden.NoPermission");
            assert_eq!(body["Message"], "This operation is forbidden by permission system.");
        }
        Dialect::Tencent => {
            let expected = json!({ "code": 4300, "message": "(4300) access is denied", "requestId": id });
            assert_eq!(json(response), expected, "{which}");
        }
        _ => {
            let error =
                json!({ "Code": "UnauthorizedOperation", "Message": "The operation is not authorized." });
            assert_eq!(json(response), json!({ "Response": { "Error": error, "RequestId": id } }), "{which}");
        }
    }
    let told = String::from_utf8_lossy(body).into_owned();
    assert!(!told.contains("alice") && !told.contains("kms:"), "{which}: {told}");
}

/// The root's handle and Alice's, with a ciphertext of KEY.
fn services(dialect: Dialect) -> (Service, Service, Vec<u8>) {
    let root = Service::with_key(dialect, KEY);
    let alice = Service { kms: root.kms.as_principal(ALICE, 0).expect("a principal"), dialect };
    let (blob, _) = root.native_data_key(KEY, Aad::None);
    (root, alice, blob)
}

fn allow(root: &Service, actions: &[&str]) {
    let policy = json!({ "Version": "2012-10-17", "Statement": [
        { "Effect": "Allow", "Principal": { "AWS": format!("arn:aws:iam::{ACCOUNT}:root") }, "Action": "kms:*", "Resource": "*" },
        { "Effect": "Allow", "Principal": { "AWS": ALICE }, "Action": actions, "Resource": "*" },
    ] });
    let policy = policy.to_string();
    let request = PolicyRequest { key_id: KEY, policy: &policy, grant_tokens: GrantTokens::new(), flags: 0 };
    root.kms.put_key_policy(&request).expect("a policy");
}

#[test]
fn whom_nothing_allows_is_refused_in_the_vendor_s_words() {
    for dialect in DIALECTS {
        let (root, alice, blob) = services(dialect);
        for operation in of(dialect) {
            assert_eq!(ask(&root, *operation, &blob).status, Status::Ok, "{dialect:?} {operation:?}");
            assert_denied(&alice, *operation, &ask(&alice, *operation, &blob));
        }
        // The key's state is nothing that one who is refused gets to know.
        root.disable(KEY);
        for operation in of(dialect) {
            assert_denied(&alice, *operation, &ask(&alice, *operation, &blob));
        }
    }
}

#[test]
fn a_policy_allows_what_it_names() {
    for dialect in DIALECTS {
        let (root, alice, blob) = services(dialect);
        for (operation, action) in
            [(GenerateDataKey, "kms:GenerateDataKey"), (Encrypt, "kms:Encrypt"), (Decrypt, "kms:Decrypt")]
        {
            allow(&root, &[action]);
            for other in of(dialect).iter().filter(|other| **other != operation) {
                assert_denied(&alice, *other, &ask(&alice, *other, &blob));
            }
            let response = ask(&alice, operation, &blob);
            assert_eq!(response.status, Status::Ok, "{dialect:?} {operation:?}: {}", response.message);
        }
        if of(dialect).contains(&ReEncrypt) {
            for half in ["kms:ReEncryptFrom", "kms:ReEncryptTo"] {
                allow(&root, &[half]);
                assert_denied(&alice, ReEncrypt, &ask(&alice, ReEncrypt, &blob));
            }
            allow(&root, &["kms:ReEncryptFrom", "kms:ReEncryptTo"]);
            assert_eq!(ask(&alice, ReEncrypt, &blob).status, Status::Ok, "{dialect:?}");
        }
    }
}

/// The dialects have no grant tokens; a grant works for its grantee without.
#[test]
fn a_grant_allows_until_it_is_revoked() {
    for dialect in DIALECTS {
        let (root, alice, blob) = services(dialect);
        let created = root
            .kms
            .create_grant(&CreateGrantRequest {
                key_id: KEY,
                grantee: ALICE,
                retiring: None,
                operations: kms::capi::constants::KMS_GRANT_DECRYPT,
                constraint: 0,
                context: Aad::None,
                name: None,
                grant_tokens: GrantTokens::new(),
                flags: 0,
            })
            .expect("a grant");
        let response = ask(&alice, Decrypt, &blob);
        assert_eq!(response.status, Status::Ok, "{dialect:?}: {}", response.message);
        assert_denied(&alice, Encrypt, &ask(&alice, Encrypt, &blob));
        root.kms.revoke_grant(KEY, &created.info.grant.grant_id, 0).expect("a grant to revoke");
        assert_denied(&alice, Decrypt, &ask(&alice, Decrypt, &blob));
    }
}

#[test]
fn a_dry_run_says_so_too() {
    let (root, alice, blob) = services(Dialect::AlibabaRpc);
    let text = base64(&blob);
    for operation in of(Dialect::AlibabaRpc) {
        let response = alibaba_rpc(&alice, *operation, &text, "&DryRun=true");
        assert_eq!((response.http_status, response.status), (403, Status::AccessDenied), "{operation:?}");
        assert_eq!(json(&response)["Code"], "AccessDeniedError", "{operation:?}");
        let response = alibaba_rpc(&root, *operation, &text, "&DryRun=true");
        assert_eq!(json(&response)["Code"], "DryRunOperationError", "{operation:?}");
    }
}

#[test]
fn what_does_not_parse_is_refused_before_access_is_looked_at() {
    let rest = |service: &Service, body: &[u8]| service.send("POST", "/kms/v1/keys/orders:encrypt", "", body);
    let (_, alice, _) = services(Dialect::YandexRest);
    assert_eq!(json(&rest(&alice, b"{"))["code"], 3);
    assert_eq!(json(&rest(&alice, b"{}"))["code"], 3);
    let long = format!("{{\"plaintext\":\"{}\"}}", base64(&vec![1; 32769]));
    assert_eq!(json(&rest(&alice, long.as_bytes()))["code"], 3);
    assert_eq!(json(&rest(&alice, b"{\"plaintext\":\"QQ==\"}"))["code"], 7);
}
