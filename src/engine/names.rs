//! Names of keys: ids, aliases, and ARNs of either.

use crate::access::Account;
use crate::error::{Error, Result};
use crate::keyring::KeyName;

const MAX_KEY_ID: usize = 64;
const MAX_ALIAS: usize = 256;
/// The longest that a request may name a key with; longer ones are no names at all (AWS: KeyId, 2048).
const MAX_REFERENCE: usize = 2048;
const ALIAS_PREFIX: &str = "alias/";

impl Account {
    /// What a request's key_id means. An ARN of another account or region names nothing here.
    #[inline]
    pub fn key_name<'a>(&self, reference: &'a str) -> Result<KeyName<'a>> {
        let is_name = (1..=MAX_REFERENCE).contains(&reference.len()) && !is_arn(reference);
        if is_name { Ok(plain(reference)) } else { self.named_by_arn(reference) }
    }

    #[inline(never)]
    fn named_by_arn<'a>(&self, reference: &'a str) -> Result<KeyName<'a>> {
        if reference.is_empty() || reference.len() > MAX_REFERENCE {
            return Err(Error::argument(format!(
                "request.key_id: has {} bytes, expected 1 to {MAX_REFERENCE}",
                reference.len()
            )));
        }
        self.resource(reference)
            .and_then(|resource| match resource.strip_prefix("key/") {
                Some(id) if !id.is_empty() => Some(KeyName::Id(id)),
                _ => resource.starts_with(ALIAS_PREFIX).then_some(KeyName::Alias(resource)),
            })
            .ok_or_else(|| KeyName::Id(reference).not_found())
    }

    /// The last part of an ARN, if the ARN is of this account and region:
    /// arn:verenc:ACCOUNT:RESOURCE, arn:aws:kms:REGION:ACCOUNT:RESOURCE, acs:kms:REGION:ACCOUNT:RESOURCE.
    fn resource<'a>(&self, arn: &'a str) -> Option<&'a str> {
        let (place, resource) = arn.rsplit_once(':')?;
        let (service, account) = place.rsplit_once(':')?;
        let region_is_right = service == "arn:verenc" || {
            let (service, region) = service.rsplit_once(':')?;
            region == self.region && matches!(service, "arn:aws:kms" | "acs:kms")
        };
        (region_is_right && account == self.id).then_some(resource)
    }
}

#[inline]
fn is_arn(reference: &str) -> bool {
    reference.starts_with("arn:") || reference.starts_with("acs:")
}

#[inline]
fn plain(reference: &str) -> KeyName<'_> {
    if reference.starts_with(ALIAS_PREFIX) { KeyName::Alias(reference) } else { KeyName::Id(reference) }
}

pub fn check_account_id(account: &str) -> Result<()> {
    if account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(());
    }
    Err(Error::argument("options.account_id: expected 12 digits"))
}

pub fn check_region(region: &str) -> Result<()> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=64).contains(&region.len()) && region.bytes().all(allowed) {
        return Ok(());
    }
    Err(Error::argument("options.region: expected 1 to 64 of a-z 0-9 -"))
}

/// A caller's own key id. One that looks like an alias or an ARN could not be told from it.
pub fn check_key_id(key_id: &str) -> Result<()> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if (1..=MAX_KEY_ID).contains(&key_id.len()) && key_id.bytes().all(allowed) {
        return Ok(());
    }
    Err(Error::argument(format!("request.key_id: expected 1 to {MAX_KEY_ID} of A-Z a-z 0-9 - _")))
}

pub fn check_alias(alias: &str) -> Result<()> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'/');
    let name = alias.strip_prefix(ALIAS_PREFIX).unwrap_or_default();
    if !name.is_empty() && alias.len() <= MAX_ALIAS && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(Error::argument(format!(
        "request.alias: expected \"alias/\" and 1 to {} of A-Z a-z 0-9 - _ /",
        MAX_ALIAS - ALIAS_PREFIX.len()
    )))
}
