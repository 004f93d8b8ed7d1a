//! The command-line tool as an operator or a program runs it: every command, in processes of their own, on stores in
//! temporary directories. Principals, policies and grants are in cli_access.rs, audit logs in cli_audit.rs, failures in
//! cli_failures.rs, terminals in cli_terminal.rs.

#[path = "support/tool.rs"]
mod tool;

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kms::engine::{CreateKeyRequest, Kms, OpenOptions};
use kms::root::RootKeySource;
use serde_json::{Value, json};
use tool::{ROOT_KEY, Tool, finish};

/// That the search for secrets at the end of each test finds them.
#[test]
fn each_form_of_a_secret_is_found() {
    let secret = b"\xfb\xffMARKER-of-a-secret";
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    for form in [hex.to_uppercase(), hex, STANDARD.encode(secret)] {
        assert!(tool::shown(format!("of {form} it says").as_bytes(), secret).is_some(), "{form}");
    }
    assert!(tool::shown(&[b"of ", secret.as_slice()].concat(), secret).is_some());
    assert_eq!(tool::shown(b"MARKER-of-another-secret", secret), None);
}

#[test]
fn keys_live_their_life() {
    let tool = Tool::new();
    let made = tool.json(&["init", "--account-id", "123456789012"]);
    assert_eq!(tool.json(&["stats"])["store_id"], made["store_id"]);

    let created = tool.run(&["key", "create", "--alias", "alias/orders", "--tag", "team=a=b"]).ok();
    let id = created.text().trim().to_string();
    assert_eq!(id.len(), 36, "a UUID alone on its line");
    let arn = format!("arn:aws:kms:local:123456789012:key/{id}");
    let key = tool.json(&["key", "show", &arn]);
    assert_eq!((&key["key_id"], &key["state"]), (&json!(id), &json!("enabled")));
    assert_eq!(key["aliases"], json!(["alias/orders"]));
    assert_eq!(key["tags"], json!({"team": "a=b"}));
    assert_eq!((&key["rotation_period_s"], &key["deletion_at"]), (&Value::Null, &Value::Null));

    let update = [
        ["key", "update", &id].as_slice(),
        &["--description", "The orders\u{1b}[2J\u{202e}", "--tag", "cost=1", "--untag", "team"],
        &["--rotation-period", "90d", "--rotate-after-uses", "1000"],
    ]
    .concat();
    let key = tool.json(&update);
    assert_eq!((&key["tags"], &key["rotate_after_uses"]), (&json!({"cost": "1"}), &json!(1000)));
    assert_eq!(key["rotation_period_s"], 90 * 86_400);
    let shown = tool.run(&["key", "show", &id]).ok().text();
    assert!(shown.contains("\nrotation period         90d\n"), "{shown}");
    assert!(shown.contains("The orders\\u{1b}[2J\\u{202e}\n") && !shown.contains('\u{1b}'), "{shown:?}");
    let key = tool.json(&["key", "update", &id, "--rotation-period", "never"]);
    assert_eq!((&key["rotation_period_s"], &key["rotate_after_uses"]), (&Value::Null, &json!(1000)));

    assert_eq!(tool.run(&["key", "disable", &id]).ok().text(), format!("{id}: disabled\n"));
    assert_eq!(tool.json(&["key", "enable", &id])["state"], "enabled");
    let key = tool.json(&["key", "delete", &id, "--days", "7"]);
    assert_eq!(key["state"], "pending deletion");
    let left = key["deletion_at"].as_i64().expect("a time") - kms::platform::unix_seconds();
    assert!((7 * 86_400 - 600..=7 * 86_400).contains(&left), "{left} s");
    assert_eq!(tool.json(&["key", "cancel-deletion", &id])["state"], "disabled");
    tool.has_kept_its_secrets();
}

#[test]
fn versions_rotate_and_go() {
    let tool = Tool::with_store();
    tool.key("one");
    let rotated = tool.run(&["key", "rotate", "alias/one"]).ok();
    assert_eq!(rotated.text(), "one: rotated to version 2\n");
    let versions = tool.json(&["version", "list", "one"]);
    let ids: Vec<&str> = (0..2).map(|index| versions[index]["version_id"].as_str().expect("an id")).collect();
    assert_eq!((&versions[0]["is_primary"], &versions[1]["is_primary"]), (&json!(false), &json!(true)));
    assert_eq!(tool.json(&["version", "show", "one"])["version_id"], ids[1]);
    assert_eq!(tool.json(&["version", "show", "one", ids[0]])["version_number"], 1);

    let text = tool.run(&["version", "set-primary", "one", ids[0]]).ok().text();
    assert_eq!(text, "one: version 1 is primary\n");
    let scheduled = tool.json(&["version", "destroy", "one", ids[1], "--days", "1"]);
    assert_eq!(scheduled["state"], "pending destruction");
    tool.run(&["data-key", "one", "--version-id", ids[1]]).fails(70, "KMS_INVALID_STATE");
    assert_eq!(tool.json(&["version", "cancel-destruction", "one", ids[1]])["state"], "enabled");
    let made = tool.json(&["data-key", "one", "--version-id", ids[1]]);
    assert_eq!(made["version_number"], 2);
    assert_eq!(tool.json(&["data-key", "one", "--initial-version"])["version_number"], 1);
    let used = tool.json(&["version", "show", "one", ids[1]]);
    assert_eq!((&used["uses_sealed"], &used["uses_opened"]), (&json!(1), &json!(0)));
}

#[test]
fn aliases_move() {
    let tool = Tool::with_store();
    tool.key("one");
    tool.key("two");
    tool.run(&["alias", "create", "alias/more", "one"]).ok();
    let aliases = |key: &str| -> BTreeSet<String> {
        let list = tool.json(&["alias", "list", key]);
        let list = list.as_array().expect("a list").iter();
        list.map(|alias| alias["alias"].as_str().expect("an alias").to_string()).collect()
    };
    assert_eq!(aliases("one"), ["alias/more", "alias/one"].map(String::from).into());
    let text = tool.run(&["alias", "update", "alias/more", "two"]).ok().text();
    assert_eq!(text, "alias/more: names two\n");
    assert_eq!(aliases("two"), ["alias/more", "alias/two"].map(String::from).into());
    tool.run(&["alias", "delete", "alias/more"]).ok();
    assert_eq!(tool.json(&["alias", "list"]).as_array().map(Vec::len), Some(2));
    let table = tool.run(&["alias", "list", "--limit", "1"]).ok().text();
    assert_eq!(table.lines().count(), 2, "{table}");
    assert!(table.starts_with("ALIAS      KEY ID  CREATED\n"), "{table}");
}

/// The mode of a file, and its content.
fn file(tool: &Tool, name: &str) -> (u32, Vec<u8>) {
    let mode = tool.path(name).metadata().expect(name).permissions().mode() & 0o777;
    (mode, tool.read(name))
}

#[test]
fn data_keys_come_back_from_their_ciphertexts() {
    let tool = Tool::with_store();
    tool.key("one");
    let context = ["--context", "tenant=7", "--context", "of=orders"];
    let files = ["--plaintext-out", "data.key", "--ciphertext-out", "data.key.kms"];
    let ran = tool.run(&[["data-key", "one"].as_slice(), &context, &files].concat()).ok();
    assert_eq!(ran.text(), "");
    let (mode, data_key) = file(&tool, "data.key");
    assert_eq!((mode, data_key.len()), (0o600, 32));
    tool.keep_secret(&data_key);

    let back = ["decrypt", "--in", "data.key.kms", "--out", "back.key", "--context", "of=orders"];
    tool.run(&[back.as_slice(), &["--context", "tenant=7"]].concat()).ok();
    assert_eq!(file(&tool, "back.key"), (0o600, data_key));

    // Printed: the ciphertext alone, which opens as it was printed.
    let printed = tool.run(&["data-key", "one", "--bytes", "64"]).ok().text();
    let opened = tool.run_showing(&["decrypt"], printed.as_bytes()).ok().stdout;
    assert_eq!(opened.len(), 64);
    tool.keep_secret(&opened);
    let plain = tool.run_showing(&["data-key", "one", "--show-plaintext"], b"").ok().text();
    let [plaintext, ciphertext] = ["plaintext   ", "ciphertext  "]
        .map(|name| plain.lines().find_map(|line| line.strip_prefix(name)).expect(name).to_string());
    let opened = tool.run_showing(&["decrypt", "--json", "--key", "alias/one"], ciphertext.as_bytes()).ok();
    assert_eq!((&opened.json()["plaintext"], &opened.json()["key_id"]), (&json!(plaintext), &json!("one")));
    let shown = tool.run_showing(&["--json", "data-key", "one", "--show-plaintext"], b"").ok().json();
    assert_eq!(STANDARD.decode(shown["plaintext"].as_str().expect("base64")).map(|key| key.len()), Ok(32));
    let made = tool.json(&["data-key", "one"]);
    assert_eq!((&made["algorithm"], made.get("plaintext")), (&json!("XAES_256_GCM"), None));
    let blob = STANDARD.decode(made["ciphertext"].as_str().expect("base64")).expect("base64");
    assert_eq!(STANDARD.encode(&blob[68..80]), made["iv"]);
    tool.has_kept_its_secrets();
}

#[test]
fn payloads_move_between_keys_and_contexts() {
    let tool = Tool::with_store();
    tool.key("one");
    tool.key("two");
    let secret = b"MARKER-of-a-plaintext\x00\xff\n";
    tool.keep_secret(secret);
    tool.write("plain", secret);
    tool.write("aad", b"\x00raw\xff");
    tool.run(&["encrypt", "one", "--in", "plain", "--out", "sealed", "--aad-file", "aad"]).ok();
    let (mode, sealed) = file(&tool, "sealed");
    assert_eq!((mode & 0o600, sealed.len()), (0o600, secret.len() + 96));
    let opened = tool.run_showing(&["decrypt", "--in", "sealed", "--aad-file", "aad"], b"").ok();
    assert_eq!(opened.stdout, secret);

    let to_context = ["--source-aad-file", "aad", "--destination-context", "tenant=7"];
    let moved = tool.run_with(&[["re-encrypt", "two"].as_slice(), &to_context].concat(), &sealed).ok();
    let to_aad = ["--source-context", "tenant=7", "--destination-aad", "text", "--out", "moved"];
    let from = ["re-encrypt", "alias/one", "--source-key", "two", "--json"];
    let ran = tool.run_with(&[from.as_slice(), &to_aad].concat(), &moved.stdout).ok();
    assert_eq!((&ran.json()["source_key_id"], &ran.json()["key_id"]), (&json!("two"), &json!("one")));
    let opened = tool.run_showing(&["decrypt", "--in", "moved", "--aad", "text"], b"").ok();
    assert_eq!(opened.stdout, secret);

    // Empty, the largest, and one byte more.
    let nothing = tool.run_with(&["encrypt", "one"], b"").ok();
    assert_eq!(tool.run_with(&["decrypt"], &nothing.stdout).ok().stdout, b"");
    let largest = vec![b'x'; 65_536];
    let sealed = tool.run_with(&["encrypt", "one", "--json"], &largest).ok().json();
    let sealed = sealed["ciphertext"].as_str().expect("base64");
    assert_eq!(tool.run_with(&["decrypt", "--in", "-"], sealed.as_bytes()).ok().stdout, largest);
    let more = tool.run_with(&["encrypt", "one"], &[b'x'; 65_537]);
    more.fails(65, "KMS_INVALID_ARGUMENT").says("more than 65536 bytes");
    tool.has_kept_its_secrets();
}

#[test]
fn imported_material_comes_and_goes() {
    let tool = Tool::with_store();
    let material = b"MARKER-of-the-material-32-bytes!";
    tool.keep_secret(material);
    let uuid = "01234567-89ab-4def-8123-456789abcdef";
    let create = ["key", "create", "--id", "byok", "--external", "--key-uuid", uuid];
    assert_eq!(tool.json(&create)["state"], "pending import");
    tool.write_private("material", material);
    let hex: String = material.iter().map(|byte| format!("{byte:02x}")).collect();
    let expiry = ["--expires-at", "2100-01-31T00:00:00Z"];
    let import = ["key", "import", "byok", "--in", "material", "--version-number", "7"];
    let key = tool.json(&[import.as_slice(), &expiry].concat());
    assert_eq!((&key["state"], &key["key_uuid"]), (&json!("enabled"), &json!(uuid)));
    assert_eq!(key["material_expires_at"], 4_105_036_800_i64);
    let shown = tool.run(&["key", "show", "byok"]).ok().text();
    assert!(shown.contains("2100-01-31T00:00:00Z"), "{shown}");
    let sealed = tool.run_with(&["encrypt", "byok"], b"x").ok().stdout;
    assert_eq!(STANDARD.decode(sealed.trim_ascii()).expect("base64")[20..24], [0, 0, 0, 7]);

    assert_eq!(tool.json(&["key", "delete-material", "byok"])["state"], "pending import");
    tool.run_with(&["decrypt"], &sealed).fails(70, "KMS_INVALID_STATE");
    let other = tool.run_with(&["key", "import", "byok"], &[7; 32]);
    other.fails(75, "KMS_INCORRECT_KEY");
    tool.run_with(&["key", "import", "byok"], &[7; 31]).fails(65, "KMS_INVALID_ARGUMENT");
    tool.run_with(&["key", "import", "byok"], format!("{hex}\n").as_bytes()).ok();
    assert_eq!(tool.run_with(&["decrypt"], &sealed).ok().stdout, b"x");
    tool.has_kept_its_secrets();
}

#[test]
fn stores_are_cared_for() {
    let tool = Tool::with_store();
    tool.key("one");
    let sealed = tool.run_with(&["encrypt", "one"], b"payload").ok().stdout;
    let size = tool.json(&["backup", "backup.db"])["bytes"].as_u64().expect("a size");
    assert_eq!(file(&tool, "backup.db").1.len() as u64, size);
    assert_eq!(tool.run(&["verify"]).ok().text(), "no damage; keys verified: 1\n");
    assert_eq!(tool.json(&["verify"]), json!({"keys": 1, "damages": []}));

    tool.write_private("new.key", STANDARD.encode([9; 32]).as_bytes());
    tool.keep_secret(&[9; 32]);
    let rekey = ["rekey", "--new-root-key-uri", "file:new.key"];
    let dry = tool.run(&[rekey.as_slice(), &["--dry-run"]].concat()).ok();
    assert_eq!(dry.text(), "dry run: it would have succeeded\n");
    assert_eq!(tool.run_with(&["decrypt"], &sealed).ok().stdout, b"payload");
    tool.run(&rekey).ok();
    tool.run(&["verify"]).fails(81, "KMS_WRONG_ROOT_KEY");
    let new = ["--root-key-uri", "file:new.key"];
    assert_eq!(tool.run_with(&[new.as_slice(), &["decrypt"]].concat(), &sealed).ok().stdout, b"payload");
    let old = ["--store", "sqlite:backup.db", "decrypt"];
    assert_eq!(tool.run_with(&old, &sealed).ok().stdout, b"payload");

    // By a variable, in the other form.
    let hex: String = [9_u8; 32].iter().map(|byte| format!("{byte:02x}")).collect();
    let mut command = tool.command(&["stats", "--json", "--root-key-uri", "env:KEY_OF_THE_TEST"]);
    let stats = finish(
        {
            command.env("KEY_OF_THE_TEST", hex);
            command
        },
        b"",
    )
    .ok()
    .json();
    assert_eq!((&stats["keys"], &stats["memory_guarded"]), (&json!(1), &json!(true)));
    tool.has_kept_its_secrets();
}

#[test]
fn random_bytes_need_no_store() {
    let tool = Tool::new();
    let mut command = tool.command(&["random", "48"]);
    command.env_remove("KMS_STORE").env_remove("KMS_ROOT_KEY_URI");
    let one = finish(command, b"").ok().text();
    assert_eq!(STANDARD.decode(one.trim()).map(|bytes| bytes.len()), Ok(48));
    let two = tool.json(&["random", "48"]);
    assert_ne!(two["random"], one.trim());
    tool.run(&["random", "32", "--out", "other.key"]).ok();
    assert_eq!(file(&tool, "other.key").0, 0o600);
    tool.keep_secret(&tool.read("other.key"));
    tool.run(&["init", "--root-key-uri", "file:other.key"]).ok();
    tool.run(&["random", "65537"]).fails(65, "KMS_INVALID_ARGUMENT");
    tool.has_kept_its_secrets();
}

/// A store with so many keys, made without the tool.
fn with_keys(count: usize) -> Tool {
    let tool = Tool::with_store();
    let kms = Kms::open(&OpenOptions {
        store: &format!("sqlite:{}", tool.path("keys.db").display()),
        root: RootKeySource::Raw(ROOT_KEY),
        account_id: None,
        region: None,
        flags: 0,
        max_staleness_ms: 0,
        timeout_ms: 0,
        max_cached_keys: 0,
        audit: None,
    })
    .expect("the store");
    for number in 0..count {
        let (id, alias) = (format!("key-{number}"), format!("alias/{number}"));
        let request =
            CreateKeyRequest { key_id: Some(&id), alias: Some(&alias), ..CreateKeyRequest::default() };
        kms.create_key(&request).expect("a key");
    }
    tool
}

#[test]
fn lists_are_whole_however_long() {
    let tool = with_keys(601);
    for (list, name) in [("key", "key_id"), ("alias", "alias")] {
        let items = tool.json(&[list, "list"]);
        let items = items.as_array().expect("a list");
        let distinct: BTreeSet<&str> = items.iter().filter_map(|item| item[name].as_str()).collect();
        assert_eq!((items.len(), distinct.len()), (601, 601), "{list}");
        for limit in [0, 1, 500, 501, 601, 700] {
            let text = tool.run(&[list, "list", "--limit", &limit.to_string()]).ok().text();
            let expected = if limit == 0 { 0 } else { limit.min(601) + 1 };
            assert_eq!(text.lines().count(), expected, "{list}, {limit}");
        }
    }
    assert_eq!(tool.json(&["verify"])["keys"], 601);
}

/// Everything that `kms` can be told to do.
fn commands() -> Vec<Vec<String>> {
    let mut all = vec![Vec::new()];
    let mut next = 0;
    while let Some(command) = all.get(next).cloned() {
        next += 1;
        let mut help = Command::new(env!("CARGO_BIN_EXE_kms"));
        let help = finish(
            {
                help.args(&command).arg("--help");
                help
            },
            b"",
        )
        .ok()
        .text();
        let Some((_, list)) = help.split_once("\nCommands:\n") else { continue };
        let names = list.lines().take_while(|line| !line.is_empty());
        let names = names.filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')));
        let names = names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help");
        all.extend(names.map(|name| [command.clone(), vec![name.to_string()]].concat()));
    }
    all
}

#[test]
fn manual_pages_and_completions_have_every_command() {
    let commands = commands();
    assert_eq!(commands.len(), 49, "{commands:?}");
    let tool = Tool::new();
    std::fs::create_dir(tool.path("man")).expect("a directory");
    tool.run(&["man", "man"]).ok();
    let pages = tool.path("man").read_dir().expect("the pages").count();
    assert_eq!(pages, commands.len());
    let scripts = ["bash", "zsh", "fish"].map(|shell| tool.run(&["completions", shell]).ok().text());
    for command in &commands {
        let page = format!("man/{}.1", [&["kms".to_string()], command.as_slice()].concat().join("-"));
        let page = String::from_utf8(tool.read(&page)).expect("text");
        assert!(page.contains(".SH SYNOPSIS") && page.contains("root\\-key\\-uri"), "{command:?}: {page}");
        let Some(name) = command.last() else { continue };
        for script in &scripts {
            assert!(script.contains(name), "{command:?} is not in\n{script}");
        }
    }
    let top = String::from_utf8(tool.read("man/kms.1")).expect("text");
    assert!(top.contains("KMS_CORRUPT_STORE"), "the exit codes");

    // Shells take the completions.
    tool.write("kms.bash", scripts[0].as_bytes());
    let script = "source kms.bash; COMP_WORDS=(kms key ro); COMP_CWORD=2; \
                  _kms kms ro key; echo \"${COMPREPLY[@]}\"";
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-euc", script]).current_dir(tool.dir.path());
    assert_eq!(finish(bash, b"").ok().text(), "rotate\n");
}

#[test]
fn nobody_reading_is_no_fault() {
    let tool = with_keys(601);
    let mut child = tool
        .command(&["key", "list", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the tool");
    // More than a pipe holds is to come.
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("its end");
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(141), b"".as_slice()));

    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let output = tool.command(&["key", "list"]).stdout(full).output().expect("the tool");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(said.starts_with("kms: FILE_ERROR: standard output: "), "{said}");
}
