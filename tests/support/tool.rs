//! The tool `kms` in processes of its own, on a store in a temporary directory. What it says is kept, to be searched
//! for secrets.

#![allow(dead_code)] // every test file uses its own part

use std::cell::RefCell;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// The root key of the store, in a file that only its owner can read.
pub const ROOT_KEY: &[u8; 32] = b"MARKER-of-the-root-key-32-bytes!";

pub struct Tool {
    pub dir: tempfile::TempDir,
    said: RefCell<Vec<u8>>,
    secrets: RefCell<Vec<Vec<u8>>>,
}

/// What became of a run.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Ran {
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!((self.code, self.stderr.as_str()), (0, ""), "{}", self.text());
        self
    }

    /// Fails with a code; standard error names the status, and nothing is on standard output.
    #[track_caller]
    pub fn fails(&self, code: i32, status: &str) -> &Self {
        assert_eq!(self.code, code, "{}{}", self.text(), self.stderr);
        assert!(self.stderr.starts_with(&format!("kms: {status}: ")), "{}", self.stderr);
        assert_eq!(self.stderr.lines().count(), 1, "{}", self.stderr);
        assert_eq!(self.text(), "");
        self
    }

    #[track_caller]
    pub fn says(&self, part: &str) -> &Self {
        assert!(self.stderr.contains(part), "no {part:?} in {:?}", self.stderr);
        self
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

impl Tool {
    /// No store yet, but a root key.
    pub fn new() -> Self {
        // In memory where there is such a place: these tests are not about the disk.
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let tool = Tool {
            dir: dir.expect("a temporary directory"),
            said: RefCell::default(),
            secrets: RefCell::new(vec![ROOT_KEY.to_vec()]),
        };
        tool.write_private("root.key", ROOT_KEY);
        tool
    }

    pub fn with_store() -> Self {
        let tool = Tool::new();
        tool.run(&["init"]).ok();
        tool
    }

    /// A key with an id and an alias.
    pub fn key(&self, id: &str) {
        self.run(&["key", "create", "--id", id, "--alias", &format!("alias/{id}")]).ok();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, content: &[u8]) {
        std::fs::write(self.path(name), content).expect(name);
    }

    pub fn write_private(&self, name: &str, content: &[u8]) {
        use std::os::unix::fs::OpenOptionsExt;
        let mut options = std::fs::OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(self.path(name));
        file.expect(name).write_all(content).expect(name);
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).expect(name)
    }

    /// Must not appear in what the tool says from now on, nor in what it has said.
    pub fn keep_secret(&self, secret: &[u8]) {
        self.secrets.borrow_mut().push(secret.to_vec());
    }

    /// With the store and its root key in the environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kms"));
        command.args(arguments).current_dir(self.dir.path());
        command.env("KMS_STORE", "sqlite:keys.db").env("KMS_ROOT_KEY_URI", "file:root.key");
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.run_with(arguments, b"")
    }

    /// With something on standard input.
    pub fn run_with(&self, arguments: &[&str], input: &[u8]) -> Ran {
        let ran = finish(self.command(arguments), input);
        self.heard(&ran.stdout);
        self.heard(ran.stderr.as_bytes());
        ran
    }

    /// Told to show a secret; what it says is not kept.
    pub fn run_showing(&self, arguments: &[&str], input: &[u8]) -> Ran {
        finish(self.command(arguments), input)
    }

    pub fn heard(&self, said: &[u8]) {
        let mut all = self.said.borrow_mut();
        all.extend_from_slice(said);
        all.push(b'\n');
    }

    /// `arguments` with --json.
    #[track_caller]
    pub fn json(&self, arguments: &[&str]) -> Value {
        self.run(&[&["--json"], arguments].concat()).ok().json()
    }

    /// None of the secrets is in what was said, in any form.
    #[track_caller]
    pub fn has_kept_its_secrets(&self) {
        let said = self.said.borrow();
        assert!(!said.is_empty(), "it has said nothing");
        for secret in self.secrets.borrow().iter() {
            if let Some(form) = shown(&said, secret) {
                panic!("a secret was shown: {form:?} in\n{}", String::from_utf8_lossy(&said));
            }
        }
    }
}

pub fn finish(mut command: Command, input: &[u8]) -> Ran {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the tool");
    // It may end without having read its input.
    let _ = child.stdin.take().expect("its input").write_all(input);
    let output = child.wait_with_output().expect("its end");
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: output.stdout,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The form in which a text shows a secret, if it does: its first bytes as they are, in hex, or in base64.
pub fn shown(text: &[u8], secret: &[u8]) -> Option<String> {
    let part = &secret[..secret.len().min(12)];
    let hex: String = part.iter().map(|byte| format!("{byte:02x}")).collect();
    let forms = [part.to_vec(), hex.to_uppercase().into(), hex.into(), STANDARD.encode(part).into()];
    let is_shown = |form: &&Vec<u8>| text.windows(form.len()).any(|window| window == form.as_slice());
    forms.iter().find(is_shown).map(|form| String::from_utf8_lossy(form).into_owned())
}
