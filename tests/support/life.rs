//! The life of keys through the C ABI, on the `Handle` of handle.rs: states, versions, imported material, and the care
//! for a store.

#![allow(dead_code)] // every test file uses its own part
#![allow(unsafe_code)] // calls of C functions

use std::ffi::CString;
use std::path::Path;
use std::ptr::null_mut;

use kms::capi::aliases::*;
use kms::capi::care::*;
use kms::capi::constants::*;
use kms::capi::keys::*;
use kms::capi::lifecycle::*;
use kms::capi::types::*;
use kms::capi::versions::*;

use crate::handle::{Handle, Outcome, bytes, outcome, zeroed};
use crate::keys::text;

/// What kms_list_key_versions says of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionFacts {
    pub id: String,
    pub number: u32,
    pub state: u32,
    pub is_primary: bool,
}

fn c_string(text: &str) -> CString {
    CString::new(text).expect("text without NUL")
}

type OnKey = unsafe extern "C" fn(*mut kms_t, *const kms_key_request_t, *mut kms_error_t) -> kms_status_t;

impl Handle {
    fn on_key(&self, operation: OnKey, key_id: &str, version_id: Option<&str>) -> Outcome<()> {
        let (key_id, version_id) = (c_string(key_id), version_id.map(c_string));
        // SAFETY: a struct of the C ABI, and strings that live through the call.
        outcome(|error| unsafe {
            let mut request: kms_key_request_t = zeroed();
            request.struct_size = size_of_val(&request);
            request.key_id = key_id.as_ptr();
            request.version_id = version_id.as_ref().map_or(std::ptr::null(), |id| id.as_ptr());
            operation(self.as_ptr(), &request, error)
        })
    }

    pub fn enable(&self, key_id: &str) -> Outcome<()> {
        self.on_key(kms_enable_key, key_id, None)
    }

    pub fn disable(&self, key_id: &str) -> Outcome<()> {
        self.on_key(kms_disable_key, key_id, None)
    }

    pub fn cancel_deletion(&self, key_id: &str) -> Outcome<()> {
        self.on_key(kms_cancel_key_deletion, key_id, None)
    }

    pub fn set_primary(&self, key_id: &str, version_id: &str) -> Outcome<()> {
        self.on_key(kms_set_primary_version, key_id, Some(version_id))
    }

    pub fn cancel_destruction(&self, key_id: &str, version_id: &str) -> Outcome<()> {
        self.on_key(kms_cancel_version_destruction, key_id, Some(version_id))
    }

    pub fn delete_material(&self, key_id: &str) -> Outcome<()> {
        self.on_key(kms_delete_imported_key_material, key_id, None)
    }

    /// The number of the new version.
    pub fn rotate(&self, key_id: &str) -> Outcome<u32> {
        let key_id = c_string(key_id);
        // SAFETY: structs of the C ABI.
        let mut info: kms_version_info_t = unsafe { zeroed() };
        info.struct_size = size_of_val(&info);
        // SAFETY: as in on_key.
        outcome(|error| unsafe {
            let mut request: kms_key_request_t = zeroed();
            request.struct_size = size_of_val(&request);
            request.key_id = key_id.as_ptr();
            kms_rotate_key(self.as_ptr(), &request, &mut info, error)
        })?;
        Ok(info.version_number)
    }

    /// By their numbers; at most 100.
    pub fn versions(&self, key_id: &str) -> Outcome<Vec<VersionFacts>> {
        const MOST: usize = 100;
        let key_id = c_string(key_id);
        // SAFETY: structs of the C ABI.
        let mut items: [kms_version_info_t; MOST] = unsafe { zeroed() };
        // SAFETY: as above.
        let mut page: kms_page_t = unsafe { zeroed() };
        let size = size_of::<kms_version_info_t>();
        items.iter_mut().for_each(|item| item.struct_size = size);
        page.struct_size = size_of_val(&page);
        // SAFETY: as in on_key; MOST items.
        outcome(|error| unsafe {
            let mut request: kms_key_request_t = zeroed();
            request.struct_size = size_of_val(&request);
            request.key_id = key_id.as_ptr();
            let items = items.as_mut_ptr();
            kms_list_key_versions(self.as_ptr(), &request, &mut page, items, size, MOST, null_mut(), error)
        })?;
        assert_eq!(page.more, 0, "more than {MOST} versions");
        let facts = |info: &kms_version_info_t| VersionFacts {
            id: text(&info.version_id),
            number: info.version_number,
            state: info.state,
            is_primary: info.is_primary == 1,
        };
        Ok(items[..page.items_len].iter().map(facts).collect())
    }

    fn schedule_request<T>(
        key_id: &str,
        version_id: Option<&str>,
        call: impl FnOnce(&kms_schedule_request_t) -> T,
    ) -> T {
        let (key_id, version_id) = (c_string(key_id), version_id.map(c_string));
        // SAFETY: a struct of the C ABI.
        let mut request: kms_schedule_request_t = unsafe { zeroed() };
        request.struct_size = size_of_val(&request);
        request.key_id = key_id.as_ptr();
        request.version_id = version_id.as_ref().map_or(std::ptr::null(), |id| id.as_ptr());
        call(&request)
    }

    pub fn schedule_deletion(&self, key_id: &str) -> Outcome<()> {
        Self::schedule_request(key_id, None, |request| {
            // SAFETY: a struct of the C ABI whose strings live through the call.
            outcome(|error| unsafe { kms_schedule_key_deletion(self.as_ptr(), request, null_mut(), error) })
        })
    }

    pub fn schedule_destruction(&self, key_id: &str, version_id: &str) -> Outcome<()> {
        Self::schedule_request(key_id, Some(version_id), |request| {
            // SAFETY: as in schedule_deletion.
            outcome(|error| unsafe {
                kms_schedule_version_destruction(self.as_ptr(), request, null_mut(), error)
            })
        })
    }

    pub fn set_rotation(&self, key_id: &str, rotate_after_uses: u64) -> Outcome<()> {
        let key_id = c_string(key_id);
        // SAFETY: as in on_key.
        outcome(|error| unsafe {
            let mut request: kms_rotation_request_t = zeroed();
            request.struct_size = size_of_val(&request);
            request.key_id = key_id.as_ptr();
            request.rotate_after_uses = rotate_after_uses;
            kms_set_key_rotation(self.as_ptr(), &request, error)
        })
    }

    pub fn set_description(&self, key_id: &str, description: &str) -> Outcome<()> {
        let (key_id, description) = (c_string(key_id), c_string(description));
        // SAFETY: as in on_key.
        outcome(|error| unsafe {
            let mut request: kms_description_request_t = zeroed();
            request.struct_size = size_of_val(&request);
            request.key_id = key_id.as_ptr();
            request.description = description.as_ptr();
            kms_update_key_description(self.as_ptr(), &request, error)
        })
    }

    pub fn update_alias(&self, alias: &str, key_id: &str) -> Outcome<()> {
        let (alias, key_id) = (c_string(alias), c_string(key_id));
        // SAFETY: as in on_key.
        outcome(|error| unsafe {
            let mut request: kms_create_alias_request_t = zeroed();
            request.struct_size = size_of_val(&request);
            request.alias = alias.as_ptr();
            request.key_id = key_id.as_ptr();
            kms_update_alias(self.as_ptr(), &request, error)
        })
    }

    pub fn delete_alias(&self, alias: &str) -> Outcome<()> {
        let alias = c_string(alias);
        // SAFETY: as in on_key.
        outcome(|error| unsafe {
            let mut request: kms_alias_request_t = zeroed();
            request.struct_size = size_of_val(&request);
            request.alias = alias.as_ptr();
            kms_delete_alias(self.as_ptr(), &request, error)
        })
    }

    /// A key that waits for its material.
    pub fn create_external(&self, key_id: &str) -> Outcome<()> {
        let key_id = c_string(key_id);
        // SAFETY: as in on_key.
        outcome(|error| unsafe {
            let mut request: kms_create_key_request_t = zeroed();
            request.struct_size = size_of_val(&request);
            request.key_id = key_id.as_ptr();
            request.origin = KMS_ORIGIN_EXTERNAL;
            kms_create_key(self.as_ptr(), &request, null_mut(), error)
        })
    }

    pub fn import(&self, key_id: &str, material: &[u8; 32]) -> Outcome<()> {
        let key_id = c_string(key_id);
        // SAFETY: as in on_key; bytes that live through the call.
        outcome(|error| unsafe {
            let mut request: kms_import_request_t = zeroed();
            request.struct_size = size_of_val(&request);
            request.key_id = key_id.as_ptr();
            request.material = bytes(material);
            kms_import_key_material(self.as_ptr(), &request, null_mut(), error)
        })
    }

    pub fn rekey(&self, root_key: &[u8; 32]) -> Outcome<()> {
        // SAFETY: as in import.
        outcome(|error| unsafe {
            let mut request: kms_rekey_request_t = zeroed();
            request.struct_size = size_of_val(&request);
            request.root_key = bytes(root_key);
            kms_rekey(self.as_ptr(), &request, error)
        })
    }

    pub fn backup(&self, path: &Path) -> Outcome<()> {
        let path = c_string(path.to_str().expect("a path in UTF-8"));
        // SAFETY: as in on_key.
        outcome(|error| unsafe {
            let mut request: kms_backup_request_t = zeroed();
            request.struct_size = size_of_val(&request);
            request.path = path.as_ptr();
            kms_backup(self.as_ptr(), &request, error)
        })
    }

    /// Verifies the whole store; the damages found.
    pub fn verify(&self) -> Outcome<Vec<String>> {
        const MOST: usize = 64;
        // SAFETY: structs of the C ABI.
        let (mut page, mut request): (kms_page_t, kms_verify_request_t) = unsafe { (zeroed(), zeroed()) };
        request.struct_size = size_of_val(&request);
        page.struct_size = size_of_val(&page);
        let mut damages = Vec::new();
        loop {
            let mut texts = vec![0; 1 << 16];
            let mut out = kms_buffer_t { data: texts.as_mut_ptr(), capacity: texts.len(), len: 0 };
            // SAFETY: structs of the C ABI.
            let mut items: [kms_damage_info_t; MOST] = unsafe { zeroed() };
            let size = size_of::<kms_damage_info_t>();
            items.iter_mut().for_each(|item| item.struct_size = size);
            // SAFETY: as in on_key; MOST items and a text buffer of its capacity.
            outcome(|error| unsafe {
                kms_verify(
                    self.as_ptr(),
                    &request,
                    &mut page,
                    items.as_mut_ptr(),
                    size,
                    MOST,
                    &mut out,
                    error,
                )
            })?;
            for item in &items[..page.items_len] {
                let problem = &texts[item.problem.offset as usize..][..item.problem.len as usize];
                let problem = String::from_utf8_lossy(problem);
                damages.push(format!("kind {} of {:?}: {problem}", item.row_kind, text(&item.key_id)));
            }
            if page.more == 0 {
                return Ok(damages);
            }
        }
    }
}
