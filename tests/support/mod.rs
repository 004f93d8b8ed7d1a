//! What the tests around the C ABI share: where things are, running a command, compiling C.

#![allow(dead_code)] // every test file uses its own part

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The warnings under which the header and every C program of this repository must be clean.
pub const STRICT: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn committed_header() -> String {
    std::fs::read_to_string(root().join("include/kms.h")).expect("include/kms.h")
}

pub fn temp_dir() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

/// A directory of this test program under target/, empty at first use.
fn own_dir(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(env!("CARGO_CRATE_NAME")).join(name);
    if dir.exists() {
        std::fs::remove_dir_all(&dir).expect("to empty a directory of ours");
    }
    std::fs::create_dir_all(&dir).expect("a directory under target/tmp");
    dir
}

/// The directory to which this test run built the library (with the features of the run).
fn built_dir() -> PathBuf {
    let test = std::env::current_exe().expect("the path of this test");
    test.parent().expect("target/PROFILE/deps").to_path_buf()
}

/// The static library as cargo builds it, not as it is installed.
pub fn built_static_library() -> PathBuf {
    built_dir().join("libkms.a")
}

/// A directory with the shared library that this test run built, under the names that the linker and the loader look
/// for.
pub fn built_library_dir() -> &'static Path {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| {
        let built = built_dir().join("libkms.so");
        assert!(built.exists(), "cargo built no {}", built.display());
        let dir = own_dir("shared");
        for name in ["libkms.so", "libkms.so.0"] {
            std::os::unix::fs::symlink(&built, dir.join(name)).expect("a link");
        }
        dir
    })
}

/// `make install` with these variables. It builds the release library, without test hooks, if that is not there.
pub fn make_install(variables: &[String]) {
    let mut make = Command::new("make");
    // Not a part of the make that may have started this test: its job slots are not ours.
    make.env_remove("MAKEFLAGS").env_remove("MAKELEVEL").env_remove("MFLAGS");
    run(make.current_dir(root()).arg("install").args(variables))
        .unwrap_or_else(|e| panic!("make install: {e}"));
}

/// A prefix with what `make install` installs.
pub fn installed_prefix() -> &'static Path {
    static PREFIX: OnceLock<PathBuf> = OnceLock::new();
    PREFIX.get_or_init(|| {
        let dir = own_dir("prefix");
        make_install(&[format!("PREFIX={}", dir.display())]);
        dir
    })
}

pub fn cc() -> Command {
    compiler("CC", "cc", "c")
}

pub fn cxx() -> Command {
    compiler("CXX", "c++", "c++")
}

/// `language` is for `-x`: a source file's name need not tell.
fn compiler(variable: &str, default: &str, language: &str) -> Command {
    let mut command = Command::new(std::env::var_os(variable).unwrap_or_else(|| default.into()));
    command.arg("-x").arg(language);
    command
}

/// The first of these names of a standard that the compiler knows, for `-std=`.
pub fn standard(compiler: fn() -> Command, names: &[&'static str]) -> &'static str {
    let mut errors = String::new();
    for name in names {
        let mut probe = compiler();
        match run(probe.arg(format!("-std={name}")).args(["-fsyntax-only", "/dev/null"])) {
            Ok(_) => return name,
            Err(error) => errors += &error,
        }
    }
    panic!("the compiler knows none of {names:?}: {errors}")
}

/// Runs a command to its end; its standard output, or an error with all it said.
pub fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|e| format!("{command:?}: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    Err(format!("{command:?}: {}\n{text}{}", output.status, String::from_utf8_lossy(&output.stderr)))
}

/// A program linked against the library of this test run is found and run in `dir`.
pub fn run_program(
    program: impl AsRef<OsStr>,
    dir: &Path,
    library_dir: Option<&Path>,
) -> Result<String, String> {
    let mut command = Command::new(program);
    command.current_dir(dir);
    match library_dir {
        Some(path) => command.env("LD_LIBRARY_PATH", path),
        None => command.env_remove("LD_LIBRARY_PATH"),
    };
    run(&mut command)
}

pub fn write(path: PathBuf, text: &str) -> PathBuf {
    std::fs::write(&path, text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    path
}

/// The program on the first page of a header: the lines from its first `#include` to the closing brace of main.
pub fn first_page_program(header: &str) -> String {
    let indent = " *   ";
    let start = header.find(" *   #include").expect("a program on the first page");
    let program = header[start..].lines().take_while(|line| line.starts_with(indent) || *line == " *");
    program.map(|line| line.strip_prefix(indent).unwrap_or("").to_string() + "\n").collect()
}

/// 32 bytes in a file that only its owner can read, as root_key_uri = "file:..." wants it.
pub fn write_root_key(path: &Path) {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .expect("the root key's file");
    file.write_all(&[0x5a; 32]).expect("the root key");
}
