//! Hands the ciphertexts that a test made to another implementation of their format: tests/python, written from the
//! format's description and Python's `cryptography` alone.

#![allow(dead_code)] // every test file uses its own part
#![allow(unsafe_code)] // a handle's pointer as a reference

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use kms::test_hooks::{ExportedVersion, material};
use serde_json::{Value, json};

use crate::handle::{Bound, DataKey, Handle};

/// Ciphertexts that shall open in Python.
#[derive(Default)]
pub struct Journal {
    lines: String,
    len: usize,
}

impl Journal {
    /// A ciphertext of the first version of a key.
    pub fn add(&mut self, handle: &Handle, key_id: &str, blob: &[u8], bound: Bound<'_>, plaintext: &[u8]) {
        let mut line = case(&exported(handle, key_id).material, bound, plaintext);
        line["blob"] = hex(blob).into();
        self.lines += &format!("{line}\n");
        self.len += 1;
    }

    pub fn add_data_key(&mut self, handle: &Handle, key_id: &str, data_key: &DataKey, bound: Bound<'_>) {
        self.add(handle, key_id, &data_key.ciphertext, bound, &data_key.plaintext);
    }

    /// Opens them all; what went wrong, if anything did.
    pub fn open_in_python(&self) -> Result<(), String> {
        let opened = run_script("open_blobs.py", &self.lines)?;
        if opened.trim() == self.len.to_string() {
            Ok(())
        } else {
            Err(format!("Python opened {} of {}", opened.trim(), self.len))
        }
    }

    #[track_caller]
    pub fn check(&self) {
        assert!(self.len > 0, "nothing to open");
        if let Err(message) = self.open_in_python() {
            panic!("{message}");
        }
    }
}

/// A ciphertext of the first version of a key, made in Python.
pub fn made_in_python(handle: &Handle, key_id: &str, plaintext: &[u8], bound: Bound<'_>) -> Vec<u8> {
    let ExportedVersion { header, material } = exported(handle, key_id);
    let mut line = case(&material, bound, plaintext);
    line["key"] = hex(&header[4..20]).into();
    line["version"] = 1.into();
    let text = run_script("make_blobs.py", &format!("{line}\n")).unwrap_or_else(|error| panic!("{error}"));
    unhex(text.trim())
}

pub fn exported(handle: &Handle, key_id: &str) -> ExportedVersion {
    // SAFETY: the handle is open.
    let kms = unsafe { &*handle.as_ptr() };
    material(kms, key_id, 1).expect("the material of version 1")
}

fn case(material: &[u8; 32], bound: Bound<'_>, plaintext: &[u8]) -> Value {
    let (aad, pairs): (&[u8], &[(&str, &str)]) = match bound {
        Bound::Nothing => (&[], &[]),
        Bound::Aad(aad) => (aad, &[]),
        Bound::Context(pairs) => (&[], pairs),
    };
    let context: serde_json::Map<String, Value> =
        pairs.iter().map(|(key, value)| (key.to_string(), (*value).into())).collect();
    json!({"material": hex(material), "aad": hex(aad), "context": context, "plaintext": hex(plaintext)})
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
}

/// The interpreter of scripts/setup.sh, or the system's.
fn interpreter() -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target/tmp");
    let own = target.join("venv/bin/python");
    if own.exists() { own } else { "python3".into() }
}

/// Runs a script of tests/python; its standard output, or what it said.
pub fn run_script(name: &str, input: &str) -> Result<String, String> {
    run_script_with(&[], name, input)
}

/// The same with options of the interpreter.
pub fn run_script_with(options: &[&str], name: &str, input: &str) -> Result<String, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(name);
    let mut command = Command::new(interpreter());
    command
        .args(options)
        .arg("-B")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
    let mut stdin = child.stdin.take().ok_or("no standard input")?;
    let output = std::thread::scope(|scope| {
        // A script that stops early closes its input: what it said is the better message.
        scope.spawn(move || stdin.write_all(input.as_bytes()));
        child.wait_with_output()
    });
    let output = output.map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(format!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
