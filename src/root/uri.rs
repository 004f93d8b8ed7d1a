//! Root keys by URI: `file:PATH` and `env:NAME`.

use std::io::Read;
use std::path::Path;

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use super::RootKeySource;
use crate::crypto::secret::MATERIAL_SIZE;
use crate::error::{Error, Result};
use crate::platform;

/// More than any form of a root key needs; a longer file is not one.
const MAX_TEXT: usize = 256;

pub fn parse(uri: &str) -> Result<RootKeySource<'_>> {
    if let Some(path) = uri.strip_prefix("file:").filter(|path| !path.is_empty()) {
        // "file:///path" and "file:path" alike.
        return Ok(RootKeySource::File(
            path.strip_prefix("//").filter(|p| p.starts_with('/')).unwrap_or(path),
        ));
    }
    if let Some(name) = uri.strip_prefix("env:").filter(|name| !name.is_empty() && !name.contains('=')) {
        return Ok(RootKeySource::Env(name));
    }
    if uri.starts_with("pkcs11:") {
        return Err(Error::Unsupported("options.root_key_uri: pkcs11 is not built into this library".into()));
    }
    Err(Error::argument("options.root_key_uri: expected file:PATH or env:NAME"))
}

pub fn read_file(path: &str, out: &mut [u8; MATERIAL_SIZE]) -> Result<()> {
    let failed = |error: std::io::Error| {
        Error::argument(format!("options.root_key_uri: the file cannot be read: {}", error.kind()))
    };
    let Some(file) = platform::open_private(Path::new(path)).map_err(failed)? else {
        return Err(Error::argument(
            "options.root_key_uri: expected a regular file that only its owner can access (chmod 600)",
        ));
    };
    let mut content = Zeroizing::new(Vec::with_capacity(MAX_TEXT + 1));
    file.take(MAX_TEXT as u64 + 1).read_to_end(&mut content).map_err(failed)?;
    // Of a longer file, what was read may look like a root key with white space after it.
    let whole = (content.len() <= MAX_TEXT).then_some(&content);
    whole.and_then(|content| decode(content, true, out)).ok_or_else(|| {
        Error::argument("options.root_key_uri: the file holds neither 32 bytes, nor their hex or base64")
    })
}

pub fn read_env(name: &str, out: &mut [u8; MATERIAL_SIZE]) -> Result<()> {
    let value = std::env::var_os(name).ok_or_else(|| {
        Error::argument(format!("options.root_key_uri: there is no environment variable {name:?}"))
    })?;
    let value = Zeroizing::new(value.into_encoded_bytes());
    decode(&value, false, out).ok_or_else(|| {
        Error::argument("options.root_key_uri: the variable holds neither hex nor base64 of 32 bytes")
    })
}

/// The bytes of a key: 32 raw ones where allowed, or their hex or base64 (standard or URL-safe), white space around them ignored.
pub fn decode(content: &[u8], allow_raw: bool, out: &mut [u8; MATERIAL_SIZE]) -> Option<()> {
    if allow_raw && content.len() == MATERIAL_SIZE {
        out.copy_from_slice(content);
        return Some(());
    }
    let text = content.trim_ascii();
    if text.len() == 2 * MATERIAL_SIZE {
        for (byte, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
            let digits = std::str::from_utf8(pair).ok().filter(|digits| !digits.starts_with('+'))?;
            *byte = u8::from_str_radix(digits, 16).ok()?;
        }
        return Some(());
    }
    let padding = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    [base64::alphabet::STANDARD, base64::alphabet::URL_SAFE].iter().find_map(|alphabet| {
        let mut decoded = Zeroizing::new([0; MATERIAL_SIZE + 4]);
        let engine = GeneralPurpose::new(alphabet, padding);
        let len = engine.decode_slice(text, decoded.as_mut_slice()).ok()?;
        let exact: &[u8; MATERIAL_SIZE] = decoded.get(..len)?.try_into().ok()?;
        out.copy_from_slice(exact);
        Some(())
    })
}
