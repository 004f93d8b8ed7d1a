//! The three example programs, built from an installed libkms, and how they are run: on a store of their own, beside a file
//! of more than 20 MiB.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use super::support::{STRICT, cc, installed_prefix, root, run, temp_dir, write_root_key};

/// 20 MiB and a bit, so that the last chunk is a short one.
pub const LARGE: usize = 20 * 1024 * 1024 + 12345;
pub const CHUNK: usize = 65536;
pub const TAG: usize = 16;
pub const SEALED_CHUNK: usize = CHUNK + TAG;
pub const FIXED: usize = 20;
pub const CONTEXT: [&str; 4] = ["--context", "tenant=7", "--context", "table=orders"];

/// Bytes that no compressor makes smaller, the same at every run (SplitMix64).
pub fn incompressible(len: usize, mut seed: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// One of the three programs: what to run, and what comes before `encrypt` or `decrypt`.
pub struct Filecrypt {
    pub language: &'static str,
    pub program: PathBuf,
    pub script: Option<PathBuf>,
}

impl Filecrypt {
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.script);
        command.env("LD_LIBRARY_PATH", installed_prefix().join("lib"));
        command.env("PYTHONPATH", root().join("bindings/python/src"));
        command.env("LIBKMS_PATH", installed_prefix().join("lib/libkms.so.0"));
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }
}

pub fn tool(name: &str, why: &str) {
    let found = Command::new(name).arg(if name == "go" { "version" } else { "--version" }).output();
    assert!(
        found.is_ok_and(|found| found.status.success()),
        "`{name}` is needed {why}; scripts/setup.sh installs it"
    );
}

/// Python with `cryptography`: what scripts/setup.sh made, else what there is.
pub fn python() -> PathBuf {
    let own = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("venv/bin/python");
    let python = if own.exists() { own } else { "python3".into() };
    let probe = run(Command::new(&python).args(["-c", "import cryptography"]));
    assert!(
        probe.is_ok(),
        "Python 3 with `cryptography` is needed for the examples; `make setup` installs it: {probe:?}"
    );
    python
}

pub fn build_c(out: &Path, sources: &[&str], flags: &[&str]) {
    tool("pkg-config", "to build the C examples");
    let mut pkg_config = Command::new("pkg-config");
    pkg_config.env("PKG_CONFIG_PATH", installed_prefix().join("lib/pkgconfig"));
    let libraries = run(pkg_config.args(["--cflags", "--libs", "kms", "libcrypto"]));
    let libraries = libraries.unwrap_or_else(|e| panic!("libkms and OpenSSL's libcrypto are needed: {e}"));
    let mut compiler = cc();
    compiler.current_dir(root().join("examples/c")).arg("-std=c99").args(STRICT).args(flags);
    compiler.arg("-o").arg(out).args(sources).args(["-x", "none"]).args(libraries.split_whitespace());
    run(&mut compiler).unwrap_or_else(|e| panic!("the C example does not compile: {e}"));
}

pub fn build_go(out: &Path) {
    tool("go", "to build the Go example");
    let mut go = Command::new("go");
    go.current_dir(root().join("examples/go"))
        .args(["build", "-tags", "libkms_pkgconfig", "-o"])
        .arg(out)
        .arg(".");
    go.env("PKG_CONFIG_PATH", installed_prefix().join("lib/pkgconfig")).env("CGO_ENABLED", "1");
    run(&mut go).unwrap_or_else(|e| panic!("the Go example does not compile: {e}"));
}

/// The programs, a store, a root key, and the large file.
pub struct Bench {
    pub dir: tempfile::TempDir,
    pub programs: [Filecrypt; 3],
}

pub fn bench() -> &'static Bench {
    static BENCH: OnceLock<Bench> = OnceLock::new();
    BENCH.get_or_init(|| {
        let dir = temp_dir();
        let (c, go) = (dir.path().join("filecrypt-c"), dir.path().join("filecrypt-go"));
        build_c(&c, &["filecrypt.c", "sealed_file.c"], &["-O2"]);
        build_go(&go);
        write_root_key(&dir.path().join("root.key"));
        fs::write(dir.path().join("large"), incompressible(LARGE, 1)).expect("the large file");
        let script = Some(root().join("examples/python/filecrypt.py"));
        let programs = [
            Filecrypt { language: "C", program: c, script: None },
            Filecrypt { language: "Python", program: python(), script },
            Filecrypt { language: "Go", program: go, script: None },
        ];
        Bench { dir, programs }
    })
}

impl Bench {
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn run(
        &self,
        filecrypt: &Filecrypt,
        command: &str,
        options: &[&str],
        input: &Path,
        output: &Path,
    ) -> Outcome {
        let mut process = filecrypt.command();
        process.current_dir(self.dir.path()).arg(command);
        process.args(["--store", "sqlite:keys.db", "--root-key-uri", "file:root.key"]).args(options);
        let done = process.arg(input).arg(output).output().expect("an example program");
        let text = String::from_utf8_lossy(&done.stdout) + String::from_utf8_lossy(&done.stderr);
        Outcome { language: filecrypt.language, code: done.status.code(), text: text.into_owned() }
    }

    pub fn encrypt(&self, filecrypt: &Filecrypt, input: &Path, output: &Path) {
        let options = [&["--key", "alias/files", "--create"], &CONTEXT[..]].concat();
        self.run(filecrypt, "encrypt", &options, input, output).expect_done();
    }

    /// A file sealed by the first program, and its bytes.
    pub fn sealed(&self, dir: &Path, input: &Path) -> Vec<u8> {
        let sealed = dir.join("sealed");
        self.encrypt(&self.programs[0], input, &sealed);
        fs::read(sealed).expect("the sealed file")
    }

    /// Whether `filecrypt` refuses these bytes, and leaves nothing behind. If not, what it made of them.
    pub fn refuses(&self, filecrypt: &Filecrypt, bytes: &[u8], options: &[&str]) -> Result<Outcome, Vec<u8>> {
        let dir = temp_dir();
        let (input, output) = (dir.path().join("in"), dir.path().join("out"));
        fs::write(&input, bytes).expect("the input");
        let outcome = self.run(filecrypt, "decrypt", options, &input, &output);
        if outcome.code == Some(0) {
            return Err(fs::read(output).expect("the output"));
        }
        assert_eq!(outcome.code, Some(1), "{}: {}", outcome.language, outcome.text);
        assert!(
            outcome.text.contains("refused") || outcome.text.contains("KMS_"),
            "no reason: {}",
            outcome.text
        );
        let left: Vec<_> = fs::read_dir(dir.path())
            .expect("the directory")
            .map(|e| e.expect("an entry").file_name())
            .collect();
        assert_eq!(left, ["in"], "{}: a refused file left something behind", outcome.language);
        Ok(outcome)
    }
}

pub struct Outcome {
    pub language: &'static str,
    pub code: Option<i32>,
    pub text: String,
}

impl Outcome {
    pub fn expect_done(&self) {
        assert_eq!(self.code, Some(0), "{}: {}", self.language, self.text);
    }
}
