//! The audit log: what was done with the store's keys, one JSON line for each operation, tamper-evident (see `chain`).
//!
//! What changes something is on disk before it is acknowledged. What only uses or reads keys is collected in memory
//! and written by the next call after a second, or when there is much of it. A full disk stops what must be logged, or
//! is counted and passed over: the host chooses. Knows no operation; the engine says what happened.

mod chain;
mod file;
mod record;
mod verify;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use chain::Mac;
pub use record::{ContextShown, Record, now};
pub use verify::{LogDamage, Position, step as verify_step};

use crate::error::Result;
use file::LogFile;

/// Collected records are written when they are this many bytes, or this old.
const BATCH_BYTES: usize = 64 << 10;
const BATCH_MS: u64 = 1000;
/// Counts are written when they are this old.
const COUNT_MS: u64 = 60_000;

/// Which operations on data are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataRecords {
    All,
    /// Those that failed.
    Refused,
    /// How many there were in a minute.
    Counted,
}

#[derive(Clone, Debug)]
pub struct AuditSettings {
    pub path: String,
    pub data: DataRecords,
    /// Values of encryption contexts, too.
    pub context_values: bool,
    /// Records that cannot be written are counted and passed over, instead of stopping what they are about.
    pub go_on_when_full: bool,
    /// Bytes after which a new file is begun.
    pub max_size: u64,
    pub timeout: Duration,
}

pub struct AuditLog {
    pub settings: AuditSettings,
    file: LogFile,
    pending: Mutex<Pending>,
    /// When collected records are due; monotonic ms.
    due_at: AtomicU64,
    /// The last attempt to write failed.
    is_failing: AtomicBool,
    written: AtomicU64,
    lost: AtomicU64,
}

#[derive(Default)]
struct Pending {
    records: Vec<String>,
    bytes: usize,
    counts: HashMap<Counted, u64>,
    counted_since: String,
    counts_due_at: u64,
    /// Records that were passed over, and of which the log does not know yet.
    lost: u64,
}

/// The log while the root key changes. Nobody else can write to it.
pub struct RekeyingLog<'a> {
    _pending: MutexGuard<'a, Pending>,
    log: file::Locked<'a>,
}

impl RekeyingLog<'_> {
    /// Goes on with the key that the store has now.
    pub fn finish(mut self, mac: Mac<'_>) -> Result<()> {
        self.log.write_head(&[mac])
    }
}

/// What is counted together.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Counted {
    principal: String,
    action: String,
    key: String,
    version: String,
    outcome: String,
}

impl AuditLog {
    /// Opens or begins a log, and sees that it is in order.
    pub fn open(settings: AuditSettings, mac: Mac<'_>) -> Result<AuditLog> {
        let file = LogFile::open(&settings.path, settings.max_size, settings.timeout)?;
        drop(file.lock(mac)?);
        Ok(AuditLog {
            settings,
            file,
            pending: Mutex::default(),
            due_at: AtomicU64::new(u64::MAX),
            is_failing: AtomicBool::new(false),
            written: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        })
    }

    /// Records written and records lost, by this process.
    pub fn counts(&self) -> (u64, u64) {
        (self.written.load(Ordering::Relaxed), self.lost.load(Ordering::Relaxed))
    }

    /// Whether an operation may begin: if what was collected is due, it is written first.
    pub fn admit(&self, now_ms: u64, mac: Mac<'_>) -> Result<()> {
        if now_ms < self.due_at.load(Ordering::Relaxed) && !self.is_failing.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.flush_due(now_ms, mac)
    }

    /// Collects a record of something that changed nothing.
    pub fn collect(&self, record: &Record<'_>, now_ms: u64) {
        let members = record.members();
        let mut pending = self.pending();
        pending.bytes += members.len();
        pending.records.push(members);
        self.due_at.fetch_min(now_ms + BATCH_MS, Ordering::AcqRel);
        if pending.bytes >= BATCH_BYTES {
            self.due_at.store(now_ms, Ordering::Release);
        }
    }

    /// Counts an operation on data.
    pub fn count(&self, record: &Record<'_>, now_ms: u64) {
        let counted = Counted {
            principal: record.principal.into(),
            action: record.action.into(),
            key: record.key.into(),
            version: record.version.into(),
            outcome: record.outcome.into(),
        };
        let mut pending = self.pending();
        if pending.counts.is_empty() {
            pending.counted_since = now();
            pending.counts_due_at = now_ms + COUNT_MS;
            self.due_at.fetch_min(now_ms + COUNT_MS, Ordering::AcqRel);
        }
        *pending.counts.entry(counted).or_default() += 1;
    }

    /// Writes a record, and what was collected before it; on disk when this returns.
    pub fn write(&self, record: &Record<'_>, mac: Mac<'_>) -> Result<()> {
        let mut pending = self.pending();
        pending.records.push(record.members());
        self.write_pending(&mut pending, mac).inspect_err(|_| {
            // It is about a change that will not be made now.
            pending.records.pop();
        })
    }

    /// Writes everything that was collected or counted.
    pub fn flush(&self, mac: Mac<'_>) -> Result<()> {
        let mut pending = self.pending();
        pending.close_counts();
        self.write_pending(&mut pending, mac)
    }

    fn flush_due(&self, now_ms: u64, mac: Mac<'_>) -> Result<()> {
        let mut pending = self.pending();
        if now_ms >= pending.counts_due_at {
            pending.close_counts();
        }
        let outcome = self.write_pending(&mut pending, mac);
        let next = if pending.counts.is_empty() { u64::MAX } else { pending.counts_due_at };
        self.due_at.store(next, Ordering::Release);
        outcome
    }

    fn write_pending(&self, pending: &mut Pending, mac: Mac<'_>) -> Result<()> {
        if pending.records.is_empty() {
            self.is_failing.store(false, Ordering::Release);
            return Ok(());
        }
        pending.report_lost();
        let outcome = self.file.lock(mac).and_then(|mut log| log.append(&pending.records));
        self.is_failing.store(outcome.is_err(), Ordering::Release);
        let count = pending.records.len() as u64;
        match outcome {
            Ok(()) => {
                self.written.fetch_add(count, Ordering::Relaxed);
            }
            Err(error) if !self.settings.go_on_when_full => return Err(error),
            Err(_) => {
                self.lost.fetch_add(count, Ordering::Relaxed);
                pending.lost += count;
            }
        }
        pending.clear();
        Ok(())
    }

    /// Writes the record of a change of the root key that is about to be committed, and lets the log's head be valid
    /// under the old key and the new one until the change is finished.
    pub fn begin_rekey<'a>(
        &'a self,
        record: &Record<'_>,
        old: Mac<'a>,
        new: Mac<'_>,
    ) -> Result<RekeyingLog<'a>> {
        let mut pending = self.pending();
        let mut log = self.file.lock(old)?;
        pending.records.push(record.members());
        log.append(&pending.records)?;
        self.written.fetch_add(pending.records.len() as u64, Ordering::Relaxed);
        pending.clear();
        log.write_head(&[old, new])?;
        Ok(RekeyingLog { _pending: pending, log })
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pending {
    fn clear(&mut self) {
        self.records.clear();
        self.bytes = 0;
    }

    /// Says in the log how many records it lacks.
    fn report_lost(&mut self) {
        let count = std::mem::take(&mut self.lost);
        if count > 0 {
            let (principal, action, outcome) = ("libkms", "libkms:LoseRecords", "KMS_STORE_ERROR");
            let record = Record { time: now(), principal, action, outcome, count, ..Record::default() };
            self.records.insert(0, record.members());
        }
    }

    /// Turns the counts into records.
    fn close_counts(&mut self) {
        let since = std::mem::take(&mut self.counted_since);
        for (counted, count) in self.counts.drain() {
            let record = Record {
                time: now(),
                principal: &counted.principal,
                action: &counted.action,
                key: &counted.key,
                version: &counted.version,
                outcome: &counted.outcome,
                count,
                since: since.clone(),
                ..Record::default()
            };
            self.records.push(record.members());
        }
    }
}
