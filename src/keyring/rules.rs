//! The rules on a key, from its rows and back to them.

use std::sync::Arc;

use crate::access::{Account, Constraint, Grant, GrantId, GrantOperations, Granted, Policy};
use crate::crypto::hex;
use crate::error::{Error, Result};
use crate::store::Kind;
use crate::store::record::{ConstraintKind, GrantRecord, PolicyRecord, TagRecord};
use crate::store::sealed::{Family, SealedStore};

/// The policy of a key whose rows are complete; None: the default one.
pub fn policy_of(store: &SealedStore, family: &Family, account: &Account) -> Result<Option<Policy>> {
    let key_id = &family.head.key_id;
    let policy = policy_text(store, family)?.map(|text| {
        // Putting it would have refused it: a newer library knew more.
        Policy::compile(&text, account, key_id).map_err(|error| {
            Error::Unsupported(format!("the policy of key {key_id:?} is not known here: {error}").into())
        })
    });
    policy.transpose()
}

/// The text of a key's own policy.
pub fn policy_text(store: &SealedStore, family: &Family) -> Result<Option<String>> {
    let row = family.rows(Kind::Policy).next();
    row.map(|row| Ok(store.unseal_record::<PolicyRecord>(row)?.text)).transpose()
}

/// What grants give one of their grantees.
pub fn granted_to(principal: &str, grants: Vec<GrantRecord>) -> Result<Option<Arc<Granted>>> {
    let mut granted = Granted::default();
    for record in grants.into_iter().filter(|record| record.grantee == principal) {
        add_grant(&mut granted, record)?;
    }
    Ok(Some(Arc::new(granted)))
}

pub fn add_grant(granted: &mut Granted, record: GrantRecord) -> Result<()> {
    let Grant { grant_id, operations, constraint, .. } = grant_of(record)?;
    granted.add(id_of(&grant_id)?, operations, constraint);
    Ok(())
}

fn id_of(grant_id: &str) -> Result<GrantId> {
    hex::decode(grant_id).ok_or_else(|| Error::corrupt("a grant's id is none"))
}

pub fn grant_of(record: GrantRecord) -> Result<Grant> {
    let pairs = |pairs: Vec<TagRecord>| pairs.into_iter().map(|pair| (pair.key, pair.value)).collect();
    let unknown = || Error::Unsupported("a grant says what is not known here".into());
    let constraint = match ConstraintKind::try_from(record.constraint).map_err(|_| unknown())? {
        ConstraintKind::Any => Constraint::Any,
        ConstraintKind::Equals => Constraint::Equals(pairs(record.pairs)),
        ConstraintKind::Subset => Constraint::Subset(pairs(record.pairs)),
    };
    Ok(Grant {
        grant_id: record.grant_id,
        name: record.name,
        grantee: record.grantee,
        retiring: record.retiring,
        operations: GrantOperations::from_bits(record.operations).ok_or_else(unknown)?,
        constraint,
        created_at: record.created_at,
    })
}

pub fn grant_record(grant: &Grant, key_id: &str) -> GrantRecord {
    let kind = match grant.constraint {
        Constraint::Any => ConstraintKind::Any,
        Constraint::Equals(_) => ConstraintKind::Equals,
        Constraint::Subset(_) => ConstraintKind::Subset,
    };
    let pair = |(key, value): &(String, String)| TagRecord { key: key.clone(), value: value.clone() };
    GrantRecord {
        grant_id: grant.grant_id.clone(),
        key_id: key_id.to_string(),
        name: grant.name.clone(),
        grantee: grant.grantee.clone(),
        retiring: grant.retiring.clone(),
        operations: grant.operations.bits(),
        constraint: kind.into(),
        pairs: grant.constraint.pairs().iter().map(pair).collect(),
        created_at: grant.created_at,
    }
}
