//! From Rust to C: info structs, texts and lists. A struct's size is checked before the operation, its fields are
//! written after it.

use std::ffi::c_char;

use super::about::kms_stats_t;
use super::aliases::kms_alias_info_t;
use super::care::kms_damage_info_t;
use super::constants::KMS_ALGORITHM_XAES_256_GCM;
use super::data::kms_data_key_info_t;
use super::exchange::kms_exchange_response_t;
use super::guard::copy_text;
use super::input::{self, Extensible, struct_size};
use super::keys::kms_key_info_t;
use super::lifecycle::kms_tag_info_t;
use super::output::check_memory;
use super::types::{kms_buffer_t, kms_page_t, kms_span_t, kms_status_t};
use super::versions::kms_version_info_t;
use crate::crypto::uuid::Uuid;
use crate::crypto::{hex, uuid};
use crate::dialect::Response;
use crate::engine::{
    AliasInfo, KeyInfo, ListPage, Listed, Served, ServedBy, Stats, TagInfo, Tell, VersionInfo,
};
use crate::error::{Error, Result};
use crate::store::verify::Damage;

/// An info struct of the caller: its size is checked before the operation, its fields are written after it.
pub(super) struct Info<T> {
    /// NULL = not wanted.
    place: *mut T,
    size: usize,
}

impl<T: Extensible> Info<T> {
    /// # Safety
    /// `place` is NULL or points to struct_size writable bytes.
    pub unsafe fn new(place: *mut T) -> Result<Self> {
        if place.is_null() {
            return Ok(Info { place, size: 0 });
        }
        // SAFETY: promised by the caller.
        unsafe { Self::required(place) }
    }

    /// # Safety
    /// As new.
    pub unsafe fn required(place: *mut T) -> Result<Self> {
        // SAFETY: promised by the caller.
        let size = unsafe { struct_size(place) }?;
        Ok(Info { place, size })
    }

    /// Fills what both sides know, zeroes the rest of what the caller has, keeps struct_size.
    pub(super) fn write(&self, value: &T) {
        let known = self.size.min(size_of::<T>());
        let header = size_of::<usize>();
        // SAFETY: `size` bytes of the caller, `known` of ours, and no less than a size_t on both sides.
        unsafe {
            let place = self.place.cast::<u8>();
            let value = std::ptr::from_ref(value).cast::<u8>();
            std::ptr::copy_nonoverlapping(value.add(header), place.add(header), known - header);
            std::ptr::write_bytes(place.add(known), 0, self.size - known);
        }
    }
}

impl Info<kms_data_key_info_t> {
    /// What takes what served the request, if the caller wants to know.
    #[inline(always)]
    pub fn wanted<'a>(&self, tell: &'a mut dyn FnMut(&ServedBy<'_>)) -> Tell<'a> {
        if self.place.is_null() { None } else { Some(tell) }
    }

    pub fn served_by(&self, by: &ServedBy<'_>) {
        let version = &by.version.record;
        self.data_key(by.key.id(), &version.version_id, version.number, &by.request_id);
    }

    pub fn served(&self, served: &Served) {
        if !self.place.is_null() {
            let (key_id, version_id) = (served.key_id.as_str(), served.version_id.as_str());
            self.data_key(key_id, version_id, served.version_number, &served.request_id);
        }
    }

    fn data_key(&self, key_id: &str, version_id: &str, version_number: u32, request_id: &Uuid) {
        let mut info = kms_data_key_info_t {
            struct_size: 0,
            key_id: [0; 65],
            version_id: [0; 65],
            request_id: [0; 37],
            reserved0: 0,
            algorithm: KMS_ALGORITHM_XAES_256_GCM,
            version_number,
        };
        copy_ascii(&mut info.key_id, key_id.as_bytes());
        copy_ascii(&mut info.version_id, version_id.as_bytes());
        copy_ascii(&mut info.request_id, &uuid::text(request_id));
        self.write(&info);
    }
}

impl Info<kms_key_info_t> {
    pub fn key(&self, key: &KeyInfo) {
        if !self.place.is_null() {
            self.write(&key_info(key, kms_span_t { offset: 0, len: 0 }));
        }
    }

    /// # Safety
    /// `text` is NULL or a kms_buffer_t whose data has capacity writable bytes.
    pub unsafe fn key_with_text(&self, key: &KeyInfo, text: *mut kms_buffer_t) -> Result<()> {
        // SAFETY: promised by the caller.
        let mut text = unsafe { Text::new(text) }?;
        let item = key.to_item(&mut text);
        text.finish()?;
        self.write(&item);
        Ok(())
    }
}

impl Info<kms_version_info_t> {
    pub fn version(&self, version: &VersionInfo) {
        if !self.place.is_null() {
            self.write(&version_info(version));
        }
    }
}

impl Info<kms_exchange_response_t> {
    /// Fills everything but the offers of memory, which `place` holds with their lengths.
    pub fn exchange(&self, place: kms_exchange_response_t, answer: &Response) {
        let mut info = kms_exchange_response_t {
            http_status: answer.http_status.into(),
            grpc_status: answer.grpc_status,
            status: answer.status as kms_status_t,
            detail: answer.detail as u32,
            request_id: [0; 40],
            message: [0; 448],
            ..place
        };
        copy_text(&mut info.request_id, &answer.request_id);
        copy_text(&mut info.message, &answer.message);
        self.write(&info);
    }
}

impl Info<kms_stats_t> {
    pub fn stats(&self, stats: &Stats) {
        let mut info = kms_stats_t {
            struct_size: 0,
            reserved0: 0,
            data_keys_generated: stats.data_keys_generated,
            payloads_encrypted: stats.payloads_encrypted,
            ciphertexts_decrypted: stats.ciphertexts_decrypted,
            calls_failed: stats.calls_failed,
            key_loads: stats.key_loads,
            store_refreshes: stats.store_refreshes,
            subkeys_derived: stats.subkeys_derived,
            generator_seeds: stats.generator_seeds,
            keys_cached: stats.keys_cached,
            lanes: stats.lanes,
            secret_bytes: stats.memory.secret_bytes,
            secret_bytes_unlocked: stats.memory.unlocked_bytes,
            store_revision: stats.store_revision,
            memory_protection: stats.memory.protection,
            reserved1: 0,
            store_id: [0; 37],
            reserved2: [0; 3],
            audit_records: stats.audit_records,
            audit_records_lost: stats.audit_records_lost,
        };
        copy_ascii(&mut info.store_id, &uuid::text(&stats.store_id));
        self.write(&info);
    }
}

/// Copies text that is known to be printable ASCII and shorter than its target, which is all zeros.
/// Of an id, which is shorter than its place: the last byte stays a NUL.
fn copy_ascii<const N: usize>(target: &mut [c_char; N], text: &[u8]) {
    for (cell, byte) in target.iter_mut().take(N - 1).zip(text) {
        *cell = *byte as c_char;
    }
}

fn key_info(key: &KeyInfo, description: kms_span_t) -> kms_key_info_t {
    let mut info = kms_key_info_t {
        struct_size: 0,
        key_id: [0; 65],
        reserved0: [0; 3],
        state: key.state as u32,
        primary_version_id: [0; 65],
        reserved1: [0; 7],
        reserved2: 0,
        created_at: key.created_at,
        primary_version_number: key.primary_version_number,
        versions_len: key.versions_len,
        origin: key.origin as u32,
        rotation_period_s: key.rotation_period_s,
        description,
        deletion_at: key.deletion_at,
        next_rotation_at: key.next_rotation_at,
        rotate_after_uses: key.rotate_after_uses,
        uses_sealed: key.uses_sealed,
        uses_opened: key.uses_opened,
        last_used_at: key.last_used_at,
        material_expires_at: key.material_expires_at,
        key_uuid: key.key_uuid,
    };
    copy_text(&mut info.key_id, &key.key_id);
    copy_text(&mut info.primary_version_id, &key.primary_version_id);
    info
}

fn version_info(version: &VersionInfo) -> kms_version_info_t {
    let mut info = kms_version_info_t {
        struct_size: 0,
        key_id: [0; 65],
        version_id: [0; 65],
        reserved0: [0; 2],
        version_number: version.number,
        state: version.state as u32,
        algorithm: version.algorithm,
        is_primary: u32::from(version.is_primary),
        reserved1: 0,
        reserved2: 0,
        created_at: version.created_at,
        destruction_at: version.destruction_at,
        uses_sealed: version.usage.sealed,
        uses_opened: version.usage.opened,
        last_used_at: version.usage.last_used_at,
    };
    copy_text(&mut info.key_id, &version.key_id);
    copy_text(&mut info.version_id, &version.version_id);
    info
}

/// A text buffer being filled: strings one after the other, each with a NUL behind it.
pub(super) struct Text {
    buffer: Option<(*mut kms_buffer_t, kms_buffer_t)>,
    used: usize,
    staged: Vec<u8>,
}

impl Text {
    /// # Safety
    /// `place` is NULL or a kms_buffer_t whose data has capacity writable bytes.
    unsafe fn new(place: *mut kms_buffer_t) -> Result<Self> {
        let buffer = if place.is_null() {
            None
        } else {
            // SAFETY: promised by the caller.
            let copy = unsafe { place.read_unaligned() };
            check_memory("text", copy.data, copy.capacity)?;
            Some((place, copy))
        };
        Ok(Text { buffer, used: 0, staged: Vec::new() })
    }

    /// Stages a string and says where it will stand.
    pub(super) fn put(&mut self, text: &str) -> kms_span_t {
        if self.buffer.is_none() || text.is_empty() {
            return kms_span_t { offset: 0, len: 0 };
        }
        let span = kms_span_t { offset: self.staged.len() as u32, len: text.len() as u32 };
        self.staged.extend_from_slice(text.as_bytes());
        self.staged.push(0);
        span
    }

    /// Keeps what is staged if it fits, else goes back to what fitted before.
    fn keep(&mut self) -> bool {
        let fits = self.buffer.as_ref().is_none_or(|(_, copy)| self.staged.len() <= copy.capacity);
        if fits {
            self.used = self.staged.len();
        }
        fits
    }

    fn refuse(&self) -> Error {
        self.write_len(self.staged.len());
        Error::BufferTooSmall("text")
    }

    /// Copies what is staged to the caller, or says what it needs.
    fn finish(&mut self) -> Result<()> {
        if !self.keep() {
            return Err(self.refuse());
        }
        self.copy();
        Ok(())
    }

    /// Copies what was kept to the caller.
    fn copy(&self) {
        if let Some((_, copy)) = self.buffer {
            // SAFETY: used <= capacity writable bytes of the caller.
            unsafe { std::ptr::copy_nonoverlapping(self.staged.as_ptr(), copy.data, self.used) };
        }
        self.write_len(self.used);
    }

    fn write_len(&self, len: usize) {
        if let Some((place, _)) = self.buffer {
            // SAFETY: not NULL; a kms_buffer_t of the caller.
            unsafe { (&raw mut (*place).len).write_unaligned(len) };
        }
    }
}

/// How an engine's item looks in C.
pub(super) trait ToItem<T> {
    fn to_item(&self, text: &mut Text) -> T;
}

impl ToItem<kms_key_info_t> for KeyInfo {
    fn to_item(&self, text: &mut Text) -> kms_key_info_t {
        let description = text.put(&self.description);
        key_info(self, description)
    }
}

impl ToItem<kms_alias_info_t> for AliasInfo {
    fn to_item(&self, _text: &mut Text) -> kms_alias_info_t {
        let mut info = kms_alias_info_t {
            struct_size: 0,
            alias: [0; 257],
            key_id: [0; 65],
            reserved0: [0; 6],
            reserved2: 0,
            created_at: self.created_at,
        };
        copy_text(&mut info.alias, &self.alias);
        copy_text(&mut info.key_id, &self.key_id);
        info
    }
}

impl ToItem<kms_version_info_t> for VersionInfo {
    fn to_item(&self, _text: &mut Text) -> kms_version_info_t {
        version_info(self)
    }
}

impl ToItem<kms_tag_info_t> for TagInfo {
    fn to_item(&self, text: &mut Text) -> kms_tag_info_t {
        kms_tag_info_t { struct_size: 0, key: text.put(&self.key), value: text.put(&self.value) }
    }
}

impl ToItem<kms_damage_info_t> for Damage {
    fn to_item(&self, text: &mut Text) -> kms_damage_info_t {
        let mut info = kms_damage_info_t {
            struct_size: 0,
            row_kind: self.row.map_or(0, |(kind, _)| kind as u32),
            reserved: 0,
            row_id: [0; 65],
            key_id: [0; 65],
            reserved0: [0; 6],
            problem: text.put(&self.problem),
        };
        let row_id = self.row.map(|(_, id)| hex::encode(&id)).unwrap_or_default();
        copy_text(&mut info.row_id, &row_id);
        copy_text(&mut info.key_id, &self.key_id);
        info
    }
}

/// A page of list items in memory of the caller.
pub(super) struct List<T> {
    place: *mut kms_page_t,
    page: kms_page_t,
    marker: String,
    items: *mut T,
    item_size: usize,
    items_capacity: usize,
    text: Text,
}

impl Extensible for kms_page_t {
    const NAME: &'static str = "page";
}

impl<T: Extensible> List<T> {
    /// # Safety
    /// `page` points to a kms_page_t, `items` to items_capacity * item_size writable bytes, `text` is NULL or a buffer.
    pub unsafe fn new(
        page: *mut kms_page_t,
        items: *mut T,
        item_size: usize,
        items_capacity: usize,
        text: *mut kms_buffer_t,
    ) -> Result<Self> {
        // SAFETY: promised by the caller.
        let copy = unsafe { input::request(page) }?;
        input::reserved("page.reserved", copy.reserved)?;
        if items.is_null() {
            return Err(Error::argument("items: is NULL; it is required"));
        }
        if item_size < T::FIRST_SIZE || item_size > input::MAX_STRUCT_SIZE {
            return Err(Error::argument(format!(
                "item_size: is {item_size}, expected {} to {}",
                T::FIRST_SIZE,
                input::MAX_STRUCT_SIZE
            )));
        }
        let marker = copy.marker.iter().take_while(|cell| **cell != 0).map(|cell| *cell as u8).collect();
        let marker = String::from_utf8(marker)
            .map_err(|_| Error::argument("page.marker: is not one that a list call returned"))?;
        // SAFETY: promised by the caller.
        let text = unsafe { Text::new(text) }?;
        Ok(List { place: page, page: copy, marker, items, item_size, items_capacity, text })
    }

    /// Of items whose strings are all in the text buffer.
    ///
    /// # Safety
    /// As new.
    pub unsafe fn with_text(
        page: *mut kms_page_t,
        items: *mut T,
        item_size: usize,
        items_capacity: usize,
        text: *mut kms_buffer_t,
    ) -> Result<Self> {
        if text.is_null() {
            return Err(Error::argument("text: is NULL; it is required"));
        }
        // SAFETY: promised by the caller.
        unsafe { Self::new(page, items, item_size, items_capacity, text) }
    }

    /// Where the last page ended; empty = the first page.
    pub fn marker(&self) -> &str {
        &self.marker
    }

    pub fn capacity(&self) -> usize {
        self.items_capacity
    }

    /// Writes as many whole items as fit.
    pub fn fill<I: ToItem<T>>(&mut self, listed: &ListPage<I>) -> Result<()> {
        let mut written = 0;
        let mut last_marker = "";
        for Listed { item, marker } in listed.items.iter().take(self.items_capacity) {
            let converted = item.to_item(&mut self.text);
            if !self.text.keep() {
                break;
            }
            let place = self.items.cast::<u8>().wrapping_add(written * self.item_size).cast::<T>();
            // SAFETY: written < items_capacity items of item_size bytes, each starting with its struct_size.
            unsafe { place.cast::<usize>().write_unaligned(self.item_size) };
            Info { place, size: self.item_size }.write(&converted);
            written += 1;
            last_marker = marker;
        }
        if written == 0 && !listed.items.is_empty() {
            return Err(self.text.refuse());
        }
        self.text.copy();
        self.page.items_len = written;
        self.page.more = u32::from(listed.more || written < listed.items.len());
        // Where all items of the page fitted, it ends where the engine says, which may be after the last of them.
        let end =
            if written == listed.items.len() && !listed.end.is_empty() { &listed.end } else { last_marker };
        if !end.is_empty() {
            copy_text(&mut self.page.marker, end);
        }
        // SAFETY: the kms_page_t of the caller, whose struct_size is kept.
        unsafe { Info::required(self.place) }?.write(&self.page);
        Ok(())
    }
}
