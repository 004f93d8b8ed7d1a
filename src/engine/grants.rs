//! Grants: create, list, retire, revoke.

use super::call::Call;
use super::list::{ListPage, Marker};
use super::request::{self, KeyRequest, flag};
use super::{GrantTokens, Kms, states};
use crate::access::{
    Action, Circumstances, Constraint, Grant, GrantId, GrantOperations, Question, Rules, TokenClaim, Truth,
    check_name,
};
use crate::crypto::aad::Aad;
use crate::crypto::hex;
use crate::error::{Detail, Error, Result};
use crate::keyring::{KeyEdit, grant_of, grant_record};
use crate::platform::unix_seconds;
use crate::store::record::{ConstraintKind, GrantRecord};
use crate::store::{Among, Kind, RowName};

/// Grants of one key. Reading, deciding and changing do not get slower with them; giving a key's rows a new root key and
/// removing them with the key do, in one transaction each that others wait for.
const MAX_GRANTS: u64 = 200_000;
/// AWS: CreateGrant, Name.
const MAX_NAME: usize = 256;

pub struct CreateGrantRequest<'a> {
    pub key_id: &'a str,
    pub grantee: &'a str,
    /// Who may retire it; None = nobody is named.
    pub retiring: Option<&'a str>,
    /// KMS_GRANT_* bits.
    pub operations: u32,
    /// KMS_GRANT_CONTEXT_*
    pub constraint: u32,
    pub context: Aad<'a>,
    pub name: Option<&'a str>,
    pub grant_tokens: GrantTokens<'a>,
    pub flags: u32,
}

#[derive(Clone, Debug)]
pub struct GrantInfo {
    pub key_id: String,
    pub grant: Grant,
}

pub struct GrantCreated {
    pub info: GrantInfo,
    pub token: String,
}

/// Which grant of a key.
pub enum GrantReference<'a> {
    Id { key_id: &'a str, grant_id: &'a str },
    Token(&'a str),
}

/// Which grants to list.
#[derive(Default)]
pub struct GrantFilter<'a> {
    pub grant_id: Option<&'a str>,
    pub grantee: Option<&'a str>,
}

impl Kms {
    /// Creates a grant. A named grant that is there already with the same content is given again.
    pub fn create_grant(&self, request: &CreateGrantRequest<'_>) -> Result<GrantCreated> {
        request::check_flags("request.flags", request.flags, flag::DRY_RUN)?;
        let key_name = self.shared.account.key_name(request.key_id)?;
        let grant = new_grant(request)?;
        let mut call = Call::new(&self.caller, Action::CreateGrant, Some(key_name))
            .with_tokens(&request.grant_tokens)
            .with_context(&request.context);
        call.grant_operations = grant.operations;
        let live = self.live()?;
        self.edit_by(&call, key_name.row(), request.flags, |edit, rules, change| {
            call.require(rules, &edit.head.key_id)?;
            refuse_more_than_own(&call, rules, &grant, &edit.head.key_id)?;
            states::usable(&edit.head)?;
            let index = change.grant_index(&edit.uuid, &edit.head.grants_sum)?;
            let mut record = grant_record(&grant, &edit.head.key_id);
            let id = index.new_id(&record)?;
            record.grant_id = hex::encode(&id);
            let created = match change.grant(&edit.uuid, &id)? {
                Some(known) => grant_of(known)?,
                None if index.len >= MAX_GRANTS => {
                    return Err(Error::LimitExceeded(format!("the key has {MAX_GRANTS} grants already")));
                }
                None => {
                    edit.create_grant(index, record.clone());
                    grant_of(record)?
                }
            };
            call.note(|facts| facts.grant = created.grant_id.clone());
            let claim = TokenClaim { key: edit.uuid, grant: id };
            let token = live.keyring.store().issue_grant_token(&claim);
            Ok(GrantCreated { info: GrantInfo { key_id: edit.head.key_id.clone(), grant: created }, token })
        })
    }

    pub fn list_grants(
        &self,
        request: &KeyRequest<'_>,
        filter: &GrantFilter<'_>,
        marker: &str,
        limit: usize,
    ) -> Result<ListPage<GrantInfo>> {
        request.refuse_version()?;
        let after = Marker::Grants.revision(marker)?;
        let limit = Marker::limit(limit);
        let live = self.live()?;
        self.with_key(Action::ListGrants, request, |key| {
            let store = live.keyring.store();
            let mut records = match (filter.grant_id, filter.grantee) {
                (Some(grant_id), _) => match hex::decode(grant_id) {
                    Some(id) => store.grant(&key.uuid, &id)?.into_iter().collect(),
                    None => Vec::new(),
                },
                (None, Some(grantee)) => store.grants_of_grantee(&key.uuid, grantee)?,
                (None, None) => store.grants_after(&key.uuid, key.id(), after, limit + 1)?,
            };
            let is_wanted = |grant: &GrantRecord| filter.grantee.is_none_or(|name| grant.grantee == name);
            records.retain(|(revision, grant)| *revision > after && is_wanted(grant));
            let page = Marker::Grants.page_of_written(records, limit);
            page.try_map(|record| Ok(GrantInfo { key_id: key.id().into(), grant: grant_of(record)? }))
        })
    }

    /// The grants, of all keys, that a principal is named to retire. For the root, and for that principal.
    pub fn list_retirable_grants(
        &self,
        retiring: &str,
        marker: &str,
        limit: usize,
        flags: u32,
    ) -> Result<ListPage<GrantInfo>> {
        request::check_flags("request.flags", flags, flag::DRY_RUN)?;
        check_name("request.retiring_principal", retiring)?;
        let after = Marker::RetirableGrants.row(marker)?;
        let limit = Marker::limit(limit);
        let live = self.live()?;
        let call = Call::new(&self.caller, Action::ListRetirableGrants, None);
        let outcome = live.admit(&call).and_then(|()| {
            if self.caller.name() != retiring {
                call.require_root()?;
            }
            if flags & flag::DRY_RUN != 0 {
                return Err(Error::DryRunOk);
            }
            live.keyring.store().page::<GrantRecord>(Kind::Grant, Among::All, after.as_ref(), limit + 1)
        });
        let records = live.finish(&call, outcome)?;
        let mut page = Marker::RetirableGrants.page_of_rows(records, limit, |record| record);
        page.items.retain(|listed| listed.item.retiring == retiring);
        page.try_map(|record| Ok(GrantInfo { key_id: record.key_id.clone(), grant: grant_of(record)? }))
    }

    /// Ends a grant: for whom it names to retire it, for a grantee whom it allows RetireGrant, and for whoever is
    /// allowed kms:RetireGrant on the key.
    pub fn retire_grant(&self, reference: &GrantReference<'_>, flags: u32) -> Result<()> {
        request::check_flags("request.flags", flags, flag::DRY_RUN)?;
        match reference {
            GrantReference::Id { key_id, grant_id } => {
                let id = id_bytes(grant_id)?;
                let name = self.shared.account.key_name(key_id)?;
                let call = Call::new(&self.caller, Action::RetireGrant, Some(name));
                let missing = || Error::not_found(Detail::Grant, *grant_id);
                self.edit_by(&call, name.row(), flags, |edit, rules, change| {
                    let grant = change.grant(&edit.uuid, &id)?;
                    self.retire(&call, edit, rules, grant, &missing)
                })
            }
            GrantReference::Token(token) => {
                let claim = self.live()?.keyring.store().read_grant_token(token);
                let claim = claim.ok_or(Error::InvalidGrantToken)?;
                let call = Call::new(&self.caller, Action::RetireGrant, None);
                let row: RowName<'_> = RowName::Key(&claim.key);
                let missing = || Error::InvalidGrantToken;
                let outcome = self.edit_by(&call, row, flags, |edit, rules, change| {
                    // Whoever has a genuine token may know that its grant is over.
                    let grant = change.grant(&edit.uuid, &claim.grant)?.ok_or_else(missing)?;
                    self.retire(&call, edit, rules, Some(grant), &missing)
                });
                // The key is gone, and the grant with it.
                outcome.map_err(|error| match error {
                    Error::NotFound { .. } => Error::InvalidGrantToken,
                    error => error,
                })
            }
        }
    }

    fn retire(
        &self,
        call: &Call<'_>,
        edit: &mut KeyEdit,
        rules: &Rules<'_>,
        grant: Option<GrantRecord>,
        missing: &dyn Fn() -> Error,
    ) -> Result<()> {
        let grant = grant.map(grant_of).transpose()?;
        call.require_retirement(rules, grant.as_ref(), &edit.head.key_id)?;
        let grant = grant.ok_or_else(missing)?;
        edit.delete_grant(&id_bytes(&grant.grant_id)?);
        call.note(|facts| facts.grant = grant.grant_id);
        Ok(())
    }

    pub fn revoke_grant(&self, key_id: &str, grant_id: &str, flags: u32) -> Result<()> {
        let id = id_bytes(grant_id)?;
        request::check_flags("request.flags", flags, flag::DRY_RUN)?;
        let name = self.shared.account.key_name(key_id)?;
        let call = Call::new(&self.caller, Action::RevokeGrant, Some(name));
        self.edit_by(&call, name.row(), flags, |edit, rules, change| {
            call.require(rules, &edit.head.key_id)?;
            if change.grant(&edit.uuid, &id)?.is_none() {
                return Err(Error::not_found(Detail::Grant, grant_id));
            }
            call.note(|facts| facts.grant = grant_id.into());
            edit.delete_grant(&id);
            Ok(())
        })
    }
}

/// A grant as requested; its key will give it an id.
fn new_grant(request: &CreateGrantRequest<'_>) -> Result<Grant> {
    check_name("request.grantee_principal", request.grantee)?;
    request.retiring.map_or(Ok(()), |retiring| check_name("request.retiring_principal", retiring))?;
    let name = request.name.unwrap_or_default();
    if name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        return Err(Error::argument(format!(
            "request.name: expected at most {MAX_NAME} characters, no control characters"
        )));
    }
    let operations = GrantOperations::from_bits(request.operations);
    let operations =
        operations.filter(|operations| *operations != GrantOperations::NONE).ok_or_else(|| {
            Error::argument(format!(
                "request.operations: is {:#x}, expected KMS_GRANT_* bits",
                request.operations
            ))
        })?;
    let pairs =
        request.context.pairs().iter().map(|(key, value)| (key.to_string(), value.to_string())).collect();
    let kind = i32::try_from(request.constraint).ok().and_then(|kind| ConstraintKind::try_from(kind).ok());
    let constraint = match (kind, request.context.pairs().is_empty()) {
        (Some(ConstraintKind::Any), true) => Constraint::Any,
        (Some(ConstraintKind::Any), false) => {
            return Err(Error::argument("request.context: is given, but request.constraint says any"));
        }
        (Some(ConstraintKind::Subset), true) => {
            return Err(Error::argument("request.context: is empty; a subset of nothing constrains nothing"));
        }
        (Some(ConstraintKind::Equals), _) => Constraint::Equals(pairs),
        (Some(ConstraintKind::Subset), false) => Constraint::Subset(pairs),
        (None, _) => {
            return Err(Error::argument(format!("request.constraint: {} is unknown", request.constraint)));
        }
    };
    Ok(Grant {
        grant_id: String::new(),
        name: name.to_string(),
        grantee: request.grantee.to_string(),
        retiring: request.retiring.unwrap_or_default().to_string(),
        operations,
        constraint,
        created_at: unix_seconds(),
    })
}

/// A grant must not give more than its creator may do: each of its operations must be allowed him in every request
/// that the grant will allow.
fn refuse_more_than_own(call: &Call<'_>, rules: &Rules<'_>, grant: &Grant, key_id: &str) -> Result<()> {
    if call.caller.is_root() && rules.policy.is_none() {
        return Ok(());
    }
    let pairs = grant.constraint.pairs();
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let circumstances = Circumstances {
        context: &pairs,
        now: Some(unix_seconds()),
        known: grant.constraint.known(),
        ..Circumstances::NONE
    };
    for action in grant.operations.actions() {
        let question = Question { principal: call.caller, action, circumstances };
        if rules.judge(&question)?.allowed != Truth::True {
            return Err(Error::AccessDenied {
                principal: call.caller.name().to_string(),
                action: action.name(),
                on: format!("key {key_id:?} in all that the grant would allow"),
            });
        }
    }
    Ok(())
}

fn id_bytes(grant_id: &str) -> Result<GrantId> {
    hex::decode(grant_id).ok_or_else(|| Error::argument("request.grant_id: expected 64 hex digits"))
}
