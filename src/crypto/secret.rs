//! Secrets in protected pages: a box for one, and a slab for many small ones. Nothing here can be printed or cloned.
#![allow(unsafe_code)] // placing values into mapped pages; each block argues its case

use std::mem::MaybeUninit;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::Result;
use crate::platform::{self, Inherit, Pages};

/// Overwrites bytes with zeros in a way that no compiler leaves out.
pub fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
    // The asm may read the bytes, as far as the compiler knows, so the zeros have to be there.
    // SAFETY: empty; it only takes a pointer.
    unsafe { std::arch::asm!("/* {0} */", in(reg) bytes.as_ptr(), options(nostack, preserves_flags)) };
}

/// Whether two secrets are the same, in a time that depends on their lengths only. Words at a time: with `subtle`, which
/// hides each byte from the compiler by a call, the header and the tag of a ciphertext took 80 ns.
#[inline]
pub fn is_equal(a: &[u8], b: &[u8]) -> bool {
    /// What the compiler knows nothing about, so that it cannot stop at the first difference.
    #[inline(always)]
    fn hidden(mut value: u64) -> u64 {
        // SAFETY: empty; the value stays what it is.
        unsafe {
            std::arch::asm!("/* {0} */", inout(reg) value, options(pure, nomem, nostack, preserves_flags))
        };
        value
    }
    if a.len() != b.len() {
        return false;
    }
    let ((a_words, a_rest), (b_words, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut difference = 0;
    for (a, b) in a_words.iter().zip(b_words) {
        difference = hidden(difference | (u64::from_ne_bytes(*a) ^ u64::from_ne_bytes(*b)));
    }
    for (a, b) in a_rest.iter().zip(b_rest) {
        difference = hidden(difference | u64::from(a ^ b));
    }
    difference == 0
}

/// Empties a place for a secret, and overwrites it.
pub fn clear<T>(place: &mut Option<T>) {
    drop(place.take());
    // SAFETY: what was in it is dropped, and it is given a value again before anyone can look.
    unsafe {
        wipe(std::slice::from_raw_parts_mut(std::ptr::from_mut(place).cast::<u8>(), size_of::<Option<T>>()));
        std::ptr::write(place, None);
    }
}

/// Runs work on keys in stack frames of its own, and overwrites DEPTH bytes of them when it is done: compilers spill
/// key schedules and hash keys where they like, and no destructor reaches those copies. What `work` returns, and what
/// it takes by value, is not secret. tests/residue.rs looks for what a DEPTH leaves.
#[inline(always)]
pub fn on_wiped_stack<const DEPTH: usize, T>(work: impl FnOnce() -> T) -> T {
    /// Its frame starts where the one of `wipe_stack` does.
    #[inline(never)]
    fn apart<T>(work: impl FnOnce() -> T) -> T {
        work()
    }
    let value = apart(work);
    platform::clear_vector_registers();
    wipe_stack::<DEPTH>();
    value
}

#[inline(never)]
fn wipe_stack<const DEPTH: usize>() {
    let mut stack = MaybeUninit::<[u8; DEPTH]>::uninit();
    // SAFETY: DEPTH writable bytes, any value is valid for u8.
    let bytes = unsafe { std::slice::from_raw_parts_mut(stack.as_mut_ptr().cast::<u8>(), DEPTH) };
    // In pieces: from 2 KiB on, glibc's memset takes the processor's string instruction, which needs half as much again.
    bytes.chunks_mut(1024).for_each(wipe);
}

/// A DEPTH for on_wiped_stack: unoptimised code has larger frames.
pub const fn stack_depth(optimised: usize) -> usize {
    if cfg!(debug_assertions) { 32 * 1024 } else { optimised }
}

/// on_wiped_stack for the expansion of AES keys, and for work under them. The frames of crypto::x86_64 are small; those of
/// the `aes` and `ghash` crates are not.
#[inline]
pub fn on_key_stack<T>(work: impl FnOnce() -> T) -> T {
    #[cfg(target_arch = "x86_64")]
    if super::x86_64::is_usable() {
        return on_wiped_stack::<{ stack_depth(3 * 1024) }, _>(work);
    }
    on_wiped_stack::<KEY_WORK_DEPTH, _>(work)
}

/// For work that expands keys.
pub const KEY_WORK_DEPTH: usize = stack_depth(8 * 1024);

/// One value in protected pages of its own; wiped when dropped.
pub struct SecretBox<T> {
    pages: Pages,
    value: NonNull<T>,
}

// SAFETY: owns its value, as a Box does.
unsafe impl<T: Send> Send for SecretBox<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for SecretBox<T> {}

impl<T> SecretBox<T> {
    /// Moves a value that holds no secret yet into protected pages; fill in the secret there.
    pub fn new(empty: T, inherit: Inherit, require_lock: bool) -> Result<Self> {
        let pages = Pages::map(size_of::<T>(), inherit, require_lock)?;
        let value = pages.as_ptr().cast::<T>();
        // SAFETY: the pages have room for a T, at an alignment no T exceeds.
        unsafe { value.write(empty) };
        Ok(SecretBox { pages, value })
    }

    /// Locks the copy that a child of fork inherited.
    pub fn relock(&self) {
        self.pages.relock();
    }
}

impl<T> Deref for SecretBox<T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: written in new, lives as long as the pages.
        unsafe { self.value.as_ref() }
    }
}

impl<T> DerefMut for SecretBox<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in deref, and the borrow is exclusive.
        unsafe { self.value.as_mut() }
    }
}

impl<T> Drop for SecretBox<T> {
    fn drop(&mut self) {
        // SAFETY: written in new, dropped once; the pages wipe what it leaves.
        unsafe { self.value.drop_in_place() };
    }
}

/// Bytes of a KMS key's material, of a root secret, and of every key derived from it.
pub const MATERIAL_SIZE: usize = 32;

/// A place for many Materials: protected pages cut into slots, one system call for a few hundred keys.
pub struct MaterialSlab {
    require_lock: bool,
    inner: Mutex<Slots>,
}

struct Slots {
    chunks: Vec<Pages>,
    free: Vec<NonNull<[u8; MATERIAL_SIZE]>>,
}

// SAFETY: the pointers are into `chunks`, which move along with them.
unsafe impl Send for Slots {}

const CHUNK_SIZE: usize = 16 * 1024;

impl MaterialSlab {
    pub fn new(require_lock: bool) -> Arc<Self> {
        Arc::new(MaterialSlab {
            require_lock,
            inner: Mutex::new(Slots { chunks: Vec::new(), free: Vec::new() }),
        })
    }

    /// A slot of zeros, which `fill` fills in place; wiped again if that fails.
    pub fn material(
        self: &Arc<Self>,
        fill: impl FnOnce(&mut [u8; MATERIAL_SIZE]) -> Result<()>,
    ) -> Result<Material> {
        let mut slots = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.free.is_empty() {
            let chunk = Pages::map(CHUNK_SIZE, Inherit::Nothing, self.require_lock)?;
            let first = chunk.as_ptr().cast::<[u8; MATERIAL_SIZE]>();
            let count = chunk.size() / MATERIAL_SIZE;
            // SAFETY: `index` slots into pages of `count` slots.
            slots.free.extend((0..count).rev().map(|index| unsafe { first.add(index) }));
            slots.chunks.push(chunk);
        }
        let Some(slot) = slots.free.pop() else {
            return Err(crate::Error::Internal("an empty slab"));
        };
        drop(slots);
        let mut material = Material { slab: self.clone(), slot };
        // SAFETY: the slot is this Material's alone, in pages that the slab keeps.
        fill(unsafe { material.slot.as_mut() })?;
        Ok(material)
    }
}

/// 32 bytes of key material in protected memory. Cannot be printed, cloned or compared; wiped when dropped.
pub struct Material {
    slab: Arc<MaterialSlab>,
    slot: NonNull<[u8; MATERIAL_SIZE]>,
}

// SAFETY: owns its slot, as a Box does.
unsafe impl Send for Material {}
// SAFETY: shared access reads only.
unsafe impl Sync for Material {}

impl Material {
    pub fn bytes(&self) -> &[u8; MATERIAL_SIZE] {
        // SAFETY: the slot is this Material's, in pages that the slab keeps.
        unsafe { self.slot.as_ref() }
    }
}

impl Drop for Material {
    fn drop(&mut self) {
        // SAFETY: as in bytes, and the borrow is exclusive.
        wipe(unsafe { self.slot.as_mut() });
        self.slab.inner.lock().unwrap_or_else(PoisonError::into_inner).free.push(self.slot);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_is_what_differs_in_no_bit() {
        for len in 0..70 {
            let one: Vec<u8> = (0..len).map(|at| (at as u8).wrapping_mul(7)).collect();
            assert!(is_equal(&one, &one.clone()));
            assert!(!is_equal(&one, &[one.as_slice(), &[0]].concat()));
            for bit in 0..len * 8 {
                let mut other = one.clone();
                other[bit / 8] ^= 1 << (bit % 8);
                assert!(!is_equal(&one, &other), "bit {bit} of {len} bytes");
            }
        }
    }

    #[test]
    fn a_cleared_place_is_empty_and_overwritten() {
        let mut place = Some([0x5a_u8; 64]);
        clear(&mut place);
        assert!(place.is_none());
        // SAFETY: any bytes are valid for u8, and clear() wrote them all.
        let bytes = unsafe {
            std::slice::from_raw_parts(std::ptr::from_ref(&place).cast::<u8>(), size_of::<Option<[u8; 64]>>())
        };
        assert!(bytes.iter().all(|byte| *byte == 0));
    }
}
