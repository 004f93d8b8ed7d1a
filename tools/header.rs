//! Writes include/kms.h from src/capi; `make header` runs it. tests/header.rs checks that the committed
//! header is what this program writes.

use std::path::Path;
use std::process::ExitCode;

mod header_gen;

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let written = header_gen::header(root)
        .and_then(|text| std::fs::write(root.join("include/kms.h"), text).map_err(|e| e.to_string()));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("include/kms.h was not written: {message}");
            ExitCode::FAILURE
        }
    }
}
