//! What the installed libraries show to a linker: the functions of kms.h, and nothing else.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

mod support;
use support::{built_static_library, committed_header, installed_prefix, run};

type Names = BTreeSet<String>;

fn header_functions(header: &str) -> Names {
    let calls = header.lines().filter(|line| line.starts_with("KMS_API ")).map(|line| {
        let (_, call) = line.split_once("KMS_CALL ").expect("a prototype");
        call.split('(').next().expect("a name").to_string()
    });
    calls.collect()
}

/// The names in the output of nm: its last column, files and empty lines left out.
fn nm(file: &Path, options: &[&str]) -> Names {
    let output = run(Command::new("nm").args(options).arg(file)).expect("nm");
    output
        .lines()
        .filter(|line| line.contains(' '))
        .filter_map(|line| Some(line.rsplit(' ').next()?.into()))
        .collect()
}

fn shared_exports() -> Names {
    nm(&installed_prefix().join("lib/libkms.so"), &["--dynamic", "--defined-only"])
}

fn static_globals(library: &Path) -> Names {
    nm(library, &["--defined-only", "--extern-only"])
}

/// What is exported but not in the header, and the other way round.
fn faults(exported: &Names, declared: &Names) -> Vec<String> {
    let extra =
        exported.difference(declared).map(|name| format!("{name} is exported, but not in the header"));
    let missing =
        declared.difference(exported).map(|name| format!("{name} is in the header, but not exported"));
    extra.chain(missing).collect()
}

const NONE: Vec<String> = Vec::new();

#[test]
fn the_shared_library_exports_the_header() {
    let declared = header_functions(&committed_header());
    assert!(declared.len() >= 26, "only {declared:?}");
    assert_eq!(faults(&shared_exports(), &declared), NONE);
}

#[test]
fn the_static_library_exports_the_header() {
    let installed = installed_prefix().join("lib/libkms.a");
    assert_eq!(faults(&static_globals(&installed), &header_functions(&committed_header())), NONE);
}

#[test]
fn an_extra_or_missing_name_is_noticed() {
    let header = committed_header();
    let without = header.replace("KMS_CALL kms_wipe(", "KMS_CALL kms_wiped(");
    assert_eq!(
        faults(&shared_exports(), &header_functions(&without)),
        ["kms_wipe is exported, but not in the header", "kms_wiped is in the header, but not exported"]
    );
    // Cargo's own archive is the example of what must not be installed.
    let raw = faults(&static_globals(&built_static_library()), &header_functions(&header));
    assert!(raw.iter().any(|fault| fault.starts_with("sqlite3_open ")), "{raw:?}");
}

/// Whether an archive has section groups. A linker keeps one group of a name and drops the others, so one of libkms
/// must not be left for another Rust library to take: a panic would then end in a crash (tried).
fn has_groups(library: &Path) -> bool {
    run(Command::new("readelf").arg("--section-groups").arg(library))
        .expect("readelf")
        .contains("group section [")
}

#[test]
fn the_static_library_shares_no_sections_with_others() {
    assert!(!has_groups(&installed_prefix().join("lib/libkms.a")));
    assert!(has_groups(&built_static_library()), "cargo's archive has some, or the check does not see them");
}

/// Names of libdrm's retired libkms and of libmongocrypt, with which a program may be linked as well.
fn is_taken(name: &str) -> bool {
    const NAMES: [&str; 3] = ["kms_create", "kms_destroy", "kms_get_prop"];
    const PREFIXES: [&str; 5] = ["kms_bo_", "kms_message_", "kms_request_", "kms_response_", "kms_kv_list_"];
    NAMES.contains(&name)
        || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || (name.starts_with("kms_") && name.ends_with("_request_new"))
}

fn taken(names: &Names) -> Vec<&String> {
    names.iter().filter(|name| is_taken(name)).collect()
}

#[test]
fn no_export_has_a_name_that_is_taken() {
    assert_eq!(taken(&shared_exports()), Vec::<&String>::new());
    assert_eq!(taken(&header_functions(&committed_header())), Vec::<&String>::new());
}

#[test]
fn a_taken_name_is_noticed() {
    let theirs = [
        "kms_bo_create",
        "kms_create",
        "kms_decrypt_request_new",
        "kms_destroy",
        "kms_get_prop",
        "kms_kv_list_new",
        "kms_message_init",
        "kms_request_new",
        "kms_response_destroy",
    ];
    let ours = ["kms_create_key", "kms_open"];
    let all: Names = theirs.iter().chain(&ours).map(|name| name.to_string()).collect();
    assert_eq!(taken(&all), theirs);
}

/// The entries of the dynamic section, e.g. ("SONAME", "libkms.so.0").
fn dynamic_section(library: &Path) -> Vec<(String, String)> {
    let output = run(Command::new("readelf").args(["--dynamic", "--wide"]).arg(library)).expect("readelf");
    let entries = output.lines().filter_map(|line| {
        let (_, entry) = line.split_once(" (")?;
        let (tag, value) = entry.split_once(')')?;
        let value = match value.split_once('[') {
            Some((_, bracketed)) => bracketed.trim_end_matches(']'),
            None => value.trim(),
        };
        Some((tag.to_string(), value.to_string()))
    });
    entries.collect()
}

/// What is wrong with how a shared library presents itself to the loader.
fn loading_faults(library: &Path) -> Vec<String> {
    const NEEDED: [&str; 4] = ["libc.so.", "libm.so.", "libgcc_s.so.", "ld-linux"];
    let section = dynamic_section(library);
    let has = |tag: &str, value: &str| section.iter().any(|(t, v)| t == tag && v.contains(value));
    let mut faults = Vec::new();
    if !section.contains(&("SONAME".into(), "libkms.so.0".into())) {
        faults.push("the SONAME is not libkms.so.0".into());
    }
    if !has("FLAGS_1", "NODELETE") {
        faults.push("it can be unloaded".into());
    }
    if !has("FLAGS", "BIND_NOW") {
        faults.push("its symbols are bound lazily".into());
    }
    for (tag, name) in &section {
        if tag == "NEEDED" && !NEEDED.iter().any(|known| name.starts_with(known)) {
            faults.push(format!("it needs {name}"));
        }
    }
    faults
}

#[test]
fn the_loader_sees_what_was_promised() {
    assert_eq!(loading_faults(&installed_prefix().join("lib/libkms.so")), NONE);
}

#[test]
fn another_way_to_load_is_noticed() {
    let dir = support::temp_dir();
    let source =
        support::write(dir.path().join("other.c"), "#include <dlfcn.h>\nint other(void) { return 0; }\n");
    let other = dir.path().join("other.so");
    let mut link = support::cc();
    link.args(["-shared", "-fPIC", "-Wl,-soname,libkms.so.1", "-Wl,-z,lazy"]).arg(source);
    // -x none: what follows is a library, not C.
    link.args(["-x", "none", "-Wl,--no-as-needed", "-lpthread"]).arg(needed_library(dir.path()));
    run(link.arg("-o").arg(&other)).expect("to link");
    assert_eq!(
        loading_faults(&other),
        [
            "the SONAME is not libkms.so.0",
            "it can be unloaded",
            "its symbols are bound lazily",
            "it needs libneeded.so"
        ]
    );
}

fn needed_library(dir: &Path) -> std::path::PathBuf {
    let source = support::write(dir.join("needed.c"), "int needed(void);\nint needed(void) { return 0; }\n");
    let library = dir.join("libneeded.so");
    let mut link = support::cc();
    link.args(["-shared", "-fPIC", "-Wl,-soname,libneeded.so"]).arg(source);
    run(link.arg("-o").arg(&library)).expect("to link");
    library
}

/// Whether a library holds what only a build for tests has.
#[cfg(feature = "test-hooks")]
fn has_test_hooks(library: &Path) -> bool {
    let bytes = std::fs::read(library).expect("a library");
    let text = b"injected by a test";
    bytes.windows(text.len()).any(|window| window == text)
}

#[cfg(feature = "test-hooks")]
#[test]
fn no_test_hooks_are_shipped() {
    for library in ["lib/libkms.so", "lib/libkms.a"] {
        assert!(!has_test_hooks(&installed_prefix().join(library)), "{library}");
    }
    // The library of this very test run is the one that has them.
    assert!(has_test_hooks(&support::built_library_dir().join("libkms.so")));
    assert!(has_test_hooks(&built_static_library()));
}
