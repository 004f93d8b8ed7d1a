//! Requests of the data operations, the checks of their arguments, and the outputs they fill.

use std::borrow::Cow;
use std::ops::Deref;

use crate::crypto::aad::Aad;
use crate::crypto::blob;
use crate::crypto::uuid::Uuid;
use crate::error::{Error, Result};
use crate::keyring::{Key, KeyVersion};

/// Flags, as the C ABI numbers them.
pub mod flag {
    use crate::capi::constants as c;
    pub const SKIP_PLAINTEXT: u32 = c::KMS_SKIP_PLAINTEXT;
    pub const INITIAL_VERSION: u32 = c::KMS_INITIAL_VERSION;
    pub const DRY_RUN: u32 = c::KMS_DRY_RUN;
    pub const BYPASS_POLICY_LOCKOUT_CHECK: u32 = c::KMS_BYPASS_POLICY_LOCKOUT_CHECK;
    pub const OPEN_CREATE: u32 = c::KMS_OPEN_CREATE;
    pub const OPEN_READ_ONLY: u32 = c::KMS_OPEN_READ_ONLY;
    pub const OPEN_REQUIRE_LOCKED_MEMORY: u32 = c::KMS_OPEN_REQUIRE_LOCKED_MEMORY;
    pub const OPEN_SYSTEM_RNG: u32 = c::KMS_OPEN_SYSTEM_RNG;
}

pub const MAX_DATA_KEY: u32 = 1024;
pub const MAX_RANDOM: u32 = 65536;

/// Grant tokens of a request; most have none.
#[derive(Clone, Default)]
pub struct GrantTokens<'a>(Cow<'a, [&'a str]>);

impl<'a> GrantTokens<'a> {
    #[inline(always)]
    pub const fn new() -> Self {
        GrantTokens(Cow::Borrowed(&[]))
    }

    /// Of tokens that stay where they are.
    #[inline(always)]
    pub const fn borrowed(tokens: &'a [&'a str]) -> Self {
        GrantTokens(Cow::Borrowed(tokens))
    }

    pub fn from_slice(tokens: &[&'a str]) -> Self {
        GrantTokens(Cow::Owned(tokens.to_vec()))
    }
}

impl<'a> Deref for GrantTokens<'a> {
    type Target = [&'a str];

    #[inline(always)]
    fn deref(&self) -> &[&'a str] {
        &self.0
    }
}

impl<'a> FromIterator<&'a str> for GrantTokens<'a> {
    fn from_iter<T: IntoIterator<Item = &'a str>>(tokens: T) -> Self {
        GrantTokens(tokens.into_iter().collect())
    }
}

pub struct DataKeyRequest<'a> {
    pub key_id: &'a str,
    pub version_id: Option<&'a str>,
    pub key_spec: u32,
    pub number_of_bytes: u32,
    pub aad: Aad<'a>,
    pub grant_tokens: GrantTokens<'a>,
    pub flags: u32,
}

pub struct EncryptRequest<'a> {
    pub key_id: &'a str,
    pub version_id: Option<&'a str>,
    pub plaintext: &'a [u8],
    pub aad: Aad<'a>,
    pub grant_tokens: GrantTokens<'a>,
    pub flags: u32,
}

impl EncryptRequest<'_> {
    pub fn check_plaintext(&self) -> Result<()> {
        if self.plaintext.len() > blob::MAX_PLAINTEXT {
            return Err(Error::argument(format!(
                "request.plaintext: has {} bytes, at most {} are allowed; encrypt more with a data key",
                self.plaintext.len(),
                blob::MAX_PLAINTEXT
            )));
        }
        Ok(())
    }
}

pub struct DecryptRequest<'a> {
    pub ciphertext: &'a [u8],
    pub iv: &'a [u8],
    pub key_id: Option<&'a str>,
    pub aad: Aad<'a>,
    pub grant_tokens: GrantTokens<'a>,
    pub flags: u32,
}

pub struct ReEncryptRequest<'a> {
    /// Without flags: those of the destination are about both.
    pub source: DecryptRequest<'a>,
    /// Its plaintext is the source's.
    pub destination: EncryptRequest<'a>,
}

impl ReEncryptRequest<'_> {
    /// An error of a check that names a field of `source` as other requests have it.
    pub fn of_source(error: Error) -> Error {
        error.renamed("request.", "request.source_")
    }

    /// The same for `destination`.
    pub fn of_destination(error: Error) -> Error {
        error.renamed("request.", "request.destination_")
    }
}

/// A request on one key, or on one version of it.
pub struct KeyRequest<'a> {
    pub key_id: &'a str,
    pub version_id: Option<&'a str>,
    pub grant_tokens: GrantTokens<'a>,
    pub flags: u32,
}

impl<'a> KeyRequest<'a> {
    pub fn of(key_id: &'a str, flags: u32) -> Self {
        KeyRequest { key_id, version_id: None, grant_tokens: GrantTokens::new(), flags }
    }

    pub fn refuse_version(&self) -> Result<()> {
        match self.version_id {
            None => Ok(()),
            Some(_) => {
                Err(Error::argument("request.version_id: must be NULL, the operation is on the whole key"))
            }
        }
    }

    pub fn require_version(&self) -> Result<&'a str> {
        self.version_id.ok_or_else(|| Error::argument("request.version_id: is NULL; it is required"))
    }
}

pub struct ScheduleRequest<'a> {
    pub key_id: &'a str,
    pub version_id: Option<&'a str>,
    pub grant_tokens: GrantTokens<'a>,
    pub waiting_days: u32,
    pub flags: u32,
}

impl<'a> ScheduleRequest<'a> {
    pub fn key_request(&self) -> KeyRequest<'a> {
        let grant_tokens = self.grant_tokens.clone();
        KeyRequest { key_id: self.key_id, version_id: self.version_id, grant_tokens, flags: self.flags }
    }
}

pub struct RotationRequest<'a> {
    pub key_id: &'a str,
    pub grant_tokens: GrantTokens<'a>,
    pub rotation_period_s: u32,
    /// None: as it is.
    pub rotate_after_uses: Option<u64>,
    pub flags: u32,
}

impl<'a> RotationRequest<'a> {
    pub fn key_request(&self) -> KeyRequest<'a> {
        let grant_tokens = self.grant_tokens.clone();
        KeyRequest { key_id: self.key_id, version_id: None, grant_tokens, flags: self.flags }
    }
}

pub struct ImportRequest<'a> {
    pub key_id: &'a str,
    pub material: &'a [u8],
    pub grant_tokens: GrantTokens<'a>,
    pub expires_at: i64,
    pub version_number: u32,
    pub flags: u32,
}

impl<'a> ImportRequest<'a> {
    pub fn key_request(&self) -> KeyRequest<'a> {
        let grant_tokens = self.grant_tokens.clone();
        KeyRequest { key_id: self.key_id, version_id: None, grant_tokens, flags: self.flags }
    }
}

/// Which version of a key a request asks for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum VersionChoice<'a> {
    Primary,
    Initial,
    Id(&'a str),
}

impl<'a> VersionChoice<'a> {
    #[inline(always)]
    pub fn new(version_id: Option<&'a str>, flags: u32) -> Result<Self> {
        match (version_id, flags & flag::INITIAL_VERSION != 0) {
            (None, false) => Ok(VersionChoice::Primary),
            (None, true) => Ok(VersionChoice::Initial),
            (Some(id), false) => Ok(VersionChoice::Id(id)),
            (Some(_), true) => {
                Err(Error::argument("request.version_id: and KMS_INITIAL_VERSION are both given; give one"))
            }
        }
    }
}

/// A key spec or a number of bytes, as one length.
#[derive(Clone, Copy)]
pub struct DataKeyLength {
    pub bytes: usize,
    /// Asked to be generated inside an HSM.
    pub by_hsm: bool,
    /// As kms:DataKeySpec has it; None for a number of bytes.
    pub spec: Option<&'static str>,
}

impl DataKeyLength {
    #[inline(always)]
    pub fn new(key_spec: u32, number_of_bytes: u32) -> Result<Self> {
        let (bytes, spec) = match (key_spec, number_of_bytes) {
            (0 | 3, 0) => (32, Some("AES_256")),
            (0, 1..=MAX_DATA_KEY) => (number_of_bytes, None),
            (1, 0) => (16, Some("AES_128")),
            (2, 0) => (24, Some("AES_192")),
            (4, 0) => (32, Some("AES_256_HSM")),
            (0, _) => {
                return Err(Error::argument(format!(
                    "request.number_of_bytes: is {number_of_bytes}, expected 1 to {MAX_DATA_KEY}"
                )));
            }
            (1..=4, _) => {
                return Err(Error::argument(
                    "request.number_of_bytes: and request.key_spec are both given; give one",
                ));
            }
            _ => return Err(Error::argument(format!("request.key_spec: {key_spec} is unknown"))),
        };
        Ok(DataKeyLength { bytes: bytes as usize, by_hsm: key_spec == 4, spec })
    }
}

#[inline(always)]
pub fn check_flags(name: &'static str, flags: u32, known: u32) -> Result<()> {
    match flags & !known {
        0 => Ok(()),
        unknown => {
            Err(Error::argument(format!("{name}: {unknown:#x} is unknown, or not for this operation")))
        }
    }
}

/// Memory of the caller for N outputs.
pub trait Output<const N: usize> {
    /// Says how long each output will be. Fails, with nothing written, if one does not fit; an output that is not
    /// wanted is None.
    fn reserve(&mut self, needs: [usize; N]) -> Result<[Option<&mut [u8]>; N]>;
}

/// Memory of the caller for many items of three outputs.
pub trait ColumnOutput {
    fn reserve(&mut self, needs: [usize; 3]) -> Result<()>;
    fn item(&mut self, index: usize) -> [Option<&mut [u8]>; 3];
    /// Zeroes every item.
    fn wipe(&mut self);
}

/// An id without an allocation.
#[derive(Clone, Copy)]
pub struct IdText {
    len: u8,
    bytes: [u8; 64],
}

impl IdText {
    /// Ids have at most 64 bytes; a longer one, which no store has, would be cut.
    pub fn new(id: &str) -> Self {
        let mut bytes = [0; 64];
        let len = id.len().min(bytes.len());
        if let (Some(place), Some(id)) = (bytes.get_mut(..len), id.as_bytes().get(..len)) {
            place.copy_from_slice(id);
        }
        IdText { len: len as u8, bytes }
    }

    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

/// What served a request, while its key is at hand.
pub struct ServedBy<'a> {
    pub key: &'a Key,
    pub version: &'a KeyVersion,
    pub request_id: Uuid,
}

/// Takes what served a request. None: nobody asks, and no request id is made.
pub type Tell<'a> = Option<&'a mut dyn FnMut(&ServedBy<'_>)>;

/// What served a request, to keep.
pub struct Served {
    pub key_id: IdText,
    pub version_id: IdText,
    pub version_number: u32,
    pub request_id: Uuid,
}

impl Served {
    fn new(by: &ServedBy<'_>) -> Self {
        Served {
            key_id: IdText::new(by.key.id()),
            version_id: IdText::new(&by.version.record.version_id),
            version_number: by.version.record.number,
            request_id: by.request_id,
        }
    }

    /// Runs an operation that tells, and gives what it told.
    pub fn of(run: impl FnOnce(Tell<'_>) -> Result<()>) -> Result<Self> {
        let mut served = None;
        run(Some(&mut |by| served = Some(Served::new(by))))?;
        served.ok_or_else(|| Error::Internal("nobody said what served the request"))
    }
}
