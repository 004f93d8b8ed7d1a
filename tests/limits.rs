//! Memory that cannot be locked (RLIMIT_MEMLOCK): the library works and says so in its statistics; asked to refuse, it
//! refuses. In processes of their own, since limits and counters are a process's.

#![allow(unsafe_code)] // limits and capabilities of a child

#[path = "support/handle.rs"]
mod handle;

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::Barrier;

use handle::{Bound, DataKey, Decrypt, Handle, Open};
use kms::capi::constants::*;

const CHILD: &str = "KMS_TEST_LIMIT";
const ALL: u32 = KMS_MEMORY_LOCKED | KMS_MEMORY_NOT_DUMPED | KMS_MEMORY_GUARDED | KMS_MEMORY_WIPED_ON_FORK;

/// Whether this is the child, which then does what the test is about.
fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// Runs a test again in a process that may lock so many bytes.
#[track_caller]
fn with_limit(test: &str, bytes: u64) {
    let mut child = Command::new(std::env::current_exe().expect("the path of this test"));
    child.args([test, "--exact", "--nocapture"]).env(CHILD, bytes.to_string());
    let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
    // SAFETY: system calls only, which are allowed between fork and exec.
    unsafe {
        child.pre_exec(move || {
            /// Number of the capability that lifts the limit, for root too.
            const CAP_IPC_LOCK: libc::c_ulong = 14;
            // Who is not root has it neither to use nor to drop.
            libc::prctl(libc::PR_CAPBSET_DROP, CAP_IPC_LOCK, 0, 0, 0);
            match libc::setrlimit(libc::RLIMIT_MEMLOCK, &limit) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            }
        });
    }
    let output = child.output().expect("to run this test again");
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{errors}");
}

/// Whether this process may lock memory now; what the library must find, too.
fn may_lock(bytes: usize) -> bool {
    // SAFETY: a mapping of its own, locked and unmapped.
    unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let memory = libc::mmap(std::ptr::null_mut(), bytes, access, flags, -1, 0);
        assert_ne!(memory, libc::MAP_FAILED);
        let locked = libc::mlock(memory, bytes) == 0;
        libc::munmap(memory, bytes);
        locked
    }
}

fn page() -> u64 {
    // SAFETY: has no preconditions.
    u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).expect("a page size")
}

fn open(flags: u32) -> handle::Outcome<Handle> {
    Handle::open("memory:", Open { root_key: &[7; 32], flags: KMS_OPEN_CREATE | flags, ..Open::default() })
}

fn generate(handle: &Handle) -> handle::Outcome<DataKey> {
    let data_key = handle.generate("limits", 32, Bound::Nothing)?;
    let opened = handle.decrypt(Decrypt::new(&data_key.ciphertext, Bound::Nothing))?;
    assert_eq!(opened, data_key.plaintext);
    Ok(data_key)
}

#[test]
fn with_nothing_to_lock_it_works_and_says_so() {
    if !is_child() {
        return with_limit("with_nothing_to_lock_it_works_and_says_so", 0);
    }
    assert!(!may_lock(4096), "the limit does not hold here");
    let handle = open(0).expect("a store");
    handle.create_key("limits").expect("a key");
    generate(&handle).expect("a data key");
    let stats = handle.stats();
    assert_eq!(stats.memory_protection, ALL & !KMS_MEMORY_LOCKED);
    assert!(stats.secret_bytes > 0);
    assert_eq!(stats.secret_bytes_unlocked, stats.secret_bytes);
}

#[test]
fn with_nothing_to_lock_it_refuses_where_it_must() {
    if !is_child() {
        return with_limit("with_nothing_to_lock_it_refuses_where_it_must", 0);
    }
    let failure = open(KMS_OPEN_REQUIRE_LOCKED_MEMORY).err().expect("a refusal");
    assert_eq!(failure.status, KMS_OUT_OF_MEMORY);
    assert!(failure.message.contains("RLIMIT_MEMLOCK"), "{}", failure.message);
    let errors = [libc::EPERM, libc::ENOMEM, libc::EAGAIN].map(i64::from);
    assert!(errors.contains(&failure.native_code), "errno {}", failure.native_code);
    // Nothing of it is left, and others may do without.
    let handle = open(0).expect("a store");
    assert_eq!(handle.stats().secret_bytes, page());
}

#[test]
fn with_memory_to_lock_all_of_it_is_locked() {
    let enough = 1024 * page();
    if !is_child() {
        if !may_lock(enough as usize) {
            // Past the capture of the test's output, so that it is seen.
            use std::io::Write;
            let _ = writeln!(
                std::io::stderr(),
                "with_memory_to_lock_all_of_it_is_locked: not checked, RLIMIT_MEMLOCK"
            );
            return;
        }
        return with_limit("with_memory_to_lock_all_of_it_is_locked", enough);
    }
    let handle = open(KMS_OPEN_REQUIRE_LOCKED_MEMORY).expect("a store");
    let before = handle.stats();
    handle.create_key("limits").expect("a key");
    generate(&handle).expect("a data key");
    let after = handle.stats();
    assert_eq!((after.memory_protection, after.secret_bytes_unlocked), (ALL, 0));
    assert!(after.secret_bytes > before.secret_bytes, "material and a lane take protected memory");
    drop(handle);
    // Another handle sees that all of it was given back.
    assert_eq!(open(0).expect("a store").stats().secret_bytes, before.secret_bytes);
}

#[test]
fn a_limit_that_is_reached_later_fails_that_call_and_no_other() {
    // Enough for the store's keys, a slab of material and some lanes, not for a lane of every thread.
    let limit = 32 * page();
    const THREADS: usize = 64;
    if !is_child() {
        if may_lock(limit as usize) {
            with_limit("a_limit_that_is_reached_later_fails_that_call_and_no_other", limit);
        }
        return;
    }
    let strict = open(KMS_OPEN_REQUIRE_LOCKED_MEMORY).expect("a store");
    strict.create_key("limits").expect("a key");
    generate(&strict).expect("a data key");
    // Handles do not share their lanes: one after the other takes what is left.
    let mut refused = 0;
    let mut others = Vec::new();
    for _ in 0..THREADS {
        match open(KMS_OPEN_REQUIRE_LOCKED_MEMORY) {
            Ok(handle) => match handle.create_key("limits").and_then(|()| generate(&handle)) {
                Ok(_) => others.push(handle),
                Err(failure) => {
                    assert_eq!(failure.status, KMS_OUT_OF_MEMORY, "{}", failure.message);
                    refused += 1;
                }
            },
            Err(failure) => {
                assert_eq!(failure.status, KMS_OUT_OF_MEMORY, "{}", failure.message);
                refused += 1;
            }
        }
    }
    assert!(refused > 0 && !others.is_empty(), "{refused} refused, {} opened", others.len());
    assert_eq!(strict.stats().secret_bytes_unlocked, 0, "a handle that requires locked memory uses no other");
    // Those that have what they need go on, from any number of threads.
    let together = Barrier::new(THREADS);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                together.wait();
                for _ in 0..100 {
                    if let Err(failure) = generate(&strict) {
                        assert_eq!(failure.status, KMS_OUT_OF_MEMORY, "{}", failure.message);
                    }
                }
            });
        }
    });
    generate(&strict).expect("a data key");
    assert_eq!(strict.stats().secret_bytes_unlocked, 0);
    // And with memory back, new ones open.
    drop(others);
    let handle = open(KMS_OPEN_REQUIRE_LOCKED_MEMORY).expect("a store");
    handle.create_key("limits").expect("a key");
    generate(&handle).expect("a data key");
}
