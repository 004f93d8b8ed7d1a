//! States of keys: enable, disable, deletion; and when a key rotates by itself.

use super::Kms;
use super::keys::KeyInfo;
use super::request::{KeyRequest, RotationRequest, ScheduleRequest};
use super::states;
use crate::access::Action;
use crate::error::{Error, Result};
use crate::platform::unix_seconds;
use crate::store::record::{KeyState, Origin};

const SECONDS_PER_DAY: i64 = 86_400;
const DEFAULT_WAITING_DAYS: u32 = 30;

impl Kms {
    pub fn enable_key(&self, request: &KeyRequest<'_>) -> Result<()> {
        self.set_state(Action::EnableKey, request, KeyState::Enabled)
    }

    pub fn disable_key(&self, request: &KeyRequest<'_>) -> Result<()> {
        self.set_state(Action::DisableKey, request, KeyState::Disabled)
    }

    fn set_state(&self, action: Action, request: &KeyRequest<'_>, state: KeyState) -> Result<()> {
        request.refuse_version()?;
        self.edit_key(action, request, |edit| {
            states::refuse_pending(&edit.head)?;
            edit.head.set_state(state);
            Ok(())
        })
    }

    pub fn schedule_key_deletion(&self, request: &ScheduleRequest<'_>) -> Result<KeyInfo> {
        request.key_request().refuse_version()?;
        let deletion_at = waiting_ends(request.waiting_days, 7)?;
        self.edit_key(Action::ScheduleKeyDeletion, &request.key_request(), |edit| {
            super::keys::refuse_pending_deletion(&edit.head)?;
            edit.head.set_state(KeyState::PendingDeletion);
            edit.head.deletion_at = deletion_at;
            let versions = edit.usage.versions.iter();
            Ok(KeyInfo {
                uses_sealed: versions.clone().map(|usage| usage.sealed).sum(),
                uses_opened: versions.clone().map(|usage| usage.opened).sum(),
                last_used_at: versions.map(|usage| usage.last_used_at).max().unwrap_or(0),
                ..KeyInfo::from(&edit.head)
            })
        })
    }

    pub fn cancel_key_deletion(&self, request: &KeyRequest<'_>) -> Result<KeyInfo> {
        request.refuse_version()?;
        self.edit_key(Action::CancelKeyDeletion, request, |edit| {
            if edit.head.state() != KeyState::PendingDeletion {
                return Err(states::wrong_state(&edit.head, "not pending deletion"));
            }
            let has_material = edit.head.origin() == Origin::Kms || edit.has_material();
            edit.head.set_state(if has_material { KeyState::Disabled } else { KeyState::PendingImport });
            edit.head.deletion_at = 0;
            Ok(KeyInfo::from(&edit.head))
        })
    }

    pub fn set_key_rotation(&self, request: &RotationRequest<'_>) -> Result<()> {
        self.edit_key(Action::UpdateRotationPolicy, &request.key_request(), |edit| {
            states::usable(&edit.head)?;
            if edit.head.origin() == Origin::External {
                return Err(Error::InvalidKeyUsage("request.key_id: imported material does not rotate"));
            }
            edit.head.rotation_period_s = request.rotation_period_s;
            if let Some(uses) = request.rotate_after_uses {
                edit.head.rotate_after_uses = uses;
            }
            Ok(())
        })
    }
}

/// When a waiting period that starts now ends (Unix time in seconds).
pub(super) fn waiting_ends(waiting_days: u32, least: u32) -> Result<i64> {
    let days = if waiting_days == 0 { DEFAULT_WAITING_DAYS } else { waiting_days };
    if !(least..=30).contains(&days) {
        return Err(Error::argument(format!("request.waiting_days: is {days}, expected {least} to 30")));
    }
    Ok(unix_seconds() + i64::from(days) * SECONDS_PER_DAY)
}
