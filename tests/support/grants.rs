//! Grants through the C ABI, on the `Handle` of handle.rs.

#![allow(dead_code)] // every test file uses its own part
#![allow(unsafe_code)] // calls of C functions

use std::ffi::CString;
use std::ptr::null_mut;

use kms::capi::constants::*;
use kms::capi::data::*;
use kms::capi::grants::*;
use kms::capi::types::*;

use crate::handle::{Handle, Outcome, outcome, zeroed};
use crate::keys::text;

/// A grant that was created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    pub id: String,
    pub token: String,
}

fn c_string(text: &str) -> CString {
    CString::new(text).expect("text without NUL")
}

impl Handle {
    /// Lets a principal generate data keys.
    pub fn create_grant(&self, key_id: &str, grantee: &str) -> Outcome<Created> {
        self.create_grant_for(key_id, grantee, None)
    }

    /// The same in one encryption context only, if one is given.
    pub fn create_grant_for(
        &self,
        key_id: &str,
        grantee: &str,
        pair: Option<(&str, &str)>,
    ) -> Outcome<Created> {
        let (key_id, grantee) = (c_string(key_id), c_string(grantee));
        let pair = pair.map(|(key, value)| (c_string(key), c_string(value)));
        let entry = pair
            .as_ref()
            .map(|(key, value)| kms_context_entry_t { key: key.as_ptr(), value: value.as_ptr() });
        // SAFETY: structs of the C ABI, and strings that live through the call.
        let mut created: kms_created_grant_t = unsafe { zeroed() };
        created.struct_size = size_of_val(&created);
        // SAFETY: as above.
        outcome(|error| unsafe {
            let mut request: kms_create_grant_request_t = zeroed();
            request.struct_size = size_of_val(&request);
            request.key_id = key_id.as_ptr();
            request.grantee_principal = grantee.as_ptr();
            request.operations = KMS_GRANT_GENERATE_DATA_KEY;
            if let Some(entry) = &entry {
                request.constraint = KMS_GRANT_CONTEXT_EQUALS;
                (request.context, request.context_len) = (entry, 1);
            }
            kms_create_grant(self.as_ptr(), &request, &mut created, error)
        })?;
        Ok(Created { id: text(&created.grant_id), token: text(&created.grant_token) })
    }

    pub fn revoke_grant(&self, key_id: &str, grant_id: &str) -> Outcome<()> {
        let (key_id, grant_id) = (c_string(key_id), c_string(grant_id));
        // SAFETY: as in create_grant.
        outcome(|error| unsafe {
            let mut request: kms_grant_request_t = zeroed();
            request.struct_size = size_of_val(&request);
            request.key_id = key_id.as_ptr();
            request.grant_id = grant_id.as_ptr();
            kms_revoke_grant(self.as_ptr(), &request, error)
        })
    }

    /// The ids of a key's grants, in the order that they are listed.
    pub fn grants(&self, key_id: &str) -> Outcome<Vec<String>> {
        const PAGE: usize = 32;
        let key_id = c_string(key_id);
        // SAFETY: structs of the C ABI.
        let (mut page, mut request): (kms_page_t, kms_list_grants_request_t) =
            unsafe { (zeroed(), zeroed()) };
        request.struct_size = size_of_val(&request);
        request.key_id = key_id.as_ptr();
        page.struct_size = size_of_val(&page);
        let mut ids = Vec::new();
        loop {
            let mut texts = vec![0; 1 << 16];
            let mut out = kms_buffer_t { data: texts.as_mut_ptr(), capacity: texts.len(), len: 0 };
            // SAFETY: a struct of the C ABI.
            let mut items: [kms_grant_info_t; PAGE] = unsafe { zeroed() };
            let size = size_of::<kms_grant_info_t>();
            items.iter_mut().for_each(|item| item.struct_size = size);
            // SAFETY: as in create_grant; PAGE items and a text buffer of its capacity.
            outcome(|error| unsafe {
                let items = items.as_mut_ptr();
                kms_list_grants(self.as_ptr(), &request, &mut page, items, size, PAGE, &mut out, error)
            })?;
            ids.extend(items[..page.items_len].iter().map(|info| text(&info.grant_id)));
            if page.more == 0 {
                return Ok(ids);
            }
        }
    }

    /// A data key's ciphertext, with a grant token and a pair of a context, if they are given.
    pub fn generate_by(
        &self,
        key_id: &str,
        token: Option<&str>,
        pair: Option<(&str, &str)>,
    ) -> Outcome<Vec<u8>> {
        let (key_id, token) = (c_string(key_id), token.map(c_string));
        let pair = pair.map(|(key, value)| (c_string(key), c_string(value)));
        let entry = pair
            .as_ref()
            .map(|(key, value)| kms_context_entry_t { key: key.as_ptr(), value: value.as_ptr() });
        let tokens = token.as_ref().map(|token| token.as_ptr());
        let mut memory = [0; 256];
        let mut ciphertext = kms_buffer_t { data: memory.as_mut_ptr(), capacity: memory.len(), len: 0 };
        // SAFETY: as in create_grant; a buffer of its capacity.
        outcome(|error| unsafe {
            let mut request: kms_data_key_request_t = zeroed();
            request.struct_size = size_of_val(&request);
            request.key_id = key_id.as_ptr();
            if let Some(entry) = &entry {
                (request.context, request.context_len) = (entry, 1);
            }
            if let Some(token) = &tokens {
                (request.grant_tokens, request.grant_tokens_len) = (token, 1);
            }
            kms_generate_data_key(
                self.as_ptr(),
                &request,
                null_mut(),
                &mut ciphertext,
                null_mut(),
                null_mut(),
                error,
            )
        })?;
        Ok(memory[..ciphertext.len].to_vec())
    }
}
