//! What a call does in the steady state besides its work: no allocation, no system call but the generators' seeds, and no
//! lock that a second thread waits for (which would be a futex call). A C program (steady/program.c) counts the former;
//! strace the latter.

mod support;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use support::{STRICT, built_library_dir, cc, root, run, temp_dir};

const KINDS: [&str; 7] = ["generate", "many", "decrypt", "threads", "sixteen", "granted", "granted-threads"];
/// As in program.c.
const CALLS: usize = 20_000;

fn build(dir: &Path) -> PathBuf {
    let program = dir.join("program");
    let mut compile = cc();
    compile.args(STRICT).args(["-std=c99", "-D_GNU_SOURCE", "-O1", "-pthread", "-I"]);
    compile.arg(root().join("include")).arg(root().join("tests/steady/program.c"));
    compile.args(["-x", "none", "-o"]).arg(&program).arg("-L").arg(built_library_dir()).arg("-lkms");
    run(&mut compile).unwrap_or_else(|error| panic!("{error}"));
    program
}

fn allocations(program: &Path, kind: &str) -> usize {
    let output = run(Command::new(program).arg(kind).env("LD_LIBRARY_PATH", built_library_dir()));
    let output = output.unwrap_or_else(|error| panic!("{kind}: {error}"));
    output.lines().last().and_then(|line| line.parse().ok()).expect("a number")
}

#[test]
fn a_call_allocates_nothing() {
    let dir = temp_dir();
    let program = build(dir.path());
    for kind in KINDS {
        assert_eq!(allocations(&program, kind), 0, "{kind}");
    }
    // And the counting works: a context of more than sixteen pairs needs memory of its own.
    let wide = allocations(&program, "wide");
    assert!(wide >= CALLS, "{wide} allocations in {CALLS} calls with a wide context");
}

/// The names of the system calls between the program's marks, in all its threads. None where there is no strace.
fn system_calls(program: &Path, kind: &str) -> Option<Vec<String>> {
    let trace = program.with_extension(kind);
    let mut strace = Command::new("strace");
    strace.args(["-f", "-o"]).arg(&trace).arg(program).arg(kind);
    match strace.env("LD_LIBRARY_PATH", built_library_dir()).output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => panic!("strace: {error}"),
        Ok(output) => assert!(output.status.success(), "strace: {}", String::from_utf8_lossy(&output.stderr)),
    }
    let trace = std::fs::read_to_string(trace).expect("the trace");
    let between = trace.lines().skip_while(|line| !line.contains(r#"write(1, "begin\n""#)).skip(1);
    let between = between.take_while(|line| !line.contains(r#"write(1, "end\n""#));
    // "1234  getrandom(...": a process, a call.
    let names = between.filter_map(|line| line.split_whitespace().nth(1)?.split_once('('));
    Some(names.map(|(name, _)| name.to_string()).collect())
}

#[test]
fn a_call_makes_no_system_call_and_waits_for_no_lock() {
    let dir = temp_dir();
    let program = build(dir.path());
    for kind in KINDS {
        let Some(calls) = system_calls(&program, kind) else {
            // Past the capture of the test's output, so that it is seen.
            let _ = writeln!(std::io::stderr(), "steady: system calls not checked, there is no strace");
            return;
        };
        // Two seeds each time that the generators' are too old: the more of them, the slower the machine.
        let (seeds, others): (Vec<_>, Vec<_>) = calls.into_iter().partition(|name| name == "getrandom");
        assert!(others.is_empty(), "{kind}: {others:?}");
        assert!(seeds.len() < CALLS / 4, "{kind}: {} seeds in {CALLS} calls", seeds.len());
    }
    // And strace sees them: a payload's nonces are the kernel's, always.
    let payloads = system_calls(&program, "encrypt").expect("the trace");
    assert!(payloads.len() >= 2 * CALLS, "{} system calls in {CALLS} payloads", payloads.len());
}
