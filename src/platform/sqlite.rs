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
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rusqlite::ffi;

use super::fork::ForkMutex;
use super::fork_generation;
use crate::error::{Error, Result};

/// Installs both, and starts SQLite. A second call does nothing.
pub fn make_fork_safe() -> Result<()> {
    static DONE: AtomicBool = AtomicBool::new(false);
    /// The process that is starting SQLite.
    static BEGUN: AtomicU64 = AtomicU64::new(0);
    static ALONE: ForkMutex = ForkMutex::new();
    if DONE.load(Ordering::Acquire) {
        return Ok(());
    }
    ALONE.run(|| {
        if DONE.load(Ordering::Acquire) {
            return Ok(());
        }
        let me = fork_generation();
        let begun = BEGUN.compare_exchange(0, me, Ordering::AcqRel, Ordering::Acquire);
        if begun.is_err_and(|process| process != me) {
            // SQLite believes for good that a thread is at it, which stayed in the parent.
            let message = "the process was forked while its parent opened its first store".into();
            return Err(Error::Store { native_code: 0, message });
        }
        let outcome = configure();
        DONE.store(outcome.is_ok(), Ordering::Release);
        outcome
    })
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
        let stat = std::mem::transmute::<StatCall, AnyCall>(stat_of_this_process);
        let fstat = std::mem::transmute::<FstatCall, AnyCall>(fstat_of_this_process);
        if set(vfs, c"stat".as_ptr(), Some(stat)) != ffi::SQLITE_OK
            || set(vfs, c"fstat".as_ptr(), Some(fstat)) != ffi::SQLITE_OK
        {
            return Err(Error::Internal("SQLite does not call stat and fstat"));
        }
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
    c_int::from(unsafe { known(mutex) }.is_mine())
}

unsafe extern "C" fn mutex_not_held(mutex: *mut ffi::sqlite3_mutex) -> c_int {
    // SAFETY: SQLite's argument.
    c_int::from(!unsafe { known(mutex) }.is_mine())
}
