//! Audit logs by the tool: what its own operations leave there, verification, and what is shown of a log.

#[path = "support/terminal.rs"]
mod terminal;
#[path = "support/tool.rs"]
mod tool;

use std::process::Command;

use serde_json::{Value, json};
use terminal::Terminal;
use tool::{Ran, Tool, finish};

impl Tool {
    /// The records of a log, as they stand in its file.
    fn records(&self, log: &str) -> Vec<Value> {
        let text = String::from_utf8(self.read(log)).expect("text");
        text.lines().map(|line| serde_json::from_str(line).expect("a record")).collect()
    }

    fn actions(&self, log: &str) -> Vec<String> {
        let records = self.records(log);
        records.iter().map(|record| record["action"].as_str().expect("an action").to_string()).collect()
    }
}

const LOG: [&str; 2] = ["--audit-log", "audit.log"];

/// A store with a key, a log of what was done to it, and a ciphertext.
fn with_log() -> (Tool, Vec<u8>) {
    let tool = Tool::with_store();
    tool.run(&[LOG.as_slice(), &["key", "create", "--id", "one"]].concat()).ok();
    let encrypt = [LOG.as_slice(), &["encrypt", "one", "--context", "tenant=7"]].concat();
    let sealed = tool.run_with(&encrypt, b"MARKER-of-a-plaintext").ok().stdout;
    tool.keep_secret(b"MARKER-of-a-plaintext");
    (tool, sealed)
}

#[test]
fn what_the_tool_does_is_recorded() {
    let (tool, sealed) = with_log();
    tool.run(&[LOG.as_slice(), &["--principal", "tenant", "encrypt", "one"]].concat())
        .fails(73, "KMS_ACCESS_DENIED");
    tool.run(&[LOG.as_slice(), &["key", "disable", "one", "--dry-run"]].concat()).ok();
    let records = tool.records("audit.log");
    let seen = |action: &str| {
        let mut of_it = records.iter().filter(|record| record["action"] == action);
        of_it.next_back().unwrap_or_else(|| panic!("no {action} in {records:?}")).clone()
    };
    assert_eq!(
        (&seen("kms:CreateKey")["key"], &seen("kms:CreateKey")["outcome"]),
        (&json!("one"), &json!("KMS_OK"))
    );
    assert_eq!(seen("kms:ActAsPrincipal")["outcome"], "KMS_OK");
    let (denied, dry) = (seen("kms:Encrypt"), seen("kms:DisableKey"));
    assert_eq!((&denied["principal"], &denied["outcome"]), (&json!("tenant"), &json!("KMS_ACCESS_DENIED")));
    assert_eq!(dry["outcome"], "KMS_DRY_RUN_OK");
    let encrypted = records.iter().find(|record| record["action"] == "kms:Encrypt").expect("a record");
    assert_eq!((&encrypted["context"], &encrypted["outcome"]), (&json!(["tenant"]), &json!("KMS_OK")));

    // By the environment; the command line goes first.
    let mut command = tool.command(&["key", "list"]);
    command.env("KMS_AUDIT_LOG", "other.log");
    finish(command, b"").ok();
    assert_eq!(tool.actions("other.log"), ["kms:ListKeys"]);
    let mut command = tool.command(&["--audit-log", "third.log", "key", "list"]);
    command.env("KMS_AUDIT_LOG", "other.log");
    finish(command, b"").ok();
    assert_eq!((tool.actions("other.log").len(), tool.actions("third.log").len()), (1, 1));
    let wrong = tool.run_with(&["--audit-log", "third.log", "decrypt", "--context", "tenant=8"], &sealed);
    wrong.fails(74, "KMS_INVALID_CIPHERTEXT");
    assert_eq!(tool.actions("third.log")[1..], ["kms:Decrypt"]);
    tool.heard(&tool.read("audit.log"));
    tool.heard(&tool.read("third.log"));
    tool.has_kept_its_secrets();
}

#[test]
fn what_is_recorded_is_chosen() {
    let (tool, sealed) = with_log();
    let decrypt = |log: &str, more: &[&str], context: &str| {
        let arguments = [["--audit-log", log].as_slice(), more, &["decrypt", "--context", context]].concat();
        tool.run_showing(&[arguments.as_slice(), &["--out", "plain", "--force"]].concat(), &sealed)
    };
    for (which, fields) in
        [("all", ["KMS_OK", "KMS_INVALID_CIPHERTEXT"].as_slice()), ("refused", &["KMS_INVALID_CIPHERTEXT"])]
    {
        decrypt(which, &["--audit-data", which], "tenant=7").ok();
        decrypt(which, &["--audit-data", which], "tenant=8").fails(74, "KMS_INVALID_CIPHERTEXT");
        let records = tool.records(which);
        let outcomes: Vec<&str> = records.iter().filter_map(|record| record["outcome"].as_str()).collect();
        assert_eq!(outcomes, fields, "{which}");
    }
    decrypt("counted", &["--audit-data", "counted"], "tenant=7").ok();
    let counted = tool.records("counted");
    assert_eq!((counted.len(), &counted[0]["count"]), (1, &json!(1)));
    decrypt("values", &["--audit-context-values"], "tenant=7").ok();
    assert_eq!(tool.records("values")[0]["context"], json!({"tenant": "7"}));

    assert_eq!(tool.run(&["--audit-data", "some", "stats"]).code, 2);
    tool.run(&["--audit-data", "all", "stats"]).fails(2, "USAGE").says("KMS_AUDIT_LOG");
    tool.run(&["--audit-max-kib", "3", "--audit-log", "l", "stats"]).fails(65, "KMS_INVALID_ARGUMENT");
    assert_eq!(tool.run(&["--audit-max-kib", "0", "--audit-log", "l", "stats"]).code, 2);
}

/// `arguments` in a process that can write no file beyond 256 KiB, as if the disk was full.
fn run_on_a_full_disk(tool: &Tool, arguments: &[&str]) -> Ran {
    let mut command = Command::new("bash");
    command.args([
        "--norc",
        "-euc",
        "trap '' XFSZ; ulimit -f 256; exec \"$0\" \"$@\"",
        env!("CARGO_BIN_EXE_kms"),
    ]);
    command.args(LOG).args(arguments).current_dir(tool.dir.path());
    command.env("KMS_STORE", "sqlite:keys.db").env("KMS_ROOT_KEY_URI", "file:root.key");
    finish(command, b"")
}

#[test]
fn what_cannot_be_recorded_is_refused_or_told() {
    let (tool, _) = with_log();
    let long = format!("long={}", "x".repeat(30_000));
    let fill = [LOG.as_slice(), &["--audit-context-values", "data-key", "one", "--context", &long]].concat();
    while tool.read("audit.log").len() < 256 << 10 {
        tool.run(&fill).ok();
    }
    let records = tool.records("audit.log").len();
    run_on_a_full_disk(&tool, &["key", "disable", "one"]).fails(79, "KMS_STORE_ERROR").says("audit log");
    assert_eq!(tool.json(&["key", "show", "one"])["state"], "enabled", "no change without its record");
    let list = ["key", "list", "--json"];
    let listed = run_on_a_full_disk(&tool, &list);
    assert_eq!((listed.code, &listed.json()[0]["key_id"]), (79, &json!("one")), "{}", listed.stderr);
    let told: Value = serde_json::from_str(&listed.stderr).expect("JSON");
    let message = told["error"]["message"].as_str().expect("a message");
    assert!(message.starts_with("the audit log cannot be used: "), "{message}");
    run_on_a_full_disk(&tool, &[["--audit-go-on-when-full"].as_slice(), &list].concat()).ok();
    let disable = ["--audit-go-on-when-full", "key", "disable", "one"];
    run_on_a_full_disk(&tool, &disable).ok();
    assert_eq!(tool.json(&["key", "show", "one"])["state"], "disabled");
    assert_eq!(tool.records("audit.log").len(), records);
    tool.run(&["audit", "verify", "audit.log"]).ok();

    tool.run(&["--audit-log", "none/log", "key", "list"]).fails(79, "KMS_STORE_ERROR").says("audit log");
}

#[test]
fn a_log_is_verified() {
    let (tool, _) = with_log();
    assert_eq!(tool.run(&["audit", "verify", "audit.log"]).ok().text(), "no damage\n");
    assert_eq!(tool.json(&["audit", "verify", "audit.log"]), json!({"log": "audit.log", "damages": []}));
    // The one that is recorded in is the one by default.
    tool.run(&[LOG.as_slice(), &["audit", "verify"]].concat()).ok();
    assert_eq!(tool.actions("audit.log").last().map(String::as_str), Some("kms:VerifyAuditLog"));
    assert_eq!(tool.run(&["audit", "verify", "audit.log"]).ok().text(), "no damage\n");
    tool.run(&["audit", "verify"]).fails(2, "USAGE").says("KMS_AUDIT_LOG");
    tool.run(&["audit", "verify", "none.log"]).fails(67, "KMS_NOT_FOUND");
    tool.run(&["--principal", "tenant", "audit", "verify", "audit.log"]).fails(73, "KMS_ACCESS_DENIED");
}

#[test]
fn damage_of_a_log_is_listed_with_its_place() {
    let (tool, _) = with_log();
    let text = String::from_utf8(tool.read("audit.log")).expect("text");
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let edited = text.replacen("kms:CreateKey", "kms:DeleteKey", 1);
    let swapped = [&[lines[1], lines[0]], &lines[2..]].concat().concat();
    let damages: [(&str, String); 4] = [
        ("an edit", edited),
        ("a gap", lines[1..].concat()),
        ("a reordering", swapped),
        ("a cut tail", lines[..lines.len() - 1].concat()),
    ];
    let head = tool.read("audit.log.head");
    // What is recorded in the damaged log goes, too.
    let damage = |damaged: &str| {
        tool.write("audit.log", damaged.as_bytes());
        tool.write("audit.log.head", &head);
    };
    for (what, damaged) in damages {
        assert_ne!(damaged, text);
        for recorded in [false, true] {
            damage(&damaged);
            let recording = if recorded { LOG.as_slice() } else { &[] };
            let ran = tool.run(&[recording, &["audit", "verify", "audit.log"]].concat());
            assert_eq!(ran.code, 80, "{what}: {}{}", ran.text(), ran.stderr);
            assert!(
                ran.text().starts_with("FILE       LINE  PROBLEM\naudit.log  "),
                "{what}: {}",
                ran.text()
            );
            assert!(ran.stderr.starts_with("kms: KMS_CORRUPT_STORE: damages of the audit log found: "));
        }
        damage(&damaged);
        let other = tool.run(&[LOG.as_slice(), &["key", "list"]].concat());
        if damaged.len() < text.len() {
            other
                .fails(80, "KMS_CORRUPT_STORE")
                .says("KMS_CORRUPT_STORE: the audit log is shorter than it was");
        } else {
            other.ok();
        }
        damage(&damaged);
        let ran = tool.run(&["--json", "audit", "verify", "audit.log"]);
        let (found, error): (Value, Value) = (ran.json(), serde_json::from_str(&ran.stderr).expect("JSON"));
        assert_eq!(found["damages"][0]["file"], "audit.log", "{what}");
        assert!(found["damages"][0]["problem"].as_str().is_some_and(|text| !text.is_empty()), "{what}");
        assert_eq!(error["error"]["status"], "KMS_CORRUPT_STORE", "{what}");
    }
    damage(&text);
    std::fs::remove_file(tool.path("audit.log.head")).expect("the head");
    assert_ne!(tool.run(&["audit", "verify", "audit.log"]).code, 0, "without its head");
}

/// A log of several files.
fn long_log() -> Tool {
    let (tool, _) = with_log();
    for _ in 0..5 {
        let describe = [LOG.as_slice(), &["--audit-max-kib", "4", "key", "show", "one"]].concat();
        (0..4).for_each(|_| drop(tool.run(&describe).ok()));
    }
    assert!(tool.path("audit.log.2").exists(), "it has one file only");
    tool
}

#[test]
fn a_log_of_several_files_is_verified_and_shown() {
    let tool = long_log();
    tool.run(&["audit", "verify", "audit.log"]).ok();
    let count = ["audit.log.1", "audit.log.2", "audit.log"].map(|file| tool.records(file).len());
    let shown = tool.json(&["audit", "tail", "audit.log", "--last", "1000000"]);
    let shown = shown.as_array().expect("a list");
    let numbers: Vec<u64> = shown.iter().filter_map(|record| record["seq"].as_u64()).collect();
    assert!(shown.len() >= count.iter().sum(), "{} of {count:?}", shown.len());
    assert_eq!(numbers, (1..=shown.len() as u64).collect::<Vec<_>>());
    let last = tool.json(&["audit", "tail", "audit.log", "--last", "3"]);
    assert_eq!(last.as_array().expect("a list").as_slice(), &shown[shown.len() - 3..]);
    assert_eq!((&shown[0]["action"], &shown[1]["key"]), (&json!("kms:CreateKey"), &json!("one")));

    let mut lines = tool.read("audit.log.1");
    let place = lines.windows(8).position(|window| window == b"\"action\"").expect("an action");
    lines[place + 12] ^= 1;
    tool.write("audit.log.1", &lines);
    let ran = tool.run(&["audit", "verify", "audit.log", "--json"]);
    assert_eq!((ran.code, &ran.json()["damages"][0]["file"]), (80, &json!("audit.log.1")));
}

#[test]
fn a_log_is_shown_without_its_store() {
    let (tool, _) = with_log();
    let mut command = tool.command(&["audit", "tail", "audit.log", "-n", "2"]);
    command.env_remove("KMS_STORE").env_remove("KMS_ROOT_KEY_URI");
    let table = finish(command, b"").ok().text();
    assert_eq!(table.lines().count(), 3, "{table}");
    assert!(table.starts_with("SEQ  TIME") && table.contains("kms:Encrypt"), "{table}");
    assert_eq!(tool.json(&["audit", "tail", "audit.log", "--last", "0"]), json!([]));
    tool.run(&["audit", "tail", "none.log"]).fails(1, "FILE_ERROR");
    tool.write("none.log", b"{\"seq\": 1}\nnothing\n");
    tool.run(&["audit", "tail", "none.log"]).fails(80, "KMS_CORRUPT_STORE").says("kms audit verify");
}

#[test]
fn a_new_root_key_goes_on_with_the_log() {
    let (tool, _) = with_log();
    tool.write_private("new.key", &[9; 32]);
    tool.run(&[LOG.as_slice(), &["rekey", "--new-root-key-uri", "file:new.key"]].concat()).ok();
    let new = [LOG.as_slice(), &["--root-key-uri", "file:new.key"]].concat();
    tool.run(&[new.as_slice(), &["key", "list"]].concat()).ok();
    assert_eq!(tool.run(&[new.as_slice(), &["audit", "verify"]].concat()).ok().text(), "no damage\n");
}

#[test]
fn a_verification_shows_its_progress_on_a_terminal() {
    let (tool, _) = with_log();
    let mut command = tool.command(&["audit", "verify", "audit.log"]);
    command.env("TERM", "xterm");
    let (code, text) = Terminal::start(command).finish();
    assert!(code == 0 && text.contains("verifying ["), "{text:?}");
    assert!(text.ends_with("no damage\r\n"), "{text:?}");
}
