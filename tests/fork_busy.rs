//! fork() in the middle of everything: while threads hammer the handle, while stores are being opened, and with parent
//! and children writing to one file. Nobody hangs, nothing that was acknowledged is lost, and no lock of a process is
//! dropped by another's close.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use kms::capi::constants::*;

#[path = "support/handle.rs"]
mod handle;
#[path = "support/keys.rs"]
mod keys;
#[path = "support/life.rs"]
mod life;
#[path = "support/process.rs"]
mod process;
#[path = "support/store_file.rs"]
mod store_file;

use handle::{Handle, Open, status};
use keys::NewKey;
use process::{Child, alone, wait_for};
use store_file::{ROOT_KEY, StoreFile};

const THREADS: usize = 8;

fn create(kms: &Handle, id: &str) {
    kms.create(NewKey { id: Some(id), ..NewKey::default() })
        .unwrap_or_else(|error| panic!("{id}: {error:?}"));
}

fn round_trip(kms: &Handle, id: &str) {
    let data_key = kms.data_key(id).unwrap_or_else(|error| panic!("{id}: {error:?}"));
    assert_eq!(kms.open_blob(&data_key.ciphertext).expect("to open it"), data_key.plaintext);
}

/// Runs `fork_now` again and again while eight threads generate, decrypt and create keys. Gives how many keys they
/// created, which is at least one for each fork.
fn while_threads_hammer(kms: &Handle, forks: usize, mut fork_now: impl FnMut(usize)) -> usize {
    let (stop, created) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (stop, created) = (&stop, &created);
            scope.spawn(move || {
                for number in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    // Half of them write as well, and so fork meets every lock in every state.
                    if thread % 2 == 0 {
                        create(kms, &format!("thread-{thread}-{number}"));
                        created.fetch_add(1, Ordering::Relaxed);
                        round_trip(kms, &format!("thread-{thread}-{number}"));
                    }
                    (0..20).for_each(|_| round_trip(kms, "orders"));
                }
            });
        }
        let all = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for fork in 0..forks {
                let before = created.load(Ordering::Relaxed);
                wait_for("the threads to go on", || created.load(Ordering::Relaxed) > before);
                fork_now(fork);
            }
        }));
        stop.store(true, Ordering::Relaxed);
        if let Err(panic) = all {
            std::panic::resume_unwind(panic);
        }
    });
    created.into_inner()
}

/// What a child does: everything, at once.
fn work_in_child(kms: &Handle, name: &str) -> Vec<u8> {
    let start = Instant::now();
    round_trip(kms, "orders");
    create(kms, name);
    round_trip(kms, name);
    kms.create_alias(&format!("alias/{name}"), name).expect("an alias");
    round_trip(kms, &format!("alias/{name}"));
    assert_eq!(kms.describe(name).expect("the key").id, name);
    let grandchild = Child::fork(|| {
        round_trip(kms, name);
        b"done".to_vec()
    });
    assert_eq!(grandchild.answer(), b"done");
    (start.elapsed().as_millis() as u64).to_be_bytes().to_vec()
}

const AT_ONCE: usize = 3;

#[test]
fn forking_while_threads_hammer_a_file_never_hangs() {
    hammer_a_file(30);
}

#[test]
#[ignore = "takes minutes: make test-long"]
fn forking_while_threads_hammer_a_file_for_long_never_hangs() {
    hammer_a_file(600);
}

fn hammer_a_file(forks: usize) {
    let _alone = alone();
    let file = StoreFile::new();
    let kms = file.create();
    create(&kms, "orders");
    let mut slowest = Duration::ZERO;
    let created = while_threads_hammer(&kms, forks, |fork| {
        let name = |child| format!("child-{fork}-{child}");
        let children: Vec<Child> =
            (0..AT_ONCE).map(|child| Child::fork(|| work_in_child(&kms, &name(child)))).collect();
        for child in children {
            let millis = child.answer().try_into().map(u64::from_be_bytes).expect("its time");
            slowest = slowest.max(Duration::from_millis(millis));
        }
    });
    println!("{} children while {created} keys were created; the slowest took {slowest:?}", forks * AT_ONCE);
    round_trip(&kms, "orders");
    drop(kms);
    // The store, checked whole where it opens, has everything: each key of the threads, and of each child a key with
    // an alias.
    let kms = file.open().expect("the store is whole");
    let keys = kms.list_keys().expect("keys");
    assert_eq!(keys.len(), 1 + created + forks * AT_ONCE);
    assert_eq!(kms.list_aliases().expect("aliases").len(), forks * AT_ONCE);
    assert_eq!(kms.verify().expect("to verify"), [""; 0]);
    keys.iter().for_each(|key| round_trip(&kms, &key.id));
}

#[test]
fn forking_while_threads_hammer_memory_never_hangs() {
    let _alone = alone();
    const FORKS: usize = 60;
    let kms = Handle::memory();
    create(&kms, "orders");
    while_threads_hammer(&kms, FORKS, |fork| {
        Child::fork(|| work_in_child(&kms, &format!("child-{fork}"))).answer();
    });
    // A store in memory is each process's own from then on.
    assert_eq!(status(&kms.data_key("child-0")), KMS_NOT_FOUND);
}

#[test]
fn forking_while_stores_are_opened_never_hangs() {
    let _alone = alone();
    const FORKS: usize = 40;
    let file = StoreFile::new();
    create(&file.create(), "orders");
    let (stop, opened) = (AtomicBool::new(false), AtomicUsize::new(0));
    let open_and_close = |file: &StoreFile| round_trip(&file.open().expect("the store"), "orders");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    open_and_close(&file);
                    let new = StoreFile::new();
                    create(&new.create(), "orders");
                    open_and_close(&new);
                    opened.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let all = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for _ in 0..FORKS {
                let before = opened.load(Ordering::Relaxed);
                wait_for("the threads to go on", || opened.load(Ordering::Relaxed) > before);
                let child = Child::fork(|| {
                    open_and_close(&file);
                    let new = StoreFile::new();
                    create(&new.create(), "orders");
                    open_and_close(&new);
                    b"done".to_vec()
                });
                assert_eq!(child.answer(), b"done");
            }
        }));
        stop.store(true, Ordering::Relaxed);
        if let Err(panic) = all {
            std::panic::resume_unwind(panic);
        }
    });
}

/// Two ends that let parent and child take turns.
fn turns() -> (UnixStream, UnixStream) {
    let (a, b) = UnixStream::pair().expect("a pair of sockets");
    for end in [&a, &b] {
        end.set_read_timeout(Some(process::PATIENCE)).expect("a bound");
    }
    (a, b)
}

fn your_turn(mut end: &UnixStream) {
    end.write_all(b"!").expect("the other process is there");
}

fn my_turn(mut end: &UnixStream) {
    end.read_exact(&mut [0]).expect("the other process goes on");
}

#[test]
fn parent_and_child_write_one_file_and_close_in_any_order() {
    let _alone = alone();
    for (order, parent_closes_first) in [("first", true), ("last", false)] {
        let file = StoreFile::new();
        let kms = file.create();
        create(&kms, "orders");
        let (parents, childs) = turns();
        let child = {
            let kms = &kms;
            Child::fork(move || {
                // SAFETY (of the test): the child's copy of the handle is closed here, or with the process.
                for round in 0..20 {
                    my_turn(&childs);
                    create(kms, &format!("child-{round}"));
                    round_trip(kms, &format!("parent-{round}"));
                    your_turn(&childs);
                }
                if parent_closes_first {
                    my_turn(&childs);
                }
                for round in 20..40 {
                    create(kms, &format!("child-{round}"));
                }
                close_copy(kms);
                your_turn(&childs);
                b"done".to_vec()
            })
        };
        for round in 0..20 {
            create(&kms, &format!("parent-{round}"));
            your_turn(&parents);
            my_turn(&parents);
            round_trip(&kms, &format!("child-{round}"));
        }
        if parent_closes_first {
            drop(kms);
            your_turn(&parents);
            my_turn(&parents);
            assert_eq!(child.answer(), b"done");
        } else {
            my_turn(&parents);
            assert_eq!(child.answer(), b"done");
            create(&kms, "after");
            drop(kms);
        }
        assert!(!file.beside("-wal").exists(), "whoever closes last leaves one file");
        let kms = file.open().expect("the store is whole");
        let expected = 1 + 20 + 40 + usize::from(!parent_closes_first);
        assert_eq!(kms.list_keys().expect("keys").len(), expected, "the parent closed {order}");
        assert_eq!(kms.verify().expect("to verify"), [""; 0]);
    }
}

/// Closes a child's copy of its parent's handle. Only in the child: the parent has the same pointer.
#[allow(unsafe_code)]
fn close_copy(kms: &Handle) {
    // SAFETY: the child ends without dropping the Handle.
    unsafe { kms::capi::open::kms_close(kms.as_ptr()) };
}

/// Which process holds a lock that conflicts with writing to a byte of a file; None if nobody does.
#[allow(unsafe_code)]
fn holder(path: &Path, byte: i64) -> Option<i32> {
    use std::os::fd::AsRawFd;
    let file = std::fs::OpenOptions::new().read(true).write(true).open(path).ok()?;
    // SAFETY: a plain struct of integers.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = libc::F_WRLCK as libc::c_short;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    (lock.l_start, lock.l_len) = (byte, 1);
    // SAFETY: a file of this process, and a place for the answer.
    assert_eq!(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETLK, &mut lock) }, 0);
    (lock.l_type != libc::F_UNLCK as libc::c_short).then_some(lock.l_pid)
}

#[test]
fn a_childs_close_leaves_the_parents_locks_and_handle_alone() {
    let _alone = alone();
    let file = StoreFile::new();
    let kms = file.create();
    create(&kms, "orders");
    // Where SQLite says that a database, and the shared memory beside it, is in use.
    let places = [(file.path(), 0x4000_0002_i64), (file.beside("-shm"), 128)];
    let holders = || {
        // From a process of its own, since looking drops the locks of whoever looks.
        let look = || places.iter().map(|(path, byte)| holder(path, *byte).unwrap_or(0)).collect::<Vec<_>>();
        let answer = Child::fork(|| look().into_iter().flat_map(i32::to_be_bytes).collect()).answer();
        let numbers =
            answer.chunks_exact(4).map(|bytes| i32::from_be_bytes(bytes.try_into().expect("4 bytes")));
        numbers.collect::<Vec<_>>()
    };
    let parent = std::process::id() as i32;
    assert_eq!(holders(), [parent, parent]);
    for round in 0..20 {
        let name = format!("child-{round}");
        let child = Child::fork(|| {
            if round % 2 == 0 {
                work_in_child(&kms, &name);
            }
            // A handle of its own on the same file, opened and closed.
            round_trip(&file.open().expect("the store"), "orders");
            close_copy(&kms);
            // And the file is not locked by a process that has closed it.
            b"done".to_vec()
        });
        assert_eq!(child.answer(), b"done");
        assert_eq!(holders(), [parent, parent], "after child {round}");
        create(&kms, &format!("parent-{round}"));
        round_trip(&kms, "orders");
    }
    drop(kms);
    // The twin: without the parent's handle nobody holds anything.
    assert_eq!(holders(), [0, 0]);
    assert_eq!(file.open().expect("the store").list_keys().expect("keys").len(), 1 + 10 + 20);
}

#[test]
fn a_child_has_all_handles_and_another_directory() {
    let _alone = alone();
    let (a, b) = (StoreFile::new(), StoreFile::new());
    // Opened by a relative path, which means another place where the child goes.
    std::env::set_current_dir(a.dir()).expect("a directory");
    let how = Open { root_key: &ROOT_KEY, flags: KMS_OPEN_CREATE, ..Open::default() };
    let handles =
        [Handle::open("sqlite:keys.db", how).expect("a new store"), b.create(), Handle::memory(), a.create()];
    for (index, kms) in handles.iter().enumerate() {
        create(kms, &format!("handle-{index}"));
    }
    let child = Child::fork(|| {
        std::env::set_current_dir("/").expect("another directory");
        for (index, kms) in handles.iter().enumerate() {
            round_trip(kms, &format!("handle-{index}"));
            create(kms, &format!("child-{index}"));
        }
        close_copy(&handles[0]);
        round_trip(&handles[3], "child-0");
        b"done".to_vec()
    });
    assert_eq!(child.answer(), b"done");
    round_trip(&handles[0], "child-0");
    round_trip(&handles[0], "child-3");
    round_trip(&handles[1], "child-1");
    assert_eq!(status(&handles[2].data_key("child-2")), KMS_NOT_FOUND, "the child's memory is its own");
}
