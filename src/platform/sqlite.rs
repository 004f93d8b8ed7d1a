//! What makes the bundled SQLite safe across fork(). To call before its first use.
//!
//! SQLite forbids carrying a connection across fork, and says nothing of opening a new one in the child; but its
//! process-wide state is copied too, and two parts of it would harm the child:
//! - its mutexes may be held by threads that the child does not have. Ours remember the process of their owner, and
//!   a child takes over what a forebear's thread held.
//! - its list of open files (by device and inode) says which POSIX locks the process has; a child has none of them
//!   and would trust the list. So `stat` and `fstat`, as SQLite sees them, give another device number in each
//!   process, and the forebear's entries are never found.

use std::ffi::{c_char, c_int};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use rusqlite::ffi;

use super::fork_generation;
use crate::error::{Error, Result};

/// Installs both. A second call does nothing.
pub fn make_fork_safe() -> Result<()> {
    static DONE: AtomicBool = AtomicBool::new(false);
    static ONE_AT_A_TIME: ForkMutex = ForkMutex::new();
    if DONE.load(Ordering::Acquire) {
        return Ok(());
    }
    ONE_AT_A_TIME.enter();
    let outcome = if DONE.load(Ordering::Acquire) { Ok(()) } else { configure() };
    DONE.store(outcome.is_ok(), Ordering::Release);
    ONE_AT_A_TIME.leave();
    outcome
}

type StatCall = unsafe extern "C" fn(*const c_char, *mut libc::stat) -> c_int;
type FstatCall = unsafe extern "C" fn(c_int, *mut libc::stat) -> c_int;
/// As SQLite's table of system calls has them all.
type AnyCall = unsafe extern "C" fn();

fn configure() -> Result<()> {
    let methods = ffi::sqlite3_mutex_methods {
        xMutexInit: Some(nothing),
        xMutexEnd: Some(nothing),
        xMutexAlloc: Some(mutex_alloc),
        xMutexFree: Some(mutex_free),
        xMutexEnter: Some(mutex_enter),
        xMutexTry: Some(mutex_try),
        xMutexLeave: Some(mutex_leave),
        xMutexHeld: Some(mutex_held),
        xMutexNotheld: Some(mutex_not_held),
    };
    // SAFETY: configuration with the argument types that the options ask for; SQLite copies `methods`. Where SQLite
    // is initialised already (another user of the same rlib), it answers SQLITE_MISUSE and keeps its own mutexes.
    unsafe {
        ffi::sqlite3_config(ffi::SQLITE_CONFIG_MUTEX, &raw const methods);
        // The allocation statistics have a mutex around every malloc; malloc itself is safe across fork.
        ffi::sqlite3_config(ffi::SQLITE_CONFIG_MEMSTATUS, 0 as c_int);
        let vfs = ffi::sqlite3_vfs_find(std::ptr::null());
        let set = vfs.as_ref().and_then(|vfs| vfs.xSetSystemCall);
        let Some(set) = set else {
            return Err(Error::Internal("SQLite has no file system"));
        };
        set(vfs, c"stat".as_ptr(), Some(std::mem::transmute::<StatCall, AnyCall>(stat_of_this_process)));
        set(vfs, c"fstat".as_ptr(), Some(std::mem::transmute::<FstatCall, AnyCall>(fstat_of_this_process)));
    }
    Ok(())
}

unsafe extern "C" fn stat_of_this_process(path: *const c_char, out: *mut libc::stat) -> c_int {
    // SAFETY: SQLite's arguments, passed on.
    let result = unsafe { libc::stat(path, out) };
    if result == 0 {
        // SAFETY: filled by stat.
        mark_device(unsafe { &mut *out });
    }
    result
}

unsafe extern "C" fn fstat_of_this_process(file: c_int, out: *mut libc::stat) -> c_int {
    // SAFETY: SQLite's arguments, passed on.
    let result = unsafe { libc::fstat(file, out) };
    if result == 0 {
        // SAFETY: filled by fstat.
        mark_device(unsafe { &mut *out });
    }
    result
}

/// SQLite compares device numbers and uses them for nothing else; their upper bits are free.
fn mark_device(stat: &mut libc::stat) {
    stat.st_dev ^= (fork_generation() as libc::dev_t) << (libc::dev_t::BITS / 2);
}

/// A recursive mutex that a forebear's thread cannot hold.
struct ForkMutex {
    /// 0 = free, else the owner's thread and process, see owner().
    owner: AtomicU64,
    depth: AtomicU32,
}

const FREE: u64 = 0;

/// This thread in this process: a thread number in the upper half, the fork generation in the lower one.
fn owner() -> u64 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    thread_local! {
        static THREAD: u32 = NEXT.fetch_add(1, Ordering::Relaxed);
    }
    (u64::from(THREAD.with(|thread| *thread)) << 32) | (fork_generation() & 0xffff_ffff)
}

impl ForkMutex {
    const fn new() -> Self {
        ForkMutex { owner: AtomicU64::new(FREE), depth: AtomicU32::new(0) }
    }

    fn try_enter(&self) -> bool {
        let me = owner();
        let holder = self.owner.load(Ordering::Acquire);
        if holder == me {
            self.depth.fetch_add(1, Ordering::Relaxed);
            return true;
        }
        let a_forebears = holder != FREE && (holder ^ me) & 0xffff_ffff != 0;
        let takeable = holder == FREE || a_forebears;
        if takeable && self.owner.compare_exchange(holder, me, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            self.depth.store(1, Ordering::Relaxed);
            return true;
        }
        false
    }

    fn enter(&self) {
        for spins in 0_u32.. {
            if self.try_enter() {
                return;
            }
            match spins {
                0..64 => std::hint::spin_loop(),
                64..128 => std::thread::yield_now(),
                _ => std::thread::sleep(std::time::Duration::from_micros(50)),
            }
        }
    }

    fn leave(&self) {
        if self.depth.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.owner.store(FREE, Ordering::Release);
        }
    }
}

unsafe extern "C" fn nothing() -> c_int {
    ffi::SQLITE_OK
}

unsafe extern "C" fn mutex_alloc(kind: c_int) -> *mut ffi::sqlite3_mutex {
    /// Kinds from 2 up are SQLite's own static mutexes.
    const STATIC_KINDS: usize = 16;
    static STATIC: [ForkMutex; STATIC_KINDS] = [const { ForkMutex::new() }; STATIC_KINDS];
    if kind == ffi::SQLITE_MUTEX_FAST || kind == ffi::SQLITE_MUTEX_RECURSIVE {
        return Box::into_raw(Box::new(ForkMutex::new())).cast();
    }
    match usize::try_from(kind - 2).ok().and_then(|index| STATIC.get(index)) {
        Some(mutex) => std::ptr::from_ref(mutex).cast_mut().cast(),
        None => std::ptr::null_mut(),
    }
}

unsafe extern "C" fn mutex_free(mutex: *mut ffi::sqlite3_mutex) {
    // SAFETY: SQLite frees only what mutex_alloc boxed.
    drop(unsafe { Box::from_raw(mutex.cast::<ForkMutex>()) });
}

/// # Safety
/// `mutex` came from mutex_alloc and is not freed.
unsafe fn known<'a>(mutex: *mut ffi::sqlite3_mutex) -> &'a ForkMutex {
    // SAFETY: promised by the caller.
    unsafe { &*mutex.cast::<ForkMutex>() }
}

unsafe extern "C" fn mutex_enter(mutex: *mut ffi::sqlite3_mutex) {
    // SAFETY: SQLite's argument.
    unsafe { known(mutex) }.enter();
}

unsafe extern "C" fn mutex_try(mutex: *mut ffi::sqlite3_mutex) -> c_int {
    // SAFETY: SQLite's argument.
    if unsafe { known(mutex) }.try_enter() { ffi::SQLITE_OK } else { ffi::SQLITE_BUSY }
}

unsafe extern "C" fn mutex_leave(mutex: *mut ffi::sqlite3_mutex) {
    // SAFETY: SQLite's argument.
    unsafe { known(mutex) }.leave();
}

unsafe extern "C" fn mutex_held(mutex: *mut ffi::sqlite3_mutex) -> c_int {
    // SAFETY: SQLite's argument.
    c_int::from(unsafe { known(mutex) }.owner.load(Ordering::Relaxed) == owner())
}

unsafe extern "C" fn mutex_not_held(mutex: *mut ffi::sqlite3_mutex) -> c_int {
    // SAFETY: SQLite's argument.
    c_int::from(unsafe { known(mutex) }.owner.load(Ordering::Relaxed) != owner())
}
