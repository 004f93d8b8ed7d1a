//! A file system for SQLite that fails: a layer over SQLite's own that fails or cuts the n-th operation which changes
//! a file, fills up, or loses its power with what was not synced.
//!
//! All is of one thread: what a disk is told, and what the stores that the thread opens meet.

#![allow(dead_code)] // every test file uses its own part
#![allow(unsafe_code)] // a VFS: C callbacks over C callbacks

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
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
    /// Nothing can be written any more until there is room. What is there can be.
    IsFull,
    /// Nothing can be done any more, and when the power is back, only some of what was not synced is there.
    LosesPower(Kept),
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
}

struct OpenFile {
    real: *const ffi::sqlite3_io_methods,
    /// SQLite's own methods, but for ours. Boxed, since SQLite has its address.
    _table: Box<ffi::sqlite3_io_methods>,
    path: String,
}

#[derive(Default)]
struct Disk {
    /// Operations that change files, so far.
    count: usize,
    /// At which of them what happens.
    fault: Option<(usize, Fault)>,
    has_happened: bool,
    open: HashMap<usize, OpenFile>,
    /// Of each file: as it was when it was synced last, and what was done since. Deleted files have no content.
    unsynced: BTreeMap<String, (Option<Vec<u8>>, Vec<Operation>)>,
}

thread_local! {
    static DISK: RefCell<Disk> = RefCell::default();
}

const NAME: &CStr = c"libkms-tests-faulty";

/// Runs `body` with stores on a disk of this thread on which the n-th operation goes wrong; n is from 1, and 0 is
/// never. When it returns, the power is back.
pub fn with_fault<T>(n: usize, fault: Fault, body: impl FnOnce() -> T) -> T {
    register();
    DISK.with_borrow_mut(|disk| {
        assert!(disk.open.is_empty(), "a store is open on this disk");
        *disk = Disk { fault: Some((n, fault)), ..Disk::default() };
    });
    kms::test_hooks::use_file_system(Some(NAME));
    let value = body();
    kms::test_hooks::use_file_system(None);
    DISK.with_borrow_mut(|disk| {
        assert!(disk.open.is_empty(), "a store was left open on a disk that is gone");
        if let (true, Fault::LosesPower(kept)) = (disk.has_happened, fault) {
            for (path, (synced, operations)) in std::mem::take(&mut disk.unsynced) {
                after_power_loss(Path::new(&path), synced, &operations, kept);
            }
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

/// Lets a full disk have room again.
pub fn make_room() {
    DISK.with_borrow_mut(|disk| disk.fault = None);
}

fn after_power_loss(path: &Path, synced: Option<Vec<u8>>, operations: &[Operation], kept: Kept) {
    let shared_memory = path.as_os_str().to_string_lossy().replace("-wal", "") + "-shm";
    let _ = std::fs::remove_file(shared_memory);
    // Whether the file was made or deleted since it was synced, the folder tells: SQLite syncs it where it matters.
    if !path.exists() && (kept != Kept::Nothing || synced.is_none()) {
        return;
    }
    let mut content = synced.unwrap_or_default();
    let last = operations.len().saturating_sub(1);
    for (index, operation) in operations.iter().enumerate() {
        let is_kept = match kept {
            Kept::Nothing => false,
            Kept::Everything | Kept::LastIsTorn => true,
            Kept::EverySecond => index % 2 == 1,
        };
        let is_torn = kept == Kept::LastIsTorn && index == last;
        match operation {
            Operation::Write { offset, new } if is_kept => {
                let new = if is_torn { &new[..new.len() / 2] } else { &new[..] };
                let end = offset + new.len();
                content.resize(content.len().max(end), 0);
                content[*offset..end].copy_from_slice(new);
            }
            Operation::Truncate { size } if is_kept && !is_torn => content.resize(*size, 0),
            _ => {}
        }
    }
    std::fs::write(path, content).expect("the file as the disk has it");
}

/// How an operation goes.
enum Verdict {
    Done,
    Cut,
    Refused(c_int),
}

impl Disk {
    /// Counts an operation, and says how it goes.
    fn next(&mut self, refusal: c_int) -> Verdict {
        self.count += 1;
        let Some((n, fault)) = self.fault else { return Verdict::Done };
        let (is_now, is_past) = (self.count == n, n > 0 && self.count >= n);
        self.has_happened |= is_now;
        match fault {
            Fault::Fails if is_now => Verdict::Refused(refusal),
            Fault::IsCut if is_now => Verdict::Cut,
            Fault::FailsForGood | Fault::LosesPower(_) if is_past => Verdict::Refused(refusal),
            Fault::IsFull if is_past => Verdict::Refused(ffi::SQLITE_FULL),
            _ => Verdict::Done,
        }
    }

    fn is_dark(&self) -> bool {
        self.has_happened && matches!(self.fault, Some((_, Fault::LosesPower(_))))
    }

    fn path(&self, file: *mut ffi::sqlite3_file) -> &str {
        &self.open[&(file as usize)].path
    }

    fn real(&self, file: *mut ffi::sqlite3_file) -> *const ffi::sqlite3_io_methods {
        self.open[&(file as usize)].real
    }

    fn note(&mut self, path: &str, operation: Operation) {
        let entry = self.unsynced.entry(path.to_string());
        let (_, operations) = entry.or_insert_with(|| (std::fs::read(path).ok(), Vec::new()));
        operations.push(operation);
    }
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
    if DISK.with_borrow(Disk::is_dark) {
        return ffi::SQLITE_CANTOPEN;
    }
    // SAFETY: SQLite's arguments, passed on; a file that was opened has methods, and then a name unless it is temporary.
    unsafe {
        let opened = (*real_vfs()).xOpen.expect("xOpen")(real_vfs(), name, file, flags, out_flags);
        if opened != ffi::SQLITE_OK || name.is_null() {
            return opened;
        }
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
        let path = CStr::from_ptr(name.cast()).to_string_lossy().into_owned();
        DISK.with_borrow_mut(|disk| disk.open.insert(file as usize, OpenFile { real, _table: table, path }));
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
        let verdict = disk.next(ffi::SQLITE_IOERR_DELETE);
        if matches!(verdict, Verdict::Done) {
            match sync {
                0 => drop(disk.unsynced.entry(path.clone()).or_insert_with(|| (std::fs::read(&path).ok(), vec![]))),
                _ => drop(disk.unsynced.remove(&path)),
            }
        }
        verdict
    });
    match verdict {
        // SAFETY: SQLite's arguments, passed on.
        Verdict::Done => unsafe { (*real_vfs()).xDelete.expect("xDelete")(real_vfs(), name, sync) },
        Verdict::Cut => ffi::SQLITE_IOERR_DELETE,
        Verdict::Refused(code) => code,
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
        let (len, code) = match disk.next(ffi::SQLITE_IOERR_WRITE) {
            Verdict::Done => (len, ffi::SQLITE_OK),
            Verdict::Cut => (len / 2, ffi::SQLITE_IOERR_WRITE),
            Verdict::Refused(code) => (0, code),
        };
        if len > 0 {
            let new = bytes[..len as usize].to_vec();
            disk.note(&path, Operation::Write { offset: offset as usize, new });
        }
        (real, len, code)
    });
    // SAFETY: SQLite's arguments, passed on, the length not greater.
    let written = if len > 0 { unsafe { (*real).xWrite.expect("xWrite")(file, data, len, offset) } } else { 0 };
    if written == ffi::SQLITE_OK { code } else { written }
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, size: i64) -> c_int {
    let (real, verdict) = DISK.with_borrow_mut(|disk| {
        let (path, real) = (disk.path(file).to_string(), disk.real(file));
        let verdict = disk.next(ffi::SQLITE_IOERR_TRUNCATE);
        if matches!(verdict, Verdict::Done) {
            disk.note(&path, Operation::Truncate { size: size as usize });
        }
        (real, verdict)
    });
    match verdict {
        // SAFETY: SQLite's arguments, passed on.
        Verdict::Done => unsafe { (*real).xTruncate.expect("xTruncate")(file, size) },
        Verdict::Cut => ffi::SQLITE_IOERR_TRUNCATE,
        Verdict::Refused(code) => code,
    }
}

/// Nothing waits for a real disk: what is synced is what with_fault() does not take back.
unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _: c_int) -> c_int {
    DISK.with_borrow_mut(|disk| {
        let path = disk.path(file).to_string();
        match disk.next(ffi::SQLITE_IOERR_FSYNC) {
            Verdict::Done => {
                disk.unsynced.remove(&path);
                ffi::SQLITE_OK
            }
            Verdict::Cut => ffi::SQLITE_IOERR_FSYNC,
            Verdict::Refused(code) => code,
        }
    })
}
