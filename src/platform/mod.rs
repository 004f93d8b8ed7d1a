//! Every call to the operating system and the processor that the standard library has no safe form for:
//! protected memory, fork detection, clocks, the CPU's random instruction, file ownership.
//! The rest of the crate sees safe functions only.
#![allow(unsafe_code)] // system calls; each block argues its case

mod clock;
mod cpu;
mod files;
mod fork;
mod memory;
pub mod sqlite;

pub use clock::{monotonic_ms, unix_seconds};
pub use cpu::{clear_vector_registers, random_u64};
pub use files::{FileState, create_private, open_private, sync};
pub use fork::{ForkLocal, fork_generation};
pub use memory::{Inherit, MemoryReport, Pages, lockable_bytes, memory_report};

/// The errno of the last failed call.
pub fn errno() -> i64 {
    i64::from(std::io::Error::last_os_error().raw_os_error().unwrap_or(0))
}
