//! Who may do what, by the tool: principals, key policies and their explanation, grants and their tokens.

#[path = "support/tool.rs"]
mod tool;

use serde_json::{Value, json};
use tool::{Ran, Tool};

/// The account's root may do everything; "tenant" may generate data keys in its context, "clerk" disables keys,
/// "mallory" nothing.
const POLICY: &str = r#"{"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"AWS": "000000000000"}, "Action": "kms:*", "Resource": "*"},
    {"Effect": "Allow", "Principal": {"AWS": "tenant"}, "Action": "kms:GenerateDataKey", "Resource": "*",
     "Condition": {"StringEquals": {"kms:EncryptionContext:tenant": "7"}}},
    {"Effect": "Allow", "Principal": {"AWS": "clerk"}, "Action": ["kms:DisableKey", "kms:SetPrimaryVersion"],
     "Resource": "*"},
    {"Effect": "Deny", "Principal": {"AWS": "mallory"}, "Action": "kms:*", "Resource": "*"}
]}
"#;

/// A store with the key "one", under the policy.
fn with_policy() -> Tool {
    let tool = Tool::with_store();
    tool.key("one");
    tool.write("policy.json", POLICY.as_bytes());
    let put = tool.run(&["policy", "put", "alias/one", "--file", "policy.json"]).ok();
    assert_eq!(put.text(), "alias/one: has the policy\n");
    tool
}

/// `arguments`, as a principal.
fn as_principal(tool: &Tool, principal: &str, arguments: &[&str]) -> Ran {
    tool.run(&[&["--principal", principal], arguments].concat())
}

#[test]
fn a_policy_is_put_and_read() {
    let tool = Tool::with_store();
    tool.key("one");
    let default = tool.run(&["policy", "get", "one"]).ok().text();
    let parsed: Value = serde_json::from_str(&default).expect("JSON");
    assert_eq!(parsed["Statement"][0]["Action"], "kms:*");

    tool.write("policy.json", POLICY.as_bytes());
    let put = ["policy", "put", "one", "--file", "policy.json"];
    let dry = tool.run(&[put.as_slice(), &["--dry-run"]].concat()).ok();
    assert_eq!(dry.text(), "dry run: it would have succeeded\n");
    assert_eq!(tool.run(&["policy", "get", "one"]).ok().text(), default);
    assert_eq!(tool.json(&put), json!({"key_id": "one"}));
    assert_eq!(tool.run(&["policy", "get", "one"]).ok().text(), POLICY);
    let got = tool.json(&["policy", "get", "one"]);
    assert_eq!(got, json!({"key_id": "one", "policy": POLICY.trim_end()}));

    // What was printed goes back, from standard input; the default policy's text takes the key's own away.
    tool.run_with(&["policy", "put", "one", "--file", "-"], default.as_bytes()).ok();
    assert_eq!(tool.run(&["policy", "get", "one"]).ok().text(), default);
}

#[test]
fn a_policy_does_not_control_the_terminal() {
    let tool = Tool::with_store();
    tool.key("one");
    let harmful =
        POLICY.replace("2012-10-17\",", "2012-10-17\", \"Id\": \"a\u{9b}2J\u{202e}b\u{7f}\",\r\n\t");
    tool.run_with(&["policy", "put", "one", "--file", "-"], harmful.as_bytes()).ok();
    let shown = tool.run(&["policy", "get", "one"]).ok().text();
    assert!(shown.contains("\"a\\u009b2J\\u202eb\\u007f\",\r\n\t"), "{shown:?}");
    let meaning = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    assert_eq!(meaning(&shown), meaning(&harmful));
}

#[test]
fn a_policy_that_makes_no_sense_is_refused_with_its_place() {
    let tool = with_policy();
    let put = |policy: &str| tool.run_with(&["policy", "put", "one", "--file", "-"], policy.as_bytes());
    put("{").fails(65, "KMS_INVALID_ARGUMENT").says("policy: ");
    put("\u{1}\u{fffd}").fails(65, "KMS_INVALID_ARGUMENT");
    let bad = POLICY.replace("kms:DisableKey", "kms:Nonsense");
    put(&bad).fails(65, "KMS_INVALID_ARGUMENT").says("statement 3: ");
    put(&" ".repeat(40_000)).fails(65, "KMS_INVALID_ARGUMENT").says("the policy: has more than");
    let no_text = tool.run_with(&["policy", "put", "one", "--file", "-"], b"\xff{}");
    no_text.fails(65, "KMS_INVALID_ARGUMENT").says("UTF-8");
    tool.run(&["policy", "put", "one", "--file", "none"]).fails(1, "FILE_ERROR");
    assert_eq!(tool.run(&["policy", "get", "one"]).ok().text(), POLICY, "it is as it was");

    let shut =
        r#"{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*"}}"#;
    put(shut).fails(65, "KMS_INVALID_ARGUMENT").says("--bypass-lockout-check puts it");
    tool.write("shut.json", shut.as_bytes());
    tool.run(&["policy", "put", "one", "--file", "shut.json", "--bypass-lockout-check"]).ok();
    put(POLICY).fails(73, "KMS_ACCESS_DENIED");
}

#[test]
fn a_key_is_created_with_its_policy() {
    let tool = Tool::with_store();
    tool.write("policy.json", POLICY.as_bytes());
    let create = ["key", "create", "--id", "two", "--policy-file", "policy.json"];
    assert_eq!(tool.run(&create).ok().text(), "two\n");
    assert_eq!(tool.run(&["policy", "get", "two"]).ok().text(), POLICY);
    as_principal(&tool, "tenant", &["data-key", "two", "--context", "tenant=7"]).ok();

    // One that does not let its creator look at it is there nevertheless.
    let other = POLICY.replace("000000000000", "boss");
    tool.write("other.json", other.as_bytes());
    let created = tool.json(&["key", "create", "--id", "three", "--policy-file", "other.json"]);
    assert_eq!((&created["key_id"], created.get("tags")), (&json!("three"), None));
    tool.run(&["key", "show", "three"]).fails(73, "KMS_ACCESS_DENIED");
    assert_eq!(
        as_principal(&tool, "boss", &["key", "show", "three", "--json"]).ok().json()["tags"],
        json!({})
    );
}

#[test]
fn a_principal_does_what_it_may_and_no_more() {
    let tool = with_policy();
    as_principal(&tool, "tenant", &["data-key", "one", "--context", "tenant=7"]).ok();
    as_principal(&tool, "tenant", &["data-key", "one", "--context", "tenant=8"])
        .fails(73, "KMS_ACCESS_DENIED");
    let denied = as_principal(&tool, "tenant", &["data-key", "one"]);
    denied.fails(73, "KMS_ACCESS_DENIED").says("\"tenant\"").says("kms:GenerateDataKey");
    for command in [
        ["key", "list"].as_slice(),
        &["key", "show", "one"],
        &["key", "create"],
        &["key", "disable", "one"],
        &["alias", "list"],
        &["version", "list", "one"],
        &["policy", "get", "one"],
        &["policy", "put", "one", "--file", "policy.json"],
        &["grant", "list", "one"],
        &["encrypt", "one"],
        &["backup", "backup.db"],
        &["verify"],
        &["stats"],
    ] {
        as_principal(&tool, "tenant", command).fails(73, "KMS_ACCESS_DENIED");
    }
    assert!(!tool.path("backup.db").exists());

    // The root by its name is the root.
    as_principal(&tool, "arn:aws:iam::000000000000:root", &["stats"]).ok();
    as_principal(&tool, "", &["stats"]).fails(65, "KMS_INVALID_ARGUMENT").says("principal: ");
    as_principal(&tool, "ten*", &["stats"]).fails(65, "KMS_INVALID_ARGUMENT");
    let init = ["--store", "sqlite:other.db", "init"];
    as_principal(&tool, "tenant", &init).fails(2, "USAGE");
    assert!(!tool.path("other.db").exists());
}

#[test]
fn a_change_is_no_failure_where_its_result_may_not_be_seen() {
    let tool = with_policy();
    let version = tool.json(&["version", "show", "one"])["version_id"].as_str().expect("an id").to_string();
    tool.run(&["key", "rotate", "one"]).ok();
    let primary = ["version", "set-primary", "one", &version];
    assert_eq!(
        as_principal(&tool, "clerk", &primary).ok().text(),
        format!("one: version {version} is primary\n")
    );
    assert_eq!(tool.json(&["version", "show", "one"])["version_id"], version);
    assert_eq!(
        as_principal(&tool, "clerk", &["--json", "key", "disable", "alias/one"]).ok().json(),
        json!({"key_id": "alias/one"})
    );
    assert_eq!(tool.json(&["key", "show", "one"])["state"], "disabled");
}

#[test]
fn a_decision_is_explained() {
    let tool = with_policy();
    let check = |who: &str, more: &[&str]| {
        tool.run(&[["policy", "check", "alias/one", "--for", who].as_slice(), more].concat())
    };
    let generate = ["--action", "kms:GenerateDataKey"];
    let allowed = check("tenant", &[generate.as_slice(), &["--context", "tenant=7"]].concat()).ok();
    assert_eq!(allowed.text(), "allowed: statement 2 of the policy allows it\n");
    let denied = |ran: Ran, reason: &str| {
        assert_eq!((ran.code, ran.text().as_str()), (73, format!("denied: {reason}\n").as_str()));
        assert!(ran.stderr.starts_with("kms: KMS_ACCESS_DENIED: "), "{}", ran.stderr);
    };
    denied(check("tenant", &generate), "neither the policy nor a grant allows it");
    denied(check("mallory", &generate), "statement 4 of the policy denies it");

    // Whoever is denied stays so, grant or not; others get theirs.
    let grant = |who: &str| {
        let made = tool.json(&["grant", "create", "one", "--grantee", who, "--operation", "decrypt"]);
        made["grant_id"].as_str().expect("an id").to_string()
    };
    let id = grant("guest");
    grant("mallory");
    let ran = check("guest", &["--action", "decrypt", "--json"]).ok().json();
    let expected = json!({"key_id": "one", "principal": "guest", "action": "kms:Decrypt", "allowed": true,
                          "reason": format!("grant {id} allows it")});
    assert_eq!(ran, expected);
    denied(check("mallory", &["--action", "Decrypt"]), "statement 4 of the policy denies it");

    // The alias that the key is named by counts, in an ARN, too.
    let by_alias =
        POLICY.replace("kms:EncryptionContext:tenant", "kms:RequestAlias").replace("\"7\"", "\"alias/one\"");
    tool.write("alias.json", by_alias.as_bytes());
    let of_alias =
        ["policy", "check", "--for", "tenant", "--action", "GenerateDataKey", "--file", "alias.json"];
    for key in ["alias/one", "arn:aws:kms:local:000000000000:alias/one"] {
        tool.run(&[of_alias.as_slice(), &[key]].concat()).ok();
    }
    assert_eq!(tool.run(&[of_alias.as_slice(), &["one"]].concat()).code, 73);

    // A policy that is not put yet.
    tool.write("draft.json", POLICY.replace("\"clerk\"", "\"tenant\"").as_bytes());
    let disable = ["--action", "DisableKey"];
    denied(check("tenant", &disable), "neither the policy nor a grant allows it");
    let ran = check("tenant", &[disable.as_slice(), &["--file", "draft.json"]].concat()).ok();
    assert_eq!(ran.text(), "allowed: statement 3 of the policy allows it\n");
    denied(
        check("clerk", &["--action", "DisableKey", "--file", "draft.json"]),
        "neither the policy nor a grant allows it",
    );

    assert_eq!(check("tenant", &["--action", "Nonsense"]).code, 2);
    assert_eq!(check("tenant", &["--action", "kms:ListKeys"]).code, 2);
    check("ten*", &disable).fails(65, "KMS_INVALID_ARGUMENT");
}

/// A ciphertext of the root's in a context of tenant 7.
fn sealed(tool: &Tool) -> Vec<u8> {
    let encrypt = ["encrypt", "one", "--context", "tenant=7", "--context", "of=orders"];
    tool.run_with(&encrypt, b"payload").ok().stdout
}

#[test]
fn grants_come_and_go() {
    let tool = with_policy();
    let sealed = sealed(&tool);
    let create = [
        ["grant", "create", "alias/one", "--grantee", "guest", "--retiring", "porter", "--name", "visit"]
            .as_slice(),
        &["--operation", "Decrypt", "--operation", "re-encrypt-from"],
    ]
    .concat();
    assert_eq!(tool.run(&create).code, 2, "an operation that is none");
    let create: Vec<&str> =
        create.iter().map(|word| if *word == "re-encrypt-from" { "reencryptfrom" } else { word }).collect();
    let create = [create.as_slice(), &["--context", "tenant=7", "--constraint", "subset"]].concat();
    let dry = tool.run(&[create.as_slice(), &["--dry-run"]].concat()).ok();
    assert_eq!(dry.text(), "dry run: it would have succeeded\n");
    assert_eq!(tool.json(&["grant", "list", "one"]), json!([]));

    let made = tool.json(&create);
    let (id, token) = (made["grant_id"].as_str().expect("an id"), made["token"].as_str().expect("a token"));
    assert_eq!((id.len(), &made["operations"]), (64, &json!(["Decrypt", "ReEncryptFrom"])));
    assert_eq!(tool.json(&create)["grant_id"], id, "the same again");
    let people = tool.run(&create).ok().text();
    assert!(people.starts_with(&format!("grant id    {id}\ntoken       ")), "{people}");

    let context = ["--context", "tenant=7", "--context", "of=orders"];
    let decrypt = |who: &str, more: &[&str]| {
        let arguments = [["--principal", who, "decrypt"].as_slice(), &context, more].concat();
        tool.run_with(&arguments, &sealed)
    };
    assert_eq!(decrypt("guest", &[]).ok().stdout, b"payload");
    assert_eq!(decrypt("guest", &["--grant-token", token]).ok().stdout, b"payload");
    decrypt("other", &["--grant-token", token]).fails(73, "KMS_ACCESS_DENIED");
    decrypt("guest", &["--grant-token", "forged"]).fails(72, "KMS_INVALID_GRANT_TOKEN");
    let many: Vec<&str> = (0..11).flat_map(|_| ["--grant-token", token]).collect();
    decrypt("guest", &many).fails(65, "KMS_INVALID_ARGUMENT").says("at most 10");
    for command in [["data-key", "one"], ["encrypt", "one"], ["re-encrypt", "one"], ["key", "show"]] {
        let more = if command[0] == "key" { vec!["one"] } else { Vec::new() };
        let ran = tool.run_with(&[command.as_slice(), &more, &["--grant-token", "forged"]].concat(), &sealed);
        ran.fails(72, "KMS_INVALID_GRANT_TOKEN");
    }

    let listed = tool.json(&["grant", "list", "one", "--grantee", "guest"]);
    let mut expected = made.clone();
    expected.as_object_mut().expect("an object").remove("token");
    assert_eq!(listed, json!([expected]));
    assert_eq!((&expected["constraint"], &expected["context"]), (&json!("subset"), &json!({"tenant": "7"})));
    assert_eq!(tool.json(&["grant", "list", "one", "--grantee", "other"]), json!([]));
    assert_eq!(tool.json(&["grant", "list-retirable", "porter"]), json!([expected]));
    let table = as_principal(&tool, "porter", &["grant", "list-retirable", "porter"]).ok().text();
    assert!(table.starts_with("GRANT ID ") && table.contains(id) && table.contains("tenant=7"), "{table}");
    as_principal(&tool, "guest", &["grant", "list-retirable", "porter"]).fails(73, "KMS_ACCESS_DENIED");

    let retire = ["grant", "retire", "one", id];
    as_principal(&tool, "guest", &retire).fails(73, "KMS_ACCESS_DENIED");
    as_principal(&tool, "porter", &[retire.as_slice(), &["--dry-run"]].concat()).ok();
    assert_eq!(as_principal(&tool, "porter", &retire).ok().text(), format!("{id}: retired\n"));
    decrypt("guest", &[]).fails(73, "KMS_ACCESS_DENIED");
    decrypt("guest", &["--grant-token", token]).fails(72, "KMS_INVALID_GRANT_TOKEN");
    tool.run(&retire).fails(67, "KMS_NOT_FOUND");
}

#[test]
fn grants_end_by_their_token_and_by_being_revoked() {
    let tool = with_policy();
    let create = ["grant", "create", "one", "--grantee", "guest", "--operation", "DescribeKey"];
    let made = tool.json(&[create.as_slice(), &["--retiring", "porter"]].concat());
    assert_eq!((&made["constraint"], &made["context"]), (&json!("any"), &json!({})));
    let show = ["key", "show", "one"];
    let shown = as_principal(&tool, "guest", &[show.as_slice(), &["--json"]].concat()).ok().json();
    assert_eq!((&shown["key_id"], shown.get("aliases"), shown.get("tags")), (&json!("one"), None, None));
    let token = made["token"].as_str().expect("a token");
    let by_token = ["grant", "retire", "--token", token];
    assert_eq!(as_principal(&tool, "porter", &by_token).ok().text(), "the grant is retired\n");
    tool.run(&by_token).fails(72, "KMS_INVALID_GRANT_TOKEN");
    as_principal(&tool, "guest", &show).fails(73, "KMS_ACCESS_DENIED");

    let made = tool.json(&[create.as_slice(), &["--constraint", "equals"]].concat());
    let id = made["grant_id"].as_str().expect("an id");
    let revoke = ["grant", "revoke", "alias/one", id];
    as_principal(&tool, "guest", &revoke).fails(73, "KMS_ACCESS_DENIED");
    tool.run(&[revoke.as_slice(), &["--dry-run"]].concat()).ok();
    assert_eq!(tool.json(&revoke), json!({"grant_id": id, "key_id": "alias/one"}));
    assert_eq!(tool.json(&["grant", "list", "one"]), json!([]));

    for wrong in [
        ["grant", "retire", "one"].as_slice(),
        &["grant", "retire"],
        &["grant", "retire", "one", id, "--token", token],
        &["grant", "create", "one", "--grantee", "guest"],
        &[create.as_slice(), &["--context", "a=b"]].concat(),
    ] {
        assert_eq!(tool.run(wrong).code, 2, "{wrong:?}");
    }
    let subset = tool.run(&[create.as_slice(), &["--constraint", "subset"]].concat());
    subset.fails(65, "KMS_INVALID_ARGUMENT").says("context: ");
    tool.run(&["grant", "revoke", "one", "no-id"]).fails(65, "KMS_INVALID_ARGUMENT").says("grant_id: ");
}
