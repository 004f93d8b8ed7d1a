//! Runs the scripts of tests/python.

#![allow(dead_code)] // every test file uses its own part

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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
