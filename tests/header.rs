//! include/kms.h is what the sources say, compiles alone everywhere, and its first page works as printed.

use std::path::Path;
use std::process::Command;

#[path = "../tools/header_gen/mod.rs"]
#[allow(dead_code)]
mod header_gen;
mod support;

use header_gen::model::{Kind, Model};
use support::{STRICT, cc, committed_header, cxx, root, run, run_program, standard, temp_dir, write};

/// The first line in which the committed header and the generated one differ.
fn drift(committed: &str, generated: &str) -> Option<String> {
    if committed == generated {
        return None;
    }
    let mut pairs = committed.lines().zip(generated.lines()).enumerate();
    Some(match pairs.find(|(_, (a, b))| a != b) {
        Some((i, (a, b))) => format!("line {}: committed `{a}`, generated `{b}`", i + 1),
        None => "one is the beginning of the other".to_string(),
    })
}

#[test]
fn the_committed_header_is_what_the_sources_say() {
    let generated = header_gen::header(root()).expect("a header");
    assert_eq!(drift(&committed_header(), &generated), None, "run `make header`, and commit include/kms.h");
}

/// A copy of what the header is made from, with one change in one file of src/capi.
fn with_change(file: &str, from: &str, to: &str) -> tempfile::TempDir {
    let copy = temp_dir();
    std::fs::create_dir_all(copy.path().join("src/capi")).expect("a directory");
    std::fs::copy(root().join("cbindgen.toml"), copy.path().join("cbindgen.toml")).expect("cbindgen.toml");
    for name in header_gen::CAPI_FILES {
        let path = Path::new("src/capi").join(name).with_extension("rs");
        let mut text = std::fs::read_to_string(root().join(&path)).expect("a source file");
        if name == file {
            assert!(text.contains(from), "{file}.rs has no `{from}`");
            text = text.replacen(from, to, 1);
        }
        write(copy.path().join(path), &text);
    }
    copy
}

#[test]
fn drift_is_noticed() {
    for (file, from, to) in [
        ("constants", "KMS_NOT_FOUND: kms_status_t = 3", "KMS_NOT_FOUND: kms_status_t = 4"),
        ("open", "pub timeout_ms: u32", "pub timeout_s: u32"),
        ("data", "iv: *mut kms_buffer_t", "iv: *const kms_buffer_t"),
        ("about", "Static; never NULL.", "May be NULL."),
    ] {
        let changed = with_change(file, from, to);
        let generated = header_gen::header(changed.path()).expect("a header");
        assert!(drift(&committed_header(), &generated).is_some(), "`{to}` in {file}.rs went unnoticed");
    }
}

#[test]
fn a_struct_that_could_hide_a_longer_one_is_refused() {
    for (to, complaint) in [
        ("pub region: *const c_char,\n    pub odd: u8,", "(64 bits): a hole"),
        ("pub region: *const c_char,\n    pub wide: u64,", "(32 bits): a hole"),
    ] {
        let changed = with_change("open", "pub region: *const c_char,", to);
        let error = header_gen::header(changed.path()).expect_err(to);
        assert!(error.contains("kms_open_options_t") && error.contains(complaint), "{error}");
    }
    let changed =
        with_change("open", "pub max_cached_keys: u32,", "pub max_cached_keys: u32,\n    pub odd: u32,");
    let error = header_gen::header(changed.path()).expect_err("padding at the end");
    assert!(error.contains("padding after the last member"), "{error}");
}

type Compiler = fn() -> Command;

/// Every language standard that the header promises, as compiler and `-std=`.
fn standards() -> Vec<(Compiler, &'static str)> {
    let c: [&[&str]; 3] = [&["c99"], &["c11"], &["c23", "c2x"]];
    let cpp: [&[&str]; 3] = [&["c++11"], &["c++17"], &["c++20", "c++2a"]];
    let of = |compiler: Compiler, names: &[&'static str]| (compiler, standard(compiler, names));
    c.iter().map(|names| of(cc, names)).chain(cpp.iter().map(|names| of(cxx, names))).collect()
}

/// Whether `text` compiles under one standard, without a warning, against the kms.h of `include`.
fn compiles(text: &str, compiler: Compiler, standard: &str, include: &Path) -> Result<(), String> {
    let dir = temp_dir();
    let source = write(dir.path().join("source"), text);
    let mut compile = compiler();
    compile.arg(format!("-std={standard}")).args(STRICT).arg("-Wshadow").arg("-I").arg(include);
    run(compile.arg("-fsyntax-only").arg(&source)).map(drop)
}

/// Compiles `text` under every standard against the committed header.
fn compile_everywhere(text: &str) -> Result<(), String> {
    let include = root().join("include");
    standards().into_iter().try_for_each(|(compiler, standard)| compiles(text, compiler, standard, &include))
}

const ALONE: &str = "#include <kms.h>\nint nothing_else;\n";
const TWICE: &str = "#include <kms.h>\n#include <kms.h>\nint nothing_else;\n";

#[test]
fn compiles_alone_and_twice() {
    compile_everywhere(ALONE).expect("alone");
    compile_everywhere(TWICE).expect("twice");
}

#[test]
fn a_fault_in_the_header_would_be_noticed() {
    let header = committed_header();
    let dir = temp_dir();
    // A warning under every standard; a header that may be included only once.
    for (fault, text) in [("extern char kms_bad[0];", ALONE), ("struct kms_bad { int member; };", TWICE)] {
        write(dir.path().join("kms.h"), &format!("{header}{fault}\n"));
        for (compiler, standard) in standards() {
            compiles(text, compiler, standard, dir.path()).expect_err(standard);
        }
    }
    // In C++ a function hides a struct tag of its name.
    write(dir.path().join("kms.h"), &header.replace("struct kms_stats_values {", "struct kms_stats {"));
    for (compiler, standard) in standards() {
        let outcome = compiles(ALONE, compiler, standard, dir.path());
        assert_eq!(outcome.is_err(), standard.starts_with("c++"), "{standard}: {outcome:?}");
    }
}

fn model() -> Model {
    header_gen::model(root()).expect("the declarations")
}

#[test]
fn every_initializer_is_zeros_plus_struct_size() {
    let mut program = String::from("#include <kms.h>\n#include <string.h>\n");
    let mut calls = String::new();
    for (item, members) in model().structs() {
        let name = &item.name;
        if members[0].name != "struct_size" {
            continue;
        }
        let stem = name.trim_start_matches("kms_").trim_end_matches("_t");
        program += &format!(
            "static int {stem}(void)\n{{\n  {name} given = KMS_{}_INIT;\n  {name} wanted;\n\
             \x20 memset(&wanted, 0, sizeof wanted);\n  wanted.struct_size = sizeof wanted;\n\
             \x20 return memcmp(&given, &wanted, sizeof given) == 0;\n}}\n",
            stem.to_uppercase()
        );
        calls += &format!("  if (!{stem}()) return {};\n", calls.lines().count() + 1);
    }
    assert!(calls.lines().count() >= 14, "too few structs have a struct_size: {calls}");
    program += &format!("int main(void)\n{{\n{calls}  return 0;\n}}\n");
    compile_everywhere(&program).expect("the initializers");

    let dir = temp_dir();
    let source = write(dir.path().join("source"), &program);
    for compiler in [cc, cxx] {
        let out = dir.path().join("initializers");
        run(compiler().arg("-I").arg(root().join("include")).arg(&source).arg("-o").arg(&out))
            .expect("to compile");
        run_program(&out, dir.path(), None).expect("every initializer to be zeros plus struct_size");
    }
}

#[test]
fn the_first_page_program_runs() {
    let program = support::first_page_program(&committed_header());
    compile_everywhere(&program).expect("the program on the first page");

    let dir = temp_dir();
    let library = support::built_library_dir();
    let source = write(dir.path().join("first.c"), &program);
    for (compiler, standard) in [(cc as Compiler, "c99"), (cxx, "c++11")] {
        let out = dir.path().join("first");
        let mut compile = compiler();
        compile.arg(format!("-std={standard}")).args(STRICT).arg("-I").arg(root().join("include"));
        run(compile.arg(&source).arg("-L").arg(library).arg("-lkms").arg("-o").arg(&out)).expect("to link");

        let error = run_program(&out, dir.path(), Some(library)).expect_err("there is no root key yet");
        assert!(error.contains("root_key_uri"), "the program does not say what is wrong: {error}");
        support::write_root_key(&dir.path().join("root.key"));
        for _ in 0..2 {
            // The second time the store and the key are there already.
            let output = run_program(&out, dir.path(), Some(library)).expect("the program to succeed");
            assert_eq!(output, "the same data key\n");
        }
        std::fs::remove_file(dir.path().join("keys.db")).expect("the store");
        std::fs::remove_file(dir.path().join("root.key")).expect("the root key");
    }
}

/// What a C reader misses or should not see in the documentation of a declaration.
fn documentation_faults(model: &Model) -> Vec<String> {
    let mut faults = Vec::new();
    for item in &model.items {
        let text = item.doc.join(" ");
        let name = &item.name;
        match &item.kind {
            Kind::Function { returns, .. } => {
                if text.is_empty() {
                    faults.push(format!("{name} has no documentation"));
                }
                if returns == "kms_status_t" && !text.contains("\\return ") {
                    faults.push(format!("{name} does not say which statuses it returns"));
                }
            }
            Kind::Struct { .. } | Kind::Alias { .. } | Kind::Opaque if text.is_empty() => {
                faults.push(format!("{name} has no documentation"));
            }
            _ => {}
        }
        let member_docs = match &item.kind {
            Kind::Struct { members } => members.iter().map(|member| member.doc.join(" ")).collect(),
            _ => Vec::new(),
        };
        for rust in ["# Safety", "[`", "unsafe", "Option<", "&mut ", "usize", "u32", "panic", "None"] {
            if member_docs.iter().chain([&text]).any(|text| text.contains(rust)) {
                faults.push(format!("{name}: `{rust}` is Rust; write for the C reader"));
            }
        }
    }
    faults
}

#[test]
fn documented_for_the_c_reader() {
    assert_eq!(documentation_faults(&model()), Vec::<String>::new());
}

#[test]
fn missing_or_foreign_documentation_is_noticed() {
    for (from, to, complaint) in [
        ("/// \\return KMS_OK; KMS_INVALID_ARGUMENT; KMS_STORE_ERROR", "/// May be ", "which statuses"),
        ("/// Closes a handle and wipes", "/// # Safety wipes", "C reader"),
    ] {
        let changed = with_change("open", from, to);
        let faults = documentation_faults(&header_gen::model(changed.path()).expect("declarations"));
        assert!(faults.iter().any(|fault| fault.contains(complaint)), "{to}: {faults:?}");
    }
}

#[test]
fn the_version_is_the_packages() {
    let header = committed_header();
    let part = |name: &str| {
        let define = format!("#define KMS_VERSION_{name} ");
        header.lines().find_map(|line| line.strip_prefix(&define)).expect(name).to_string()
    };
    let version = [part("MAJOR"), part("MINOR"), part("PATCH")].join(".");
    assert_eq!(version, env!("CARGO_PKG_VERSION"));
}
