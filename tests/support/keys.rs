//! Keys and aliases through the C ABI, on the `Handle` of handle.rs: what the tests of stores and processes need
//! beside data keys.

#![allow(dead_code)] // every test file uses its own part
#![allow(unsafe_code)] // calls of C functions

use std::ffi::{CStr, CString, c_char};
use std::ptr::{null, null_mut};

use kms::capi::aliases::*;
use kms::capi::keys::*;
use kms::capi::open::kms_flush;
use kms::capi::types::*;

use crate::handle::{Bound, DataKey, Decrypt, Handle, Outcome, outcome, zeroed};

/// A key to create.
#[derive(Clone, Copy, Default)]
pub struct NewKey<'a> {
    /// None = a new UUID.
    pub id: Option<&'a str>,
    pub alias: Option<&'a str>,
    pub description: Option<&'a str>,
}

/// What kms_describe_key and kms_list_keys say of a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyFacts {
    pub id: String,
    pub state: u32,
    pub primary_version_id: String,
    pub primary_version_number: u32,
    pub versions_len: u32,
    pub rotate_after_uses: u64,
    pub description: String,
}

fn c_string(text: Option<&str>) -> Option<CString> {
    text.map(|text| CString::new(text).expect("text without NUL"))
}

fn pointer(text: &Option<CString>) -> *const c_char {
    text.as_ref().map_or(null(), |text| text.as_ptr())
}

/// A NUL-terminated array that the library filled.
pub fn text(array: &[c_char]) -> String {
    let bytes: Vec<u8> = array.iter().map(|byte| *byte as u8).collect();
    let text = CStr::from_bytes_until_nul(&bytes).expect("a NUL at its end");
    text.to_str().expect("UTF-8").to_string()
}

fn facts(info: &kms_key_info_t, texts: &[u8]) -> KeyFacts {
    let span = info.description;
    let description = &texts[span.offset as usize..][..span.len as usize];
    KeyFacts {
        id: text(&info.key_id),
        state: info.state,
        primary_version_id: text(&info.primary_version_id),
        primary_version_number: info.primary_version_number,
        versions_len: info.versions_len,
        rotate_after_uses: info.rotate_after_uses,
        description: std::str::from_utf8(description).expect("UTF-8").to_string(),
    }
}

fn buffer(memory: &mut [u8]) -> kms_buffer_t {
    kms_buffer_t { data: memory.as_mut_ptr(), capacity: memory.len(), len: 0 }
}

/// Items of a page, fewer than the stores of the tests have, so that lists go on.
const PAGE: usize = 32;
const TEXT: usize = 1 << 16;

impl Handle {
    /// Creates a key and gives its id.
    pub fn create(&self, key: NewKey<'_>) -> Outcome<String> {
        let [id, alias, description] = [key.id, key.alias, key.description].map(c_string);
        // SAFETY: structs of the C ABI, and strings that live through the call.
        let mut info: kms_key_info_t = unsafe { zeroed() };
        info.struct_size = size_of_val(&info);
        // SAFETY: as above.
        outcome(|error| unsafe {
            let mut request: kms_create_key_request_t = zeroed();
            request.struct_size = size_of_val(&request);
            request.key_id = pointer(&id);
            request.alias = pointer(&alias);
            request.description = pointer(&description);
            kms_create_key(self.as_ptr(), &request, &mut info, error)
        })?;
        Ok(text(&info.key_id))
    }

    pub fn create_alias(&self, alias: &str, key_id: &str) -> Outcome<()> {
        let [alias, key_id] = [alias, key_id].map(|text| c_string(Some(text)));
        // SAFETY: as in create.
        outcome(|error| unsafe {
            let mut request: kms_create_alias_request_t = zeroed();
            request.struct_size = size_of_val(&request);
            request.alias = pointer(&alias);
            request.key_id = pointer(&key_id);
            kms_create_alias(self.as_ptr(), &request, error)
        })
    }

    pub fn describe(&self, key_id: &str) -> Outcome<KeyFacts> {
        let mut texts = vec![0; TEXT];
        let info = self.info(key_id, &mut texts)?;
        Ok(facts(&info, &texts))
    }

    /// Its texts are wanted only where there is room for any.
    fn info(&self, key_id: &str, texts: &mut [u8]) -> Outcome<kms_key_info_t> {
        let key_id = c_string(Some(key_id));
        let mut out = buffer(texts);
        let out = if out.capacity > 0 { &raw mut out } else { null_mut() };
        // SAFETY: as in create; a text buffer of its capacity.
        let mut info: kms_key_info_t = unsafe { zeroed() };
        info.struct_size = size_of_val(&info);
        // SAFETY: as above.
        outcome(|error| unsafe {
            let mut request: kms_key_request_t = zeroed();
            request.struct_size = size_of_val(&request);
            request.key_id = pointer(&key_id);
            kms_describe_key(self.as_ptr(), &request, &mut info, out, error)
        })?;
        Ok(info)
    }

    /// All keys, sorted by id.
    pub fn list_keys(&self) -> Outcome<Vec<KeyFacts>> {
        // SAFETY: structs of the C ABI.
        let (mut page, request): (kms_page_t, kms_list_keys_request_t) = unsafe { (zeroed(), zeroed()) };
        let request = kms_list_keys_request_t { struct_size: size_of_val(&request), ..request };
        page.struct_size = size_of_val(&page);
        let mut keys = Vec::new();
        loop {
            let mut texts = vec![0; TEXT];
            let mut out = buffer(&mut texts);
            // SAFETY: a struct of the C ABI.
            let mut items: [kms_key_info_t; PAGE] = unsafe { zeroed() };
            let size = size_of::<kms_key_info_t>();
            items.iter_mut().for_each(|item| item.struct_size = size);
            // SAFETY: as in create; PAGE items and a text buffer of its capacity.
            outcome(|error| unsafe {
                let items = items.as_mut_ptr();
                kms_list_keys(self.as_ptr(), &request, &mut page, items, size, PAGE, &mut out, error)
            })?;
            keys.extend(items[..page.items_len].iter().map(|info| facts(info, &texts)));
            if page.more == 0 {
                keys.sort();
                return Ok(keys);
            }
        }
    }

    /// All aliases with the keys they name, sorted.
    pub fn list_aliases(&self) -> Outcome<Vec<(String, String)>> {
        // SAFETY: structs of the C ABI.
        let (mut page, request): (kms_page_t, kms_list_aliases_request_t) = unsafe { (zeroed(), zeroed()) };
        let request = kms_list_aliases_request_t { struct_size: size_of_val(&request), ..request };
        page.struct_size = size_of_val(&page);
        let mut aliases = Vec::new();
        loop {
            // SAFETY: a struct of the C ABI.
            let mut items: [kms_alias_info_t; PAGE] = unsafe { zeroed() };
            let size = size_of::<kms_alias_info_t>();
            items.iter_mut().for_each(|item| item.struct_size = size);
            // SAFETY: as in list_keys.
            outcome(|error| unsafe {
                let items = items.as_mut_ptr();
                kms_list_aliases(self.as_ptr(), &request, &mut page, items, size, PAGE, null_mut(), error)
            })?;
            let named = items[..page.items_len].iter();
            aliases.extend(named.map(|info| (text(&info.alias), text(&info.key_id))));
            if page.more == 0 {
                aliases.sort();
                return Ok(aliases);
            }
        }
    }

    /// Uses of all versions of a key: data keys made, ciphertexts opened.
    pub fn uses(&self, key_id: &str) -> Outcome<(u64, u64)> {
        let info = self.info(key_id, &mut [])?;
        Ok((info.uses_sealed, info.uses_opened))
    }

    pub fn flush(&self) -> Outcome<()> {
        // SAFETY: a live handle.
        outcome(|error| unsafe { kms_flush(self.as_ptr(), error) })
    }

    /// A data key of 32 bytes, bound to nothing.
    pub fn data_key(&self, key_id: &str) -> Outcome<DataKey> {
        self.generate(key_id, 32, Bound::Nothing)
    }

    /// Opens what data_key gave.
    pub fn open_blob(&self, ciphertext: &[u8]) -> Outcome<Vec<u8>> {
        self.decrypt(Decrypt::new(ciphertext, Bound::Nothing))
    }

    /// UUID of the store.
    pub fn store_id(&self) -> String {
        text(&self.stats().store_id)
    }
}
