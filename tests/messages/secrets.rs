//! What must not be shown, and the forms in which a text could show it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

pub const ROOT_KEY: [u8; 32] = *b"MARKER-of-the-root-key-32-bytes!";
pub const OTHER_ROOT_KEY: [u8; 32] = *b"MARKER-of-another-root-key-32-b!";
pub const MATERIAL: [u8; 32] = *b"MARKER-of-the-material-32-bytes!";
pub const OTHER_MATERIAL: [u8; 32] = *b"MARKER-of-the-other-material-32!";
pub const PASSPHRASE: &[u8] = b"MARKER-of-the-pass-phrase";
pub const PLAINTEXT: &[u8] = b"MARKER-of-the-plaintext";
pub const AAD: &[u8] = b"MARKER-of-the-aad";
pub const CONTEXT: [(&str, &str); 2] =
    [("MARKER-of-a-name", "MARKER-of-a-value"), ("purpose", "MARKER-of-another-value")];
pub const TOKEN: &std::ffi::CStr = c"MARKER-of-a-grant-token";
pub const PASSWORD: &str = "MARKER-of-a-password";

/// All of them, and what else is secret: what was generated.
pub fn secrets(data_keys: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = [ROOT_KEY, OTHER_ROOT_KEY, MATERIAL, OTHER_MATERIAL].map(Vec::from).to_vec();
    all.extend([PASSPHRASE, PLAINTEXT, AAD, TOKEN.to_bytes(), PASSWORD.as_bytes()].map(Vec::from));
    all.extend(
        CONTEXT
            .iter()
            .flat_map(|(key, value)| [key, value])
            .filter(|text| text.starts_with("MARKER"))
            .map(|text| text.as_bytes().to_vec()),
    );
    all.extend_from_slice(data_keys);
    all
}

/// The forms in which a text could show bytes, without their ends, which a cut could have taken.
fn forms(secret: &[u8]) -> Vec<String> {
    let part = &secret[..secret.len().min(12)];
    let numbers: Vec<String> = part.iter().map(u8::to_string).collect();
    let hex: String = part.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![numbers.join(", "), numbers.join(","), hex.to_uppercase(), hex];
    forms.extend([
        STANDARD_NO_PAD.encode(part),
        URL_SAFE_NO_PAD.encode(part),
        part.escape_ascii().to_string(),
    ]);
    forms.extend(std::str::from_utf8(part).ok().map(str::to_string));
    forms
}

/// Which of the secrets a text shows.
pub fn shown<'a>(text: &str, secrets: &'a [Vec<u8>]) -> Vec<&'a [u8]> {
    let is_shown = |secret: &&Vec<u8>| forms(secret).iter().any(|form| text.contains(form));
    secrets.iter().filter(is_shown).map(Vec::as_slice).collect()
}

#[test]
fn each_form_of_a_secret_is_found() {
    let secrets = secrets(&[vec![0xfb, 0xff, 0xbf, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]]);
    for secret in &secrets {
        let texts = [
            format!("of {secret:?} it says"),
            format!("of {secret:02x?} it says").replace(", ", ""),
            format!("of {secret:02X?} it says").replace(", ", ""),
            format!("of {} it says", STANDARD_NO_PAD.encode(secret)),
            format!("of {} it says", URL_SAFE_NO_PAD.encode(secret)),
            format!("of \"{}\" it says", secret.escape_ascii()),
            format!("of {} it says", &STANDARD_NO_PAD.encode(secret)[..16]),
        ];
        for text in texts {
            assert!(shown(&text, &secrets).contains(&secret.as_slice()), "not found: {text}");
        }
    }
    assert!(shown("options.root_key: has 31 bytes, expected 32", &secrets).is_empty());
}
