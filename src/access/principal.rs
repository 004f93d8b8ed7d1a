//! Whose keys they are, and who asks.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::error::{Error, Result};

const MAX_PRINCIPAL: usize = 256;

/// The account that a store belongs to, as ARNs say it.
#[derive(Clone, Debug)]
pub struct Account {
    pub id: String,
    pub region: String,
}

impl Account {
    pub fn new(id: &str, region: &str) -> Self {
        Account { id: id.to_string(), region: region.to_string() }
    }

    /// The name of the account's root in policies and in aws:PrincipalArn.
    pub fn root(&self) -> String {
        format!("arn:aws:iam::{}:root", self.id)
    }

    /// Whether a policy's principal is the account's root: its ARN, QKMS's form of it, or the bare account.
    pub fn is_root(&self, principal: &str) -> bool {
        let account =
            principal.strip_prefix("arn:aws:iam::").or_else(|| principal.strip_prefix("arn:verenc:iam::"));
        principal == self.id || account.and_then(|rest| rest.strip_suffix(":root")) == Some(&self.id)
    }

    /// The ARNs of a key, in all forms that requests may have it.
    pub fn key_arns(&self, key_id: &str) -> [String; 3] {
        let Account { id, region } = self;
        [
            format!("arn:aws:kms:{region}:{id}:key/{key_id}"),
            format!("arn:verenc:{id}:key/{key_id}"),
            format!("acs:kms:{region}:{id}:key/{key_id}"),
        ]
    }
}

/// Who a handle acts as.
#[derive(Debug)]
pub struct Principal {
    name: String,
    is_root: bool,
    /// Differs between any two principals of a process; for what is remembered of decisions.
    number: u64,
}

impl Principal {
    pub fn root(account: &Account) -> Principal {
        Principal { name: account.root(), is_root: true, number: 0 }
    }

    /// The library itself, which rotates keys that are due.
    pub fn library() -> Principal {
        Principal { name: "libkms".into(), is_root: false, number: u64::MAX }
    }

    /// A principal by its name: an ARN, or any other text.
    pub fn named(account: &Account, name: &str) -> Result<Principal> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        check_name("options.principal", name)?;
        if account.is_root(name) {
            return Ok(Principal::root(account));
        }
        Ok(Principal { name: name.to_string(), is_root: false, number: NEXT.fetch_add(1, Ordering::Relaxed) })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn is_root(&self) -> bool {
        self.is_root
    }

    pub fn number(&self) -> u64 {
        self.number
    }
}

/// A principal's name stands for itself: no wildcards, nothing that could be mistaken in a log.
pub fn check_name(field: &'static str, name: &str) -> Result<()> {
    let characters = name.chars().count();
    if !(1..=MAX_PRINCIPAL).contains(&characters) {
        return Err(Error::argument(format!(
            "{field}: has {characters} characters, expected 1 to {MAX_PRINCIPAL}"
        )));
    }
    if name.contains(['*', '?']) || name.chars().any(char::is_control) {
        return Err(Error::argument(format!("{field}: must not contain *, ? or control characters")));
    }
    Ok(())
}
