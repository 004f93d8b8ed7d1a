//! Fork detection, and state that belongs to one process.
//!
//! The library installs no atfork handlers (they crash when a library is unloaded, and raw clone() skips them).
//! Instead one page is marked MADV_WIPEONFORK: the kernel gives a child a zeroed copy. Where that is missing
//! (before Linux 4.14), the process id is compared at each call.

use std::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

/// The page that children see as zeros; NULL until the first call, and where the kernel has no MADV_WIPEONFORK.
static MARK: AtomicPtr<AtomicU64> = AtomicPtr::new(std::ptr::null_mut());
/// The newest generation given out; children inherit it, so theirs is always another than their parent's.
static NEWEST: AtomicU64 = AtomicU64::new(0);
/// Process id and generation, where MARK cannot be had. u32::MAX is no process id.
static FALLBACK_PID: AtomicU32 = AtomicU32::new(u32::MAX);
static FALLBACK_GENERATION: AtomicU64 = AtomicU64::new(0);

/// A number that differs between a process and each of its forebears. Never 0.
#[inline]
pub fn fork_generation() -> u64 {
    let mark = MARK.load(Ordering::Acquire);
    if !mark.is_null() {
        // SAFETY: MARK is NULL or a page that stays mapped for the life of the process.
        let generation = unsafe { &*mark }.load(Ordering::Acquire);
        if generation != 0 {
            return generation;
        }
    }
    first_call(mark)
}

#[cold]
fn first_call(mark: *mut AtomicU64) -> u64 {
    let mark = if mark.is_null() { map_mark() } else { Some(mark) };
    let Some(mark) = mark else { return by_process_id() };
    // SAFETY: as in fork_generation.
    let mark = unsafe { &*mark };
    let next = NEWEST.fetch_add(1, Ordering::AcqRel) + 1;
    match mark.compare_exchange(0, next, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => {
            super::memory::forget_parent();
            next
        }
        Err(other_thread) => other_thread,
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn map_mark() -> Option<*mut AtomicU64> {
    const SIZE: usize = 4096;
    // SAFETY: an anonymous mapping of its own; checked below.
    let page = unsafe {
        let access = libc::PROT_READ | libc::PROT_WRITE;
        libc::mmap(std::ptr::null_mut(), SIZE, access, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, -1, 0)
    };
    if page == libc::MAP_FAILED {
        return None;
    }
    // SAFETY: the page mapped above, used by nobody else yet.
    let wiped = unsafe { libc::madvise(page, SIZE, libc::MADV_WIPEONFORK) } == 0;
    let mark = page.cast::<AtomicU64>();
    let unset = std::ptr::null_mut();
    if wiped && MARK.compare_exchange(unset, mark, Ordering::AcqRel, Ordering::Acquire).is_ok() {
        return Some(mark);
    }
    // SAFETY: not published, so nobody else has it.
    unsafe { libc::munmap(page, SIZE) };
    let published = MARK.load(Ordering::Acquire);
    (!published.is_null()).then_some(published)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn map_mark() -> Option<*mut AtomicU64> {
    None
}

fn by_process_id() -> u64 {
    let pid = std::process::id();
    let known = FALLBACK_PID.load(Ordering::Acquire);
    if known != pid {
        let next = NEWEST.fetch_add(1, Ordering::AcqRel) + 1;
        FALLBACK_GENERATION.store(next, Ordering::Release);
        if FALLBACK_PID.compare_exchange(known, pid, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            super::memory::forget_parent();
        }
    }
    FALLBACK_GENERATION.load(Ordering::Acquire)
}

/// A value that belongs to the process that built it: a child of fork builds its own at its first use, and never
/// touches the parent's (whose locks may be held by threads that the child does not have).
pub struct ForkLocal<T> {
    current: AtomicPtr<Owned<T>>,
}

struct Owned<T> {
    generation: u64,
    value: T,
}

impl<T: Send + Sync> ForkLocal<T> {
    pub fn new(value: T) -> Self {
        let first = Box::new(Owned { generation: fork_generation(), value });
        ForkLocal { current: AtomicPtr::new(Box::into_raw(first)) }
    }

    /// This process's value; in a child of fork, `rebuild` makes it from what never changes in the parent's.
    #[inline]
    pub fn get<E>(&self, rebuild: impl FnOnce(&T) -> Result<T, E>) -> Result<&T, E> {
        let owned = self.current.load(Ordering::Acquire);
        // SAFETY: `current` is never NULL, and what it has pointed to is freed by drop at the earliest.
        let known = unsafe { &*owned };
        if known.generation == fork_generation() { Ok(&known.value) } else { self.rebuild(owned, rebuild) }
    }

    #[cold]
    fn rebuild<E>(&self, old: *mut Owned<T>, rebuild: impl FnOnce(&T) -> Result<T, E>) -> Result<&T, E> {
        // SAFETY: as in get.
        let value = rebuild(unsafe { &(*old).value })?;
        let new = Box::into_raw(Box::new(Owned { generation: fork_generation(), value }));
        // The parent's value is left alone for good: dropping it would close connections and take its locks.
        match self.current.compare_exchange(old, new, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: published just now; lives until drop.
            Ok(_) => Ok(unsafe { &(*new).value }),
            Err(winner) => {
                // SAFETY: `new` was never published; `winner` lives until drop.
                unsafe {
                    drop(Box::from_raw(new));
                    Ok(&(*winner).value)
                }
            }
        }
    }
}

impl<T> Drop for ForkLocal<T> {
    fn drop(&mut self) {
        let owned = *self.current.get_mut();
        // SAFETY: never NULL, and nobody else has a reference any more.
        if unsafe { &*owned }.generation == fork_generation() {
            // SAFETY: this process built it; a parent's value is left alone.
            drop(unsafe { Box::from_raw(owned) });
        }
    }
}

/// A recursive mutex that a forebear's thread cannot hold.
pub struct ForkMutex {
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
    pub const fn new() -> Self {
        ForkMutex { owner: AtomicU64::new(FREE), depth: AtomicU32::new(0) }
    }

    pub fn try_enter(&self) -> bool {
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

    pub fn enter(&self) {
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

    pub fn leave(&self) {
        if self.depth.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.owner.store(FREE, Ordering::Release);
        }
    }

    pub fn is_mine(&self) -> bool {
        self.owner.load(Ordering::Relaxed) == owner()
    }

    /// Runs `body`, which must not panic, as its holder.
    pub fn run<T>(&self, body: impl FnOnce() -> T) -> T {
        self.enter();
        let value = body();
        self.leave();
        value
    }
}
