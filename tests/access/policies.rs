//! Policies: what is refused when one is put, what each condition says, what is decided.

use kms::access::{Action, Circumstances, GrantOperations, Known, Policy, Principal, Question, Truth};
use kms::error::Status;

use crate::world::*;

fn statement(condition: &str) -> String {
    let condition =
        if condition.is_empty() { String::new() } else { format!(r#","Condition":{{{condition}}}"#) };
    format!(r#"{{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"{condition}}}"#)
}

fn compile(text: &str) -> Result<Policy, String> {
    Policy::compile(text, &account(), "k").map_err(|error| error.to_string())
}

fn document(statements: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":{statements}}}"#)
}

#[test]
fn what_cannot_be_evaluated_is_refused_and_says_why() {
    let one = |member: &str| {
        let all = r#""Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*""#;
        let name = member.split(':').next().expect("a name");
        let kept: Vec<&str> = all.split(',').filter(|known| !known.starts_with(name)).collect();
        document(&format!("{{{},{member}}}", kept.join(",")))
    };
    for (text, why) in [
        ("".to_string(), "EOF"),
        ("[]".into(), "invalid"),
        (document("[]"), "the list is empty"),
        (r#"{"Version":"2012-10-17"}"#.into(), "Statement"),
        (r#"{"Version":"2020-01-01","Statement":[]}"#.into(), "list is empty"),
        (format!(r#"{{"Version":"2020-01-01","Statement":[{}]}}"#, statement("")), "Version"),
        (format!(r#"{{"Id":"a","Id":"b","Statement":[{}]}}"#, statement("")), "duplicate field"),
        (one(r#""NotAction":"kms:Decrypt""#), "NotAction"),
        (one(r#""NotPrincipal":"*""#), "NotPrincipal"),
        (one(r#""NotResource":"*""#), "NotResource"),
        (one(r#""Effect":"Perhaps""#), "Perhaps"),
        (one(r#""Action":"kms:GenerateDatakeys""#), "kms:GenerateDatakeys"),
        (one(r#""Action":"s3:GetObject""#), "s3:GetObject"),
        (one(r#""Action":"kms:GenerateDataKeyWithoutPlaintext""#), "kms:GenerateDataKey"),
        (one(r#""Action":[]"#), "empty"),
        (one(r#""Principal":"somebody""#), "plain string"),
        (one(r#""Principal":{"Service":"x"}"#), "Service"),
        (one(r#""Principal":{"AWS":"role/*"}"#), "must not contain"),
        (one(r#""Resource":"key/k""#), "key/k"),
        (one(r#""Resource":"arn:aws:kms:local:${aws:x}:key/k""#), "variable"),
        (
            document(&format!("[{}]", statement(r#""StringMatches":{"kms:DataKeySpec":"x"}"#))),
            "StringMatches",
        ),
        (document(&format!("[{}]", statement(r#""StringEquals":{"kms:ViaService":"x"}"#))), "kms:ViaService"),
        (
            document(&format!("[{}]", statement(r#""StringEquals":{"kms:EncryptionContext:":"x"}"#))),
            "EncryptionContext",
        ),
        (
            document(&format!("[{}]", statement(r#""StringEquals":{"kms:EncryptionContextKeys":"x"}"#))),
            "ForAnyValue",
        ),
        (document(&format!("[{}]", statement(r#""Bool":{"kms:EncryptionContext:a":"perhaps"}"#))), "boolean"),
        (
            document(&format!("[{}]", statement(r#""NumericLessThan":{"kms:EncryptionContext:a":"x"}"#))),
            "number",
        ),
        (
            document(&format!("[{}]", statement(r#""NumericLessThan":{"aws:CurrentTime":"1"}"#))),
            "does not fit",
        ),
        (document(&format!("[{}]", statement(r#""DateLessThan":{"aws:CurrentTime":"tomorrow"}"#))), "date"),
        (document(&format!("[{}]", statement(r#""StringEquals":{"aws:CurrentTime":"x"}"#))), "does not fit"),
        (
            document(&format!("[{}]", statement(r#""NullIfExists":{"kms:RequestAlias":"true"}"#))),
            "NullIfExists",
        ),
        (
            document(&format!(
                "[{}]",
                statement(r#""ForEveryValue:StringEquals":{"kms:EncryptionContextKeys":"x"}"#)
            )),
            "ForEveryValue",
        ),
        (document(&format!("[{}]", statement(r#""StringEquals":{"kms:RequestAlias":"${x}"}"#))), "variable"),
        (
            document(&format!(
                "[{}]",
                statement(r#""StringEquals":{"kms:RequestAlias":"x","kms:RequestAlias":"y"}"#)
            )),
            "twice",
        ),
        (format!("{}{}", document(&format!("[{}]", statement(""))), " ".repeat(32768)), "bytes"),
        // Too deep: where a value is expected, in what is unknown, and in brackets alone.
        (
            one(&format!(r#""Condition":{}1{}"#, r#"{"Bool":"#.repeat(3000), "}".repeat(3000))),
            "line 1 column",
        ),
        (one(&format!(r#""Action":{}{}"#, "[".repeat(10_000), "]".repeat(10_000))), "line 1 column"),
        ("[".repeat(32768), "line 1 column"),
        (r#"{"Statement":"#.repeat(2500), "line 1 column"),
    ] {
        let error = compile(&text).err().unwrap_or_else(|| panic!("accepted: {text}"));
        assert!(error.starts_with("request.policy: ") && error.contains(why), "{text}: {error}");
    }
    // With the place: the statement, counted from 1, and the element.
    let good = statement("");
    for (second, place) in [
        (
            r#"{"Effect":"Allow","Principal":"*","NotAction":"x","Resource":"*"}"#,
            "statement 2: NotAction: unknown field",
        ),
        (r#"{"Effect":"Allow","Principal":"*","Resource":"*"}"#, "statement 2: missing field `Action`"),
        (r#"{"Effect":"No","Principal":"*","Action":"kms:*","Resource":"*"}"#, "statement 2: Effect: "),
        (
            r#"{"Effect":"Allow","Principal":{"AWS":[]},"Action":"kms:*","Resource":"*"}"#,
            "statement 2: Principal: ",
        ),
        (r#"{"Effect":"Allow","Principal":"*","Action":[7],"Resource":"*"}"#, "statement 2: Action: "),
        (r#"{"Effect":"Allow","Effect":"Allow"}"#, "statement 2: duplicate field `Effect`"),
        (
            r#"{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*","Condition":{"Bool":{"a":[[]]}}}"#,
            "statement 2: Condition: Bool: a: ",
        ),
        (
            r#"{"Effect":"Allow","Principal":"*","Action":"kms:Nix","Resource":"*"}"#,
            "statement 2: Action: there is no action",
        ),
    ] {
        let error = compile(&document(&format!("[{good},{second}]"))).err().expect("refused");
        assert!(error.starts_with(&format!("request.policy: {place}")), "{error}");
    }
    assert!(compile(&format!("{} x", document(&format!("[{good}]")))).is_err(), "more after the policy");
    let full = document(&format!("[{}]", statement("")));
    let padded = format!("{full}{}", " ".repeat(32768 - full.len()));
    assert!(compile(&padded).is_ok(), "32,768 bytes are allowed");
}

/// Asks for the allow of a policy with one conditional statement.
fn holds(condition: &str, circumstances: Circumstances<'_>) -> Truth {
    let policy = compile(&document(&format!("[{}]", statement(condition)))).expect(condition);
    let principal = Principal::named(&account(), "arn:x:tenant/7").expect("a name");
    policy.judge(&Question { principal: &principal, action: Action::Decrypt, circumstances }).0
}

#[test]
fn each_operator_says_what_it_should() {
    const NOW: i64 = 1_700_000_000; // 2023-11-14T22:13:20Z
    let pairs = [("dept", "Sales"), ("level", "3"), ("open", "true")];
    let full = Circumstances {
        context: &pairs,
        data_key_spec: Some("AES_256"),
        request_alias: Some("alias/orders"),
        grant_operations: operations(DECRYPT | GENERATE),
        now: Some(NOW),
        known: Known::All,
    };
    let none = Circumstances { now: Some(NOW), ..Circumstances::NONE };
    for (condition, with_all, with_none) in [
        (r#""StringEquals":{"kms:EncryptionContext:dept":"Sales"}"#, true, false),
        (r#""StringEquals":{"KMS:encryptioncontext:dept":["Legal","Sales"]}"#, true, false),
        (r#""StringEquals":{"kms:EncryptionContext:DEPT":"Sales"}"#, true, false),
        (r#""StringEquals":{"kms:EncryptionContext:dept":"sales"}"#, false, false),
        (r#""StringEqualsIgnoreCase":{"kms:EncryptionContext:dept":"sALES"}"#, true, false),
        (r#""StringNotEquals":{"kms:EncryptionContext:dept":"Legal"}"#, true, true),
        (r#""StringNotEquals":{"kms:EncryptionContext:dept":["Legal","Sales"]}"#, false, true),
        (r#""StringLike":{"kms:EncryptionContext:dept":"S*e?"}"#, true, false),
        (r#""StringLike":{"kms:EncryptionContext:dept":"S?s"}"#, false, false),
        (r#""StringEqualsIfExists":{"kms:EncryptionContext:dept":"Sales"}"#, true, true),
        (r#""StringEqualsIfExists":{"kms:EncryptionContext:dept":"Legal"}"#, false, true),
        (r#""Bool":{"kms:EncryptionContext:open":true}"#, true, false),
        (r#""Bool":{"kms:EncryptionContext:open":"false"}"#, false, false),
        (r#""BoolIfExists":{"kms:EncryptionContext:open":"true"}"#, true, true),
        (r#""Null":{"kms:EncryptionContext:dept":"true"}"#, false, true),
        (r#""Null":{"kms:EncryptionContext:dept":"false"}"#, true, false),
        (r#""Null":{"kms:EncryptionContextKeys":"true"}"#, false, true),
        (r#""NumericLessThan":{"kms:EncryptionContext:level":4}"#, true, false),
        (r#""NumericLessThan":{"kms:EncryptionContext:level":"3"}"#, false, false),
        (r#""NumericLessThanEquals":{"kms:EncryptionContext:level":"3"}"#, true, false),
        (r#""NumericLessThanEquals":{"kms:EncryptionContext:dept":"3"}"#, false, false),
        (r#""DateLessThan":{"aws:CurrentTime":"2023-11-14T22:13:21Z"}"#, true, true),
        (r#""DateLessThan":{"aws:CurrentTime":"2023-11-14T22:13:20Z"}"#, false, false),
        (r#""DateGreaterThan":{"aws:CurrentTime":"2023-11-14"}"#, true, true),
        (r#""DateGreaterThan":{"aws:CurrentTime":"1700000000"}"#, false, false),
        (r#""StringEquals":{"kms:DataKeySpec":"AES_256"}"#, true, false),
        (r#""StringLike":{"kms:RequestAlias":"alias/*"}"#, true, false),
        (r#""StringEquals":{"aws:PrincipalArn":"arn:x:tenant/7"}"#, true, true),
        (r#""StringLike":{"aws:PrincipalArn":"arn:y:*"}"#, false, false),
        (r#""ForAnyValue:StringEquals":{"kms:EncryptionContextKeys":["dept","x"]}"#, true, false),
        (r#""ForAnyValue:StringEquals":{"kms:EncryptionContextKeys":"Dept"}"#, false, false),
        (r#""ForAllValues:StringEquals":{"kms:EncryptionContextKeys":["dept","level","open"]}"#, true, true),
        (r#""ForAllValues:StringEquals":{"kms:EncryptionContextKeys":["dept","level"]}"#, false, true),
        (
            r#""ForAnyValue:StringNotEquals":{"kms:EncryptionContextKeys":["dept","level","open"]}"#,
            false,
            false,
        ),
        (r#""ForAllValues:StringNotEquals":{"kms:EncryptionContextKeys":"x"}"#, true, true),
        (r#""ForAllValues:StringEquals":{"kms:GrantOperations":["Decrypt","GenerateDataKey"]}"#, true, true),
        (r#""ForAllValues:StringEquals":{"kms:GrantOperations":"Decrypt"}"#, false, true),
        (
            r#""StringEquals":{"kms:EncryptionContext:dept":"Sales"},"Bool":{"kms:EncryptionContext:open":"false"}"#,
            false,
            false,
        ),
    ] {
        assert_eq!(holds(condition, full), Truth::from(with_all), "all: {condition}");
        assert_eq!(holds(condition, none), Truth::from(with_none), "none: {condition}");
        let nothing_known = holds(condition, Circumstances::UNKNOWN);
        let is_known =
            ["PrincipalArn", "DataKeySpec", "GrantOperations"].iter().any(|key| condition.contains(key));
        assert!(is_known || nothing_known == Truth::Unknown, "unknown: {condition}: {nothing_known:?}");
    }
    let mut some = Circumstances { context: &pairs[..1], known: Known::SomePairs, ..Circumstances::NONE };
    assert_eq!(holds(r#""StringEquals":{"kms:EncryptionContext:dept":"Sales"}"#, some), Truth::True);
    assert_eq!(holds(r#""Null":{"kms:EncryptionContext:x":"true"}"#, some), Truth::Unknown);
    assert_eq!(holds(r#""ForAllValues:StringEquals":{"kms:EncryptionContextKeys":"x"}"#, some), Truth::False);
    some.known = Known::Context;
    assert_eq!(holds(r#""Null":{"kms:EncryptionContext:x":"true"}"#, some), Truth::True);
    assert_eq!(holds(r#""StringEquals":{"kms:RequestAlias":"alias/a"}"#, some), Truth::Unknown);
    assert_eq!(holds(r#""Null":{"kms:DataKeySpec":"true"}"#, some), Truth::True, "a Decrypt has none");
    assert_eq!(full.grant_operations, GrantOperations::from_bits(5).expect("bits"));
}

#[test]
fn an_explicit_deny_wins_and_what_nobody_allows_is_denied() {
    let world = World::new();
    world.key("k");
    let tenant = world.as_principal("tenant");
    assert_eq!(
        generate(&tenant, "k", &[], &[]),
        Err(Status::AccessDenied),
        "the default policy is the root's"
    );
    world.put("k", &with_root(r#"{"Effect":"Allow","Principal":{"AWS":["other","tenant"]},"Action":["kms:generatedatakey","kms:Dec*"],"Resource":"*"}"#));
    let blob = generate(&tenant, "k", &[], &[]).expect("allowed");
    decrypt(&tenant, &blob, &[], &[]).expect("allowed");
    assert_eq!(status(tenant.disable_key(&key("k"))), Status::AccessDenied);
    assert_eq!(generate(&world.as_principal("stranger"), "k", &[], &[]), Err(Status::AccessDenied));
    world.put("k", &with_root(r#"{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"},
        {"Effect":"Deny","Principal":{"AWS":"tenant"},"Action":"kms:Decrypt","Resource":"*","Condition":{"StringNotEquals":{"kms:EncryptionContext:t":"7"}}}"#));
    let blob = generate(&tenant, "k", &[("t", "7")], &[]).expect("allowed");
    decrypt(&tenant, &blob, &[("t", "7")], &[]).expect("not denied");
    let blob = generate(&tenant, "k", &[("t", "8")], &[]).expect("allowed");
    assert_eq!(decrypt(&tenant, &blob, &[("t", "8")], &[]), Err(Status::AccessDenied));
    decrypt(&world.as_principal("stranger"), &blob, &[("t", "8")], &[]).expect("only the tenant is denied");
    decrypt(&world.kms, &blob, &[("t", "8")], &[]).expect("nor is the root");
}

#[test]
fn a_policy_of_its_own_holds_for_the_root_too() {
    let world = World::new();
    world.key("k");
    let only_policy = document(&format!(
        r#"[{{"Effect":"Allow","Principal":{{"AWS":"{ROOT}"}},"Action":["kms:PutKeyPolicy","kms:GetKeyPolicy"],"Resource":"*"}}]"#
    ));
    world.put("k", &only_policy);
    assert_eq!(generate(&world.kms, "k", &[], &[]), Err(Status::AccessDenied));
    assert_eq!(status(world.kms.describe_key(&key("k"))), Status::AccessDenied);
    assert_eq!(world.kms.get_key_policy(&key("k")).expect("the policy"), only_policy);
    // In another process, too, from the store.
    assert_eq!(generate(&world.other(), "k", &[], &[]), Err(Status::AccessDenied));
    world.put("k", &Policy::default_text(&account()));
    generate(&world.kms, "k", &[], &[]).expect("the default policy is back");
    assert_eq!(world.kms.get_key_policy(&key("k")).expect("the policy"), Policy::default_text(&account()));
}

#[test]
fn nobody_is_locked_out_unless_it_is_asked_for() {
    let world = World::new();
    world.key("k");
    for locked_out in [
        r#"{"Effect":"Allow","Principal":"*","Action":"kms:Decrypt","Resource":"*"}"#,
        r#"{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"arn:aws:kms:local:000000000000:key/other"}"#,
        r#"{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*","Condition":{"DateLessThan":{"aws:CurrentTime":"2001-01-01"}}}"#,
        r#"{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"},{"Effect":"Deny","Principal":"*","Action":"kms:Put*","Resource":"*"}"#,
    ] {
        let text = document(&format!("[{locked_out}]"));
        assert_eq!(status(put(&world.kms, "k", &text, 0)), Status::InvalidArgument, "{locked_out}");
    }
    for way_back in [
        r#"{"Effect":"Allow","Principal":{"AWS":"admin"},"Action":"kms:PutKeyPolicy","Resource":"*"}"#,
        r#"{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"arn:*:key/k","Condition":{"StringEquals":{"aws:PrincipalArn":"admin"}}}"#,
        r#"{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"},{"Effect":"Deny","Principal":"*","Action":"kms:PutKeyPolicy","Resource":"*","Condition":{"StringNotEquals":{"aws:PrincipalArn":"admin"}}}"#,
    ] {
        let text = document(&format!("[{way_back}]"));
        assert_eq!(status(put(&world.as_principal("admin"), "k", &text, DRY_RUN)), Status::AccessDenied);
        assert_eq!(status(put(&world.kms, "k", &text, DRY_RUN)), Status::DryRunOk, "{way_back}");
    }
    let nobody = document(r#"[{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}]"#);
    assert_eq!(status(put(&world.kms, "k", &nobody, BYPASS)), Status::Ok);
    assert_eq!(status(put(&world.kms, "k", &Policy::default_text(&account()), 0)), Status::AccessDenied);
}
