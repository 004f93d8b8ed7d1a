//! How often versions are used: counted in lanes without a write on the hot path, written to the store in batches.
//!
//! A version whose uses are limited (rotate_after_uses) is counted in a counter that all threads share instead, so
//! that the limit is exact within a process; that costs such a key a shared write for each use.

use std::collections::HashMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::Live;
use super::ways::{Hashed, Ways};
use crate::crypto::uuid::{Uuid, uuid_hash};
use crate::error::{Error, Result};
use crate::keyring::{Key, KeyVersion};
use crate::platform::{monotonic_ms, unix_seconds};
use crate::store::RowName;
use crate::store::record::VersionUsage;

/// A lane that has counted this many uses has them written.
const BATCH_USES: u64 = 65_536;
/// Uses are written at the next call after this time.
pub const BATCH_MS: u64 = 60_000;
/// Keys whose uses one batch writes; what is more waits for the next one.
const BATCH_KEYS: usize = 512;

/// Uses by key, of all its versions, that are to be written.
pub type Ledger = HashMap<Uuid, Vec<VersionUsage>>;

#[derive(Clone, Copy)]
struct Count {
    key: Uuid,
    version: u32,
    sealed: u64,
    opened: u64,
    last_ms: u64,
}

impl Count {
    fn is_of(&self, key: &Uuid, version: u32) -> bool {
        self.key == *key && self.version == version
    }
}

impl Hashed for Count {
    fn hash(&self) -> u64 {
        uuid_hash(&self.key)
    }
}

/// The uses that a lane has counted.
pub struct Uses {
    counts: Ways<Count>,
    /// What had to make place for another version.
    ousted: Ledger,
    total: u64,
}

impl Uses {
    /// What is more than `max` keys is set aside.
    pub fn new(max: usize) -> Self {
        Uses { counts: Ways::new(max), ousted: Ledger::new(), total: 0 }
    }

    #[inline]
    pub fn sealed(&mut self, key: &Key, version: &KeyVersion, count: u64, now_ms: u64) {
        match &version.unwritten_uses {
            Some(unwritten) => {
                unwritten.fetch_add(count, Ordering::AcqRel);
                // For the time of the last use.
                self.count(key, version, 0, 0, now_ms);
            }
            None => self.count(key, version, count, 0, now_ms),
        }
    }

    #[inline]
    pub fn opened(&mut self, key: &Key, version: &KeyVersion, now_ms: u64) {
        self.count(key, version, 0, 1, now_ms);
    }

    #[inline]
    fn count(&mut self, key: &Key, version: &KeyVersion, sealed: u64, opened: u64, now_ms: u64) {
        self.total += sealed + opened;
        let number = version.record.number;
        let at = self.counts.find(uuid_hash(&key.uuid), |count| count.is_of(&key.uuid, number));
        match at.and_then(|at| self.counts.get_mut(at)) {
            Some(count) => {
                count.sealed += sealed;
                count.opened += opened;
                count.last_ms = now_ms;
            }
            None => self.begin(Count { key: key.uuid, version: number, sealed, opened, last_ms: now_ms }),
        }
    }

    #[cold]
    fn begin(&mut self, count: Count) {
        let (key, version) = (count.key, count.version);
        if let (_, Some(old)) = self.counts.put(count, |old| old.is_of(&key, version)) {
            enter(&mut self.ousted, &old);
        }
    }

    #[inline]
    pub fn is_full(&self) -> bool {
        self.total >= BATCH_USES
    }

    /// Moves what is counted into a ledger.
    pub fn take(&mut self, ledger: &mut Ledger) {
        self.total = 0;
        for count in self.counts.take_all() {
            enter(ledger, &count);
        }
        for (key, usages) in self.ousted.drain() {
            usages.iter().for_each(|usage| add(ledger.entry(key).or_default(), *usage));
        }
    }
}

fn enter(ledger: &mut Ledger, count: &Count) {
    let seconds_ago = i64::try_from(monotonic_ms().saturating_sub(count.last_ms) / 1000).unwrap_or(0);
    let usage = VersionUsage {
        number: count.version,
        sealed: count.sealed,
        opened: count.opened,
        last_used_at: unix_seconds() - seconds_ago,
    };
    add(ledger.entry(count.key).or_default(), usage);
}

fn add(usages: &mut Vec<VersionUsage>, more: VersionUsage) {
    match usages.iter_mut().find(|usage| usage.number == more.number) {
        Some(usage) => {
            usage.sealed += more.sealed;
            usage.opened += more.opened;
            usage.last_used_at = usage.last_used_at.max(more.last_used_at);
        }
        None => usages.push(more),
    }
}

impl Live {
    /// Whether a batch is due, by time or because a lane is full. One caller writes it.
    #[inline]
    pub fn uses_are_due(&self, uses: &Uses, now_ms: u64) -> bool {
        uses.is_full() || now_ms >= self.write_uses_at.load(Ordering::Relaxed)
    }

    /// Writes a batch, unless another thread does just now. What cannot be written now is kept for the next one.
    #[cold]
    pub fn write_due_uses(&self, now_ms: u64) {
        self.write_uses_at.store(now_ms + BATCH_MS, Ordering::Relaxed);
        if let Ok(_alone) = self.writing_uses.try_lock() {
            let mut ledger = self.collect_uses();
            let later: Vec<Uuid> = ledger.keys().skip(BATCH_KEYS).copied().collect();
            let later: Ledger = later.into_iter().filter_map(|key| ledger.remove_entry(&key)).collect();
            // A failure is kept_for_later's business; kms_flush reports it.
            let _ = self.write_uses(ledger);
            self.keep_for_later(later);
        }
    }

    /// Writes all uses.
    pub fn write_all_uses(&self) -> Result<()> {
        let _alone = self.writing_uses.lock().unwrap_or_else(PoisonError::into_inner);
        let ledger = self.collect_uses();
        self.write_uses(ledger)
    }

    fn collect_uses(&self) -> Ledger {
        let mut ledger =
            std::mem::take(&mut *self.lanes.left_over.lock().unwrap_or_else(PoisonError::into_inner));
        self.lanes.take_uses(&mut ledger);
        for ((key, number), sealed) in self.keyring.take_unwritten() {
            if sealed > 0 {
                let usage = VersionUsage { number, sealed, opened: 0, last_used_at: unix_seconds() };
                add(ledger.entry(key).or_default(), usage);
            }
        }
        ledger
    }

    fn write_uses(&self, ledger: Ledger) -> Result<()> {
        if ledger.is_empty() || self.read_only {
            return Ok(());
        }
        let outcome = self.keyring.change(|change| {
            for (key, usages) in &ledger {
                // A key that was removed meanwhile takes its counts along.
                let Some(family) = change.family(RowName::Key(key))? else { continue };
                let mut edit = crate::keyring::KeyEdit::new(self.keyring.store(), family)?;
                usages.iter().for_each(|usage| edit.usage.add(usage));
                edit.put_usage();
                edit.write(change)?;
            }
            Ok(())
        });
        if outcome.is_err() && !matches!(outcome, Err(Error::CorruptStore(_))) {
            self.keep_for_later(ledger);
        }
        outcome
    }

    fn keep_for_later(&self, ledger: Ledger) {
        let mut left_over = self.lanes.left_over.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, usages) in ledger {
            usages.into_iter().for_each(|usage| add(left_over.entry(key).or_default(), usage));
        }
    }
}
