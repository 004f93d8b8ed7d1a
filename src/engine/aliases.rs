//! Aliases: create, update, delete, list.

use super::keys::{refuse_existing, refuse_pending_deletion};
use super::list::{ListPage, Marker};
use super::request::{self, flag};
use super::{Kms, names};
use crate::error::{Error, Result};
use crate::keyring::{KeyEdit, KeyName};
use crate::platform::{monotonic_ms, unix_seconds};
use crate::store::record::AliasRecord;
use crate::store::{Kind, RowName};

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
        let live = self.live()?;
        let outcome = live.keyring.edit(name.row(), |edit, change| {
            refuse_existing(change.exists(RowName::Alias(request.alias))?, KeyName::Alias(request.alias))?;
            refuse_pending_deletion(&edit.head)?;
            put_alias(edit, request.alias);
            if request.flags & flag::DRY_RUN != 0 { Err(Error::DryRunOk) } else { Ok(()) }
        });
        self.counted(live, outcome)
    }

    /// Moves an alias from the key that it names to another.
    pub fn update_alias(&self, request: &AliasRequest<'_>) -> Result<()> {
        let name = self.check_alias_request(request)?;
        let live = self.live()?;
        let alias = KeyName::Alias(request.alias);
        let outcome = live.keyring.change(|change| {
            let from = change.family(alias.row())?.ok_or_else(|| alias.not_found())?;
            let to = change.family(name.row())?.ok_or_else(|| name.not_found())?;
            refuse_pending_deletion(&to.head)?;
            if request.flags & flag::DRY_RUN != 0 {
                return Err(Error::DryRunOk);
            }
            let store = live.keyring.store();
            if from.owner != to.owner {
                let mut edit = KeyEdit::new(store, from)?;
                edit.delete_alias(request.alias);
                edit.write(change)?;
            }
            let mut edit = KeyEdit::new(store, to)?;
            put_alias(&mut edit, request.alias);
            edit.write(change)
        });
        self.counted(live, outcome)
    }

    pub fn delete_alias(&self, alias: &str, flags: u32) -> Result<()> {
        request::check_flags("request.flags", flags, flag::DRY_RUN)?;
        names::check_alias(alias)?;
        self.require_writable()?;
        let live = self.live()?;
        let outcome = live.keyring.edit(RowName::Alias(alias), |edit, _| {
            edit.delete_alias(alias);
            if flags & flag::DRY_RUN != 0 { Err(Error::DryRunOk) } else { Ok(()) }
        });
        self.counted(live, outcome)
    }

    pub fn list_aliases(
        &self,
        key_id: Option<&str>,
        marker: &str,
        limit: usize,
    ) -> Result<ListPage<AliasInfo>> {
        let after = Marker::Aliases.row(marker)?;
        let name = key_id.map(|key_id| self.shared.account.key_name(key_id)).transpose()?;
        let live = self.live()?;
        let outcome = live.keyring.epoch(monotonic_ms()).and_then(|_| {
            let key = name.map(|name| live.keyring.by_name(name)).transpose()?;
            let owner = key.as_ref().map(|key| &key.owner);
            let limit = Marker::limit(limit);
            let store = live.keyring.store();
            let records = store.page::<AliasRecord>(Kind::Alias, owner, after.as_ref(), limit + 1)?;
            Ok(Marker::Aliases.page_of_rows(records, limit, |record| AliasInfo {
                alias: record.alias,
                key_id: record.key_id,
                created_at: record.created_at,
            }))
        });
        self.counted(live, outcome)
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
