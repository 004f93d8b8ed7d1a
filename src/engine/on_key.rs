//! What every operation on one key has in common: the key is found, the caller must be allowed, what it does is put on
//! record, and a dry run ends before anything happens.

use super::call::Call;
use super::request::{self, KeyRequest, flag};
use super::tokens::TokenKey;
use super::{Kms, Live};
use crate::access::{Action, Lazily, Rules};
use crate::error::{Error, Result};
use crate::keyring::{Key, KeyEdit, granted_to};
use crate::platform::monotonic_ms;
use crate::store::RowName;
use crate::store::change::Change;

impl Kms {
    /// Reads something of a key, in whatever state it is.
    pub(super) fn with_key<T>(
        &self,
        action: Action,
        request: &KeyRequest<'_>,
        read: impl FnOnce(&Key) -> Result<T>,
    ) -> Result<T> {
        request::check_flags("request.flags", request.flags, flag::DRY_RUN)?;
        let name = self.shared.account.key_name(request.key_id)?;
        let live = self.live()?;
        let call = Call::new(&self.caller, action, Some(name))
            .with_version(request.version_id)
            .with_tokens(&request.grant_tokens);
        let outcome = live.admit(&call).and_then(|()| {
            live.keyring.epoch(monotonic_ms())?;
            live.see_tokens(&call, &[TokenKey::Named(name)])?;
            let key = live.keyring.by_name(name)?;
            let grants = Lazily::new(|principal| live.keyring.granted(&key, principal));
            let grant =
                call.permitted_by(&Rules { policy: key.policy.as_ref(), grants: &grants }, key.id())?;
            live.note_key(&call, &key, grant);
            let value = read(&key)?;
            if request.flags & flag::DRY_RUN != 0 { Err(Error::DryRunOk) } else { Ok(value) }
        });
        live.finish(&call, outcome)
    }

    /// Changes one key in one transaction.
    pub(super) fn edit_key<T>(
        &self,
        action: Action,
        request: &KeyRequest<'_>,
        mut edit: impl FnMut(&mut KeyEdit) -> Result<T>,
    ) -> Result<T> {
        request::check_flags("request.flags", request.flags, flag::DRY_RUN)?;
        let name = self.shared.account.key_name(request.key_id)?;
        let call = Call::new(&self.caller, action, Some(name))
            .with_version(request.version_id)
            .with_tokens(&request.grant_tokens);
        self.edit_by(&call, name.row(), request.flags, |key, rules, _| {
            call.require(rules, &key.head.key_id)?;
            edit(key)
        })
    }

    /// Changes the key that a row belongs to; `edit` sees to it that the caller may do so, by the rules it is given.
    pub(super) fn edit_by<T>(
        &self,
        call: &Call<'_>,
        row: RowName<'_>,
        flags: u32,
        mut edit: impl FnMut(&mut KeyEdit, &Rules<'_>, &Change<'_>) -> Result<T>,
    ) -> Result<T> {
        self.require_writable()?;
        let live = self.live()?;
        let mut change = || {
            live.keyring.edit(row, |key, change| {
                live.require_tokens(call, &key.uuid, change)?;
                call.note(|facts| facts.key_id = key.head.key_id.clone());
                let value = live.with_rules(key, change, |key, rules| edit(key, rules, change))?;
                if flags & flag::DRY_RUN != 0 {
                    return Err(Error::DryRunOk);
                }
                live.log_change(call)?;
                Ok(value)
            })
        };
        let outcome = live.admit(call).and_then(|()| change());
        live.finish(call, outcome)
    }
}

impl Live {
    /// Lets `body` decide by the rules on a key as a transaction sees them.
    pub(super) fn with_rules<T>(
        &self,
        key: &mut KeyEdit,
        change: &Change<'_>,
        body: impl FnOnce(&mut KeyEdit, &Rules<'_>) -> Result<T>,
    ) -> Result<T> {
        let policy = key.policy(self.keyring.store(), self.keyring.account())?;
        let (uuid, grants_sum) = (key.uuid, key.head.grants_sum.clone());
        let grants =
            Lazily::new(|principal| granted_to(principal, change.granted(&uuid, &grants_sum, principal)?));
        body(key, &Rules { policy: policy.as_ref(), grants: &grants })
    }
}
