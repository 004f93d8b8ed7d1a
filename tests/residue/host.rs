//! The host program (program.c): built, started, and read from stop to stop.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::support::{STRICT, cc, root, run};

/// The program, built against the library in `library_dir`.
pub fn build(dir: &Path, library_dir: &Path) -> PathBuf {
    let program = dir.join("program");
    let mut compile = cc();
    compile
        .args(STRICT)
        .args(["-std=c99", "-D_GNU_SOURCE", "-O1", "-pthread", "-I"])
        .arg(root().join("include"));
    compile.arg(root().join("tests/residue/program.c")).args(["-x", "none", "-o"]).arg(&program);
    compile.arg("-L").arg(library_dir).arg("-lkms");
    run(&mut compile).unwrap_or_else(|error| panic!("{error}"));
    program
}

/// How the program is run.
pub struct Scenario<'a> {
    pub program: &'a Path,
    pub library_dir: &'a Path,
    pub store: &'a Path,
    /// root_key, passphrase, or a root_key_uri.
    pub source: &'a str,
    /// What it reads as its root key or passphrase, and as the next root key.
    pub secret: &'a [u8],
    pub next_root_key: &'a [u8; 32],
    /// What is in the file of a root_key_uri, if it is one.
    pub file_text: &'a str,
    /// Where a root_key_uri finds it, if it is a variable.
    pub environment: Option<(&'a str, &'a str)>,
    /// clean or leak.
    pub mode: &'a str,
}

/// The running program, and what it made so far.
pub struct Host {
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    pub plaintexts: Vec<Vec<u8>>,
    pub blobs: Vec<Vec<u8>>,
}

impl Host {
    pub fn start(scenario: &Scenario<'_>) -> Host {
        let mut command = Command::new(scenario.program);
        command.env("LD_LIBRARY_PATH", scenario.library_dir).envs(scenario.environment);
        command.arg(format!("sqlite:{}", scenario.store.display())).args([scenario.source, scenario.mode]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the program");
        let mut stdin = child.stdin.take().expect("a pipe");
        let stdout = child.stdout.take().expect("a pipe");
        for secret in [scenario.secret, scenario.next_root_key] {
            stdin.write_all(&[secret.len() as u8]).expect("to write");
            stdin.write_all(secret).expect("to write");
        }
        Host { child, stdin, stdout, plaintexts: Vec::new(), blobs: Vec::new() }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Reads what the program makes until it stops.
    pub fn run_to(&mut self, stop: &str) {
        loop {
            let mut head = [0; 5];
            self.stdout.read_exact(&mut head).expect("the program came to its end");
            let [kind, len @ ..] = head;
            let mut bytes = vec![0; u32::from_ne_bytes(len) as usize];
            self.stdout.read_exact(&mut bytes).expect("a whole record");
            match kind {
                b'K' => self.plaintexts.push(bytes),
                b'B' => self.blobs.push(bytes),
                b'S' => return assert_eq!(String::from_utf8_lossy(&bytes), stop),
                _ => panic!("a record of kind {kind}"),
            }
        }
    }

    pub fn go_on(&mut self) {
        self.stdin.write_all(b".").expect("to write");
    }

    pub fn finish(mut self) {
        self.go_on();
        assert!(self.child.wait().expect("its end").success());
    }
}

impl Drop for Host {
    /// A test that fails leaves nothing running.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
