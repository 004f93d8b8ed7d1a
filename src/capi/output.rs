//! From Rust to C: buffers and columns. Sizes are checked before anything is done; bytes and lengths of the caller
//! change only on success, `len` on KMS_BUFFER_TOO_SMALL excepted.

use std::ops::Range;

use super::types::{kms_buffer_t, kms_bytes_t, kms_column_t};
use crate::crypto::secret;
use crate::engine::{ColumnOutput, Output};
use crate::error::{Error, Result};

/// A struct through which the caller offers memory.
pub(super) trait Offer: Copy {
    /// What stands for an output that is not wanted.
    const NONE: Self;
    fn data(&self) -> *mut u8;
    fn capacity(&self) -> usize;
    /// Tells the caller a length.
    ///
    /// # Safety
    /// `place` is not NULL and of the caller.
    unsafe fn write_len(place: *mut Self, len: usize);
}

impl Offer for kms_buffer_t {
    const NONE: Self = kms_buffer_t { data: std::ptr::null_mut(), capacity: 0, len: 0 };

    fn data(&self) -> *mut u8 {
        self.data
    }

    fn capacity(&self) -> usize {
        self.capacity
    }

    unsafe fn write_len(place: *mut Self, len: usize) {
        // SAFETY: promised by the caller.
        unsafe { (&raw mut (*place).len).write_unaligned(len) }
    }
}

impl Offer for kms_column_t {
    const NONE: Self = kms_column_t { data: std::ptr::null_mut(), capacity: 0, stride: 0, item_len: 0 };

    fn data(&self) -> *mut u8 {
        self.data
    }

    fn capacity(&self) -> usize {
        self.capacity
    }

    unsafe fn write_len(place: *mut Self, len: usize) {
        // SAFETY: promised by the caller.
        unsafe { (&raw mut (*place).item_len).write_unaligned(len) }
    }
}

/// N outputs, in the order in which the operation names them.
pub(super) struct Targets<T, const N: usize> {
    names: [&'static str; N],
    /// NULL = not wanted.
    places: [*mut T; N],
    copies: [T; N],
    needs: [usize; N],
}

pub(super) type Buffers<const N: usize> = Targets<kms_buffer_t, N>;

/// What a caller offers as one output; NULL = not wanted.
pub(super) fn optional<T>(name: &'static str, place: *mut T) -> (&'static str, *mut T, bool) {
    (name, place, false)
}

/// The same, where NULL is refused.
pub(super) fn required<T>(name: &'static str, place: *mut T) -> (&'static str, *mut T, bool) {
    (name, place, true)
}

impl<T: Offer, const N: usize> Targets<T, N> {
    /// # Safety
    /// Each place is NULL or an offer of capacity writable bytes.
    #[inline(always)]
    pub unsafe fn new(offers: [(&'static str, *mut T, bool); N]) -> Result<Self> {
        let mut copies = [T::NONE; N];
        for ((name, place, is_required), copy) in offers.into_iter().zip(&mut copies) {
            if !place.is_null() {
                // SAFETY: promised by the caller.
                *copy = unsafe { place.read_unaligned() };
            } else if is_required {
                return Err(missing(name));
            }
            check_memory(name, copy.data(), copy.capacity())?;
        }
        Ok(Targets {
            names: offers.map(|(name, _, _)| name),
            places: offers.map(|(_, place, _)| place),
            copies,
            needs: [0; N],
        })
    }

    /// Outputs must not overlap each other, nor an input.
    #[inline(always)]
    pub fn refuse_overlap(&self, inputs: &[kms_bytes_t]) -> Result<()> {
        let ranges = self.copies.map(|copy| range(copy.data(), copy.capacity()));
        let mut outputs = ranges.as_slice();
        while let Some((output, later)) = outputs.split_first() {
            let with_input = inputs.iter().any(|input| overlap(output, &range(input.data, input.len)));
            if with_input || later.iter().any(|other| overlap(output, other)) {
                return Err(self.overlapping(&ranges, inputs));
            }
            outputs = later;
        }
        Ok(())
    }

    /// Names the first output that overlaps, and with what.
    #[cold]
    fn overlapping(&self, ranges: &[Range<usize>; N], inputs: &[kms_bytes_t]) -> Error {
        let outputs = || self.names.iter().zip(ranges);
        for (index, (name, output)) in outputs().enumerate() {
            if let Some((other, _)) = outputs().skip(index + 1).find(|(_, other)| overlap(output, other)) {
                return Error::argument(format!("{name}: overlaps {other}"));
            }
            if inputs.iter().any(|input| overlap(output, &range(input.data, input.len))) {
                return Error::argument(format!("{name}: overlaps an input"));
            }
        }
        Error::Internal("outputs that do not overlap")
    }

    /// Tells the caller the lengths: after the operation succeeded, or when something is too small.
    #[inline(always)]
    pub fn finish(&self) {
        for (place, need) in self.places.into_iter().zip(self.needs) {
            if !place.is_null() {
                // SAFETY: not NULL; the caller's.
                unsafe { T::write_len(place, need) };
            }
        }
    }

    #[cold]
    fn too_small<V>(&self, name: &'static str) -> Result<V> {
        self.finish();
        Err(Error::BufferTooSmall(name))
    }
}

#[cold]
fn missing(name: &'static str) -> Error {
    Error::argument(format!("{name}: is NULL; it is required"))
}

#[inline(always)]
fn overlap(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start.max(b.start) < a.end.min(b.end)
}

impl<const N: usize> Output<N> for Buffers<N> {
    #[inline(always)]
    fn reserve(&mut self, needs: [usize; N]) -> Result<[Option<&mut [u8]>; N]> {
        self.needs = needs;
        for (((place, copy), need), name) in self.places.iter().zip(&self.copies).zip(needs).zip(self.names) {
            if !place.is_null() && copy.capacity < need {
                return self.too_small(name);
            }
        }
        let mut outputs = [const { None }; N];
        for (((place, copy), need), output) in
            self.places.iter().zip(&self.copies).zip(needs).zip(&mut outputs)
        {
            if !place.is_null() {
                // SAFETY: capacity >= need bytes of the caller, distinct from the other outputs (refuse_overlap).
                *output = Some(unsafe { bytes_of(copy.data, need) });
            }
        }
        Ok(outputs)
    }
}

/// The three columns of kms_generate_data_keys.
pub(super) struct Columns {
    pub targets: Targets<kms_column_t, 3>,
    count: usize,
}

impl Columns {
    /// # Safety
    /// Each place is NULL or an offer of capacity writable bytes.
    pub unsafe fn new(count: usize, offers: [(&'static str, *mut kms_column_t, bool); 3]) -> Result<Self> {
        let most = super::constants::KMS_MAX_DATA_KEYS;
        if count == 0 || count > most {
            return Err(Error::argument(format!("count: is {count}, expected 1 to {most}")));
        }
        // SAFETY: promised by the caller.
        Ok(Columns { targets: unsafe { Targets::new(offers) }?, count })
    }
}

impl ColumnOutput for Columns {
    fn reserve(&mut self, needs: [usize; 3]) -> Result<()> {
        let Targets { names, places, copies, .. } = &mut self.targets;
        let mut too_small = None;
        for (((name, place), copy), need) in names.iter().zip(places).zip(copies).zip(needs) {
            if place.is_null() {
                continue;
            }
            if copy.stride == 0 {
                copy.stride = need;
            }
            if copy.capacity > 0 && copy.stride < need {
                return Err(Error::argument(format!(
                    "{name}: stride is {}, but an item has {need} bytes",
                    copy.stride
                )));
            }
            let span = copy.stride.checked_mul(self.count - 1).and_then(|start| start.checked_add(need));
            if span.is_none_or(|span| span > copy.capacity) {
                too_small = too_small.or(Some(*name));
            }
        }
        self.targets.needs = needs;
        too_small.map_or(Ok(()), |name| self.targets.too_small(name))
    }

    #[inline(always)]
    fn item(&mut self, index: usize) -> [Option<&mut [u8]>; 3] {
        let Targets { places, copies, needs, .. } = &self.targets;
        let mut outputs = [const { None }; 3];
        for (((place, copy), need), output) in places.iter().zip(copies).zip(needs).zip(&mut outputs) {
            if !place.is_null() && index < self.count {
                let data = copy.data.wrapping_add(index * copy.stride);
                // SAFETY: reserve() saw that item count-1 ends within capacity; columns do not overlap.
                *output = Some(unsafe { bytes_of(data, *need) });
            }
        }
        outputs
    }

    fn wipe(&mut self) {
        for index in 0..self.count {
            self.item(index).into_iter().flatten().for_each(secret::wipe);
        }
    }
}

#[inline(always)]
pub(super) fn check_memory(name: &'static str, data: *mut u8, capacity: usize) -> Result<()> {
    if data.is_null() && capacity > 0 {
        return Err(Error::argument(format!("{name}: data is NULL, but capacity is {capacity}")));
    }
    if capacity > isize::MAX as usize {
        return Err(Error::argument(format!("{name}: capacity {capacity} is no length")));
    }
    Ok(())
}

/// # Safety
/// `data` has `len` writable bytes, unless len is 0.
#[inline(always)]
unsafe fn bytes_of<'a>(data: *mut u8, len: usize) -> &'a mut [u8] {
    if len == 0 {
        return &mut [];
    }
    // SAFETY: promised by the caller.
    unsafe { std::slice::from_raw_parts_mut(data, len) }
}

#[inline(always)]
fn range(data: *const u8, len: usize) -> Range<usize> {
    data.addr()..data.addr().saturating_add(len)
}
