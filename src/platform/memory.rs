//! Memory for secrets: whole pages, locked into RAM, left out of core dumps, between two inaccessible guard pages,
//! zeroed before they go back to the system, and (unless inherited on purpose) seen as zeros by children of fork.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use crate::error::{Error, Result};

static SECRET_BYTES: AtomicU64 = AtomicU64::new(0);
static UNLOCKED_BYTES: AtomicU64 = AtomicU64::new(0);
/// Protections that failed at least once, as KMS_MEMORY_* flags.
static FAILED: AtomicU32 = AtomicU32::new(0);

const LOCKED: u32 = 1;
const NOT_DUMPED: u32 = 2;
const GUARDED: u32 = 4;
const WIPED_ON_FORK: u32 = 8;

/// What protects the secrets of this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryReport {
    pub secret_bytes: u64,
    pub unlocked_bytes: u64,
    /// KMS_MEMORY_* flags that hold for every secret.
    pub protection: u32,
}

pub fn memory_report() -> MemoryReport {
    let unlocked_bytes = UNLOCKED_BYTES.load(Ordering::Relaxed);
    let unlocked = if unlocked_bytes > 0 { LOCKED } else { 0 };
    let failed = FAILED.load(Ordering::Relaxed) | unlocked;
    MemoryReport {
        secret_bytes: SECRET_BYTES.load(Ordering::Relaxed),
        unlocked_bytes,
        protection: (LOCKED | NOT_DUMPED | GUARDED | WIPED_ON_FORK) & !failed,
    }
}

/// In a child of fork: locks are not inherited, and the parent's pages are not this process's to count.
pub(super) fn forget_parent() {
    SECRET_BYTES.store(0, Ordering::Relaxed);
    UNLOCKED_BYTES.store(0, Ordering::Relaxed);
}

/// What children of fork see of the pages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Inherit {
    /// Zeros.
    Nothing,
    /// A copy, which the child locks anew with Pages::relock.
    Copy,
}

/// Pages of zeros for secrets.
pub struct Pages {
    data: NonNull<u8>,
    len: usize,
    page: usize,
    locked: AtomicBool,
    /// The process whose counters have the pages; see relock.
    generation: AtomicU64,
}

// SAFETY: Pages own their memory, as a Box<[u8]> does.
unsafe impl Send for Pages {}
// SAFETY: shared access reads only.
unsafe impl Sync for Pages {}

impl Pages {
    /// Maps at least `len` bytes. With `require_lock`, memory that cannot be locked is an error.
    pub fn map(len: usize, inherit: Inherit, require_lock: bool) -> Result<Pages> {
        let page = page_size();
        let len = len.next_multiple_of(page);
        // SAFETY: an anonymous mapping of its own; checked below.
        let base = unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            libc::mmap(std::ptr::null_mut(), len + 2 * page, libc::PROT_NONE, flags, -1, 0)
        };
        if base == libc::MAP_FAILED {
            return Err(Error::OutOfMemory { what: "protected memory", native_code: super::errno() });
        }
        let data = base.cast::<u8>().wrapping_add(page);
        // SAFETY: the inner pages of the mapping made above.
        let opened = unsafe { libc::mprotect(data.cast(), len, libc::PROT_READ | libc::PROT_WRITE) } == 0;
        let (true, Some(data)) = (opened, NonNull::new(data)) else {
            let native_code = super::errno();
            // SAFETY: the mapping made above, used by nobody.
            unsafe { libc::munmap(base, len + 2 * page) };
            return Err(Error::OutOfMemory { what: "protected memory", native_code });
        };
        advise(data, len, libc::MADV_DONTDUMP, NOT_DUMPED);
        if inherit == Inherit::Nothing {
            advise(data, len, libc::MADV_WIPEONFORK, WIPED_ON_FORK);
        }
        // Before the pages are counted: in a new process it sets the counts to 0.
        let generation = AtomicU64::new(super::fork_generation());
        SECRET_BYTES.fetch_add(len as u64, Ordering::Relaxed);
        let pages = Pages { data, len, page, locked: AtomicBool::new(false), generation };
        pages.lock();
        if require_lock && !pages.locked.load(Ordering::Relaxed) {
            let native_code = super::errno();
            let what = "memory that can be locked (raise RLIMIT_MEMLOCK, or open without KMS_OPEN_REQUIRE_LOCKED_MEMORY)";
            return Err(Error::OutOfMemory { what, native_code });
        }
        Ok(pages)
    }

    fn lock(&self) {
        // SAFETY: this object's own mapping.
        let locked = unsafe { libc::mlock(self.data.as_ptr().cast(), self.len) } == 0;
        self.locked.store(locked, Ordering::Relaxed);
        if !locked {
            UNLOCKED_BYTES.fetch_add(self.len as u64, Ordering::Relaxed);
        }
    }

    /// Locks a copy that a child of fork inherited, and counts it as the child's.
    pub fn relock(&self) {
        let generation = super::fork_generation();
        if self.generation.swap(generation, Ordering::Relaxed) != generation {
            SECRET_BYTES.fetch_add(self.len as u64, Ordering::Relaxed);
            self.lock();
        }
    }

    pub fn as_ptr(&self) -> NonNull<u8> {
        self.data
    }

    pub fn size(&self) -> usize {
        self.len
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: this object's own mapping, writable; nobody else has a reference any more.
        unsafe {
            crate::crypto::secret::wipe(std::slice::from_raw_parts_mut(self.data.as_ptr(), self.len));
            libc::munmap(self.data.as_ptr().wrapping_sub(self.page).cast(), self.len + 2 * self.page);
        }
        if *self.generation.get_mut() == super::fork_generation() {
            SECRET_BYTES.fetch_sub(self.len as u64, Ordering::Relaxed);
            if !*self.locked.get_mut() {
                UNLOCKED_BYTES.fetch_sub(self.len as u64, Ordering::Relaxed);
            }
        }
    }
}

/// Bytes that this process may have locked at a time, as far as its limit goes.
pub fn lockable_bytes() -> usize {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: a place for the answer.
    let known = unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &mut limit) } == 0;
    if known { usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX) } else { 0 }
}

fn advise(data: NonNull<u8>, len: usize, advice: i32, protection: u32) {
    // SAFETY: the caller's own mapping.
    if unsafe { libc::madvise(data.as_ptr().cast(), len, advice) } != 0 {
        FAILED.fetch_or(protection, Ordering::Relaxed);
    }
}

fn page_size() -> usize {
    // SAFETY: has no preconditions.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}
