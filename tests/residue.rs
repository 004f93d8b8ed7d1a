//! What a host process has in its memory of libkms's secrets: while a store is open, nothing outside pages that are
//! locked and left out of core dumps; after a rekey, nothing of the old root key; once the store is closed, nothing at
//! all. A C program (residue/program.c) uses the library, and stops to have its memory searched.

#[path = "support/format.rs"]
mod format;
#[path = "residue/host.rs"]
mod host;
#[path = "support/memory.rs"]
mod memory;
#[path = "residue/secrets.rs"]
mod secrets;
mod support;

use std::io::Write;
use std::path::Path;
use std::process::Command;

use host::{Host, Scenario};
use kms::crypto::uuid::fill_from_kernel;
use kms::root::RootKeySource;
use memory::{Mapping, Needles};
use secrets::Secrets;
use support::temp_dir;

type Memory = [(Mapping, Vec<u8>)];

/// What of the needles the memory shows.
fn search(needles: &Needles, memory: &Memory, in_what: fn(&Mapping) -> bool) -> String {
    let regions = memory.iter().filter(|(mapping, _)| in_what(mapping));
    memory::report(regions.flat_map(|(mapping, bytes)| {
        needles.find_in(bytes).into_iter().map(move |(offset, name)| (mapping, offset as u64, name))
    }))
}

fn everywhere(_: &Mapping) -> bool {
    true
}

fn unprotected(mapping: &Mapping) -> bool {
    !mapping.is_protected()
}

/// What a run showed: where secrets were found that must not be there. And, so that this can be believed, what was
/// found where it belongs.
struct Findings {
    used: String,
    rekeyed: String,
    closed: String,
    protected: String,
}

/// What the program's memory must not show once it has used its keys, kept apart: what comes from the root key (which
/// is gone after a rekey), and what belongs to the KMS keys.
fn secrets_of(host: &Host, scenario: &Scenario<'_>, source: &RootKeySource<'_>) -> (Secrets, Secrets) {
    let (mut of_root, mut of_keys) = (Secrets::new(), Secrets::new());
    of_root.needles.add("the caller's secret", scenario.secret);
    of_root.needles.add("the root key's text", scenario.file_text.as_bytes());
    of_root.add_root(scenario.store, source);
    of_keys.add_messages(host, &secrets::materials(scenario.store, source));
    (of_root, of_keys)
}

fn examine(scenario: &Scenario<'_>, source: &RootKeySource<'_>) -> Findings {
    let mut host = Host::start(scenario);
    host.run_to("used");
    let memory = memory::read(host.pid());
    let (mut of_root, mut of_keys) = secrets_of(&host, scenario, source);
    let protected = search(&of_root.needles, &memory, Mapping::is_protected)
        + &search(&of_keys.needles, &memory, Mapping::is_protected);
    of_keys.add_protected_pages(&memory, &host);
    let used =
        search(&of_root.needles, &memory, unprotected) + &search(&of_keys.needles, &memory, unprotected);

    host.go_on();
    host.run_to("rekeyed");
    let memory = memory::read(host.pid());
    let old = search(&of_root.needles, &memory, everywhere);
    let source = RootKeySource::Raw(scenario.next_root_key);
    of_root.needles.add("the next root key", scenario.next_root_key);
    of_root.add_root(scenario.store, &source);
    of_keys.add_messages(&host, &secrets::materials(scenario.store, &source));
    of_keys.add_protected_pages(&memory, &host);
    let rekeyed = old
        + &search(&of_root.needles, &memory, unprotected)
        + &search(&of_keys.needles, &memory, unprotected);

    host.go_on();
    host.run_to("closed");
    let memory = memory::read(host.pid());
    let closed =
        search(&of_root.needles, &memory, everywhere) + &search(&of_keys.needles, &memory, everywhere);
    host.finish();
    Findings { used, rekeyed, closed, protected }
}

/// The whole of a core dump that a debugger takes while the store is open, and what of the secrets is in it. None
/// where there is no gdb.
fn dump_core(scenario: &Scenario<'_>, source: &RootKeySource<'_>) -> Option<(Vec<u8>, String)> {
    let mut host = Host::start(scenario);
    host.run_to("used");
    let memory = memory::read(host.pid());
    let (of_root, mut of_keys) = secrets_of(&host, scenario, source);
    of_keys.add_protected_pages(&memory, &host);
    let path = scenario.store.with_file_name("core");
    let mut gcore = Command::new("gcore");
    gcore.arg("-o").arg(&path).arg(host.pid().to_string());
    match gcore.output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => panic!("gcore: {error}"),
        Ok(output) => assert!(output.status.success(), "gcore: {}", String::from_utf8_lossy(&output.stderr)),
    }
    let core = std::fs::read(path.with_extension(host.pid().to_string())).expect("the core dump");
    let found = [&of_root, &of_keys].map(|secrets| {
        let found = secrets.needles.find_in(&core).into_iter();
        found.map(|(offset, name)| format!("{name} at {offset:#x}\n")).collect::<String>()
    });
    Some((core, found.concat()))
}

fn random_key() -> [u8; 32] {
    let mut key = [0; 32];
    fill_from_kernel(&mut key).expect("random bytes");
    key
}

/// How a root key or passphrase gets to the program.
enum Source<'a> {
    RootKey,
    Passphrase(&'a [u8]),
    File,
    Environment,
}

/// Runs the program, in a directory of its own, through `examine`.
fn with_program<T>(
    library_dir: &Path,
    source: Source<'_>,
    mode: &str,
    examine: fn(&Scenario<'_>, &RootKeySource<'_>) -> T,
) -> T {
    let dir = temp_dir();
    let (program, store) = (host::build(dir.path(), library_dir), dir.path().join("keys.db"));
    let root_key = random_key();
    let hex: String = root_key.iter().map(|byte| format!("{byte:02x}")).collect();
    let file = dir.path().join("root.key");
    let file_uri = format!("file:{}", file.display());
    let raw = RootKeySource::Raw(&root_key);
    let mut file_text = "";
    let (source, secret, root) = match source {
        Source::RootKey => ("root_key", &root_key[..], raw),
        Source::Passphrase(text) => ("passphrase", text, RootKeySource::Passphrase(text)),
        Source::File => {
            support::write_root_key(&file);
            std::fs::write(&file, &hex).expect("the root key's file");
            file_text = &hex;
            (file_uri.as_str(), &[][..], raw)
        }
        Source::Environment => ("env:RESIDUE_ROOT_KEY", &[][..], raw),
    };
    let scenario = Scenario {
        program: &program,
        library_dir,
        store: &store,
        source,
        secret,
        next_root_key: &random_key(),
        file_text,
        environment: source.starts_with("env:").then_some(("RESIDUE_ROOT_KEY", hex.as_str())),
        mode,
    };
    examine(&scenario, &root)
}

#[track_caller]
fn expect_nothing(library_dir: &Path, source: Source<'_>) {
    let findings = with_program(library_dir, source, "clean", examine);
    assert_eq!(findings.used, "", "while open, outside protected pages");
    assert_eq!(findings.rekeyed, "", "after a rekey");
    assert_eq!(findings.closed, "", "after close");
    for secret in ["material", "the store's seal key", "the store's index key", "the store's sum key"] {
        assert!(
            findings.protected.contains(secret),
            "the search is blind to {secret}: {}",
            findings.protected
        );
    }
}

#[test]
fn the_library_as_it_is_installed_leaves_nothing() {
    expect_nothing(&support::installed_prefix().join("lib"), Source::RootKey);
}

#[test]
fn the_library_as_it_is_built_here_leaves_nothing() {
    expect_nothing(support::built_library_dir(), Source::RootKey);
}

#[test]
fn a_passphrase_leaves_nothing() {
    let passphrase = b"seventeen lazy otters on a raft";
    expect_nothing(support::built_library_dir(), Source::Passphrase(passphrase));
}

#[test]
fn a_root_key_out_of_a_file_leaves_nothing() {
    expect_nothing(support::built_library_dir(), Source::File);
}

#[test]
fn a_root_key_out_of_the_environment_leaves_nothing() {
    // The variable itself is the host's: its hex, which is not looked for.
    expect_nothing(support::built_library_dir(), Source::Environment);
}

#[test]
fn what_a_program_leaks_is_found() {
    let findings = with_program(support::built_library_dir(), Source::RootKey, "leak", examine);
    for found in [&findings.used, &findings.closed] {
        assert!(found.contains("the caller's secret"), "the kept root key was not found: {found:?}");
        assert!(found.contains("plaintext"), "the kept data key was not found: {found:?}");
    }
}

#[test]
fn a_core_dump_holds_no_secret() {
    let marker = b"libkms residue: ordinary memory";
    let holds = |core: &[u8]| core.windows(marker.len()).any(|window| window == marker);
    for (mode, leaks) in [("clean", false), ("leak", true)] {
        let Some((core, found)) =
            with_program(support::built_library_dir(), Source::RootKey, mode, dump_core)
        else {
            // Past the capture of the test's output, so that it is seen.
            let _ = writeln!(
                std::io::stderr(),
                "a_core_dump_holds_no_secret: not checked, there is no gdb (gcore)"
            );
            return;
        };
        assert!(holds(&core), "the core dump lacks ordinary memory");
        assert_eq!(!found.is_empty(), leaks, "{mode}: {found}");
    }
}
