//! What the passing of time does to keys: deletion, destruction of versions, expiry of imported material.
//!
//! A key is seen as time has made it from the second on when it is due, in every process; the rows are removed by
//! whichever process first changes the store after that.

use crate::crypto::uuid::Uuid;
use crate::error::Result;
use crate::platform::unix_seconds;
use crate::store::change::Change;
use crate::store::record::{KeyRecord, KeyState, VersionRecord, VersionState};
use crate::store::sealed::Family;
use crate::store::{Among, Kind, RowName};

use super::{KeyEdit, Keyring};

fn is_past(at: i64, now: i64) -> bool {
    at != 0 && at <= now
}

/// Whether the key is gone.
pub fn is_deleted(record: &KeyRecord, now: i64) -> bool {
    record.state() == KeyState::PendingDeletion && is_past(record.deletion_at, now)
}

/// Whether there is something to remove.
pub fn is_due(record: &KeyRecord, now: i64) -> bool {
    is_past(record.due_at, now)
}

/// The key as time has made it.
pub fn apply(record: &mut KeyRecord, versions: &mut [VersionRecord], now: i64) {
    for version in versions {
        if version.state() == VersionState::PendingDestruction && is_past(version.destruction_at, now) {
            version.set_state(VersionState::Destroyed);
        }
    }
    let usable = matches!(record.state(), KeyState::Enabled | KeyState::Disabled);
    if usable && is_past(record.material_expires_at, now) {
        record.set_state(KeyState::PendingImport);
    }
}

/// When the next of these things happens to a key; 0 = never.
pub fn next(record: &KeyRecord, versions: &[VersionRecord]) -> i64 {
    let deletion = (record.state() == KeyState::PendingDeletion).then_some(record.deletion_at);
    let has_material = matches!(record.state(), KeyState::Enabled | KeyState::Disabled);
    let expiry = has_material.then_some(record.material_expires_at);
    let destructions = versions
        .iter()
        .filter(|version| version.state() == VersionState::PendingDestruction)
        .map(|version| version.destruction_at);
    deletion.into_iter().chain(expiry).chain(destructions).filter(|at| *at != 0).min().unwrap_or(0)
}

impl Keyring {
    /// Removes what is due of a key, if anything is.
    pub fn remove_due(&self, uuid: &Uuid) -> Result<()> {
        if self.remove_due_rows(uuid)? { self.store().scrub() } else { Ok(()) }
    }

    fn remove_due_rows(&self, uuid: &Uuid) -> Result<bool> {
        self.change(|change| {
            let now = unix_seconds();
            let family = change.family(RowName::Key(uuid))?;
            let Some(family) = family.filter(|family| is_due(&family.head, now)) else { return Ok(false) };
            self.remove_due_of(change, family, now)?;
            Ok(true)
        })
    }

    fn remove_due_of(&self, change: &mut Change<'_>, family: Family, now: i64) -> Result<()> {
        if is_deleted(&family.head, now) {
            return change.remove_key(&family);
        }
        let mut edit = KeyEdit::new(self.store(), family)?;
        edit.let_time_pass(now)?;
        edit.write(change)
    }

    /// Removes what is due in the whole store, and finds out when it is next. Cheap while nothing is due.
    pub fn sweep(&self) -> Result<()> {
        const PAGE: usize = 256;
        let now = unix_seconds();
        if !is_past(self.store().next_due_at()?, now) {
            return Ok(());
        }
        let mut after = None;
        loop {
            let page = self.store().page::<KeyRecord>(Kind::Key, Among::All, after.as_ref(), PAGE)?;
            for (_, record) in page.iter().filter(|(_, record)| is_due(record, now)) {
                self.remove_due_rows(&record.uuid()?)?;
            }
            after = page.last().map(|(id, _)| *id);
            if page.len() < PAGE {
                break;
            }
        }
        // Before the store is told that nothing is due: whoever removed the rows may not have come as far as this.
        self.store().scrub()?;
        self.change(|change| {
            let next = change.earliest_due()?;
            change.set_next_due_at(next);
            Ok(())
        })
    }
}
