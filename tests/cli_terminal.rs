//! The tool in a real terminal: passphrases are not shown, plaintexts only when told to, tables and progress bars are.

#[path = "support/terminal.rs"]
mod terminal;
#[path = "support/tool.rs"]
mod tool;

use std::process::Command;

use terminal::Terminal;
use tool::{Tool, shown};

const PASSPHRASE: &str = "MARKER-of-the-pass-phrase-\u{e4}";

/// The tool on a terminal, with a passphrase for its root key.
fn start(tool: &Tool, arguments: &[&str]) -> Terminal {
    let mut command = tool.command(arguments);
    command.env_remove("KMS_ROOT_KEY_URI").env("TERM", "xterm");
    Terminal::start(command)
}

/// What it showed, without the passphrase.
#[track_caller]
fn finish(tool: &Tool, terminal: Terminal, code: i32) -> String {
    let (ended, text) = terminal.finish();
    assert_eq!(ended, code, "{text}");
    assert_eq!(shown(text.as_bytes(), PASSPHRASE.as_bytes()), None, "{text}");
    tool.heard(text.as_bytes());
    text
}

fn with_passphrase() -> Tool {
    let tool = Tool::new();
    let mut terminal = start(&tool, &["init", "--passphrase"]);
    terminal.wait_for("Passphrase: ");
    assert!(!terminal.echoes());
    terminal.type_in(&format!("{PASSPHRASE}\r"));
    terminal.wait_for("Passphrase again: ");
    assert!(!terminal.echoes());
    terminal.type_in(&format!("{PASSPHRASE}\r"));
    terminal.wait_for("made, with the id");
    assert!(terminal.echoes());
    finish(&tool, terminal, 0);
    tool
}

/// Types one passphrase.
fn unlock(tool: &Tool, arguments: &[&str], typed: &str) -> Terminal {
    let mut terminal = start(tool, &[arguments, &["--passphrase"]].concat());
    terminal.wait_for("Passphrase: ");
    terminal.type_in(typed);
    terminal
}

/// That the tests below could see a passphrase: what is typed into other programs is shown.
#[test]
fn a_terminal_shows_what_is_typed() {
    let mut cat = Terminal::start(Command::new("cat"));
    assert!(cat.echoes());
    cat.type_in(&format!("{PASSPHRASE}\r"));
    cat.wait_for(PASSPHRASE);
    cat.type_in("\u{4}");
    let (code, text) = cat.finish();
    assert_eq!((code, text.matches(PASSPHRASE).count()), (0, 2), "{text}");
}

#[test]
fn a_passphrase_is_asked_for_and_not_shown() {
    let tool = with_passphrase();
    let terminal = unlock(&tool, &["key", "create", "--id", "one"], &format!("{PASSPHRASE}\r"));
    assert!(finish(&tool, terminal, 0).ends_with("one\r\n"));
    // Corrected while typing: a line given up, and a character of two bytes taken back.
    let typed = format!("wrong\u{15}{PASSPHRASE}\u{e9}\u{7f}\n");
    let text = finish(&tool, unlock(&tool, &["key", "list"], &typed), 0);
    assert!(text.contains("KEY ID  STATE    VERSION") && text.contains("one     enabled  1 "), "{text}");
    let text = finish(&tool, unlock(&tool, &["key", "list"], "wrong\r"), 81);
    assert!(text.contains("kms: KMS_WRONG_ROOT_KEY: "), "{text}");
    let text = finish(&tool, unlock(&tool, &["key", "list"], "\r"), 2);
    assert!(text.contains("kms: USAGE: the passphrase is empty"), "{text}");
    finish(&tool, unlock(&tool, &["key", "list"], &"x".repeat(1025)), 2);
    tool.has_kept_its_secrets();
}

#[test]
fn two_passphrases_must_be_the_same() {
    let tool = Tool::new();
    let mut terminal = unlock(&tool, &["init"], &format!("{PASSPHRASE}\r"));
    terminal.wait_for("Passphrase again: ");
    terminal.type_in("another\r");
    let text = finish(&tool, terminal, 2);
    assert!(text.contains("the two passphrases differ"), "{text}");
    assert!(!tool.path("keys.db").exists());
}

#[test]
fn ctrl_c_at_the_prompt_leaves_the_terminal_as_it_was() {
    let tool = with_passphrase();
    let mut terminal = unlock(&tool, &["key", "list"], "MARKER-of\u{3}");
    terminal.wait_for("INTERRUPTED");
    assert!(terminal.echoes());
    finish(&tool, terminal, 130);
}

#[test]
fn a_store_gets_another_passphrase() {
    let tool = with_passphrase();
    let mut terminal = unlock(&tool, &["rekey", "--new-passphrase"], &format!("{PASSPHRASE}\r"));
    for prompt in ["New passphrase: ", "New passphrase again: "] {
        terminal.wait_for(prompt);
        terminal.type_in("MARKER-of-the-new-phrase\r");
    }
    tool.keep_secret(b"MARKER-of-the-new-phrase");
    assert!(finish(&tool, terminal, 0).contains("the store has a new root key"));
    finish(&tool, unlock(&tool, &["stats"], &format!("{PASSPHRASE}\r")), 81);
    finish(&tool, unlock(&tool, &["stats"], "MARKER-of-the-new-phrase\r"), 0);
    tool.has_kept_its_secrets();
}

/// The tool on a terminal, with a root key in a file.
fn on_terminal(tool: &Tool, arguments: &[&str]) -> Terminal {
    let mut command = tool.command(arguments);
    command.env("TERM", "xterm");
    Terminal::start(command)
}

#[test]
fn a_plaintext_is_not_shown_unless_told() {
    let tool = Tool::with_store();
    tool.run(&["key", "create", "--id", "one"]).ok();
    let secret = "MARKER-of-a-plaintext";
    tool.run_with(&["encrypt", "one", "--out", "sealed"], secret.as_bytes()).ok();

    let (code, text) = on_terminal(&tool, &["decrypt", "--in", "sealed"]).finish();
    assert_eq!((code, shown(text.as_bytes(), secret.as_bytes())), (2, None), "{text}");
    assert!(text.contains("kms: USAGE: ") && text.contains("--show-plaintext"), "{text}");
    let (code, text) = on_terminal(&tool, &["decrypt", "--json", "--in", "sealed"]).finish();
    assert_eq!((code, shown(text.as_bytes(), secret.as_bytes())), (2, None), "{text}");
    let (code, text) = on_terminal(&tool, &["decrypt", "--in", "sealed", "--show-plaintext"]).finish();
    assert_eq!((code, text.as_str()), (0, secret));
    let (code, text) = on_terminal(&tool, &["decrypt", "--in", "sealed", "--out", "plain"]).finish();
    assert_eq!((code, text.as_str(), tool.read("plain")), (0, "", secret.as_bytes().to_vec()));

    let files = ["data-key", "one", "--plaintext-out", "data.key"];
    let (code, text) = on_terminal(&tool, &files).finish();
    assert_eq!((code, shown(text.as_bytes(), &tool.read("data.key"))), (0, None), "{text}");
    let (code, text) = on_terminal(&tool, &["key", "import", "one"]).finish();
    assert!(code == 2 && text.contains("not typed on a terminal"), "{text}");
}

#[test]
fn what_takes_long_shows_its_progress() {
    let tool = Tool::with_store();
    for id in ["one", "two", "three"] {
        tool.run(&["key", "create", "--id", id]).ok();
    }
    tool.write_private("new.key", &[9; 32]);
    let (code, text) = on_terminal(&tool, &["verify"]).finish();
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("verifying [") && text.contains("/3 keys"), "{text:?}");
    assert!(text.ends_with("no damage; keys verified: 3\r\n"), "{text:?}");
    let (code, text) = on_terminal(&tool, &["backup", "backup.db"]).finish();
    assert!(code == 0 && text.contains("backing up"), "{text:?}");
    let (code, text) = on_terminal(&tool, &["rekey", "--new-root-key-uri", "file:new.key"]).finish();
    assert!(code == 0 && text.contains("sealing anew [") && text.contains("/3 keys"), "{text:?}");

    // Only on a terminal.
    let ran = tool.run(&["--root-key-uri", "file:new.key", "verify"]).ok();
    assert_eq!(ran.text(), "no damage; keys verified: 3\n");
}
