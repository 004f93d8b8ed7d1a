//! The situations that AWS's documentation of key policies, condition keys and grants explains, each with a policy of our
//! own writing: <https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html>, `conditions-kms.html` and
//! `grants.html` there. Whoever comes from there finds that the same is allowed and the same denied.

use kms::engine::{
    AliasRequest, DataKeyRequest, EncryptRequest, GrantReference, GrantTokens, KeyRequest, Kms,
    ScheduleRequest,
};
use kms::error::Status;

use crate::world::*;

const USER: &str = "arn:aws:iam::000000000000:user/KMSUser";
const ROLE: &str = "arn:aws:iam::000000000000:role/ExampleRole";
const ADMIN: &str = "arn:aws:iam::000000000000:role/KMSAdmin";
const FOREIGN: &str = "arn:aws:iam::444455556666:role/Partner";
const KEY: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";

type Pairs = &'static [(&'static str, &'static str)];

/// Something that a principal tries, always as a dry run.
#[derive(Clone, Copy, Debug)]
enum Try {
    Generate(Pairs),
    GenerateSpec(u32),
    /// The key named by this alias.
    GenerateBy(&'static str),
    Encrypt(Pairs),
    Describe,
    Disable,
    Rotate,
    Tag,
    Alias,
    ScheduleDeletion,
    GetPolicy,
    PutPolicy,
    ListGrants,
    /// KMS_GRANT_* bits, KMS_GRANT_CONTEXT_*, its pairs.
    Grant(u32, u32, Pairs),
}
use Try::*;

impl Try {
    fn allowed(self, kms: &Kms) -> bool {
        let described = KeyRequest::of(KEY, DRY_RUN);
        let outcome = match self {
            Generate(pairs) => dry_generate(kms, request(KEY, pairs, &[])),
            GenerateSpec(key_spec) => {
                dry_generate(kms, DataKeyRequest { key_spec, ..request(KEY, &[], &[]) })
            }
            GenerateBy(alias) => dry_generate(kms, request(alias, &[], &[])),
            Encrypt(pairs) => {
                let aad = context(pairs);
                let grant_tokens = GrantTokens::new();
                let request = EncryptRequest {
                    key_id: KEY,
                    version_id: None,
                    plaintext: b"x",
                    aad,
                    grant_tokens,
                    flags: DRY_RUN,
                };
                status(kms.encrypt(&request, &mut Memory([const { Vec::new() }; 2])))
            }
            Describe => status(kms.describe_key(&described)),
            Disable => status(kms.disable_key(&described)),
            Rotate => status(kms.rotate_key(&described)),
            Tag => status(kms.tag_key(KEY, &[("a", "b")], DRY_RUN)),
            Alias => {
                status(kms.create_alias(&AliasRequest { alias: "alias/new", key_id: KEY, flags: DRY_RUN }))
            }
            ScheduleDeletion => status(kms.schedule_key_deletion(&ScheduleRequest {
                key_id: KEY,
                version_id: None,
                grant_tokens: GrantTokens::new(),
                waiting_days: 7,
                flags: DRY_RUN,
            })),
            GetPolicy => status(kms.get_key_policy(&described)),
            PutPolicy => status(put(kms, KEY, &with_root(ANYONE_DESCRIBES), DRY_RUN)),
            ListGrants => status(kms.list_grants(&described, &Default::default(), "", 1)),
            Grant(operations, constraint, pairs) => {
                let mut request = grant(KEY, "worker", operations);
                (request.constraint, request.context, request.flags) = (constraint, context(pairs), DRY_RUN);
                status(kms.create_grant(&request))
            }
        };
        match outcome {
            Status::DryRunOk => true,
            Status::AccessDenied => false,
            other => panic!("{self:?}: {other:?}"),
        }
    }
}

fn dry_generate(kms: &Kms, request: DataKeyRequest<'_>) -> Status {
    let request = DataKeyRequest { flags: DRY_RUN, ..request };
    status(kms.generate_data_key(&request, &mut Memory([const { Vec::new() }; 3])))
}

const ANYONE_DESCRIBES: &str =
    r#"{"Effect":"Allow","Principal":"*","Action":"kms:DescribeKey","Resource":"*"}"#;

/// A key with a policy that lets the root do everything and has these statements beside, and what becomes of it.
#[track_caller]
fn explain(statements: &str, cases: &[(&str, &[Try], &[Try])]) {
    let world = World::new();
    world.key(KEY);
    for alias in ["alias/ProjectAlpha-test", "alias/Other"] {
        world.kms.create_alias(&AliasRequest { alias, key_id: KEY, flags: 0 }).expect("an alias");
    }
    world.put(KEY, &with_root(statements));
    for (principal, allowed, denied) in cases {
        let handle = world.as_principal(principal);
        for (tries, expected) in [(allowed, true), (denied, false)] {
            for each in tries.iter() {
                assert_eq!(each.allowed(&handle), expected, "{principal}: {each:?}");
            }
        }
    }
}

/// key-policy-default.html: the account, key administrators, key users.
#[test]
fn the_default_policy_of_the_console() {
    let world = World::new();
    world.key(KEY);
    assert!(Disable.allowed(&world.kms));
    assert!(!Generate(&[]).allowed(&world.as_principal(USER)), "the default policy names the account only");
    let statements = format!(
        r#"{{"Sid":"Allow access for Key Administrators","Effect":"Allow","Principal":{{"AWS":["{ADMIN}"]}},
            "Action":["kms:Create*","kms:Describe*","kms:Enable*","kms:List*","kms:Put*","kms:Update*","kms:Revoke*",
                "kms:Disable*","kms:Get*","kms:Delete*","kms:TagResource","kms:UntagResource","kms:ScheduleKeyDeletion",
                "kms:CancelKeyDeletion","kms:RotateKeyOnDemand"],"Resource":"*"}},
           {{"Sid":"Allow use of the key","Effect":"Allow","Principal":{{"AWS":["{USER}","{FOREIGN}"]}},
            "Action":["kms:Encrypt","kms:Decrypt","kms:ReEncrypt*","kms:GenerateDataKey*","kms:DescribeKey"],"Resource":"*"}}"#
    );
    let administration: &[Try] =
        &[Describe, Disable, Rotate, Tag, Alias, ScheduleDeletion, GetPolicy, PutPolicy, ListGrants];
    let usage: &[Try] = &[Generate(&[]), Encrypt(&[("a", "b")])];
    explain(
        &statements,
        &[
            (ADMIN, administration, usage),
            (USER, usage, &administration[1..]),
            (FOREIGN, usage, &administration[1..]),
            (ROLE, &[], usage),
            (ROOT, &[Disable, Generate(&[])], &[]),
        ],
    );
}

/// conditions-kms.html, kms:EncryptionContext:context-key: one pair, two pairs, a pattern, regardless of case.
#[test]
fn a_pair_of_the_encryption_context() {
    let with = |condition: &str| {
        format!(
            r#"{{"Effect":"Allow","Principal":{{"AWS":"{ROLE}"}},"Action":["kms:GenerateDataKey","kms:Encrypt"],
                "Resource":"*","Condition":{condition}}}"#
        )
    };
    const APP: Pairs = &[("AppName", "ExampleApp")];
    const LOWER: Pairs = &[("AppName", "exampleapp")];
    const BOTH: Pairs = &[("AppName", "ExampleApp"), ("FilePath", "/var/opt/secrets/")];
    const OTHER: Pairs = &[("AppName", "Other"), ("FilePath", "/var/opt/secrets/")];
    explain(
        &with(r#"{"StringEquals":{"kms:EncryptionContext:AppName":"ExampleApp"}}"#),
        &[
            (
                ROLE,
                &[Generate(APP), Encrypt(APP), Generate(BOTH)],
                &[Generate(&[]), Encrypt(OTHER), Generate(LOWER), Describe],
            ),
            (USER, &[], &[Generate(APP)]),
        ],
    );
    explain(
        &with(
            r#"{"StringEquals":{"kms:EncryptionContext:AppName":"ExampleApp",
                "kms:EncryptionContext:FilePath":"/var/opt/secrets/"}}"#,
        ),
        &[(ROLE, &[Generate(BOTH)], &[Generate(APP), Generate(OTHER), Generate(&[])])],
    );
    explain(
        &with(r#"{"StringEqualsIgnoreCase":{"kms:EncryptionContext:Appname":"EXAMPLEAPP"}}"#),
        &[(ROLE, &[Generate(APP), Generate(LOWER)], &[Generate(OTHER), Generate(&[])])],
    );
    explain(
        &with(r#"{"StringLike":{"kms:EncryptionContext:FilePath":"/var/opt/*"}}"#),
        &[(ROLE, &[Generate(BOTH), Generate(OTHER)], &[Generate(APP)])],
    );
    explain(
        &with(r#"{"StringEquals":{"kms:EncryptionContext:AppName":["First","ExampleApp"]}}"#),
        &[(ROLE, &[Generate(APP)], &[Generate(OTHER)])],
    );
}

/// conditions-kms.html, kms:EncryptionContextKeys: any of them, only these, none missing.
#[test]
fn the_keys_of_the_encryption_context() {
    let with = |effect: &str, condition: &str| {
        format!(
            r#"{{"Effect":"{effect}","Principal":{{"AWS":"{ROLE}"}},"Action":"kms:GenerateDataKey*","Resource":"*",
                "Condition":{condition}}}"#
        )
    };
    const APP: Pairs = &[("AppName", "x")];
    const BOTH: Pairs = &[("AppName", "x"), ("Department", "y")];
    const MORE: Pairs = &[("AppName", "x"), ("Department", "y"), ("Other", "z")];
    let any = r#"{"ForAnyValue:StringEquals":{"kms:EncryptionContextKeys":"AppName"}}"#;
    explain(
        &with("Allow", any),
        &[(ROLE, &[Generate(APP), Generate(MORE)], &[Generate(&[]), Generate(&[("appname", "x")])])],
    );
    let only = r#"{"ForAllValues:StringEquals":{"kms:EncryptionContextKeys":["AppName","Department"]}}"#;
    // AWS: a request without a context passes ForAllValues; Null is there for that.
    explain(
        &with("Allow", only),
        &[(ROLE, &[Generate(APP), Generate(BOTH), Generate(&[])], &[Generate(MORE)])],
    );
    let only_and_some = r#"{"ForAllValues:StringEquals":{"kms:EncryptionContextKeys":["AppName","Department"]},
        "Null":{"kms:EncryptionContextKeys":"false"}}"#;
    explain(
        &with("Allow", only_and_some),
        &[(ROLE, &[Generate(APP), Generate(BOTH)], &[Generate(MORE), Generate(&[])])],
    );
    let none = r#"{"Null":{"kms:EncryptionContextKeys":true}}"#;
    explain(
        &format!(
            r#"{{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}},{}"#,
            with("Deny", none)
        ),
        &[(ROLE, &[Generate(APP), Describe], &[Generate(&[])]), (USER, &[Generate(&[])], &[])],
    );
}

/// conditions-kms.html, kms:GrantOperations, and the context conditions for CreateGrant, which are about the grant's
/// constraint.
#[test]
fn what_grants_may_be_created() {
    const APP: Pairs = &[("AppName", "ExampleApp")];
    let operations = format!(
        r#"{{"Effect":"Allow","Principal":{{"AWS":"{ROLE}"}},"Action":"kms:*","Resource":"*"}},
           {{"Effect":"Deny","Principal":{{"AWS":"{ROLE}"}},"Action":"kms:CreateGrant","Resource":"*",
            "Condition":{{"ForAnyValue:StringNotEquals":{{"kms:GrantOperations":["Encrypt","Decrypt","GenerateDataKey"]}}}}}}"#
    );
    explain(
        &operations,
        &[(
            ROLE,
            &[Grant(DECRYPT, 0, &[]), Grant(DECRYPT | GENERATE, 0, &[])],
            &[Grant(CREATE_GRANT, 0, &[]), Grant(DECRYPT | RETIRE_GRANT, 0, &[])],
        )],
    );
    let only = format!(
        r#"{{"Effect":"Allow","Principal":{{"AWS":"{ROLE}"}},"Action":["kms:Decrypt","kms:GenerateDataKey"],"Resource":"*"}},
           {{"Effect":"Allow","Principal":{{"AWS":"{ROLE}"}},"Action":"kms:CreateGrant","Resource":"*",
            "Condition":{{"ForAllValues:StringEquals":{{"kms:GrantOperations":["Decrypt"]}}}}}}"#
    );
    explain(
        &only,
        &[(ROLE, &[Grant(DECRYPT, 0, &[])], &[Grant(GENERATE, 0, &[]), Grant(DECRYPT | GENERATE, 0, &[])])],
    );
    let constrained = format!(
        r#"{{"Effect":"Allow","Principal":{{"AWS":"{ROLE}"}},"Action":["kms:Decrypt","kms:CreateGrant"],"Resource":"*",
            "Condition":{{"StringEquals":{{"kms:EncryptionContext:AppName":"ExampleApp"}}}}}}"#
    );
    explain(
        &constrained,
        &[(
            ROLE,
            &[Grant(DECRYPT, 2, APP), Grant(DECRYPT, 1, APP)],
            &[Grant(DECRYPT, 0, &[]), Grant(DECRYPT, 2, &[("AppName", "Other")])],
        )],
    );
}

/// conditions-kms.html, kms:RequestAlias: the name that the request had, not the aliases of the key.
#[test]
fn the_alias_that_a_request_names() {
    let statement = |effect: &str, operator: &str| {
        format!(
            r#"{{"Effect":"{effect}","Principal":{{"AWS":"{ROLE}"}},"Action":"kms:GenerateDataKey*","Resource":"*",
                "Condition":{{"{operator}":{{"kms:RequestAlias":"alias/ProjectAlpha*"}}}}}}"#
        )
    };
    explain(
        &statement("Allow", "StringLike"),
        &[(ROLE, &[GenerateBy("alias/ProjectAlpha-test")], &[GenerateBy("alias/Other"), Generate(&[])])],
    );
    explain(
        &statement("Allow", "StringLikeIfExists"),
        &[(ROLE, &[GenerateBy("alias/ProjectAlpha-test"), Generate(&[])], &[GenerateBy("alias/Other")])],
    );
    explain(
        &format!(
            r#"{{"Effect":"Allow","Principal":{{"AWS":"{ROLE}"}},"Action":"kms:*","Resource":"*"}},{}"#,
            statement("Deny", "StringLike")
        ),
        &[(ROLE, &[GenerateBy("alias/Other"), Generate(&[])], &[GenerateBy("alias/ProjectAlpha-test")])],
    );
}

/// Global condition keys: a principal by its ARN, a time that has come or has passed; the spec of a data key.
#[test]
fn who_when_and_what() {
    let by_arn = r#"{"Effect":"Allow","Principal":"*","Action":"kms:GenerateDataKey","Resource":"*",
        "Condition":{"StringLike":{"aws:PrincipalArn":"arn:aws:iam::000000000000:role/*"}}}"#;
    explain(
        by_arn,
        &[(ROLE, &[Generate(&[])], &[]), (USER, &[], &[Generate(&[])]), (FOREIGN, &[], &[Generate(&[])])],
    );
    let between = |from: &str, to: &str| {
        format!(
            r#"{{"Effect":"Allow","Principal":{{"AWS":"{ROLE}"}},"Action":"kms:GenerateDataKey","Resource":"*",
                "Condition":{{"DateGreaterThan":{{"aws:CurrentTime":"{from}"}},"DateLessThan":{{"aws:CurrentTime":"{to}"}}}}}}"#
        )
    };
    explain(&between("2020-01-01T00:00:00Z", "2220-01-01T00:00:00Z"), &[(ROLE, &[Generate(&[])], &[])]);
    explain(&between("2010-01-01T00:00:00Z", "2020-01-01T00:00:00Z"), &[(ROLE, &[], &[Generate(&[])])]);
    explain(&between("2200-01-01T00:00:00Z", "2220-01-01T00:00:00Z"), &[(ROLE, &[], &[Generate(&[])])]);
    let spec = format!(
        r#"{{"Effect":"Allow","Principal":{{"AWS":"{ROLE}"}},"Action":"kms:GenerateDataKey","Resource":"*",
            "Condition":{{"StringEquals":{{"kms:DataKeySpec":"AES_256"}}}}}}"#
    );
    let (aes_256, aes_128) =
        (kms::capi::constants::KMS_KEY_SPEC_AES_256, kms::capi::constants::KMS_KEY_SPEC_AES_128);
    explain(&spec, &[(ROLE, &[GenerateSpec(aes_256)], &[GenerateSpec(aes_128)])]);
}

/// An explicit deny wins over every allow, over a grant, and for the root too.
#[test]
fn a_deny_wins() {
    let statements = format!(
        r#"{{"Effect":"Allow","Principal":{{"AWS":"*"}},"Action":"kms:*","Resource":"*"}},
           {{"Effect":"Deny","Principal":{{"AWS":["{USER}","{ROOT}"]}},"Action":"kms:ScheduleKeyDeletion","Resource":"*"}},
           {{"Effect":"Deny","Principal":"*","Action":"kms:Disable*","Resource":"*",
            "Condition":{{"StringNotEquals":{{"aws:PrincipalArn":"{ADMIN}"}}}}}}"#
    );
    explain(
        &statements,
        &[
            (USER, &[Generate(&[]), Rotate], &[ScheduleDeletion, Disable]),
            (ROOT, &[Generate(&[])], &[ScheduleDeletion, Disable]),
            (ADMIN, &[ScheduleDeletion, Disable], &[]),
            (FOREIGN, &[ScheduleDeletion], &[Disable]),
        ],
    );
}

/// grants.html: constraints that a context must equal or have; who may retire a grant; a grant that creates grants.
#[test]
fn grants_as_explained() {
    let world = World::new();
    world.key(KEY);
    let create = |kms: &Kms, grantee, operations, constraint, pairs: Pairs, retiring| {
        let mut request = grant(KEY, grantee, operations);
        (request.constraint, request.context, request.retiring) = (constraint, context(pairs), retiring);
        kms.create_grant(&request)
    };
    const DEPT: Pairs = &[("Department", "IT")];
    const BOTH: Pairs = &[("Department", "IT"), ("Purpose", "Test")];
    create(&world.kms, USER, GENERATE, 1, BOTH, None).expect("a grant");
    create(&world.kms, ROLE, GENERATE | CREATE_GRANT, 2, DEPT, None).expect("a grant");
    let (user, role) = (world.as_principal(USER), world.as_principal(ROLE));
    for (kms, allowed, denied) in [
        (&user, vec![BOTH], vec![DEPT, &[("Department", "IT"), ("Purpose", "Test"), ("Level", "5")], &[]]),
        (&role, vec![BOTH, DEPT], vec![&[("Purpose", "Test")], &[("department", "IT")], &[]]),
    ] {
        allowed.iter().for_each(|pairs| assert!(Generate(pairs).allowed(kms), "{pairs:?}"));
        denied.iter().for_each(|pairs| assert!(!Generate(pairs).allowed(kms), "{pairs:?}"));
    }
    // As strict or stricter, and no operation that its creator has not.
    assert_eq!(status(create(&role, "worker", GENERATE, 2, BOTH, None)), Status::Ok);
    assert_eq!(status(create(&role, "worker", GENERATE, 1, DEPT, None)), Status::Ok);
    assert_eq!(status(create(&role, "worker", GENERATE, 0, &[], None)), Status::AccessDenied);
    assert_eq!(status(create(&role, "worker", DECRYPT, 2, DEPT, None)), Status::AccessDenied);
    assert_eq!(
        status(create(&user, "worker", GENERATE, 1, BOTH, None)),
        Status::AccessDenied,
        "no CreateGrant"
    );

    // The retiring principal, a grantee with RetireGrant and the root may retire; the creator and others may not.
    let retire = |kms: &Kms, token: &str| status(kms.retire_grant(&GrantReference::Token(token), 0));
    let named = create(&world.kms, USER, GENERATE, 0, &[], Some(ADMIN)).expect("a grant").token;
    let own = create(&world.kms, USER, GENERATE | RETIRE_GRANT, 0, &[], None).expect("a grant").token;
    assert_eq!(retire(&role, &named), Status::AccessDenied);
    assert_eq!(retire(&user, &named), Status::AccessDenied);
    assert_eq!(retire(&world.as_principal(ADMIN), &own), Status::AccessDenied);
    assert_eq!(retire(&world.as_principal(ADMIN), &named), Status::Ok);
    assert_eq!(retire(&user, &own), Status::Ok);
    assert_eq!(retire(&user, &own), Status::InvalidGrantToken, "it is over");
}
