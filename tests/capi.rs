//! The C ABI as C and C++ programs see it: those of tests/c and tests/cpp, linked to the shared library and to the static
//! one, in each standard, under AddressSanitizer with UndefinedBehaviorSanitizer, and under valgrind. tests/c/twins has
//! the programs that each of these must catch.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

mod support;
use support::{
    STRICT, built_library_dir, cc, committed_header, cxx, installed_prefix, root, run, run_program, standard,
    temp_dir,
};

/// What a program is given beside its directory.
struct Program {
    name: &'static str,
    arguments: &'static [&'static str],
    /// Under valgrind, where a computation takes 50 times as long; the coverage of paths is the same.
    slow_arguments: &'static [&'static str],
}

const fn program(name: &'static str) -> Program {
    Program { name, arguments: &[], slow_arguments: &[] }
}

/// The programs of tests/c that link to the library. `unload` does not.
const PROGRAMS: [Program; 16] = [
    program("story"),
    program("lifecycle"),
    program("null"),
    program("null_keys"),
    program("structs"),
    program("bounds"),
    program("bounds_keys"),
    program("buffers"),
    program("order"),
    program("known"),
    program("exchange"),
    program("arguments_access"),
    program("access"),
    // Argon2id's 64 MiB would take valgrind minutes.
    Program { name: "open", arguments: &["passphrase"], slow_arguments: &[] },
    Program { name: "threads", arguments: &["2000"], slow_arguments: &["150"] },
    Program { name: "prefork", arguments: &[], slow_arguments: &["60"] },
];

const SANITIZED: [&str; 4] =
    ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"];

enum Link {
    Shared,
    Static,
}

impl Link {
    fn options(&self) -> Vec<OsString> {
        match self {
            Link::Shared => {
                let mut search = OsString::from("-L");
                search.push(built_library_dir());
                vec![search, "-lkms".into()]
            }
            // What `make install` gives, and what pkg-config says it needs.
            Link::Static => {
                let mut pkg_config = Command::new("pkg-config");
                pkg_config.env("PKG_CONFIG_PATH", installed_prefix().join("lib/pkgconfig"));
                let output = run(pkg_config.args(["--static", "--libs", "kms"])).expect("pkg-config");
                let archive =
                    |option: &str| if option == "-lkms" { "-l:libkms.a".into() } else { option.into() };
                output.split_whitespace().map(archive).collect()
            }
        }
    }

    fn library_dir(&self) -> Option<&'static Path> {
        match self {
            Link::Shared => Some(built_library_dir()),
            Link::Static => None,
        }
    }
}

fn source(name: &str) -> PathBuf {
    root().join("tests").join(name)
}

/// Compiles one source file of tests/ into `dir`.
fn build(
    compiler: fn() -> Command,
    std: &str,
    flags: &[&str],
    file: &str,
    link: &Link,
    dir: &Path,
) -> PathBuf {
    let out = dir.join("program");
    let mut compile = compiler();
    compile.arg(format!("-std={std}")).args(STRICT).args(flags).arg("-I").arg(root().join("include"));
    compile
        .arg(source(file))
        .args(["-x", "none"])
        .args(link.options())
        .args(["-lpthread", "-ldl", "-o"])
        .arg(&out);
    run(&mut compile).unwrap_or_else(|e| panic!("{file} as {std}: {e}"));
    out
}

/// Runs a program of tests/c in a directory of its own. It says how much it checked, and that nothing failed.
fn run_checks(wrapper: &[&str], executable: &Path, arguments: &[&str], library_dir: Option<&Path>) -> String {
    let dir = temp_dir();
    let result = if wrapper.is_empty() {
        let mut command = Command::new(executable);
        run(in_dir(&mut command, dir.path(), arguments, library_dir))
    } else {
        let mut command = Command::new(wrapper[0]);
        command.args(&wrapper[1..]).arg(executable);
        run(in_dir(&mut command, dir.path(), arguments, library_dir))
    };
    let output = result.unwrap_or_else(|e| panic!("{e}"));
    assert!(output.contains(" 0 failed") && !output.contains("FAILED"), "{output}");
    output
}

fn in_dir<'a>(
    command: &'a mut Command,
    dir: &Path,
    arguments: &[&str],
    library_dir: Option<&Path>,
) -> &'a mut Command {
    command.current_dir(dir).arg(dir).args(arguments);
    match library_dir {
        Some(path) => command.env("LD_LIBRARY_PATH", path),
        None => command.env_remove("LD_LIBRARY_PATH"),
    }
}

fn run_all(link: &Link) {
    for Program { name, arguments, .. } in &PROGRAMS {
        let dir = temp_dir();
        let executable = build(cc, "c99", &["-O1"], &format!("c/{name}.c"), link, dir.path());
        run_checks(&[], &executable, arguments, link.library_dir());
    }
}

#[test]
fn every_program_with_the_shared_library() {
    run_all(&Link::Shared);
}

#[test]
fn every_program_with_the_static_library() {
    run_all(&Link::Static);
}

#[test]
fn the_story_in_every_standard() {
    let c = [&["c11"][..], &["c17", "c18"], &["c23", "c2x"]];
    let cpp = [&["c++11"][..], &["c++17"], &["c++20", "c++2a"]];
    let c = c.map(|names| (cc as fn() -> Command, names));
    let cpp = cpp.map(|names| (cxx as fn() -> Command, names));
    for (compiler, names) in c.into_iter().chain(cpp) {
        let dir = temp_dir();
        let std = standard(compiler, names);
        let story = build(compiler, std, &[], "c/story.c", &Link::Shared, dir.path());
        run_checks(&[], &story, &[], Link::Shared.library_dir());
    }
}

#[test]
fn cpp_owners_and_exceptions() {
    for names in [&["c++11"][..], &["c++17"], &["c++20", "c++2a"]] {
        for link in [Link::Shared, Link::Static] {
            let dir = temp_dir();
            let raii = build(cxx, standard(cxx, names), &[], "cpp/raii.cpp", &link, dir.path());
            run_checks(&[], &raii, &[], link.library_dir());
        }
    }
}

/// dlopen, use on threads, dlclose, and only then the threads end.
#[test]
fn unloading_beside_living_threads() {
    let dir = temp_dir();
    let program = build(cc, "c99", &[], "c/unload.c", &Link::Shared, dir.path());
    let library = built_library_dir().join("libkms.so.0");
    let mut command = Command::new(program);
    let output = run(command.env_remove("LD_LIBRARY_PATH").arg(&library)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(output, "20 rounds\n");
}

/// As the programs are run: what the sanitizers find ends a program with a failure.
#[test]
fn under_the_sanitizers() {
    for Program { name, arguments, .. } in &PROGRAMS {
        let dir = temp_dir();
        let program = build(cc, "c99", &SANITIZED, &format!("c/{name}.c"), &Link::Shared, dir.path());
        run_checks(&[], &program, arguments, Link::Shared.library_dir());
    }
    let dir = temp_dir();
    let raii = build(cxx, "c++17", &SANITIZED, "cpp/raii.cpp", &Link::Shared, dir.path());
    run_checks(&[], &raii, &[], Link::Shared.library_dir());
}

/// The negative twin of the test above: the sanitizers are on, leaks included.
#[test]
fn the_sanitizers_are_on() {
    for (name, report) in [
        ("overrun", "AddressSanitizer: heap-buffer-overflow"),
        ("undefined", "runtime error: signed integer overflow"),
        ("leaks", "LeakSanitizer: detected memory leaks"),
    ] {
        let dir = temp_dir();
        let program = build(cc, "c99", &SANITIZED, &format!("c/twins/{name}.c"), &Link::Shared, dir.path());
        let outcome = run_program(&program, dir.path(), Link::Shared.library_dir());
        let error = outcome.expect_err("a sanitizer that is on");
        assert!(error.contains(report), "{name}: {error}");
    }
}

const VALGRIND: [&str; 6] = [
    "valgrind",
    "--quiet",
    "--error-exitcode=9",
    "--leak-check=full",
    "--errors-for-leak-kinds=definite,indirect,possible",
    "--track-origins=no",
];

fn require_valgrind() {
    let found = run(Command::new("valgrind").arg("--version"));
    assert!(found.is_ok(), "valgrind is needed; `make setup` installs it: {found:?}");
}

#[test]
fn under_valgrind() {
    require_valgrind();
    for Program { name, slow_arguments, .. } in &PROGRAMS {
        let dir = temp_dir();
        let program = build(cc, "c99", &["-g"], &format!("c/{name}.c"), &Link::Shared, dir.path());
        let mut valgrind = VALGRIND.to_vec();
        if *name == "prefork" {
            // A child leaves what is its parent's alone for good, and so "loses" it.
            valgrind.push("--leak-check=no");
        }
        run_checks(&valgrind, &program, slow_arguments, Link::Shared.library_dir());
    }
    let dir = temp_dir();
    let raii = build(cxx, "c++17", &["-g"], "cpp/raii.cpp", &Link::Shared, dir.path());
    run_checks(&VALGRIND, &raii, &[], Link::Shared.library_dir());
}

/// The negative twin of the test above.
#[test]
fn valgrind_is_awake() {
    require_valgrind();
    for (name, report) in [("leaks", "lost in loss record"), ("overrun", "Invalid write of size 1")] {
        let dir = temp_dir();
        let program = build(cc, "c99", &["-g"], &format!("c/twins/{name}.c"), &Link::Shared, dir.path());
        // Without the tool the program is content.
        run_program(&program, dir.path(), Link::Shared.library_dir()).unwrap_or_else(|e| panic!("{e}"));
        let mut command = Command::new(VALGRIND[0]);
        command.args(&VALGRIND[1..]).arg(&program).env("LD_LIBRARY_PATH", built_library_dir());
        let output = command.output().expect("valgrind");
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(9), "{name}: {text}");
        assert!(text.contains(report), "{name}: {text}");
    }
}

/// The negative twin of every program: check.h notices what is not as expected.
#[test]
fn failed_checks_fail_the_program() {
    for (name, noticed) in
        [("fails", "1 checks, 1 failed"), ("wrong_status", "noticed: 2\n2 checks, 2 failed")]
    {
        let dir = temp_dir();
        let program = build(cc, "c99", &[], &format!("c/twins/{name}.c"), &Link::Shared, dir.path());
        let outcome = run_program(&program, dir.path(), Link::Shared.library_dir());
        let error = outcome.expect_err("a program whose check failed");
        assert!(error.contains(noticed), "{name}: {error}");
    }
}

fn files(dir: &str, extension: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(source(dir)).expect("a directory of tests/");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let wanted = paths.filter(|path| path.extension().is_some_and(|found| found == extension));
    wanted.map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned()).collect()
}

#[test]
fn no_program_is_forgotten() {
    let mut run: BTreeSet<_> = PROGRAMS.iter().map(|program| program.name.to_string()).collect();
    run.insert("unload".to_string());
    // Run by tests/vectors.rs, which makes its vectors.h.
    run.insert("vectors".to_string());
    assert_eq!(files("c", "c"), run);
    assert_eq!(files("cpp", "cpp"), BTreeSet::from(["raii".to_string()]));
    let twins = ["fails", "leaks", "overrun", "undefined", "wrong_status"];
    assert_eq!(files("c/twins", "c"), twins.map(str::to_string).into());
}

/// Functions of the header that take a pointer.
fn functions_with_pointers(header: &str) -> Vec<String> {
    let declarations = header.split("KMS_CALL ").skip(1).filter_map(|rest| {
        let (declaration, _) = rest.split_once(");")?;
        let (name, parameters) = declaration.split_once('(')?;
        (name.starts_with("kms_") && parameters.contains('*')).then(|| name.to_string())
    });
    declarations.collect()
}

/// Structs of the header that start with struct_size: those that have an initializer.
fn extensible_structs(header: &str) -> Vec<String> {
    let initializers =
        header.lines().filter_map(|line| line.strip_prefix("#define ")?.split_once("_INIT \\"));
    initializers.map(|(name, _)| name.to_lowercase() + "_t").collect()
}

fn read(name: &str) -> String {
    std::fs::read_to_string(source(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// What of the header is not in the programs that must have all of it.
fn untested(header: &str) -> Vec<String> {
    let null = [read("c/null.c"), read("c/null_keys.c"), read("c/exchange.c"), read("c/arguments_access.c")]
        .concat();
    let structs = read("c/structs.c") + &read("c/exchange.c");
    let lists = read("c/bounds.c") + &read("c/bounds_keys.c") + &read("c/arguments_access.c");
    let mut missing = Vec::new();
    for function in functions_with_pointers(header) {
        // Called, or given to a function that calls it.
        let named = null.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| word == function);
        if !named {
            missing.push(format!("null.c: {function}"));
        }
    }
    for name in extensible_structs(header) {
        let initializer = name.trim_end_matches("_t").to_uppercase() + "_INIT";
        // The items of a list take their size from a parameter.
        let is_item = lists.contains(&format!("sizeof({name}) - 1"));
        if !is_item && !structs.contains(&name) && !structs.contains(&initializer) {
            missing.push(format!("structs.c: {name}"));
        }
    }
    missing
}

#[test]
fn null_and_struct_size_are_tried_everywhere() {
    let header = committed_header();
    assert!(functions_with_pointers(&header).len() >= 38, "{:?}", functions_with_pointers(&header));
    assert!(extensible_structs(&header).len() >= 29, "{:?}", extensible_structs(&header));
    assert_eq!(untested(&header), Vec::<String>::new());
    // The negative twin: a function and a struct that nobody tests.
    let newer = header.clone()
        + "KMS_API kms_status_t KMS_CALL kms_new_thing(kms_t *kms);\n#define KMS_NEW_THING_REQUEST_INIT \\\n";
    assert_eq!(untested(&newer), ["null.c: kms_new_thing", "structs.c: kms_new_thing_request_t"]);
}
