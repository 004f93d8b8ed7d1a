//! Audit logs: a file of anything is verified to its end.
#![no_main]

use kms::audit::{Position, verify_step};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|files: (&[u8], &[u8], &str)| {
    let (log, head, marker) = files;
    let folder = std::env::temp_dir().join(format!("libkms-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join("audit.log");
    std::fs::write(&path, log).expect("the log");
    std::fs::write(folder.join("audit.log.head"), head).expect("the head");
    let mac = |parts: &[&[u8]]| [parts.len() as u8; 32];
    let mut position = Some(Position::from_text(marker).unwrap_or(Position::START));
    for _ in 0..4 {
        let Some(from) = position else { break };
        position = verify_step(&path, &mac, from).expect("readable files").1;
    }
});
