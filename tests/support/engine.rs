//! The engine's operations on a store of a test's own, without C in between.
#![allow(dead_code)] // each test uses what it needs

#[path = "script.rs"]
mod script;

use std::sync::{Mutex, MutexGuard, PoisonError};

use kms::crypto::aad::Aad;
use kms::engine::{
    AliasRequest, CreateKeyRequest, DataKeyRequest, DecryptRequest, EncryptRequest, GrantTokens,
    ImportRequest, KeyRequest, Kms, OpenOptions, Output, ReEncryptRequest, RotationRequest, ScheduleRequest,
};
use kms::error::Status;
use kms::root::RootKeySource;
use kms::store::Kind;
use kms::test_hooks::{SECONDS_AHEAD, material_of};
use script::{hex, run_script};
use serde_json::json;
use tempfile::TempDir;

pub const DAY: u32 = 86_400;
pub const INITIAL_VERSION: u32 = 2;

/// Clocks are the process's: tests that put them forward take turns.
pub fn days() -> MutexGuard<'static, ()> {
    static TURNS: Mutex<()> = Mutex::new(());
    TURNS.lock().unwrap_or_else(PoisonError::into_inner)
}

pub fn advance_days(days: u32) {
    advance_seconds(days * DAY);
}

pub fn advance_seconds(seconds: u32) {
    SECONDS_AHEAD.fetch_add(u64::from(seconds), std::sync::atomic::Ordering::Relaxed);
}

/// Outputs that grow.
pub struct Memory<const N: usize>(pub [Vec<u8>; N]);

impl<const N: usize> Memory<N> {
    pub fn new() -> Self {
        Memory([const { Vec::new() }; N])
    }
}

impl<const N: usize> Output<N> for Memory<N> {
    fn reserve(&mut self, needs: [usize; N]) -> kms::Result<[Option<&mut [u8]>; N]> {
        self.0.iter_mut().zip(needs).for_each(|(place, need)| place.resize(need, 0));
        Ok(self.0.each_mut().map(|place| Some(place.as_mut_slice())))
    }
}

/// A data key and where it came from.
pub struct Made {
    pub plaintext: Vec<u8>,
    pub ciphertext: Vec<u8>,
    pub key_id: String,
    pub version_id: String,
    pub version_number: u32,
}

/// An open store in a folder of its own. The data keys that it generates are opened in Python when it is dropped.
pub struct Caller {
    pub kms: Kms,
    for_python: Mutex<Vec<String>>,
    file: String,
    folder: std::sync::Arc<TempDir>,
}

pub fn key(key_id: &str) -> KeyRequest<'_> {
    KeyRequest::of(key_id, 0)
}

pub fn version<'a>(key_id: &'a str, version_id: &'a str) -> KeyRequest<'a> {
    KeyRequest { version_id: Some(version_id), ..KeyRequest::of(key_id, 0) }
}

pub fn schedule<'a>(key_id: &'a str, version_id: Option<&'a str>, waiting_days: u32) -> ScheduleRequest<'a> {
    ScheduleRequest { key_id, version_id, grant_tokens: GrantTokens::new(), waiting_days, flags: 0 }
}

pub fn rotation(key_id: &str, rotation_period_s: u32, rotate_after_uses: u64) -> RotationRequest<'_> {
    RotationRequest {
        key_id,
        grant_tokens: GrantTokens::new(),
        rotation_period_s,
        rotate_after_uses: Some(rotate_after_uses),
        flags: 0,
    }
}

pub fn import<'a>(key_id: &'a str, material: &'a [u8]) -> ImportRequest<'a> {
    let grant_tokens = GrantTokens::new();
    ImportRequest { key_id, material, grant_tokens, expires_at: 0, version_number: 0, flags: 0 }
}

pub fn alias<'a>(alias: &'a str, key_id: &'a str) -> AliasRequest<'a> {
    AliasRequest { alias, key_id, flags: 0 }
}

impl Caller {
    pub fn new() -> Self {
        let folder = std::sync::Arc::new(tempfile::tempdir().expect("a folder"));
        let file = folder.path().join("keys.db").display().to_string();
        let kms = open(&file, &[1; 32], 1).expect("a new store");
        Caller { kms, for_python: Mutex::default(), file, folder }
    }

    /// A further handle on the same store; the first one is closed if it is dropped.
    pub fn reopen(&self) -> Caller {
        self.try_open(&[1; 32]).expect("the store again")
    }

    pub fn try_open(&self, root: &[u8; 32]) -> Result<Caller, Status> {
        let kms = open(&self.file, root, 0)?;
        Ok(Caller { kms, for_python: Mutex::default(), file: self.file.clone(), folder: self.folder.clone() })
    }

    /// A store at a path of another caller's folder.
    pub fn open_at(file: &str, root: &[u8; 32]) -> Result<Caller, Status> {
        let folder = std::sync::Arc::new(tempfile::tempdir().expect("a folder"));
        Ok(Caller { kms: open(file, root, 0)?, for_python: Mutex::default(), file: file.into(), folder })
    }

    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    pub fn create(&self, key_id: &str) {
        self.create_with(key_id, |_| ());
    }

    pub fn create_with<'a>(&self, key_id: &'a str, change: impl FnOnce(&mut CreateKeyRequest<'a>)) {
        let mut request = CreateKeyRequest { key_id: Some(key_id), ..CreateKeyRequest::default() };
        change(&mut request);
        self.kms.create_key(&request).expect("a key");
    }

    pub fn generate(&self, key_id: &str) -> Result<Made, Status> {
        self.generate_flags(key_id, 0)
    }

    pub fn generate_flags(&self, key_id: &str, flags: u32) -> Result<Made, Status> {
        let request = DataKeyRequest {
            key_id,
            version_id: None,
            key_spec: 0,
            number_of_bytes: 0,
            aad: Aad::None,
            grant_tokens: GrantTokens::new(),
            flags,
        };
        let mut memory = Memory::new();
        let served = self.kms.generate_data_key(&request, &mut memory).map_err(|error| error.status())?;
        let [plaintext, ciphertext, _] = memory.0;
        let text = |id: &[u8]| String::from_utf8(id.to_vec()).expect("an id");
        let made = Made {
            plaintext,
            ciphertext,
            key_id: text(served.key_id.as_bytes()),
            version_id: text(served.version_id.as_bytes()),
            version_number: served.version_number,
        };
        self.keep_for_python(&made);
        Ok(made)
    }

    /// Others may have destroyed the material meanwhile.
    fn keep_for_python(&self, made: &Made) {
        if let Ok(version) = material_of(&self.kms, &made.key_id, made.version_number) {
            let (material, blob, plaintext) =
                (hex(&version.material), hex(&made.ciphertext), hex(&made.plaintext));
            let line =
                json!({"material": material, "blob": blob, "plaintext": plaintext, "aad": "", "context": {}});
            self.for_python.lock().unwrap_or_else(PoisonError::into_inner).push(line.to_string());
        }
    }

    pub fn decrypt(&self, ciphertext: &[u8]) -> Result<Vec<u8>, Status> {
        self.decrypt_aad(ciphertext, &[])
    }

    pub fn decrypt_aad(&self, ciphertext: &[u8], aad: &[u8]) -> Result<Vec<u8>, Status> {
        let mut memory = Memory::new();
        self.kms.decrypt(&source(ciphertext, aad), &mut memory).map_err(|error| error.status())?;
        let [plaintext] = memory.0;
        Ok(plaintext)
    }

    /// The new ciphertext, and the keys of source and destination.
    pub fn re_encrypt(
        &self,
        blob: &[u8],
        key_id: &str,
        aad: &[u8],
    ) -> Result<(Vec<u8>, String, String), Status> {
        let destination = EncryptRequest {
            key_id,
            version_id: None,
            plaintext: &[],
            aad: Aad::raw(aad).expect("AAD"),
            grant_tokens: GrantTokens::new(),
            flags: 0,
        };
        let mut memory = Memory::new();
        let request = ReEncryptRequest { source: source(blob, &[]), destination };
        let (from, to) = self.kms.re_encrypt(&request, &mut memory).map_err(|error| error.status())?;
        let text = |id: &[u8]| String::from_utf8(id.to_vec()).expect("an id");
        let [ciphertext, _] = memory.0;
        Ok((ciphertext, text(from.key_id.as_bytes()), text(to.key_id.as_bytes())))
    }

    /// The whole store is sound.
    pub fn verify(&self) {
        let mut marker = String::new();
        loop {
            let page = self.kms.verify(&marker, 100, 0).expect("a verification");
            let damages: Vec<_> = page.items.iter().map(|listed| &listed.item).collect();
            assert!(damages.is_empty(), "{damages:?}");
            if !page.more {
                break;
            }
            marker = page.end;
        }
    }

    /// The sealed bytes of all rows of a kind, as they are in the file.
    pub fn sealed_rows_of(&self, kind: Kind) -> Vec<Vec<u8>> {
        let file = rusqlite::Connection::open(&self.file).expect("the file");
        let mut rows = file.prepare("SELECT sealed FROM row WHERE kind = ?1").expect("the rows");
        let sealed = rows.query_map([kind as i64], |row| row.get(0)).expect("the rows");
        sealed.map(|row| row.expect("a row")).collect()
    }

    /// Edits the file behind the library's back.
    pub fn sql(&self, statement: &str) {
        rusqlite::Connection::open(&self.file).expect("the file").execute_batch(statement).expect("an edit");
    }

    /// Whether the store's files hold these bytes anywhere.
    pub fn files_contain(&self, bytes: &[u8]) -> bool {
        ["", "-wal"].iter().any(|suffix| {
            let content = std::fs::read(format!("{}{suffix}", self.file)).unwrap_or_default();
            // The nonce and the start of the sealed bytes are enough: a cell may span pages.
            content.windows(40).any(|window| window == &bytes[..40])
        })
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        let lines = self.for_python.get_mut().unwrap_or_else(PoisonError::into_inner);
        if lines.is_empty() || std::thread::panicking() {
            return;
        }
        let opened = run_script("open_blobs.py", &lines.join("\n"));
        assert_eq!(opened, Ok(format!("{}\n", lines.len())), "what was made does not open in Python");
    }
}

pub fn source<'a>(ciphertext: &'a [u8], aad: &'a [u8]) -> DecryptRequest<'a> {
    let aad = Aad::raw(aad).expect("AAD");
    DecryptRequest { ciphertext, iv: &[], key_id: None, aad, grant_tokens: GrantTokens::new(), flags: 0 }
}

fn open(file: &str, root: &[u8; 32], flags: u32) -> Result<Kms, Status> {
    let options = OpenOptions {
        store: &format!("sqlite:{file}"),
        root: RootKeySource::Raw(root),
        account_id: None,
        region: None,
        flags,
        max_staleness_ms: 0,
        timeout_ms: 0,
        max_cached_keys: 0,
        audit: None,
    };
    Kms::open(&options).map_err(|error| error.status())
}
