//! Hands the ciphertexts that a test made to another implementation of their format: tests/python, written from the
//! format's description and Python's `cryptography` alone.

#![allow(dead_code)] // every test file uses its own part
#![allow(unsafe_code)] // a handle's pointer as a reference

#[path = "script.rs"]
mod script;

use kms::test_hooks::{ExportedVersion, material};
use serde_json::{Value, json};

use crate::handle::{Bound, DataKey, Handle};

pub use script::*;

/// Ciphertexts that shall open in Python.
#[derive(Default)]
pub struct Journal {
    lines: String,
    len: usize,
}

impl Journal {
    /// A ciphertext of the first version of a key.
    pub fn add(&mut self, handle: &Handle, key_id: &str, blob: &[u8], bound: Bound<'_>, plaintext: &[u8]) {
        let mut line = case(&exported(handle, key_id).material, bound, plaintext);
        line["blob"] = hex(blob).into();
        self.lines += &format!("{line}\n");
        self.len += 1;
    }

    pub fn add_data_key(&mut self, handle: &Handle, key_id: &str, data_key: &DataKey, bound: Bound<'_>) {
        self.add(handle, key_id, &data_key.ciphertext, bound, &data_key.plaintext);
    }

    /// Opens them all; what went wrong, if anything did.
    pub fn open_in_python(&self) -> Result<(), String> {
        let opened = run_script("open_blobs.py", &self.lines)?;
        if opened.trim() == self.len.to_string() {
            Ok(())
        } else {
            Err(format!("Python opened {} of {}", opened.trim(), self.len))
        }
    }

    #[track_caller]
    pub fn check(&self) {
        assert!(self.len > 0, "nothing to open");
        if let Err(message) = self.open_in_python() {
            panic!("{message}");
        }
    }
}

/// A ciphertext of the first version of a key, made in Python.
pub fn made_in_python(handle: &Handle, key_id: &str, plaintext: &[u8], bound: Bound<'_>) -> Vec<u8> {
    let ExportedVersion { header, material } = exported(handle, key_id);
    let mut line = case(&material, bound, plaintext);
    line["key"] = hex(&header[4..20]).into();
    line["version"] = 1.into();
    let text = run_script("make_blobs.py", &format!("{line}\n")).unwrap_or_else(|error| panic!("{error}"));
    unhex(text.trim())
}

pub fn exported(handle: &Handle, key_id: &str) -> ExportedVersion {
    // SAFETY: the handle is open.
    let kms = unsafe { &*handle.as_ptr() };
    material(kms, key_id, 1).expect("the material of version 1")
}

fn case(material: &[u8; 32], bound: Bound<'_>, plaintext: &[u8]) -> Value {
    let (aad, pairs): (&[u8], &[(&str, &str)]) = match bound {
        Bound::Nothing => (&[], &[]),
        Bound::Aad(aad) => (aad, &[]),
        Bound::Context(pairs) => (&[], pairs),
    };
    let context: serde_json::Map<String, Value> =
        pairs.iter().map(|(key, value)| (key.to_string(), (*value).into())).collect();
    json!({"material": hex(material), "aad": hex(aad), "context": context, "plaintext": hex(plaintext)})
}
