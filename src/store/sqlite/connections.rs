//! The connections to one SQLite file: each is used by one thread at a time, kept for the next, and given up when
//! the file at the path is another than the one it is to.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use super::{io_error, sql_error};
use crate::error::{Error, Result};
use crate::platform::{self, FileState};

/// Connections kept for the next reader; more are opened when more threads read at once.
const MAX_IDLE: usize = 8;

pub struct Connections {
    /// Absolute.
    path: PathBuf,
    read_only: bool,
    /// The longest that SQLite waits for another process.
    timeout: Duration,
    idle: Mutex<Vec<OpenFile>>,
}

/// A connection, and the file that it is to.
struct OpenFile {
    connection: Connection,
    file: FileState,
    /// SQLite takes no locks and does not look for changes, so it is good for one call only.
    immutable: bool,
}

impl Connections {
    pub fn new(path: PathBuf, read_only: bool, timeout: Duration) -> Self {
        Connections { path, read_only, timeout, idle: Mutex::new(Vec::new()) }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    fn connect(&self) -> Result<OpenFile> {
        loop {
            let file = self.file_state()?;
            let (connection, immutable) = match self.connect_to(&self.path, OpenFlags::empty()) {
                Ok(connection) => {
                    self.sync_wal()?;
                    (connection, false)
                }
                Err(error) => (self.connect_immutable().ok_or(error)?, true),
            };
            // Someone may put another file in its place just now.
            if self.file_state()?.is_same_file(&file) {
                return Ok(OpenFile { connection, file, immutable });
            }
        }
    }

    fn connect_to(&self, path: &Path, flags: OpenFlags) -> Result<Connection> {
        let access =
            if self.read_only { OpenFlags::SQLITE_OPEN_READ_ONLY } else { OpenFlags::SQLITE_OPEN_READ_WRITE };
        // Each connection is used by one thread at a time, so it needs no mutex of its own.
        let flags = flags | access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = open_file(path, flags).map_err(sql_error)?;
        connection.busy_handler(Some(wait_at_most(self.timeout))).map_err(sql_error)?;
        connection
            .execute_batch(
                // FULL, and the deletion of a rollback journal is durable, too: a backup ends with one.
                "PRAGMA synchronous = EXTRA;
                 PRAGMA secure_delete = ON;
                 PRAGMA temp_store = MEMORY;
                 PRAGMA trusted_schema = OFF;
                 PRAGMA cell_size_check = ON;
                 PRAGMA cache_size = -1024;",
            )
            .map_err(sql_error)?;
        // SQLite opens what is beside the file when it reads for the first time.
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).map_err(sql_error)?;
        Ok(connection)
    }

    /// What SQLite has found in the write-ahead log may be of a process that died before it could sync it. Nobody
    /// may use that (make a data key under a new version) while a loss of power can still take it back.
    fn sync_wal(&self) -> Result<()> {
        if !self.has_wal() {
            return Ok(());
        }
        platform::sync(&self.wal()).map_err(|error| Error::Store {
            native_code: i64::from(error.raw_os_error().unwrap_or(0)),
            message: format!("the write-ahead log cannot be synced: {error}"),
        })
    }

    /// For reading where SQLite may not create its -shm: in a folder that cannot be written, a store that was closed
    /// well is all in its one file.
    fn connect_immutable(&self) -> Option<Connection> {
        if !self.read_only || self.has_wal() {
            return None;
        }
        let mut uri = b"file:".to_vec();
        for byte in self.path.as_os_str().as_bytes() {
            match byte {
                b'%' | b'?' | b'#' => uri.extend_from_slice(format!("%{byte:02x}").as_bytes()),
                _ => uri.push(*byte),
            }
        }
        uri.extend_from_slice(b"?immutable=1");
        self.connect_to(Path::new(OsStr::from_bytes(&uri)), OpenFlags::SQLITE_OPEN_URI).ok()
    }

    fn has_wal(&self) -> bool {
        self.wal().metadata().is_ok_and(|metadata| metadata.len() > 0)
    }

    fn wal(&self) -> PathBuf {
        let name = [self.path.as_os_str().as_bytes(), b"-wal"].concat();
        PathBuf::from(OsStr::from_bytes(&name))
    }

    fn file_state(&self) -> Result<FileState> {
        FileState::of(&self.path).map_err(|error| io_error(&error))
    }

    /// Runs `body` on a connection that no other thread uses meanwhile.
    pub fn with<T>(&self, body: impl FnOnce(&mut Connection) -> Result<T>) -> Result<T> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut open = match idle {
            // What is written to a file that was replaced or deleted would be lost.
            Some(open) if open.file.is_same_file(&self.file_state()?) => open,
            _ => self.connect()?,
        };
        let outcome = body(&mut open.connection);
        if open.immutable {
            let unchanged = open.file == self.file_state()? && !self.has_wal();
            return if unchanged { outcome } else { Err(Error::DependencyTimeout("the store")) };
        }
        // A connection that failed is not trusted with the next call.
        if outcome.as_ref().err().is_none_or(|error| !is_store_failure(error)) {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < MAX_IDLE {
                idle.push(open);
            }
        }
        outcome
    }
}

fn open_file(path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    #[cfg(feature = "test-hooks")]
    if let Some((name, _)) = crate::test_hooks::file_system() {
        return Connection::open_with_flags_and_vfs(path, flags, name);
    }
    Connection::open_with_flags(path, flags)
}

/// A busy handler: short sleeps of random length, so that many waiting processes do not march in step.
pub fn wait_at_most(timeout: Duration) -> impl FnMut(i32) -> bool + Send + 'static {
    let mut started = Instant::now();
    move |attempt| {
        if attempt == 0 {
            started = Instant::now();
        }
        if started.elapsed() >= timeout {
            return false;
        }
        let random = platform::random_u64().unwrap_or(u64::from(std::process::id()));
        std::thread::sleep(Duration::from_micros(200 + random % 1800));
        true
    }
}

fn is_store_failure(error: &Error) -> bool {
    matches!(error, Error::Store { .. } | Error::CorruptStore(_) | Error::OutOfMemory { .. })
}
