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

/// An output of the caller and how much of it the operation fills.
struct Target<T> {
    name: &'static str,
    /// NULL = not wanted.
    place: *mut T,
    copy: T,
    need: usize,
}

/// Up to N outputs, in the order in which the operation names them.
pub(super) struct Targets<T, const N: usize> {
    targets: [Option<Target<T>>; N],
    len: usize,
}

pub(super) type Buffers<const N: usize> = Targets<kms_buffer_t, N>;

impl<T: Offer, const N: usize> Targets<T, N> {
    pub fn new() -> Self {
        Targets { targets: [const { None }; N], len: 0 }
    }

    /// # Safety
    /// `place` is NULL or an offer of capacity writable bytes.
    pub unsafe fn optional(&mut self, name: &'static str, place: *mut T) -> Result<()> {
        // SAFETY: promised by the caller.
        let copy = if place.is_null() { T::NONE } else { unsafe { place.read_unaligned() } };
        check_memory(name, copy.data(), copy.capacity())?;
        if let Some(slot) = self.targets.get_mut(self.len) {
            *slot = Some(Target { name, place, copy, need: 0 });
            self.len += 1;
        }
        Ok(())
    }

    /// # Safety
    /// As optional.
    pub unsafe fn required(&mut self, name: &'static str, place: *mut T) -> Result<()> {
        if place.is_null() {
            return Err(Error::argument(format!("{name}: is NULL; it is required")));
        }
        // SAFETY: promised by the caller.
        unsafe { self.optional(name, place) }
    }

    pub fn refuse_overlap(&self, inputs: &[kms_bytes_t]) -> Result<()> {
        let ranges = self.targets.each_ref().map(|target| {
            target.as_ref().map_or(("", 0..0), |t| (t.name, range(t.copy.data(), t.copy.capacity())))
        });
        refuse_overlap(&ranges, inputs)
    }

    /// Tells the caller the lengths: after the operation succeeded, or when something is too small.
    pub fn finish(&self) {
        for target in self.targets.iter().flatten() {
            if !target.place.is_null() {
                // SAFETY: not NULL; the caller's.
                unsafe { T::write_len(target.place, target.need) };
            }
        }
    }
}

impl<const N: usize> Output<N> for Buffers<N> {
    fn reserve(&mut self, needs: [usize; N]) -> Result<[Option<&mut [u8]>; N]> {
        let mut too_small = None;
        for (target, need) in self.targets.iter_mut().flatten().zip(needs) {
            target.need = need;
            if !target.place.is_null() && target.copy.capacity < need {
                too_small = too_small.or(Some(target.name));
            }
        }
        if let Some(name) = too_small {
            self.finish();
            return Err(Error::BufferTooSmall(name));
        }
        Ok(self.targets.each_mut().map(|target| match target {
            // SAFETY: capacity >= need bytes of the caller, distinct from the other outputs (refuse_overlap).
            Some(t) if !t.place.is_null() => Some(unsafe { bytes_of(t.copy.data, t.need) }),
            _ => None,
        }))
    }
}

/// The three columns of kms_generate_data_keys.
pub(super) struct Columns {
    pub targets: Targets<kms_column_t, 3>,
    count: usize,
}

impl Columns {
    pub fn new(count: usize) -> Result<Self> {
        let most = super::constants::KMS_MAX_DATA_KEYS;
        if count == 0 || count > most {
            return Err(Error::argument(format!("count: is {count}, expected 1 to {most}")));
        }
        Ok(Columns { targets: Targets::new(), count })
    }
}

impl ColumnOutput for Columns {
    fn reserve(&mut self, needs: [usize; 3]) -> Result<()> {
        let mut too_small = None;
        for (target, need) in self.targets.targets.iter_mut().flatten().zip(needs) {
            target.need = need;
            if target.place.is_null() {
                continue;
            }
            if target.copy.stride == 0 {
                target.copy.stride = need;
            }
            if target.copy.capacity > 0 && target.copy.stride < need {
                return Err(Error::argument(format!(
                    "{}: stride is {}, but an item has {need} bytes",
                    target.name, target.copy.stride
                )));
            }
            let span =
                target.copy.stride.checked_mul(self.count - 1).and_then(|start| start.checked_add(need));
            if span.is_none_or(|span| span > target.copy.capacity) {
                too_small = too_small.or(Some(target.name));
            }
        }
        if let Some(name) = too_small {
            self.targets.finish();
            return Err(Error::BufferTooSmall(name));
        }
        Ok(())
    }

    fn item(&mut self, index: usize) -> [Option<&mut [u8]>; 3] {
        self.targets.targets.each_mut().map(|target| match target {
            Some(t) if !t.place.is_null() && index < self.count => {
                // SAFETY: reserve() saw that item count-1 ends within capacity; columns do not overlap.
                Some(unsafe { bytes_of(t.copy.data.wrapping_add(index * t.copy.stride), t.need) })
            }
            _ => None,
        })
    }

    fn wipe(&mut self) {
        for index in 0..self.count {
            self.item(index).into_iter().flatten().for_each(secret::wipe);
        }
    }
}

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
unsafe fn bytes_of<'a>(data: *mut u8, len: usize) -> &'a mut [u8] {
    if len == 0 {
        return &mut [];
    }
    // SAFETY: promised by the caller.
    unsafe { std::slice::from_raw_parts_mut(data, len) }
}

fn range(data: *const u8, len: usize) -> Range<usize> {
    data.addr()..data.addr().saturating_add(len)
}

fn refuse_overlap(outputs: &[(&'static str, Range<usize>)], inputs: &[kms_bytes_t]) -> Result<()> {
    let overlap = |a: &Range<usize>, b: &Range<usize>| a.start.max(b.start) < a.end.min(b.end);
    for (index, (name, output)) in outputs.iter().enumerate() {
        for (other, range) in outputs.iter().skip(index + 1) {
            if overlap(output, range) {
                return Err(Error::argument(format!("{name}: overlaps {other}")));
            }
        }
        if inputs.iter().any(|input| overlap(output, &range(input.data, input.len))) {
            return Err(Error::argument(format!("{name}: overlaps an input")));
        }
    }
    Ok(())
}
