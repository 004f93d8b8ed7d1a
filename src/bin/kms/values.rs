//! What option values are written like: pairs, periods, times, UUIDs.

use std::time::UNIX_EPOCH;

use kms::crypto::uuid::Uuid;

/// "KEY=VALUE"; the value may be empty, and may have more equals signs.
pub fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.into(), value.into()))
}

/// Seconds of "90d", "12h", "never".
pub fn period(text: &str) -> Result<u32, String> {
    if text == "never" {
        return Ok(0);
    }
    let period = humantime::parse_duration(text).map_err(|error| format!("{error}; e.g. 90d, 12h, never"))?;
    u32::try_from(period.as_secs()).map_err(|_| "is too long; at most 136 years".into())
}

/// A number of uses, or "never".
pub fn uses(text: &str) -> Result<u64, String> {
    if text == "never" { Ok(0) } else { text.parse().map_err(|_| "expected a number, or never".into()) }
}

/// Unix seconds of "2027-01-31T00:00:00Z", or of a number of them.
pub fn time(text: &str) -> Result<i64, String> {
    if let Ok(seconds) = text.parse() {
        return Ok(seconds);
    }
    let time = humantime::parse_rfc3339(text)
        .map_err(|error| format!("{error}; expected 2027-01-31T00:00:00Z or Unix seconds"))?;
    let since = time.duration_since(UNIX_EPOCH).map_err(|_| "is before 1970")?;
    i64::try_from(since.as_secs()).map_err(|_| "is too far away".into())
}

pub fn uuid(text: &str) -> Result<Uuid, String> {
    let wrong = || "expected a UUID: 32 hexadecimal digits, with hyphens or without".to_string();
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b'-').collect();
    if digits.len() != 32 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(wrong());
    }
    let mut uuid = Uuid::default();
    for (byte, pair) in uuid.iter_mut().zip(digits.chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
        *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
    }
    Ok(uuid)
}
