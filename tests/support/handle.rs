//! The C ABI as safe Rust, for tests: every call goes through the exported functions, and every call that fails is
//! checked to have left the caller's buffers as they were.

#![allow(dead_code)] // every test file uses its own part
#![allow(unsafe_code)] // calls of C functions

use std::ffi::{CStr, CString, c_char};
use std::ptr::{null, null_mut};

use kms::capi::about::{kms_stats, kms_stats_request_t, kms_stats_t};
use kms::capi::constants::*;
use kms::capi::data::*;
use kms::capi::keys::{kms_create_key, kms_create_key_request_t};
use kms::capi::open::{kms_close, kms_open, kms_open_options_t};
use kms::capi::policies::{kms_as_principal, kms_principal_options_t};
use kms::capi::re_encrypt::{kms_re_encrypt, kms_re_encrypt_request_t};
use kms::capi::types::*;

/// What buffers hold before a call; no size or plaintext of a test is made of it.
pub const UNTOUCHED: u8 = 0xa5;

/// What a call that failed says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub status: kms_status_t,
    pub detail: u32,
    pub native_code: i64,
    pub message: String,
}

pub type Outcome<T> = Result<T, Failure>;

/// The status of an outcome, KMS_OK included.
pub fn status<T>(outcome: &Outcome<T>) -> kms_status_t {
    outcome.as_ref().map_or_else(|failure| failure.status, |_| KMS_OK)
}

/// All zeros: what the C initializers are, but for struct_size.
///
/// # Safety
/// T is a struct of the C ABI: integers and pointers.
pub unsafe fn zeroed<T>() -> T {
    // SAFETY: promised by the caller.
    unsafe { std::mem::zeroed() }
}

/// Runs a call with a fresh error struct.
pub fn outcome(call: impl FnOnce(*mut kms_error_t) -> kms_status_t) -> Outcome<()> {
    // SAFETY: a struct of the C ABI.
    let mut error: kms_error_t = unsafe { zeroed() };
    let status = call(&mut error);
    assert_eq!(error.status, status, "kms_error_t has another status than the call returned");
    if status == KMS_OK {
        return Ok(());
    }
    // SAFETY: the library puts a NUL after the message.
    let message = unsafe { CStr::from_ptr(error.message.as_ptr()) };
    Err(Failure {
        status,
        detail: error.detail,
        native_code: error.native_code,
        message: message.to_string_lossy().into_owned(),
    })
}

pub fn bytes(bytes: &[u8]) -> kms_bytes_t {
    kms_bytes_t { data: if bytes.is_empty() { null() } else { bytes.as_ptr() }, len: bytes.len() }
}

fn c_string(text: &str) -> CString {
    CString::new(text).expect("text without NUL")
}

fn pointer(text: &Option<CString>) -> *const c_char {
    text.as_ref().map_or(null(), |text| text.as_ptr())
}

/// How to open a store.
#[derive(Default, Clone, Copy)]
pub struct Open<'a> {
    pub root_key: &'a [u8],
    pub passphrase: &'a [u8],
    pub uri: Option<&'a str>,
    pub flags: u32,
}

/// What a ciphertext is bound to.
#[derive(Clone, Copy, Debug)]
pub enum Bound<'a> {
    Nothing,
    Aad(&'a [u8]),
    Context(&'a [(&'a str, &'a str)]),
}

/// A Bound as C sees it.
struct Binding {
    aad: kms_bytes_t,
    entries: Vec<kms_context_entry_t>,
    _texts: Vec<(CString, CString)>,
}

impl Binding {
    fn new(bound: Bound<'_>) -> Self {
        let (aad, pairs): (&[u8], &[(&str, &str)]) = match bound {
            Bound::Nothing => (&[], &[]),
            Bound::Aad(aad) => (aad, &[]),
            Bound::Context(pairs) => (&[], pairs),
        };
        let texts: Vec<_> = pairs.iter().map(|(key, value)| (c_string(key), c_string(value))).collect();
        let entry = |(key, value): &(CString, CString)| kms_context_entry_t {
            key: key.as_ptr(),
            value: value.as_ptr(),
        };
        Binding { aad: bytes(aad), entries: texts.iter().map(entry).collect(), _texts: texts }
    }

    fn context(&self) -> *const kms_context_entry_t {
        if self.entries.is_empty() { null() } else { self.entries.as_ptr() }
    }
}

/// A data key as the library gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataKey {
    pub plaintext: Vec<u8>,
    pub ciphertext: Vec<u8>,
    pub iv: Vec<u8>,
}

/// What to open.
#[derive(Clone, Copy)]
pub struct Decrypt<'a> {
    pub ciphertext: &'a [u8],
    pub iv: &'a [u8],
    pub key_id: Option<&'a str>,
    pub bound: Bound<'a>,
    pub flags: u32,
}

impl<'a> Decrypt<'a> {
    pub fn new(ciphertext: &'a [u8], bound: Bound<'a>) -> Self {
        Decrypt { ciphertext, iv: &[], key_id: None, bound, flags: 0 }
    }
}

/// An output of `capacity` bytes, all UNTOUCHED.
struct Target {
    memory: Vec<u8>,
}

impl Target {
    fn new(capacity: usize) -> Self {
        Target { memory: vec![UNTOUCHED; capacity] }
    }

    fn buffer(&mut self) -> kms_buffer_t {
        kms_buffer_t { data: self.memory.as_mut_ptr(), capacity: self.memory.len(), len: usize::MAX }
    }

    /// What the library wrote, and nothing behind it.
    fn taken(mut self, buffer: &kms_buffer_t) -> Vec<u8> {
        assert!(self.memory[buffer.len..].iter().all(|byte| *byte == UNTOUCHED), "written past len");
        self.memory.truncate(buffer.len);
        self.memory
    }

    fn check_untouched(&self, buffer: &kms_buffer_t) {
        assert!(self.memory.iter().all(|byte| *byte == UNTOUCHED), "a failed call wrote to a buffer");
        assert_eq!(buffer.len, usize::MAX, "a failed call wrote a len");
    }
}

/// An open store.
pub struct Handle {
    kms: *mut kms_t,
}

// SAFETY: handles are safe to use from any number of threads.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Handle {
    pub fn open(store: &str, how: Open<'_>) -> Outcome<Handle> {
        Handle::open_with(store, how, |_| {})
    }

    /// Opens a store with options that `more` fills in.
    pub fn open_with(
        store: &str,
        how: Open<'_>,
        more: impl FnOnce(&mut kms_open_options_t),
    ) -> Outcome<Handle> {
        let (store, uri) = (c_string(store), how.uri.map(c_string));
        let mut kms = null_mut();
        // SAFETY: structs of the C ABI, and strings and bytes that live through the call.
        outcome(|error| unsafe {
            let mut options: kms_open_options_t = zeroed();
            options.struct_size = size_of_val(&options);
            options.store = store.as_ptr();
            options.root_key = bytes(how.root_key);
            options.passphrase = bytes(how.passphrase);
            options.root_key_uri = pointer(&uri);
            options.flags = how.flags;
            more(&mut options);
            kms_open(&options, &mut kms, error)
        })
        .inspect_err(|_| assert!(kms.is_null(), "a failed kms_open gave a handle"))?;
        Ok(Handle { kms })
    }

    /// A new store in memory.
    pub fn memory() -> Handle {
        let how = Open { root_key: &[0x5a; 32], flags: KMS_OPEN_CREATE, ..Open::default() };
        Handle::open("memory:", how).expect("a store in memory")
    }

    /// The same store, for another principal.
    pub fn as_principal(&self, principal: &str) -> Handle {
        let principal = c_string(principal);
        let mut kms = null_mut();
        // SAFETY: as in open.
        outcome(|error| unsafe {
            let mut options: kms_principal_options_t = zeroed();
            options.struct_size = size_of_val(&options);
            options.principal = principal.as_ptr();
            kms_as_principal(self.kms, &options, &mut kms, error)
        })
        .expect("a handle of a principal");
        Handle { kms }
    }

    pub fn as_ptr(&self) -> *mut kms_t {
        self.kms
    }

    pub fn create_key(&self, key_id: &str) -> Outcome<()> {
        let key_id = c_string(key_id);
        // SAFETY: as in open.
        outcome(|error| unsafe {
            let mut request: kms_create_key_request_t = zeroed();
            request.struct_size = size_of_val(&request);
            request.key_id = key_id.as_ptr();
            kms_create_key(self.kms, &request, null_mut(), error)
        })
    }

    pub fn generate(&self, key_id: &str, len: u32, bound: Bound<'_>) -> Outcome<DataKey> {
        let (key_id, binding) = (c_string(key_id), Binding::new(bound));
        let mut targets =
            [len as usize, len as usize + KMS_CIPHERTEXT_OVERHEAD, KMS_IV_SIZE].map(Target::new);
        let mut buffers = targets.each_mut().map(Target::buffer);
        // SAFETY: as in open; buffers of their capacity.
        let made = outcome(|error| unsafe {
            let mut request: kms_data_key_request_t = zeroed();
            request.struct_size = size_of_val(&request);
            request.key_id = key_id.as_ptr();
            request.number_of_bytes = len;
            request.aad = binding.aad;
            request.context = binding.context();
            request.context_len = binding.entries.len();
            let [plaintext, ciphertext, iv] = &mut buffers;
            kms_generate_data_key(self.kms, &request, plaintext, ciphertext, iv, null_mut(), error)
        });
        if let Err(failure) = made {
            targets.iter().zip(&buffers).for_each(|(target, buffer)| target.check_untouched(buffer));
            return Err(failure);
        }
        let [plaintext, ciphertext, iv] = targets;
        Ok(DataKey {
            plaintext: plaintext.taken(&buffers[0]),
            ciphertext: ciphertext.taken(&buffers[1]),
            iv: iv.taken(&buffers[2]),
        })
    }

    pub fn generate_many(
        &self,
        key_id: &str,
        len: u32,
        count: usize,
        bound: Bound<'_>,
    ) -> Outcome<Vec<DataKey>> {
        let (key_id, binding) = (c_string(key_id), Binding::new(bound));
        let sizes = [len as usize, len as usize + KMS_CIPHERTEXT_OVERHEAD, KMS_IV_SIZE];
        let mut memory = sizes.map(|size| vec![UNTOUCHED; size * count]);
        // SAFETY: as in open; columns of their capacity.
        outcome(|error| unsafe {
            let mut request: kms_data_key_request_t = zeroed();
            request.struct_size = size_of_val(&request);
            request.key_id = key_id.as_ptr();
            request.number_of_bytes = len;
            request.aad = binding.aad;
            request.context = binding.context();
            request.context_len = binding.entries.len();
            let [plaintexts, ciphertexts, ivs] = &mut memory.each_mut().map(|memory| kms_column_t {
                data: memory.as_mut_ptr(),
                capacity: memory.len(),
                stride: 0,
                item_len: 0,
            });
            kms_generate_data_keys(self.kms, &request, count, plaintexts, ciphertexts, ivs, null_mut(), error)
        })?;
        let [plaintexts, ciphertexts, ivs] = &memory;
        let item = |index: usize, column: &[u8], size: usize| column[index * size..][..size].to_vec();
        let data_key = |index| DataKey {
            plaintext: item(index, plaintexts, sizes[0]),
            ciphertext: item(index, ciphertexts, sizes[1]),
            iv: item(index, ivs, sizes[2]),
        };
        Ok((0..count).map(data_key).collect())
    }

    /// The ciphertext and the IV.
    pub fn encrypt(&self, key_id: &str, plaintext: &[u8], bound: Bound<'_>) -> Outcome<(Vec<u8>, Vec<u8>)> {
        let (key_id, binding) = (c_string(key_id), Binding::new(bound));
        let mut targets = [plaintext.len() + KMS_CIPHERTEXT_OVERHEAD, KMS_IV_SIZE].map(Target::new);
        let mut buffers = targets.each_mut().map(Target::buffer);
        // SAFETY: as in open; buffers of their capacity.
        let made = outcome(|error| unsafe {
            let mut request: kms_encrypt_request_t = zeroed();
            request.struct_size = size_of_val(&request);
            request.key_id = key_id.as_ptr();
            request.plaintext = bytes(plaintext);
            request.aad = binding.aad;
            request.context = binding.context();
            request.context_len = binding.entries.len();
            let [ciphertext, iv] = &mut buffers;
            kms_encrypt(self.kms, &request, ciphertext, iv, null_mut(), error)
        });
        if let Err(failure) = made {
            targets.iter().zip(&buffers).for_each(|(target, buffer)| target.check_untouched(buffer));
            return Err(failure);
        }
        let [ciphertext, iv] = targets;
        Ok((ciphertext.taken(&buffers[0]), iv.taken(&buffers[1])))
    }

    pub fn decrypt(&self, what: Decrypt<'_>) -> Outcome<Vec<u8>> {
        let (key_id, binding) = (what.key_id.map(c_string), Binding::new(what.bound));
        let mut target = Target::new(what.ciphertext.len() + 64);
        let mut buffer = target.buffer();
        // SAFETY: as in open; a buffer of its capacity.
        let opened = outcome(|error| unsafe {
            let mut request: kms_decrypt_request_t = zeroed();
            request.struct_size = size_of_val(&request);
            request.ciphertext = bytes(what.ciphertext);
            request.iv = bytes(what.iv);
            request.key_id = pointer(&key_id);
            request.aad = binding.aad;
            request.context = binding.context();
            request.context_len = binding.entries.len();
            request.flags = what.flags;
            kms_decrypt(self.kms, &request, &mut buffer, null_mut(), error)
        });
        match opened {
            Ok(()) => Ok(target.taken(&buffer)),
            Err(failure) => {
                target.check_untouched(&buffer);
                Err(failure)
            }
        }
    }

    /// From whatever key `what` is of to another one: the new ciphertext and its IV.
    pub fn re_encrypt(
        &self,
        what: Decrypt<'_>,
        key_id: &str,
        bound: Bound<'_>,
    ) -> Outcome<(Vec<u8>, Vec<u8>)> {
        let (source_key_id, key_id) = (what.key_id.map(c_string), c_string(key_id));
        let (source, destination) = (Binding::new(what.bound), Binding::new(bound));
        let mut targets = [what.ciphertext.len(), KMS_IV_SIZE].map(Target::new);
        let mut buffers = targets.each_mut().map(Target::buffer);
        // SAFETY: as in open; buffers of their capacity.
        let made = outcome(|error| unsafe {
            let mut request: kms_re_encrypt_request_t = zeroed();
            request.struct_size = size_of_val(&request);
            request.ciphertext = bytes(what.ciphertext);
            request.source_iv = bytes(what.iv);
            request.source_key_id = pointer(&source_key_id);
            request.source_aad = source.aad;
            request.source_context = source.context();
            request.source_context_len = source.entries.len();
            request.destination_key_id = key_id.as_ptr();
            request.destination_aad = destination.aad;
            request.destination_context = destination.context();
            request.destination_context_len = destination.entries.len();
            request.flags = what.flags;
            let [ciphertext, iv] = &mut buffers;
            kms_re_encrypt(self.kms, &request, ciphertext, iv, null_mut(), null_mut(), error)
        });
        if let Err(failure) = made {
            targets.iter().zip(&buffers).for_each(|(target, buffer)| target.check_untouched(buffer));
            return Err(failure);
        }
        let [ciphertext, iv] = targets;
        Ok((ciphertext.taken(&buffers[0]), iv.taken(&buffers[1])))
    }

    pub fn random(&self, len: u32) -> Outcome<Vec<u8>> {
        let mut target = Target::new(len as usize);
        let mut buffer = target.buffer();
        // SAFETY: as in open; a buffer of its capacity.
        outcome(|error| unsafe {
            let mut request: kms_random_request_t = zeroed();
            request.struct_size = size_of_val(&request);
            request.number_of_bytes = len;
            kms_generate_random(self.kms, &request, &mut buffer, error)
        })?;
        Ok(target.taken(&buffer))
    }

    pub fn stats(&self) -> kms_stats_t {
        // SAFETY: as in open.
        unsafe {
            let (mut request, mut stats): (kms_stats_request_t, kms_stats_t) = (zeroed(), zeroed());
            request.struct_size = size_of_val(&request);
            stats.struct_size = size_of_val(&stats);
            outcome(|error| kms_stats(self.kms, &request, &mut stats, error)).expect("statistics");
            stats
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: opened by kms_open, closed once.
        unsafe { kms_close(self.kms) };
    }
}
