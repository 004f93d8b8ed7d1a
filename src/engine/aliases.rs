//! Aliases: create, update, delete, list.

use super::call::Call;
use super::keys::{refuse_existing, refuse_pending_deletion};
use super::list::{ListPage, Marker};
use super::request::{self, KeyRequest, flag};
use super::{Kms, Live, names};
use crate::access::Action;
use crate::error::{Error, Result};
use crate::keyring::{Key, KeyEdit, KeyName};
use crate::platform::{monotonic_ms, unix_seconds};
use crate::store::change::Change;
use crate::store::record::AliasRecord;
use crate::store::{Among, Kind, RowName};

pub struct AliasRequest<'a> {
    pub alias: &'a str,
    pub key_id: &'a str,
    pub flags: u32,
}

#[derive(Clone, Debug)]
pub struct AliasInfo {
    pub alias: String,
    pub key_id: String,
    pub created_at: i64,
}

impl Kms {
    pub fn create_alias(&self, request: &AliasRequest<'_>) -> Result<()> {
        let name = self.check_alias_request(request)?;
        let call = Call::new(&self.caller, Action::CreateAlias, Some(name));
        self.edit_by(&call, name.row(), request.flags, |edit, rules, change| {
            call.require(rules, &edit.head.key_id)?;
            refuse_existing(change.exists(RowName::Alias(request.alias))?, KeyName::Alias(request.alias))?;
            refuse_pending_deletion(&edit.head)?;
            put_alias(edit, request.alias);
            Ok(())
        })
    }

    /// Moves an alias from the key that it names to another. The caller must be allowed to on both.
    pub fn update_alias(&self, request: &AliasRequest<'_>) -> Result<()> {
        let name = self.check_alias_request(request)?;
        let live = self.live()?;
        let alias = KeyName::Alias(request.alias);
        let call = Call::new(&self.caller, Action::UpdateAlias, Some(name));
        let update = |change: &mut Change<'_>| {
            let from = change.family(alias.row())?.ok_or_else(|| alias.not_found())?;
            let to = change.family(name.row())?.ok_or_else(|| name.not_found())?;
            let store = live.keyring.store();
            let (is_moved, head) = (from.owner != to.owner, to.head.clone());
            let (mut from, mut to) = (KeyEdit::new(store, from)?, KeyEdit::new(store, to)?);
            for edit in [&mut from, &mut to] {
                live.with_rules(edit, change, |edit, rules| call.require(rules, &edit.head.key_id))?;
            }
            refuse_pending_deletion(&head)?;
            if request.flags & flag::DRY_RUN != 0 {
                return Err(Error::DryRunOk);
            }
            live.log_change(&call)?;
            if is_moved {
                from.delete_alias(request.alias);
                from.write(change)?;
            }
            put_alias(&mut to, request.alias);
            to.write(change)
        };
        let outcome = live.admit(&call).and_then(|()| live.keyring.change(update));
        live.finish(&call, outcome)
    }

    pub fn delete_alias(&self, alias: &str, flags: u32) -> Result<()> {
        request::check_flags("request.flags", flags, flag::DRY_RUN)?;
        names::check_alias(alias)?;
        let call = Call::new(&self.caller, Action::DeleteAlias, Some(KeyName::Alias(alias)));
        self.edit_by(&call, RowName::Alias(alias), flags, |edit, rules, _| {
            call.require(rules, &edit.head.key_id)?;
            edit.delete_alias(alias);
            Ok(())
        })
    }

    /// Of one key, or of all: the latter is an operation on the store.
    pub fn list_aliases(
        &self,
        key_id: Option<&str>,
        marker: &str,
        limit: usize,
        flags: u32,
    ) -> Result<ListPage<AliasInfo>> {
        request::check_flags("request.flags", flags, flag::DRY_RUN)?;
        let after = Marker::Aliases.row(marker)?;
        let limit = Marker::limit(limit);
        let list = |live: &Live, among: Among<'_>| {
            live.keyring.epoch(monotonic_ms())?;
            live.keyring.store().page::<AliasRecord>(Kind::Alias, among, after.as_ref(), limit + 1)
        };
        let records = match key_id {
            None => self.on_store(Action::ListAliases, flags, |live| list(live, Among::All)),
            Some(key_id) => {
                let live = self.live()?;
                let read = |key: &Key| list(live, Among::Owner(&key.owner));
                self.with_key(Action::ListAliases, &KeyRequest::of(key_id, flags), read)
            }
        }?;
        Ok(Marker::Aliases.page_of_rows(records, limit, |record| AliasInfo {
            alias: record.alias,
            key_id: record.key_id,
            created_at: record.created_at,
        }))
    }

    fn check_alias_request<'a>(&self, request: &AliasRequest<'a>) -> Result<KeyName<'a>> {
        request::check_flags("request.flags", request.flags, flag::DRY_RUN)?;
        names::check_alias(request.alias)?;
        let name = self.shared.account.key_name(request.key_id)?;
        if matches!(name, KeyName::Alias(_)) {
            return Err(Error::argument("request.key_id: is an alias; expected a key's id or its ARN"));
        }
        self.require_writable()?;
        Ok(name)
    }
}

fn put_alias(edit: &mut KeyEdit, alias: &str) {
    let key_id = edit.head.key_id.clone();
    edit.put_alias(AliasRecord { alias: alias.into(), key_id, created_at: unix_seconds() });
}
