//! The files of an audit log: PATH, which grows; PATH.1, PATH.2, ... which were full; and PATH.head, the block that
//! says how far the log goes. Whoever appends holds a lock on the head, in any process, so lines never mix.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::chain::{HEAD_SIZE, Head, Link, Mac};
use crate::error::{Error, Result};

pub struct LogFile {
    path: PathBuf,
    head: File,
    max_size: u64,
    timeout: Duration,
}

/// A log that nobody else can append to as long as this lives.
pub struct Locked<'a> {
    file: &'a LogFile,
    mac: Mac<'a>,
    head: Head,
    log: File,
}

impl LogFile {
    /// Opens the log, or begins it. Readable by its owner only.
    pub fn open(path: &str, max_size: u64, timeout: Duration) -> Result<LogFile> {
        let path = PathBuf::from(path);
        let head = private(&head_path(&path)).map_err(log_error)?;
        Ok(LogFile { path, head, max_size, timeout })
    }

    /// Locks the log, and brings it in order where a crash left it behind its head's back.
    pub fn lock<'a>(&'a self, mac: Mac<'a>) -> Result<Locked<'a>> {
        let started = Instant::now();
        loop {
            match self.head.try_lock() {
                Ok(()) => break,
                Err(fs::TryLockError::WouldBlock) if started.elapsed() < self.timeout => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(fs::TryLockError::WouldBlock) => return Err(Error::DependencyTimeout("the audit log")),
                Err(fs::TryLockError::Error(error)) => return Err(log_error(error)),
            }
        }
        let locked = self.recover(mac);
        if locked.is_err() {
            let _ = self.head.unlock();
        }
        locked
    }

    fn recover<'a>(&'a self, mac: Mac<'a>) -> Result<Locked<'a>> {
        let mut head = read_head(&self.head, mac)?;
        let full = segment_path(&self.path, head.segment + 1);
        if full.exists() && head != Head::default() {
            // The log was renamed, but a crash came before the head said so.
            head = Head { segment: head.segment + 1, size: 0, ..head };
        }
        let log = private(&self.path).map_err(log_error)?;
        let size = log.metadata().map_err(log_error)?.len();
        if size < head.size || (head == Head::default() && (size > 0 || full.exists())) {
            return Err(tampered(
                "is shorter than it was, or its head is gone; move its files away to begin a new one",
            ));
        }
        let mut locked = Locked { file: self, mac, head, log };
        locked.take_in_rest()?;
        Ok(locked)
    }
}

impl Locked<'_> {
    /// Lines that were written before a crash, but are not in the head yet; half a line goes.
    fn take_in_rest(&mut self) -> Result<()> {
        let mut rest = Vec::new();
        self.log.seek(SeekFrom::Start(self.head.size)).map_err(log_error)?;
        self.log.read_to_end(&mut rest).map_err(log_error)?;
        if rest.is_empty() {
            return Ok(());
        }
        let mut head = self.head;
        for line in rest.split_inclusive(|byte| *byte == b'\n') {
            let whole = line.strip_suffix(b"\n").and_then(|line| std::str::from_utf8(line).ok());
            let Some(whole) = whole else { break };
            match head.link.follow(whole, self.mac) {
                Ok((link, true)) => head = Head { link, size: head.size + line.len() as u64, ..head },
                Ok((_, false)) | Err(_) => return Err(tampered("has a line that this store did not write")),
            }
        }
        self.log.set_len(head.size).map_err(log_error)?;
        self.log.sync_data().map_err(log_error)?;
        self.head = head;
        self.write_head(&[self.mac])
    }

    /// Appends records, on disk when this returns. Nothing is appended if it fails.
    pub fn append(&mut self, records: &[String]) -> Result<()> {
        if self.head.size >= self.file.max_size {
            self.begin_next_file()?;
        }
        let (mut link, mut text) = (self.head.link, String::new());
        for members in records {
            let (line, next) = link.next(members, self.mac);
            text.push_str(&line);
            link = next;
        }
        let written =
            self.log.write_all_at(text.as_bytes(), self.head.size).and_then(|()| self.log.sync_data());
        if let Err(error) = written {
            // Half a line must not stay; if this fails too, the next one to lock the log does it.
            let _ = self.log.set_len(self.head.size);
            return Err(log_error(error));
        }
        self.head = Head { link, size: self.head.size + text.len() as u64, ..self.head };
        self.write_head(&[self.mac])
    }

    fn begin_next_file(&mut self) -> Result<()> {
        let segment = self.head.segment + 1;
        fs::rename(&self.file.path, segment_path(&self.file.path, segment)).map_err(log_error)?;
        self.log = private(&self.file.path).map_err(log_error)?;
        sync_folder(&self.file.path).map_err(log_error)?;
        self.head = Head { segment, size: 0, ..self.head };
        self.write_head(&[self.mac])
    }

    /// Writes the head under each of the keys: a new root key is about to come, or has come.
    pub fn write_head(&mut self, macs: &[Mac<'_>]) -> Result<()> {
        let block = self.head.to_block(macs);
        self.file.head.write_all_at(&block, 0).and_then(|()| self.file.head.sync_data()).map_err(log_error)
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        let _ = self.file.head.unlock();
    }
}

/// The head; the default one where there is none yet.
pub fn read_head(file: &File, mac: Mac<'_>) -> Result<Head> {
    let mut block = Vec::with_capacity(HEAD_SIZE);
    let mut reader = file;
    reader.seek(SeekFrom::Start(0)).and_then(|_| reader.read_to_end(&mut block)).map_err(log_error)?;
    if block.is_empty() {
        return Ok(Head::default());
    }
    Head::from_block(&block, mac).ok_or_else(|| {
        tampered(
            "has a head that this store did not write, or had before another root key came without the log",
        )
    })
}

/// Where the chain of a whole log begins.
pub const START: Link = Link { seq: 0, hash: [0; 32] };

pub fn head_path(path: &Path) -> PathBuf {
    with_suffix(path, "head")
}

/// A log file that was full; numbered from 1.
pub fn segment_path(path: &Path, segment: u64) -> PathBuf {
    with_suffix(path, &segment.to_string())
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}

fn private(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

pub fn log_error(error: io::Error) -> Error {
    let native_code = i64::from(error.raw_os_error().unwrap_or(0));
    Error::Store { native_code, message: format!("the audit log cannot be used: {error}") }
}

fn tampered(how: &str) -> Error {
    Error::corrupt(format!("the audit log {how}"))
}
