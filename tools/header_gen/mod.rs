//! The generator of include/kms.h: cbindgen translates the declarations of src/capi, `model` reads them,
//! `render` writes them in the order and form in which a C programmer reads them, `layout` computes the
//! offset tables.

pub mod layout;
pub mod model;
mod render;

use std::path::Path;

use model::Model;

/// The files of src/capi that are the C ABI, in the order of the header. The first sentence of a file's `//!`
/// comment is the heading of its functions.
pub const CAPI_FILES: [&str; 15] = [
    "constants",
    "types",
    "open",
    "keys",
    "aliases",
    "lifecycle",
    "versions",
    "data",
    "re_encrypt",
    "policies",
    "grants",
    "audit",
    "care",
    "exchange",
    "about",
];

/// Headings among the constants: each stands before the constant that it names.
pub const CONSTANT_HEADINGS: [(&str, &str); 7] = [
    ("KMS_VERSION_MAJOR", "Versions."),
    ("KMS_OK", "Status codes. Append-only: a number is never used for anything else."),
    ("KMS_DETAIL_NONE", "What kms_error_t says besides the status."),
    ("KMS_SKIP_PLAINTEXT", "Flags. A flag has the same bit in every request that takes it."),
    ("KMS_KEY_SPEC_UNSPECIFIED", "Values of request and info members. 0 is always the default."),
    ("KMS_MEMORY_LOCKED", "Bits of kms_stats_t.memory_protection."),
    ("KMS_ROOT_KEY_SIZE", "Sizes and limits, in bytes unless the name says otherwise."),
];

/// The text of include/kms.h for the crate at `root`.
pub fn header(root: &Path) -> Result<String, String> {
    render::render(&model(root)?)
}

/// The declarations of the crate at `root`, in source order.
pub fn model(root: &Path) -> Result<Model, String> {
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml"))?;
    let mut builder = cbindgen::Builder::new().with_config(config);
    let mut sources = Vec::new();
    for name in CAPI_FILES {
        let path = root.join("src/capi").join(name).with_extension("rs");
        sources.push(std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?);
        builder = builder.with_src(path);
    }
    let mut declarations = Vec::new();
    builder.generate().map_err(|e| e.to_string())?.write(&mut declarations);
    let declarations = String::from_utf8(declarations).map_err(|e| e.to_string())?;
    Model::parse(&declarations, &sources)
}
