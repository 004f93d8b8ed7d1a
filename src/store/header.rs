//! The store's header: the only thing in it that is read before the root key is known.
//!
//! Two values guard it. A SHA-256 checksum tells accidental damage; the check value, an HKDF of the root secret over
//! the other fields, tells a wrong root key and authenticates them.

use crate::crypto::uuid::Uuid;
use crate::crypto::{kdf, secret};
use crate::error::{Error, Result};
use crate::root::{Argon2Params, RootKind, RootSecret};

const FORMAT: u8 = 1;
const RAW: u8 = 1;
const PASSPHRASE: u8 = 2;
const CHECK_SIZE: usize = 32;
/// format, root kind, store id, salt, three Argon2id parameters.
const FIELDS_SIZE: usize = 2 + 16 + 16 + 12;
const SIZE: usize = FIELDS_SIZE + CHECK_SIZE + 32;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub store_id: Uuid,
    pub root_kind: RootKind,
    check: [u8; CHECK_SIZE],
}

impl Header {
    pub fn new(store_id: Uuid, root_kind: RootKind, root: &RootSecret) -> Self {
        let mut header = Header { store_id, root_kind, check: [0; CHECK_SIZE] };
        header.check = header.expected_check(root);
        header
    }

    /// Tells a wrong root key, before any seal is tried with it.
    pub fn verify(&self, root: &RootSecret) -> Result<()> {
        if secret::is_equal(&self.expected_check(root), &self.check) {
            Ok(())
        } else {
            Err(Error::WrongRootKey)
        }
    }

    fn expected_check(&self, root: &RootSecret) -> [u8; CHECK_SIZE] {
        let mut check = [0; CHECK_SIZE];
        kdf::derive(root, &self.store_id, &[b"libkms/1 check", &self.fields()], &mut check);
        check
    }

    fn fields(&self) -> [u8; FIELDS_SIZE] {
        let (kind, salt, numbers) = match &self.root_kind {
            RootKind::Raw => (RAW, [0; 16], [0; 3]),
            RootKind::Passphrase(params) => {
                (PASSPHRASE, params.salt, [params.memory_kib, params.passes, params.lanes])
            }
        };
        let mut fields = [0; FIELDS_SIZE];
        let values = [FORMAT, kind]
            .into_iter()
            .chain(self.store_id)
            .chain(salt)
            .chain(numbers.into_iter().flat_map(u32::to_be_bytes));
        fields.iter_mut().zip(values).for_each(|(field, value)| *field = value);
        fields
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let fields = self.fields();
        let checksum = kdf::sha256(&[&fields, &self.check]);
        [fields.as_slice(), &self.check, &checksum].concat()
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let damaged = || Error::corrupt("its header is damaged");
        // The format first: a newer one may have another length.
        let format = *bytes.first().ok_or_else(damaged)?;
        if bytes.len() != SIZE {
            return Err(if format > FORMAT { newer() } else { damaged() });
        }
        let (authenticated, checksum) = bytes.split_at(FIELDS_SIZE + CHECK_SIZE);
        if kdf::sha256(&[authenticated]) != checksum {
            return Err(damaged());
        }
        if format != FORMAT {
            return Err(newer());
        }
        let (fields, check) = authenticated.split_at(FIELDS_SIZE);
        let array = |range: std::ops::Range<usize>| fields.get(range).ok_or_else(damaged);
        let number = |at: usize| -> Result<u32> {
            Ok(u32::from_be_bytes(array(at..at + 4)?.try_into().map_err(|_| damaged())?))
        };
        let root_kind = match fields.get(1) {
            Some(&RAW) => RootKind::Raw,
            Some(&PASSPHRASE) => RootKind::Passphrase(Argon2Params {
                salt: array(18..34)?.try_into().map_err(|_| damaged())?,
                memory_kib: number(34)?,
                passes: number(38)?,
                lanes: number(42)?,
            }),
            _ => return Err(Error::Unsupported("the store's kind of root key is not known here".into())),
        };
        let header = Header {
            store_id: array(2..18)?.try_into().map_err(|_| damaged())?,
            root_kind,
            check: check.try_into().map_err(|_| damaged())?,
        };
        // One encoding only: what this kind of root key has no use for is zero.
        if header.fields() == fields { Ok(header) } else { Err(damaged()) }
    }
}

fn newer() -> Error {
    Error::Unsupported("the store has a newer format than this library knows".into())
}
