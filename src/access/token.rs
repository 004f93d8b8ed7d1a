//! Grant tokens: which grant of which key, authenticated with a key of the store. A token proves that the store issued
//! it; whether its grant is still there, the store says.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::GrantId;
use crate::crypto::secret;
use crate::crypto::uuid::Uuid;

const FORMAT: u8 = 1;
const GRANT_SIZE: usize = size_of::<GrantId>();
const MAC_SIZE: usize = 32;
const SIZE: usize = 1 + 16 + GRANT_SIZE + MAC_SIZE;

/// What a genuine token says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TokenClaim {
    pub key: Uuid,
    pub grant: GrantId,
}

/// A token; `mac` authenticates bytes with the store's key for tokens.
pub fn issue(claim: &TokenClaim, mac: impl Fn(&[u8]) -> [u8; MAC_SIZE]) -> String {
    let mut bytes = Vec::with_capacity(SIZE);
    bytes.push(FORMAT);
    bytes.extend_from_slice(&claim.key);
    bytes.extend_from_slice(&claim.grant);
    bytes.extend_from_slice(&mac(&bytes));
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What a token says; None if this store has not issued it.
pub fn read(token: &str, mac: impl Fn(&[u8]) -> [u8; MAC_SIZE]) -> Option<TokenClaim> {
    let mut bytes = [0; SIZE + 2];
    let len = URL_SAFE_NO_PAD.decode_slice(token, &mut bytes).ok()?;
    let (claimed, found) = bytes.get(..len)?.split_last_chunk::<MAC_SIZE>()?;
    if len != SIZE || !secret::is_equal(found, &mac(claimed)) {
        return None;
    }
    let (format, rest) = claimed.split_first()?;
    let (key, grant) = rest.split_first_chunk::<16>()?;
    (*format == FORMAT).then_some(TokenClaim { key: *key, grant: grant.try_into().ok()? })
}
