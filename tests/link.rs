//! Programs that find libkms as users do, through `pkg-config` and an installed prefix: shared, static, fully static,
//! from C and from C++, and beside another SQLite or another Rust library.

use std::path::{Path, PathBuf};
use std::process::Command;

mod support;
use support::{
    STRICT, built_static_library, cc, cxx, installed_prefix, make_install, run, run_program, temp_dir, write,
};

/// Opens a store on disk, so that the library's own SQLite is at work, and compares versions.
const PROGRAM: &str = r#"
#include <kms.h>
#include <stdio.h>
#include <string.h>

#ifdef OTHER_RUST
uint32_t other_rust(uint32_t value);
#endif

int main(void)
{
  uint8_t root[KMS_ROOT_KEY_SIZE], wrapped[32 + KMS_CIPHERTEXT_OVERHEAD], key[32];
  kms_buffer_t ciphertext = {wrapped, sizeof wrapped, 0}, plaintext = {key, sizeof key, 0};
  kms_open_options_t options = KMS_OPEN_OPTIONS_INIT;
  kms_create_key_request_t create = KMS_CREATE_KEY_REQUEST_INIT;
  kms_data_key_request_t generate = KMS_DATA_KEY_REQUEST_INIT;
  kms_status_t status;
  kms_error_t error;
  kms_t *kms;

  memset(root, 7, sizeof root);
  options.store = "sqlite:link.db";
  options.root_key.data = root;
  options.root_key.len = sizeof root;
  options.flags = KMS_OPEN_CREATE;
  create.alias = generate.key_id = "alias/link";
  status = kms_open(&options, &kms, &error);
  if (status == KMS_OK) status = kms_create_key(kms, &create, NULL, &error);
  if (status == KMS_OK)
    status = kms_generate_data_key(kms, &generate, &plaintext, &ciphertext, NULL, NULL, &error);
  if (status != KMS_OK) {
    fprintf(stderr, "%s: %s\n", kms_status_name(status), error.message);
    return 1;
  }
  kms_close(kms);
#ifdef OTHER_RUST
  if (other_rust(7) != 8)
    return 2;
#endif
  printf("libkms %s wrapped %u bytes in %u\n", kms_version(), (unsigned)plaintext.len,
         (unsigned)ciphertext.len);
  return 0;
}
"#;

fn expected() -> String {
    format!("libkms {} wrapped 32 bytes in 128\n", env!("CARGO_PKG_VERSION"))
}

fn pkg_config(prefix: &Path, options: &[&str]) -> Vec<String> {
    let mut command = Command::new("pkg-config");
    command.env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig")).args(options).arg("kms");
    let output = run(&mut command).expect("pkg-config");
    output.split_whitespace().map(str::to_string).collect()
}

/// Builds `PROGRAM` in `dir` with further sources and objects, and these options of compiler and linker after them.
fn build(
    compiler: fn() -> Command,
    dir: &Path,
    others: &[PathBuf],
    options: &[String],
) -> Result<PathBuf, String> {
    let source = write(dir.join("program.c"), PROGRAM);
    let out = dir.join("program");
    let mut compile = compiler();
    // -x none: what follows the source is told apart by its name again.
    compile.args(STRICT).arg(source).args(["-x", "none"]).args(others).args(options).arg("-o").arg(&out);
    run(&mut compile).map(|_| out)
}

/// The needed libraries of a program, as the loader sees them.
fn needs_libkms(program: &Path) -> bool {
    let output = run(Command::new("readelf").args(["--dynamic", "--wide"]).arg(program)).expect("readelf");
    output.lines().any(|line| line.contains("(NEEDED)") && line.contains("libkms"))
}

#[test]
fn shared() {
    let prefix = installed_prefix();
    for compiler in [cc, cxx] {
        let dir = temp_dir();
        let program =
            build(compiler, dir.path(), &[], &pkg_config(prefix, &["--cflags", "--libs"])).expect("to build");
        assert!(needs_libkms(&program));
        let run = |library_dir: Option<&Path>| run_program(&program, dir.path(), library_dir);
        assert_eq!(run(Some(&prefix.join("lib"))).expect("to run"), expected());
        let error = run(None).expect_err("libkms.so.0 is not where the loader looks by itself");
        assert!(error.contains("libkms.so.0"), "{error}");
    }
}

/// `pkg-config --static`, with the linker told to take the archive of libkms and the shared ones of the system.
fn static_libkms(prefix: &Path) -> Vec<String> {
    let mut options = pkg_config(prefix, &["--static", "--cflags", "--libs"]);
    for option in &mut options {
        if option == "-lkms" {
            *option = "-l:libkms.a".to_string();
        }
    }
    options
}

#[test]
fn static_library() {
    for compiler in [cc, cxx] {
        let dir = temp_dir();
        let program = build(compiler, dir.path(), &[], &static_libkms(installed_prefix())).expect("to build");
        assert!(!needs_libkms(&program));
        assert_eq!(run_program(&program, dir.path(), None).expect("to run"), expected());
    }
}

#[test]
fn static_program() {
    let dir = temp_dir();
    let mut options = pkg_config(installed_prefix(), &["--static", "--cflags", "--libs"]);
    options.push("-static".to_string());
    let program = build(cc, dir.path(), &[], &options).expect("to build");
    assert_eq!(run_program(&program, dir.path(), None).expect("to run"), expected());
}

#[test]
fn static_linking_needs_the_private_libraries() {
    // So the test above would fail if kms.pc left them out: libm is not linked by itself.
    let mut options = static_libkms(installed_prefix());
    options.retain(|option| option != "-lm");
    let dir = temp_dir();
    let error = build(cc, dir.path(), &[], &options).expect_err("libm is missing");
    assert!(error.contains("undefined reference"), "{error}");
}

/// An object with another SQLite's names, which answer in another way.
fn other_sqlite(dir: &Path) -> PathBuf {
    let text = "int sqlite3_open(void);\nint sqlite3_open(void) { return 42; }\n\
                int sqlite3_exec(void);\nint sqlite3_exec(void) { return 42; }\n\
                int sqlite3_initialize(void);\nint sqlite3_initialize(void) { return 42; }\n";
    let source = write(dir.join("other_sqlite.c"), text);
    let object = dir.join("other_sqlite.o");
    run(cc().arg("-c").arg(source).arg("-o").arg(&object)).expect("to compile");
    object
}

/// A static library that brings Rust's runtime a second time, and needs it: it catches a panic of its own.
fn other_rust(dir: &Path) -> PathBuf {
    let text = "#[unsafe(no_mangle)]\npub extern \"C\" fn other_rust(value: u32) -> u32 {\n\
                    std::panic::set_hook(Box::new(|_| {}));\n\
                    std::panic::catch_unwind(|| assert!(value == 0)).map_or(value + 1, |()| value)\n}\n";
    let source = write(dir.join("other_rust.rs"), text);
    let library = dir.join("libother_rust.a");
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.args(["--edition=2024", "--crate-type=staticlib"]).arg(source).arg("-o").arg(&library);
    run(&mut rustc).expect("to compile");
    library
}

#[test]
fn the_tool_is_installed_with_its_pages() {
    let prefix = installed_prefix();
    let tool = prefix.join("bin/kms");
    let version = run(Command::new(&tool).arg("--version")).expect("the tool");
    assert_eq!(version, format!("kms {}\n", env!("CARGO_PKG_VERSION")));
    assert!(!needs_libkms(&tool), "it works without the shared library");
    for (page, part) in [
        ("share/man/man1/kms.1", "KMS_NOT_FOUND"),
        ("share/man/man1/kms-key-create.1", "\\-\\-rotation\\-period"),
        ("share/bash-completion/completions/kms", "--rotation-period"),
        ("share/zsh/site-functions/_kms", "--rotation-period"),
        ("share/fish/vendor_completions.d/kms.fish", "rotation-period"),
    ] {
        let text = std::fs::read_to_string(prefix.join(page)).expect(page);
        assert!(text.contains(part), "{page} has no {part}");
    }
}

/// The crates that a build with these features needs, without the tests.
fn crates(features: &[&str]) -> Vec<String> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["tree", "--offline", "--locked", "-e", "normal,build", "--prefix", "none", "--no-dedupe"]);
    let tree = run(cargo.args(features).current_dir(support::root())).expect("cargo tree");
    let names = tree.lines().filter_map(|line| line.split_whitespace().next()).map(String::from);
    let names: std::collections::BTreeSet<String> = names.collect();
    names.into_iter().collect()
}

#[test]
fn the_library_needs_no_crate_of_the_tool() {
    let is_tools = |name: &&String| ["clap", "clap_mangen", "indicatif", "rustix"].contains(&name.as_str());
    let library = crates(&[]);
    println!("{} crates, {} with the tool", library.len(), crates(&["--features", "cli"]).len());
    assert_eq!(library.iter().find(is_tools), None);
    assert!(library.len() <= 150, "{} crates", library.len());
    assert_eq!(crates(&["--features", "cli"]).iter().filter(is_tools).count(), 4);
}

#[test]
fn beside_another_sqlite() {
    let prefix = installed_prefix();
    for options in [static_libkms(prefix), pkg_config(prefix, &["--cflags", "--libs"])] {
        let dir = temp_dir();
        let program =
            build(cc, dir.path(), &[other_sqlite(dir.path())], &options).expect("no clash of names");
        let output = run_program(&program, dir.path(), Some(&prefix.join("lib")));
        assert_eq!(output.expect("libkms to use its own SQLite"), expected());
    }
}

#[test]
fn beside_another_rust_library() {
    let dir = temp_dir();
    let mut options = vec!["-DOTHER_RUST".to_string()];
    options.extend(static_libkms(installed_prefix()));
    let program = build(cc, dir.path(), &[other_rust(dir.path())], &options).expect("no clash of names");
    assert_eq!(run_program(&program, dir.path(), None).expect("to run"), expected());
}

#[test]
fn a_clash_of_names_would_be_noticed() {
    // The archive as cargo makes it is what an installed one must not be.
    let dir = temp_dir();
    let mut options = static_libkms(installed_prefix());
    let raw = built_static_library().display().to_string();
    options.iter_mut().filter(|option| *option == "-l:libkms.a").for_each(|option| *option = raw.clone());
    let error = build(cc, dir.path(), &[other_sqlite(dir.path())], &options).expect_err("two sqlite3_open");
    assert!(error.contains("multiple definition") && error.contains("sqlite3_open"), "{error}");
}

#[test]
fn installs_under_destdir() {
    let stage = temp_dir();
    make_install(&[format!("DESTDIR={}", stage.path().display()), "PREFIX=/opt/kms".to_string()]);
    let prefix = stage.path().join("opt/kms");
    let mut files = Vec::new();
    for dir in ["include", "lib", "lib/pkgconfig"] {
        for entry in std::fs::read_dir(prefix.join(dir)).expect(dir) {
            files.push(format!("{dir}/{}", entry.expect("an entry").file_name().to_string_lossy()));
        }
    }
    files.sort();
    let versioned = format!("lib/libkms.so.{}", env!("CARGO_PKG_VERSION"));
    let expected = [
        "include/kms.h",
        "lib/libkms.a",
        "lib/libkms.so",
        "lib/libkms.so.0",
        &versioned,
        "lib/pkgconfig",
        "lib/pkgconfig/kms.pc",
    ];
    assert_eq!(files, expected);
    let pc = std::fs::read_to_string(prefix.join("lib/pkgconfig/kms.pc")).expect("kms.pc");
    assert!(pc.starts_with("prefix=/opt/kms\n"), "{pc}");
    assert!(!pc.contains(&*stage.path().to_string_lossy()), "DESTDIR must not be written into kms.pc: {pc}");
}
