//! The grant tokens of a request. A token works at once, before a cache would have seen its grant, and not any more when
//! the grant is gone.

use smallvec::SmallVec;

use super::Live;
use super::call::Call;
use super::lane::Lane;
use crate::crypto::uuid::Uuid;
use crate::error::{Error, Result};
use crate::keyring::KeyName;
use crate::platform::monotonic_ms;
use crate::store::change::Change;

/// A key that tokens of a request may be about.
#[derive(Clone, Copy)]
pub enum TokenKey<'a> {
    Named(KeyName<'a>),
    /// Of a ciphertext; there may be no such key.
    Of(&'a Uuid),
}

/// Tokens that a lane has seen to be good. A memo is believed as long as the keyring's epoch is the same.
pub struct TokenMemos([Option<TokenMemo>; PLACES]);

const PLACES: usize = 32;

struct TokenMemo {
    token: Box<str>,
    epoch: u64,
    key: Uuid,
}

impl TokenMemos {
    pub fn new() -> Self {
        TokenMemos([const { None }; PLACES])
    }

    /// By the last characters, which are of a MAC.
    fn place(token: &str) -> usize {
        let last = token.as_bytes().last_chunk::<2>().copied().unwrap_or_default();
        usize::from(u16::from_le_bytes(last)) % PLACES
    }

    /// The key of a token that is known to be good.
    fn key(&self, token: &str, epoch: u64) -> Option<&Uuid> {
        let memo = self.0.get(Self::place(token))?.as_ref()?;
        (memo.epoch == epoch && *memo.token == *token).then_some(&memo.key)
    }

    fn keep(&mut self, token: &str, epoch: u64, key: Uuid) {
        if let Some(place) = self.0.get_mut(Self::place(token)) {
            *place = Some(TokenMemo { token: token.into(), epoch, key });
        }
    }
}

impl Live {
    /// Sees to it that every token is of a grant on one of the keys, and that the keyring knows these grants.
    #[inline]
    pub fn see_tokens(&self, call: &Call<'_>, keys: &[TokenKey<'_>]) -> Result<()> {
        if call.grant_tokens.is_empty() { Ok(()) } else { self.see_grants(call.grant_tokens, keys) }
    }

    #[inline(never)]
    fn see_grants(&self, tokens: &[&str], keys: &[TokenKey<'_>]) -> Result<()> {
        let epoch = self.keyring.epoch(monotonic_ms())?;
        self.lanes.with(|Lane { keys: memos, tokens: good, .. }| {
            let mut found: SmallVec<[Uuid; 2]> = SmallVec::new();
            for key in keys {
                match key {
                    TokenKey::Named(name) => found.push(memos.by_name(&self.keyring, *name, epoch)?.uuid),
                    TokenKey::Of(uuid) => {
                        found.extend(memos.by_uuid(&self.keyring, uuid, epoch)?.map(|key| key.uuid));
                    }
                }
            }
            for token in tokens {
                match good.key(token, epoch) {
                    Some(key) if found.contains(key) => {}
                    Some(_) => return Err(Error::InvalidGrantToken),
                    None => good.keep(token, epoch, self.see_grant(token, &found)?),
                }
            }
            Ok(())
        })
    }

    /// Gives the key that a token is about.
    #[cold]
    fn see_grant(&self, token: &str, keys: &[Uuid]) -> Result<Uuid> {
        let claim = self.keyring.store().read_grant_token(token).ok_or(Error::InvalidGrantToken)?;
        if keys.contains(&claim.key) && self.keyring.sees_grant(&claim)? {
            return Ok(claim.key);
        }
        Err(Error::InvalidGrantToken)
    }

    /// The same inside a transaction, which sees the grants as they are.
    pub fn require_tokens(&self, call: &Call<'_>, key: &Uuid, change: &Change<'_>) -> Result<()> {
        for token in call.grant_tokens {
            let claim = self.keyring.store().read_grant_token(token).ok_or(Error::InvalidGrantToken)?;
            if claim.key != *key || change.grant(key, &claim.grant)?.is_none() {
                return Err(Error::InvalidGrantToken);
            }
        }
        Ok(())
    }
}
