//! How the tool fails: an exit code for each status, the name on standard error, JSON for programs; files are never
//! overwritten by accident, and never left half written.

#[path = "support/tool.rs"]
mod tool;

use kms::error::Status;
use rusqlite::Connection;
use tool::Tool;

/// The exit codes that --help lists.
fn listed() -> Vec<(i32, String)> {
    let help = Tool::new().run(&["help"]).ok().text();
    let (_, table) = help.split_once("Exit codes:\n").expect("a table of exit codes");
    let lines = table.lines().take_while(|line| !line.is_empty());
    lines
        .map(|line| {
            let (code, text) = line.trim().split_once("  ").expect("a code and a text");
            (code.parse().expect("a code"), text.to_string())
        })
        .collect()
}

#[test]
fn every_status_has_an_exit_code_of_its_own() {
    let listed = listed();
    for status in Status::ALL {
        let code = match status {
            Status::Ok | Status::DryRunOk => continue,
            status => 64 + status as i32,
        };
        let found: Vec<_> = listed.iter().filter(|(_, text)| text == status.name()).collect();
        assert_eq!(found, [&(code, status.name().to_string())]);
    }
    let mut codes: Vec<i32> = listed.iter().map(|(code, _)| *code).collect();
    assert_eq!((codes.len(), &codes[..3]), (26, [0, 1, 2].as_slice()));
    codes.dedup();
    assert_eq!(codes.len(), 26, "two have the same");
}

#[test]
fn the_page_has_the_same_exit_codes() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/cli.md");
    let page = std::fs::read_to_string(page).expect("docs/cli.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | "));
    let rows: Vec<(i32, &str)> = rows.filter_map(|(code, text)| Some((code.parse().ok()?, text))).collect();
    let listed = listed();
    let listed: Vec<(i32, &str)> =
        listed.iter().map(|(code, text)| (*code, text.split(';').next().unwrap_or_default())).collect();
    let rows: Vec<(i32, &str)> =
        rows.iter().map(|(code, text)| (*code, text.split(';').next().unwrap_or_default())).collect();
    assert_eq!(rows, listed);
}

#[test]
fn statuses_end_the_tool_with_their_codes() {
    let tool = Tool::with_store();
    tool.key("one");
    tool.key("two");
    tool.run(&["key", "create", "--id", "off"]).ok();
    tool.run(&["key", "disable", "off"]).ok();
    tool.run(&["key", "create", "--id", "gone"]).ok();
    tool.run(&["key", "delete", "gone"]).ok();
    let sealed = tool.run_with(&["encrypt", "one", "--context", "a=b"], b"x").ok().stdout;
    let run = |arguments: &[&str]| tool.run_with(arguments, &sealed);

    run(&["key", "create", "--id", "bad id"])
        .fails(65, "KMS_INVALID_ARGUMENT")
        .says("kms: KMS_INVALID_ARGUMENT: key_id:");
    run(&["key", "delete", "one", "--days", "6"]).fails(65, "KMS_INVALID_ARGUMENT");
    run(&["key", "delete", "one", "--days", "0"]).fails(65, "KMS_INVALID_ARGUMENT");
    run(&["data-key", "one", "--bytes", "0"]).fails(65, "KMS_INVALID_ARGUMENT");
    run(&["encrypt", "one", "--context", "a=1", "--context", "a=2"]).fails(65, "KMS_INVALID_ARGUMENT");
    run(&["--store", "keys.db", "stats"]).fails(65, "KMS_INVALID_ARGUMENT").says("sqlite:PATH");
    run(&["--root-key-uri", "root.key", "stats"]).fails(65, "KMS_INVALID_ARGUMENT").says("file:PATH");
    run(&["key", "show", "nobody"]).fails(67, "KMS_NOT_FOUND").says("\"nobody\"");
    run(&["alias", "delete", "alias/nobody"]).fails(67, "KMS_NOT_FOUND");
    run(&["version", "set-primary", "one", "none"]).fails(67, "KMS_NOT_FOUND");
    run(&["--store", "sqlite:none.db", "stats"]).fails(67, "KMS_NOT_FOUND").says("`kms init`");
    assert!(!tool.path("none.db").exists());
    run(&["key", "create", "--id", "one"]).fails(68, "KMS_ALREADY_EXISTS");
    run(&["init"]).fails(68, "KMS_ALREADY_EXISTS");
    run(&["data-key", "off"]).fails(69, "KMS_DISABLED");
    run(&["data-key", "gone"]).fails(70, "KMS_INVALID_STATE");
    run(&["key", "import", "one"]).fails(65, "KMS_INVALID_ARGUMENT");
    tool.run_with(&["key", "import", "one"], &[7; 32]).fails(71, "KMS_INVALID_KEY_USAGE");
    run(&["decrypt", "--context", "a=c"]).fails(74, "KMS_INVALID_CIPHERTEXT");
    tool.run_with(&["decrypt"], b"KM").fails(74, "KMS_INVALID_CIPHERTEXT");
    tool.run_with(&["decrypt"], b"no base64!").fails(74, "KMS_INVALID_CIPHERTEXT");
    run(&["decrypt", "--context", "a=b", "--key", "two"]).fails(75, "KMS_INCORRECT_KEY");
    let tags: Vec<String> = (0..51).map(|number| format!("--tag=k{number}=v")).collect();
    let many: Vec<&str> =
        ["key", "update", "one"].into_iter().chain(tags.iter().map(String::as_str)).collect();
    run(&many).fails(76, "KMS_LIMIT_EXCEEDED");
    run(&["--store", "sqlite:.", "stats"]).fails(79, "KMS_STORE_ERROR");
    tool.write("noise.db", &[0x5a; 8192]);
    run(&["--store", "sqlite:noise.db", "stats"]).fails(79, "KMS_STORE_ERROR");
    run(&["backup", "damaged.db"]).ok();
    let damaged = Connection::open(tool.path("damaged.db")).expect("the copy");
    assert_eq!(damaged.execute("DELETE FROM row WHERE kind = 6", []), Ok(4));
    drop(damaged);
    run(&["--store", "sqlite:damaged.db", "stats"]).fails(80, "KMS_CORRUPT_STORE");
    tool.write_private("other.key", &[1; 32]);
    run(&["--root-key-uri", "file:other.key", "stats"]).fails(81, "KMS_WRONG_ROOT_KEY");
    run(&["--store", "postgres://db", "stats"]).fails(82, "KMS_UNSUPPORTED");
    run(&["--read-only", "key", "create"]).fails(86, "KMS_READ_ONLY");
    run(&["--read-only", "init", "--store", "sqlite:new.db"]).fails(86, "KMS_READ_ONLY");
    // Nothing of all that has left a trace.
    assert_eq!(tool.json(&["key", "list"]).as_array().map(Vec::len), Some(4));
    assert_eq!(tool.run(&["verify"]).ok().text(), "no damage; keys verified: 4\n");
    tool.has_kept_its_secrets();
}

#[test]
fn a_store_in_use_is_waited_for() {
    let tool = Tool::with_store();
    let other = Connection::open(tool.path("keys.db")).expect("the store's file");
    other.execute_batch("BEGIN IMMEDIATE").expect("a transaction");
    tool.run(&["key", "create", "--timeout", "20"]).fails(78, "KMS_DEPENDENCY_TIMEOUT");
    let error = tool.run(&["--json", "key", "create", "--timeout", "20"]).stderr;
    let error: serde_json::Value = serde_json::from_str(&error).expect("JSON");
    assert_eq!(error["error"]["retryable"], true);
    other.execute_batch("ROLLBACK").expect("its end");
    drop(other);
    tool.run(&["key", "create", "--timeout", "20"]).ok();
}

#[test]
fn damage_is_listed_with_its_row() {
    let tool = Tool::with_store();
    tool.key("one");
    let database = Connection::open(tool.path("keys.db")).expect("the store's file");
    let changed = database.execute("UPDATE row SET sealed = zeroblob(length(sealed)) WHERE kind = 5", []);
    assert_eq!(changed, Ok(1));
    drop(database);
    let ran = tool.run(&["verify"]);
    assert_eq!(ran.code, 80, "{}", ran.stderr);
    assert!(ran.stderr.starts_with("kms: KMS_CORRUPT_STORE: "), "{}", ran.stderr);
    let text = ran.text();
    let mut lines = text.lines();
    assert!(lines.next().is_some_and(|heading| heading.starts_with("KIND ")), "{text}");
    assert!(lines.any(|line| line.starts_with("Version ") && line.contains(" one ")), "{text}");
    let ran = tool.run(&["verify", "--json"]);
    assert_eq!((ran.code, &ran.json()["damages"][0]["key_id"]), (80, &"one".into()));
    assert_eq!(ran.json()["damages"][0]["row_id"].as_str().map(str::len), Some(64));
}

#[test]
fn the_command_line_is_checked() {
    let tool = Tool::with_store();
    tool.key("one");
    let secret = "MARKER-of-a-passphrase";
    tool.keep_secret(secret.as_bytes());
    for (arguments, message) in [
        (["key", "bogus"].as_slice(), "bogus"),
        (&["key", "update", "one"], "--description"),
        (&["key", "update", "one", "--tag", "no-pair"], "KEY=VALUE"),
        (&["key", "update", "one", "--rotation-period", "soon"], "90d"),
        (&["key", "update", "one", "--rotate-after-uses", "often"], "number"),
        (&["key", "import", "one", "--expires-at", "tomorrow"], "2027-01-31T00:00:00Z"),
        (&["key", "create", "--key-uuid", "0123"], "UUID"),
        (&["key", "create", "--key-uuid", "01234567-89ab-4def-8123-456789abcdef"], "--external"),
        (&["encrypt", "one", "--aad", "x", "--context", "a=b"], "--context"),
        (&["data-key", "one", "--version-id", "x", "--initial-version"], "--initial-version"),
        (&["rekey"], "--new-root-key-uri"),
        (&["--passphrase", "--root-key-uri", "file:x", "stats"], "--passphrase"),
        (&["--passphrase", secret, "stats"], "never taken from the command line"),
        (&["stats", &format!("--passphrase={secret}")], "never taken from the command line"),
        (&["rekey", "--new-passphrase", secret], "never taken from the command line"),
    ] {
        let ran = tool.run(arguments);
        assert_eq!((ran.code, ran.text().as_str()), (2, ""), "{arguments:?}");
        assert!(ran.stderr.contains(message), "{arguments:?}: {}", ran.stderr);
        let ran = tool.run(&[&["--json"], arguments].concat());
        let error: serde_json::Value = serde_json::from_str(&ran.stderr).expect("JSON");
        assert_eq!((ran.code, &error["error"]["status"]), (2, &"USAGE".into()), "{arguments:?}");
    }
    for (variable, message) in [("KMS_STORE", "--store"), ("KMS_ROOT_KEY_URI", "--root-key-uri")] {
        let mut command = tool.command(&["stats"]);
        command.env_remove(variable);
        tool::finish(command, b"").fails(2, "USAGE").says(message);
    }
    tool.has_kept_its_secrets();
}

#[test]
fn errors_are_json_for_programs() {
    let tool = Tool::with_store();
    let ran = tool.run(&["key", "show", "nobody", "--json"]);
    let error: serde_json::Value = serde_json::from_str(&ran.stderr).expect("JSON");
    assert_eq!((ran.code, ran.stdout.len()), (67, 0));
    let expected = serde_json::json!({"error": {
        "status": "KMS_NOT_FOUND",
        "exit_code": 67,
        "message": "key \"nobody\" was not found",
        "native_code": 0,
        "retryable": false,
    }});
    assert_eq!(error, expected);
}

#[test]
fn files_are_not_overwritten_unless_told() {
    let tool = Tool::with_store();
    tool.key("one");
    let sealed = tool.run_with(&["encrypt", "one"], b"payload").ok().stdout;
    tool.write("there", b"precious");
    for arguments in [
        ["decrypt", "--out", "there"].as_slice(),
        &["encrypt", "one", "--out", "there"],
        &["data-key", "one", "--plaintext-out", "there"],
        &["data-key", "one", "--ciphertext-out", "there"],
        &["re-encrypt", "one", "--out", "there"],
        &["random", "16", "--out", "there"],
        &["backup", "there"],
    ] {
        let ran = tool.run_with(arguments, &sealed);
        ran.fails(68, "KMS_ALREADY_EXISTS").says("there is there already; --force");
        assert_eq!(tool.read("there"), b"precious", "{arguments:?}");
        tool.run_with(&[arguments, &["--force"]].concat(), &sealed).ok();
        assert_ne!(tool.read("there"), b"precious", "{arguments:?}");
        tool.write("there", b"precious");
    }

    // No device, directory or link is replaced by a file, told or not.
    std::os::unix::fs::symlink("there", tool.path("link")).expect("a link");
    std::fs::create_dir(tool.path("folder")).expect("a folder");
    for place in ["link", "folder", "/dev/null"] {
        tool.run_with(&["decrypt", "--out", place, "--force"], &sealed).fails(1, "FILE_ERROR").says(place);
        tool.run(&["backup", place, "--force"]).fails(1, "FILE_ERROR");
    }
    tool.run_with(&["decrypt", "--out", "no/such/folder"], &sealed).fails(1, "FILE_ERROR");
    tool.run(&["encrypt", "one", "--in", "nothing"]).fails(1, "FILE_ERROR").says("nothing: ");
    tool.run(&["man", "no-folder"]).fails(1, "FILE_ERROR");
    assert_eq!(tool.read("there"), b"precious");
}

/// What is in the directory, hidden files too.
fn names(tool: &Tool) -> Vec<String> {
    let entries = tool.dir.path().read_dir().expect("the directory");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_failure_leaves_no_file() {
    let tool = Tool::with_store();
    tool.key("one");
    tool.run(&["stats"]).ok();
    let before = names(&tool);
    tool.run_with(&["decrypt", "--out", "plain"], b"no ciphertext").fails(74, "KMS_INVALID_CIPHERTEXT");
    tool.run(&["data-key", "nobody", "--plaintext-out", "a", "--ciphertext-out", "b"])
        .fails(67, "KMS_NOT_FOUND");
    tool.run(&["data-key", "one", "--plaintext-out", "a", "--dry-run"]).ok();
    tool.run(&["random", "0", "--out", "r"]).fails(65, "KMS_INVALID_ARGUMENT");
    tool.run(&["--root-key-uri", "file:nothing", "backup", "b"]).fails(65, "KMS_INVALID_ARGUMENT");
    assert_eq!(names(&tool), before);

    // A disk with no room for it: here, a limit on the size of files.
    let mut command = std::process::Command::new("bash");
    command.args(["-c", "ulimit -f 8; trap '' XFSZ; exec \"$@\"", "bash", env!("CARGO_BIN_EXE_kms")]);
    command.args(["random", "65536", "--out", "large"]).current_dir(tool.dir.path());
    tool::finish(command, b"").fails(1, "FILE_ERROR").says("large: ");
    assert_eq!(names(&tool), before);
}

#[test]
fn a_dry_run_changes_nothing() {
    let tool = Tool::with_store();
    tool.key("one");
    tool.key("two");
    tool.run(&["key", "rotate", "one"]).ok();
    tool.run(&["key", "create", "--id", "byok", "--external"]).ok();
    let versions = tool.json(&["version", "list", "one"]);
    let [old, new] = [0, 1].map(|index| versions[index]["version_id"].as_str().expect("an id").to_string());
    let sealed = tool.run_with(&["encrypt", "one"], &[7; 32]).ok().stdout;
    let state = || {
        ["key", "alias"]
            .map(|list| tool.json(&[list, "list"]))
            .to_vec()
            .into_iter()
            .chain(["one", "byok"].map(|key| tool.json(&["key", "show", key])))
            .chain([tool.json(&["version", "list", "one"])])
            .collect::<Vec<_>>()
    };
    let before = state();
    for arguments in [
        ["key", "create", "--id", "three"].as_slice(),
        &["key", "rotate", "one"],
        &["key", "disable", "one"],
        &["key", "enable", "one"],
        &["key", "delete", "one"],
        &[
            "key",
            "update",
            "one",
            "--description",
            "x",
            "--tag",
            "a=b",
            "--untag",
            "c",
            "--rotation-period",
            "1d",
        ],
        &["key", "delete-material", "byok"],
        &["alias", "create", "alias/new", "one"],
        &["alias", "update", "alias/one", "two"],
        &["alias", "delete", "alias/one"],
        &["version", "set-primary", "one", &old],
        &["version", "destroy", "one", &old],
        &["data-key", "one"],
        &["encrypt", "one"],
        &["rekey", "--new-root-key-uri", "file:root.key"],
    ] {
        let ran = tool.run_with(&[arguments, &["--dry-run"]].concat(), b"x").ok();
        assert_eq!(ran.text(), "dry run: it would have succeeded\n", "{arguments:?}");
    }
    let json = tool.run_with(&["key", "import", "byok", "--dry-run", "--json"], &[7; 32]).ok().json();
    assert_eq!(json, serde_json::json!({"dry_run": true}));
    for arguments in [["decrypt", "--dry-run"].as_slice(), &["re-encrypt", "two", "--dry-run"]] {
        tool.run_with(arguments, &sealed).ok();
    }
    tool.run(&["key", "cancel-deletion", "one", "--dry-run"]).fails(70, "KMS_INVALID_STATE");
    tool.run(&["version", "cancel-destruction", "one", &new, "--dry-run"]).fails(70, "KMS_INVALID_STATE");
    tool.run(&["version", "destroy", "one", &new, "--dry-run"]).fails(70, "KMS_INVALID_STATE");

    // Uses were counted where a re-encryption opened its source; nothing else has changed.
    let uncounted = |state: Vec<serde_json::Value>| -> Vec<serde_json::Value> {
        let text = serde_json::Value::Array(state).to_string();
        let mut state: Vec<serde_json::Value> = serde_json::from_str(&text).expect("JSON");
        state.iter_mut().for_each(forget_uses);
        state
    };
    assert_eq!(uncounted(state()), uncounted(before));
}

fn forget_uses(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Array(items) => items.iter_mut().for_each(forget_uses),
        serde_json::Value::Object(fields) => {
            fields.retain(|name, _| !name.starts_with("uses_") && name != "last_used_at");
        }
        _ => {}
    }
}
