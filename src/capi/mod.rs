//! The C ABI: the only floor that knows C. Each file declares the structs and functions of one subject; a function
//! converts its arguments (`input`), calls one engine operation, and converts the answer (`output`, `items`), all inside the
//! panic guard (`guard`). There is no logic here.
//!
//! The doc comments of these files are the text of include/kms.h, so they speak to the C reader.
#![allow(unsafe_code)] // raw pointers of C callers; every block argues its case
#![allow(non_camel_case_types)] // the names are C's
#![allow(clippy::missing_safety_doc)] // a "# Safety" heading would end up in kms.h
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

pub mod about;
pub mod aliases;
pub mod audit;
pub mod care;
pub mod constants;
pub mod data;
pub mod exchange;
pub mod grants;
mod guard;
mod input;
mod items;
pub mod keys;
pub mod lifecycle;
pub mod open;
mod output;
pub mod policies;
pub mod re_encrypt;
pub mod types;
pub mod versions;
