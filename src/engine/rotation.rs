//! Rotation by itself: after a time, or after a number of uses.

use std::sync::atomic::Ordering;

use super::Live;
use super::call::Call;
use super::request::VersionChoice;
use crate::access::{Action, Principal};
use crate::error::Error;
use crate::keyring::{Key, KeyName, rotation_time};
use crate::platform::unix_seconds;
use crate::store::RowName;
use crate::store::record::KeyState;

/// Whether a key is past its time or its uses, as this process knows them.
#[inline]
pub fn is_due(key: &Key, choice: VersionChoice<'_>, now_ms: u64) -> bool {
    if choice != VersionChoice::Primary || key.state() != KeyState::Enabled {
        return false;
    }
    now_ms >= key.rotate_at_ms || (key.record.rotate_after_uses != 0 && is_used_up(key))
}

fn is_used_up(key: &Key) -> bool {
    let Some(version) = key.primary() else { return false };
    let unwritten = version.unwritten_uses.as_ref().map_or(0, |uses| uses.load(Ordering::Acquire));
    version.usage.sealed.saturating_add(unwritten) >= key.record.rotate_after_uses
}

impl Live {
    /// Rotates a key that is due, unless another thread or process does or did. A store that cannot be changed just
    /// now leaves the primary version at work: a late rotation is better than no service.
    #[cold]
    pub fn rotate_if_due(&self, key: &Key) {
        if self.read_only {
            return;
        }
        let Ok(_alone) = self.rotating.try_lock() else { return };
        let library = Principal::library();
        let call = Call::new(&library, Action::RotateKeyOnDemand, Some(KeyName::Id(key.id())));
        let used_up = key.record.rotate_after_uses != 0 && is_used_up(key);
        let outcome = self.keyring.edit(RowName::Key(&key.uuid), |edit, _| {
            let in_time = rotation_time(&edit.head).is_none_or(|at| unix_seconds() < at);
            let another_did = edit.head.primary_version != key.record.primary_version;
            if another_did || (in_time && !used_up) || edit.head.state() != KeyState::Enabled {
                return Err(Error::DryRunOk);
            }
            super::versions::rotate(edit, true)?;
            self.log_change(&call)
        });
        if call.logged.get().is_some() {
            let _ = self.finish(&call, outcome);
        }
    }
}
