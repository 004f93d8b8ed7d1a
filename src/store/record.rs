//! What is inside the sealed rows. Protocol buffers messages: fields are added, never renumbered, and an older
//! library refuses a store only when its schema version says so. Key material is not among them; a Material row's
//! plaintext is the 32 bytes themselves.

use crate::crypto::uuid::Uuid;
use crate::error::{Error, Result};

/// The store row.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StoreRecord {
    /// Keyed, order-free sum over all head rows.
    #[prost(bytes = "vec", tag = "1")]
    pub heads_sum: Vec<u8>,
    #[prost(uint64, tag = "2")]
    pub keys_len: u64,
    #[prost(string, tag = "3")]
    pub account_id: String,
    #[prost(int64, tag = "4")]
    pub created_at: i64,
    /// All rows of the store but this one.
    #[prost(uint64, tag = "5")]
    pub rows_len: u64,
    /// The last revision at which a key was removed with its head row, which leaves no newer row behind.
    #[prost(uint64, tag = "6")]
    pub removal_revision: u64,
    /// Unix time in seconds before which no key is due (see KeyRecord); 0 = none is scheduled.
    #[prost(int64, tag = "7")]
    pub next_due_at: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum KeyState {
    Unspecified = 0,
    Enabled = 1,
    Disabled = 2,
    PendingDeletion = 3,
    PendingImport = 4,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum Origin {
    Kms = 0,
    External = 1,
}

/// A key's head row.
#[derive(Clone, PartialEq, prost::Message)]
pub struct KeyRecord {
    /// Random and internal; ciphertexts carry it.
    #[prost(bytes = "vec", tag = "1")]
    pub key_uuid: Vec<u8>,
    /// The caller's own, or a UUID.
    #[prost(string, tag = "2")]
    pub key_id: String,
    #[prost(string, tag = "3")]
    pub description: String,
    #[prost(enumeration = "KeyState", tag = "4")]
    pub state: i32,
    #[prost(enumeration = "Origin", tag = "5")]
    pub origin: i32,
    /// Unix time in seconds.
    #[prost(int64, tag = "6")]
    pub created_at: i64,
    #[prost(uint32, tag = "7")]
    pub primary_version: u32,
    #[prost(string, tag = "8")]
    pub primary_version_id: String,
    #[prost(uint32, tag = "9")]
    pub versions_len: u32,
    #[prost(uint32, tag = "10")]
    pub rotation_period_s: u32,
    /// Keyed, order-free sum over the key's other rows.
    #[prost(bytes = "vec", tag = "11")]
    pub rows_sum: Vec<u8>,
    /// Unix time in seconds when a key that is pending deletion is gone; 0 = it is not.
    #[prost(int64, tag = "12")]
    pub deletion_at: i64,
    /// Unix time in seconds of the last rotation, or of the creation.
    #[prost(int64, tag = "13")]
    pub rotated_at: i64,
    #[prost(uint64, tag = "14")]
    pub rotate_after_uses: u64,
    /// In the order of their keys.
    #[prost(message, repeated, tag = "15")]
    pub tags: Vec<TagRecord>,
    /// Of imported material: Unix time in seconds, 0 = it does not expire.
    #[prost(int64, tag = "16")]
    pub material_expires_at: i64,
    /// Of imported material, also while it is deleted: what shows that it is the same again.
    #[prost(bytes = "vec", tag = "17")]
    pub material_commitment: Vec<u8>,
    /// Unix time in seconds of whatever comes first: deletion, a version's destruction, expiry; 0 = nothing.
    #[prost(int64, tag = "18")]
    pub due_at: i64,
    /// Keyed sum over the GrantIndex row; empty if the key has no grants.
    #[prost(bytes = "vec", tag = "19")]
    pub grants_sum: Vec<u8>,
}

impl KeyRecord {
    pub fn uuid(&self) -> Result<Uuid> {
        self.key_uuid.as_slice().try_into().map_err(|_| Error::corrupt("a key's UUID has a wrong length"))
    }
}

/// A tag of a key, or a pair of an encryption context.
#[derive(Clone, PartialEq, prost::Message)]
pub struct TagRecord {
    #[prost(string, tag = "1")]
    pub key: String,
    #[prost(string, tag = "2")]
    pub value: String,
}

/// A KeyName row.
#[derive(Clone, PartialEq, prost::Message)]
pub struct KeyNameRecord {
    #[prost(string, tag = "1")]
    pub key_id: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct AliasRecord {
    #[prost(string, tag = "1")]
    pub alias: String,
    #[prost(string, tag = "2")]
    pub key_id: String,
    /// Unix time in seconds.
    #[prost(int64, tag = "3")]
    pub created_at: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum VersionState {
    Unspecified = 0,
    Enabled = 1,
    PendingDestruction = 2,
    Destroyed = 3,
}

#[derive(Clone, PartialEq, prost::Message)]
pub struct VersionRecord {
    /// From 1.
    #[prost(uint32, tag = "1")]
    pub number: u32,
    #[prost(string, tag = "2")]
    pub version_id: String,
    /// Unix time in seconds.
    #[prost(int64, tag = "3")]
    pub created_at: i64,
    #[prost(enumeration = "VersionState", tag = "4")]
    pub state: i32,
    /// As in the ciphertext's header; a blob with another is refused.
    #[prost(uint32, tag = "5")]
    pub algorithm: u32,
    /// Unix time in seconds; 0 = not scheduled.
    #[prost(int64, tag = "6")]
    pub destruction_at: i64,
    /// A rotation that was due made it, rather than a caller.
    #[prost(bool, tag = "7")]
    pub rotated_by_itself: bool,
}

/// A Policy row.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PolicyRecord {
    /// JSON, as it was put.
    #[prost(string, tag = "1")]
    pub text: String,
}

/// A Grant row.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GrantRecord {
    #[prost(string, tag = "1")]
    pub grant_id: String,
    #[prost(string, tag = "2")]
    pub key_id: String,
    /// May be empty.
    #[prost(string, tag = "3")]
    pub name: String,
    #[prost(string, tag = "4")]
    pub grantee: String,
    /// Empty = nobody.
    #[prost(string, tag = "5")]
    pub retiring: String,
    /// KMS_GRANT_* bits.
    #[prost(uint32, tag = "6")]
    pub operations: u32,
    #[prost(enumeration = "ConstraintKind", tag = "7")]
    pub constraint: i32,
    /// Of the encryption context, in the order of their keys.
    #[prost(message, repeated, tag = "8")]
    pub pairs: Vec<TagRecord>,
    /// Unix time in seconds.
    #[prost(int64, tag = "9")]
    pub created_at: i64,
}

/// A GrantIndex row.
#[derive(Clone, PartialEq, prost::Message)]
pub struct GrantIndexRecord {
    #[prost(bytes = "vec", tag = "1")]
    pub key_uuid: Vec<u8>,
    #[prost(uint64, tag = "2")]
    pub grants_len: u64,
    /// Random; gives the buckets of grantees, and the ids of named grants.
    #[prost(bytes = "vec", tag = "3")]
    pub id_key: Vec<u8>,
    /// For each bucket that is not empty, in order: its number, one byte, and the keyed sum over its rows, 32.
    #[prost(bytes = "vec", tag = "4")]
    pub sums: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub enum ConstraintKind {
    Any = 0,
    Equals = 1,
    Subset = 2,
}

/// A key's Usage row: how often its versions were used, as far as it was written.
#[derive(Clone, PartialEq, prost::Message)]
pub struct UsageRecord {
    #[prost(message, repeated, tag = "1")]
    pub versions: Vec<VersionUsage>,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct VersionUsage {
    #[prost(uint32, tag = "1")]
    pub number: u32,
    /// Data keys and payloads made.
    #[prost(uint64, tag = "2")]
    pub sealed: u64,
    /// Ciphertexts opened.
    #[prost(uint64, tag = "3")]
    pub opened: u64,
    /// Unix time in seconds.
    #[prost(int64, tag = "4")]
    pub last_used_at: i64,
}

impl UsageRecord {
    /// Of a version; zeros if it was never used.
    pub fn of(&self, number: u32) -> VersionUsage {
        let known = self.versions.iter().find(|usage| usage.number == number);
        known.copied().unwrap_or(VersionUsage { number, ..VersionUsage::default() })
    }

    pub fn add(&mut self, more: &VersionUsage) {
        let index = match self.versions.iter().position(|usage| usage.number == more.number) {
            Some(index) => index,
            None => {
                self.versions.push(VersionUsage { number: more.number, ..VersionUsage::default() });
                self.versions.len() - 1
            }
        };
        if let Some(usage) = self.versions.get_mut(index) {
            usage.sealed = usage.sealed.saturating_add(more.sealed);
            usage.opened = usage.opened.saturating_add(more.opened);
            usage.last_used_at = usage.last_used_at.max(more.last_used_at);
        }
    }
}
