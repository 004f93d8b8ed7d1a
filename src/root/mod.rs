//! Where the root key comes from, and how it becomes the root secret that every key of a store derives from.
//!
//! Raw bytes are the root secret; a passphrase is stretched with Argon2id (RFC 9106). `file:` and `env:` say where
//! raw bytes are read from.

mod passphrase;
mod uri;

pub use passphrase::Argon2Params;
pub use uri::decode as decode_key;

use crate::crypto::secret::{MATERIAL_SIZE, SecretBox};
use crate::error::{Error, Result};
use crate::platform::Inherit;

/// 32 bytes that everything in a store derives from.
pub type RootSecret = SecretBox<[u8; MATERIAL_SIZE]>;

/// What the caller of kms_open named as root key; borrowed, never copied.
pub enum RootKeySource<'a> {
    Raw(&'a [u8; MATERIAL_SIZE]),
    Passphrase(&'a [u8]),
    File(&'a str),
    Env(&'a str),
}

/// How a store's root secret is made, as its header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RootKind {
    Raw,
    Passphrase(Argon2Params),
}

impl<'a> RootKeySource<'a> {
    /// Exactly one source must be given.
    pub fn choose(root_key: &'a [u8], passphrase: &'a [u8], uri: Option<&'a str>) -> Result<Self> {
        let given = [!root_key.is_empty(), !passphrase.is_empty(), uri.is_some()];
        match given.iter().filter(|given| **given).count() {
            1 => {}
            0 => {
                return Err(Error::argument(
                    "options.root_key: no root key is given; set root_key, passphrase or root_key_uri",
                ));
            }
            _ => {
                return Err(Error::argument(
                    "options.root_key: more than one root key source is given; set one of root_key, passphrase, root_key_uri",
                ));
            }
        }
        if let Some(uri) = uri {
            return uri::parse(uri);
        }
        if !passphrase.is_empty() {
            return Ok(RootKeySource::Passphrase(passphrase));
        }
        let root_key = root_key.try_into().map_err(|_| {
            Error::argument(format!(
                "options.root_key: has {} bytes, expected {MATERIAL_SIZE}",
                root_key.len()
            ))
        })?;
        Ok(RootKeySource::Raw(root_key))
    }

    /// How a store that is created now makes its root secret.
    pub fn new_kind(&self) -> Result<RootKind> {
        match self {
            RootKeySource::Passphrase(_) => Ok(RootKind::Passphrase(Argon2Params::fresh()?)),
            _ => Ok(RootKind::Raw),
        }
    }

    /// The root secret of a store of this kind. A source of the other kind cannot be its root key.
    pub fn secret(&self, kind: &RootKind, require_lock: bool) -> Result<RootSecret> {
        let mut secret = SecretBox::new([0; MATERIAL_SIZE], Inherit::Nothing, require_lock)?;
        match (self, kind) {
            (RootKeySource::Raw(bytes), RootKind::Raw) => secret.copy_from_slice(*bytes),
            (RootKeySource::File(path), RootKind::Raw) => uri::read_file(path, &mut secret)?,
            (RootKeySource::Env(name), RootKind::Raw) => uri::read_env(name, &mut secret)?,
            (RootKeySource::Passphrase(passphrase), RootKind::Passphrase(params)) => {
                params.stretch(passphrase, &mut secret)?;
            }
            _ => return Err(Error::WrongRootKey),
        }
        Ok(secret)
    }
}
