//! The rules on a key, from its rows and back to them.

use crate::access::{Account, Constraint, Grant, GrantOperations, Policy, Rules};
use crate::error::{Error, Result};
use crate::store::Kind;
use crate::store::record::{ConstraintKind, GrantRecord, PolicyRecord, TagRecord};
use crate::store::sealed::{Family, SealedStore};

/// The policy and the grants of a key whose rows are complete.
pub fn rules_of(store: &SealedStore, family: &Family, account: &Account) -> Result<Rules> {
    let key_id = &family.head.key_id;
    let policy = policy_text(store, family)?.map(|text| {
        // Putting it would have refused it: a newer library knew more.
        Policy::compile(&text, account, key_id).map_err(|error| {
            Error::Unsupported(format!("the policy of key {key_id:?} is not known here: {error}").into())
        })
    });
    let grants = family.rows(Kind::Grant).map(|row| grant_of(store.unseal_record(row)?));
    let mut grants = grants.collect::<Result<Vec<Grant>>>()?;
    grants.sort_unstable_by(|one, other| {
        (one.created_at, &one.grant_id).cmp(&(other.created_at, &other.grant_id))
    });
    Ok(Rules { policy: policy.transpose()?, grants })
}

/// The text of a key's own policy.
pub fn policy_text(store: &SealedStore, family: &Family) -> Result<Option<String>> {
    let row = family.rows(Kind::Policy).next();
    row.map(|row| Ok(store.unseal_record::<PolicyRecord>(row)?.text)).transpose()
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
