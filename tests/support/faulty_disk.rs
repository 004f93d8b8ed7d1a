//! A file system for SQLite that fails: a layer over SQLite's own that fails or cuts the n-th operation which changes
//! a file, fills up, or loses its power with what was not synced.
//!
//! All is of one thread: what a disk is told, and what the stores that the thread opens meet.

#![allow(dead_code)] // every test file uses its own part
#![allow(unsafe_code)] // a VFS: C callbacks over C callbacks

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::path::Path;
use std::sync::Once;

use rusqlite::ffi;

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// One operation is not done, and says so.
    Fails,
    /// One write is cut in its middle, and says so. Others fail.
    IsCut,
    /// This operation and all after it.
    FailsForGood,
    /// No file grows any more until there is room. What is there can be overwritten.
    IsFull,
    /// Nothing can be done any more, and when the power is back, only some of what was not synced is there.
    LosesPower(Kept),
    /// The same with nothing kept, on a disk that says of a sync that it is done, but does none.
    LosesPowerAfterLies,
    /// Nothing can be done any more: the process is dead. All that it did is there, but what it did not sync is as
    /// unsynced in the next with_fault() of this thread.
    Dies,
}

/// What of the unsynced operations on each file reached the disk before the power went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    Nothing,
    Everything,
    /// Disks write in any order.
    EverySecond,
    /// All, but the last is cut in its middle.
    LastIsTorn,
}

enum Operation {
    Write { offset: usize, new: Vec<u8> },
    Truncate { size: usize },
    Delete,
}

struct OpenFile {
    real: *const ffi::sqlite3_io_methods,
    /// SQLite's own methods, but for ours. Boxed, since SQLite has its address.
    _table: Box<ffi::sqlite3_io_methods>,
    path: String,
}

/// What was done to a file since it was synced, and what it was then; None = not there.
struct Unsynced {
    synced: Option<Vec<u8>>,
    operations: Vec<Operation>,
}

#[derive(Default)]
struct Disk {
    /// Operations that change files, so far.
    count: usize,
    /// From which of them on what happens.
    fault: Option<(usize, Fault)>,
    has_happened: bool,
    open: HashMap<usize, OpenFile>,
    unsynced: BTreeMap<String, Unsynced>,
    /// Files that are new, and were not synced yet.
    created: BTreeSet<String>,
}

thread_local! {
    static DISK: RefCell<Disk> = RefCell::default();
}

const NAME: &CStr = c"libkms-tests-faulty";

/// Runs `body` with stores on a disk of this thread on which the n-th operation goes wrong; n is from 1, and 0 is
/// never. When it returns, the power is back. What the files are at the beginning counts as synced.
pub fn with_fault<T>(n: usize, fault: Fault, body: impl FnOnce() -> T) -> T {
    register();
    DISK.with_borrow_mut(|disk| {
        assert!(disk.open.is_empty(), "a store is open on this disk");
        let unsynced = std::mem::take(&mut disk.unsynced);
        *disk = Disk { fault: (n > 0).then_some((n, fault)), unsynced, ..Disk::default() };
    });
    kms::test_hooks::use_file_system(Some((NAME, sync_of_library)));
    let value = body();
    kms::test_hooks::use_file_system(None);
    DISK.with_borrow_mut(|disk| {
        assert!(disk.open.is_empty(), "a store was left open on a disk that is gone");
        let kept = match disk.fault {
            Some((_, Fault::Dies)) => return,
            Some((_, Fault::LosesPower(kept))) => kept,
            _ => Kept::Nothing,
        };
        let (unsynced, is_dark) = (std::mem::take(&mut disk.unsynced), disk.is_dark());
        for (path, unsynced) in unsynced.into_iter().filter(|_| is_dark) {
            after_power_loss(Path::new(&path), unsynced, kept);
        }
    });
    value
}

/// Operations since with_fault() began.
pub fn operations() -> usize {
    DISK.with_borrow(|disk| disk.count)
}

/// Whether the fault has been met.
pub fn has_happened() -> bool {
    DISK.with_borrow(|disk| disk.has_happened)
}

/// Whether nothing that is written now can become durable any more.
pub fn is_broken() -> bool {
    let fails = |disk: &Disk| disk.has_happened && matches!(disk.fault, Some((_, Fault::FailsForGood)));
    DISK.with_borrow(|disk| disk.is_dark() || fails(disk))
}

/// Now, with nothing kept.
pub fn lose_power() {
    DISK.with_borrow_mut(|disk| {
        disk.fault = Some((0, Fault::LosesPower(Kept::Nothing)));
        disk.has_happened = true;
    });
}

/// Lets a full disk have room again.
pub fn make_room() {
    DISK.with_borrow_mut(|disk| disk.fault = None);
}

fn after_power_loss(path: &Path, unsynced: Unsynced, kept: Kept) {
    let mut content = unsynced.synced;
    let last = unsynced.operations.len().saturating_sub(1);
    for (index, operation) in unsynced.operations.iter().enumerate() {
        let is_kept = match kept {
            Kept::Nothing => false,
            Kept::Everything | Kept::LastIsTorn => true,
            // What is written after a file was deleted goes to another one.
            Kept::EverySecond => index % 2 == 1 || matches!(operation, Operation::Delete),
        };
        let is_torn = kept == Kept::LastIsTorn && index == last;
        match operation {
            Operation::Write { offset, new } if is_kept => {
                let new = if is_torn { &new[..new.len() / 2] } else { &new[..] };
                let content = content.get_or_insert_default();
                let end = offset + new.len();
                content.resize(content.len().max(end), 0);
                content[*offset..end].copy_from_slice(new);
            }
            Operation::Truncate { size } if is_kept && !is_torn => {
                content.get_or_insert_default().resize(*size, 0);
            }
            Operation::Delete if is_kept => content = None,
            _ => {}
        }
    }
    match content {
        Some(content) => std::fs::write(path, content).expect("the file as the disk has it"),
        None if path.exists() => std::fs::remove_file(path).expect("a file that never reached the disk"),
        None => {}
    }
    // Shared memory is no file of the disk.
    let beside = path.to_string_lossy().replace("-wal", "") + "-shm";
    let _ = std::fs::remove_file(beside);
}

/// How an operation goes.
enum Verdict {
    Done,
    Cut(c_int),
    Refused(c_int),
}

impl Disk {
    /// Counts an operation, and says how it goes.
    fn next(&mut self, grows: bool, refusal: c_int) -> Verdict {
        self.count += 1;
        let Some((n, fault)) = self.fault else { return Verdict::Done };
        let (is_first, is_past) = (!self.has_happened, self.count >= n);
        let verdict = match fault {
            Fault::Fails if self.count == n => Verdict::Refused(refusal),
            Fault::IsCut if self.count == n => Verdict::Cut(refusal),
            Fault::FailsForGood | Fault::LosesPower(_) | Fault::LosesPowerAfterLies | Fault::Dies
                if is_past =>
            {
                Verdict::Refused(refusal)
            }
            Fault::IsFull if is_past && grows && is_first => Verdict::Cut(ffi::SQLITE_FULL),
            Fault::IsFull if is_past && grows => Verdict::Refused(ffi::SQLITE_FULL),
            _ => return Verdict::Done,
        };
        self.has_happened = true;
        verdict
    }

    fn lies(&self) -> bool {
        matches!(self.fault, Some((_, Fault::LosesPowerAfterLies)))
    }

    fn is_dark(&self) -> bool {
        let ends = matches!(self.fault, Some((_, Fault::LosesPower(_) | Fault::Dies)));
        self.has_happened && (ends || self.lies())
    }

    fn path(&self, file: *mut ffi::sqlite3_file) -> &str {
        &self.open[&(file as usize)].path
    }

    fn real(&self, file: *mut ffi::sqlite3_file) -> *const ffi::sqlite3_io_methods {
        self.open[&(file as usize)].real
    }

    /// Before an operation is done. (Reading the file here drops the POSIX locks that this process has on it; SQLite
    /// still holds its own against other threads, and there are no other processes.)
    fn note(&mut self, path: &str, operation: Operation) {
        let entry = self.unsynced.entry(path.to_string());
        let known =
            entry.or_insert_with(|| Unsynced { synced: std::fs::read(path).ok(), operations: Vec::new() });
        known.operations.push(operation);
    }

    /// SQLite syncs a new journal with its folder; and then what was deleted there before is gone for good, too.
    fn note_sync(&mut self, path: &str) {
        if self.lies() {
            return;
        }
        self.unsynced.remove(path);
        if self.created.remove(path) {
            self.unsynced.retain(|path, _| Path::new(path).exists());
        }
    }
}

/// A sync that the library does by itself.
fn sync_of_library(path: &Path) -> std::io::Result<()> {
    DISK.with_borrow_mut(|disk| match disk.next(false, libc::EIO) {
        Verdict::Done => {
            disk.note_sync(&path.to_string_lossy());
            Ok(())
        }
        Verdict::Cut(errno) | Verdict::Refused(errno) => Err(std::io::Error::from_raw_os_error(errno)),
    })
}

fn real_vfs() -> *mut ffi::sqlite3_vfs {
    // SAFETY: the default VFS, which is always there.
    unsafe { ffi::sqlite3_vfs_find(std::ptr::null()) }
}

fn register() {
    static DONE: Once = Once::new();
    DONE.call_once(|| {
        kms::platform::sqlite::make_fork_safe().expect("SQLite");
        // SAFETY: a copy of the default VFS, whose functions do not ask whose they are, with two of our own; never
        // freed.
        unsafe {
            let vfs = ffi::sqlite3_vfs {
                zName: NAME.as_ptr(),
                pNext: std::ptr::null_mut(),
                xOpen: Some(open),
                xDelete: Some(delete),
                ..*real_vfs()
            };
            let registered = ffi::sqlite3_vfs_register(Box::into_raw(Box::new(vfs)), 0);
            assert_eq!(registered, ffi::SQLITE_OK);
        }
    });
}

unsafe extern "C" fn open(
    _: *mut ffi::sqlite3_vfs,
    name: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    // SAFETY: SQLite's argument.
    let path =
        (!name.is_null()).then(|| unsafe { CStr::from_ptr(name.cast()) }.to_string_lossy().into_owned());
    let creates =
        flags & ffi::SQLITE_OPEN_CREATE != 0 && path.as_ref().is_some_and(|path| !Path::new(path).exists());
    let is_refused = DISK.with_borrow_mut(|disk| {
        disk.is_dark() || creates && !matches!(disk.next(false, ffi::SQLITE_CANTOPEN), Verdict::Done)
    });
    // SAFETY: SQLite's arguments, passed on; a file that was opened has methods, and one that was not has none.
    unsafe {
        if is_refused {
            (*file).pMethods = std::ptr::null();
            return ffi::SQLITE_CANTOPEN;
        }
        let opened = (*real_vfs()).xOpen.expect("xOpen")(real_vfs(), name, file, flags, out_flags);
        let (ffi::SQLITE_OK, Some(path)) = (opened, path) else { return opened };
        let real = (*file).pMethods;
        let table = Box::new(ffi::sqlite3_io_methods {
            xClose: Some(close),
            xRead: Some(read),
            xWrite: Some(write),
            xTruncate: Some(truncate),
            xSync: Some(sync),
            ..*real
        });
        (*file).pMethods = &raw const *table;
        DISK.with_borrow_mut(|disk| {
            disk.created.extend(creates.then(|| path.clone()));
            disk.open.insert(file as usize, OpenFile { real, _table: table, path });
        });
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn delete(_: *mut ffi::sqlite3_vfs, name: *const c_char, sync: c_int) -> c_int {
    // SAFETY: SQLite's argument.
    let path = unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned();
    let verdict = DISK.with_borrow_mut(|disk| {
        if !Path::new(&path).exists() {
            return Verdict::Done;
        }
        let verdict = disk.next(false, ffi::SQLITE_IOERR_DELETE);
        if matches!(verdict, Verdict::Done) {
            disk.note(&path, Operation::Delete);
            if sync != 0 {
                disk.note_sync(&path);
            }
        }
        verdict
    });
    match verdict {
        // SAFETY: SQLite's arguments, passed on.
        Verdict::Done => unsafe { (*real_vfs()).xDelete.expect("xDelete")(real_vfs(), name, sync) },
        Verdict::Cut(code) | Verdict::Refused(code) => code,
    }
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    let open = DISK.with_borrow_mut(|disk| disk.open.remove(&(file as usize))).expect("an open file");
    // SAFETY: a file that SQLite's own methods opened gets them back.
    unsafe {
        (*file).pMethods = open.real;
        (*open.real).xClose.expect("xClose")(file)
    }
}

unsafe extern "C" fn read(file: *mut ffi::sqlite3_file, out: *mut c_void, len: c_int, offset: i64) -> c_int {
    let (is_dark, real) = DISK.with_borrow(|disk| (disk.is_dark(), disk.real(file)));
    if is_dark {
        return ffi::SQLITE_IOERR_READ;
    }
    // SAFETY: SQLite's arguments, passed on.
    unsafe { (*real).xRead.expect("xRead")(file, out, len, offset) }
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    data: *const c_void,
    len: c_int,
    offset: i64,
) -> c_int {
    // SAFETY: SQLite gives len readable bytes.
    let bytes = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), len as usize) };
    let (real, len, code) = DISK.with_borrow_mut(|disk| {
        let (path, real) = (disk.path(file).to_string(), disk.real(file));
        let size = std::fs::metadata(&path).map_or(0, |metadata| metadata.len());
        let grows = offset as u64 + len as u64 > size;
        let (len, code) = match disk.next(grows, ffi::SQLITE_IOERR_WRITE) {
            Verdict::Done => (len, ffi::SQLITE_OK),
            Verdict::Cut(code) => (len / 2, code),
            Verdict::Refused(code) => (0, code),
        };
        if len > 0 {
            let new = bytes[..len as usize].to_vec();
            disk.note(&path, Operation::Write { offset: offset as usize, new });
        }
        (real, len, code)
    });
    let mut written = ffi::SQLITE_OK;
    if len > 0 {
        // SAFETY: SQLite's arguments, passed on, the length not greater.
        written = unsafe { (*real).xWrite.expect("xWrite")(file, data, len, offset) };
    }
    if written == ffi::SQLITE_OK { code } else { written }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: i64) -> c_int {
    let (real, verdict) = DISK.with_borrow_mut(|disk| {
        let (path, real) = (disk.path(file).to_string(), disk.real(file));
        let verdict = disk.next(false, ffi::SQLITE_IOERR_TRUNCATE);
        if matches!(verdict, Verdict::Done) {
            disk.note(&path, Operation::Truncate { size: size as usize });
        }
        (real, verdict)
    });
    match verdict {
        // SAFETY: SQLite's arguments, passed on.
        Verdict::Done => unsafe { (*real).xTruncate.expect("xTruncate")(file, size) },
        Verdict::Cut(code) | Verdict::Refused(code) => code,
    }
}

/// Nothing waits for a real disk: what is synced is what with_fault() does not take back.
unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    DISK.with_borrow_mut(|disk| {
        let path = disk.path(file).to_string();
        match disk.next(false, ffi::SQLITE_IOERR_FSYNC) {
            Verdict::Done => {
                disk.note_sync(&path);
                ffi::SQLITE_OK
            }
            Verdict::Cut(code) | Verdict::Refused(code) => code,
        }
    })
}
