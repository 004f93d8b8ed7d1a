//! A store in a file of its own, and what may happen to such a file behind the library's back.

#![allow(dead_code)] // every test file uses its own part

use std::path::{Path, PathBuf};
use std::process::Command;

use kms::capi::constants::KMS_OPEN_CREATE;

use crate::handle::{DataKey, Handle, Open, Outcome};
use crate::keys::KeyFacts;

pub const ROOT_KEY: [u8; 32] = [0x5a; 32];

/// keys.db in a temporary directory.
pub struct StoreFile {
    dir: tempfile::TempDir,
}

impl StoreFile {
    /// No file yet.
    pub fn new() -> Self {
        // In memory where there is such a place: most tests are not about the disk, but would mostly wait for it.
        let dir = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        StoreFile { dir: dir.expect("a temporary directory") }
    }

    /// A store that `fill` put something into and that was closed.
    pub fn filled(fill: impl FnOnce(&Handle)) -> Self {
        let file = StoreFile::new();
        fill(&file.create());
        file
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub fn path(&self) -> PathBuf {
        self.dir.path().join("keys.db")
    }

    /// What SQLite keeps beside it: -wal, -shm, -journal.
    pub fn beside(&self, suffix: &str) -> PathBuf {
        self.dir.path().join(format!("keys.db{suffix}"))
    }

    pub fn uri(&self) -> String {
        format!("sqlite:{}", self.path().display())
    }

    pub fn open_flags(&self, flags: u32) -> Outcome<Handle> {
        Handle::open(&self.uri(), Open { root_key: &ROOT_KEY, flags, ..Open::default() })
    }

    /// Opens the store that is there.
    pub fn open(&self) -> Outcome<Handle> {
        self.open_flags(0)
    }

    pub fn create(&self) -> Handle {
        self.open_flags(KMS_OPEN_CREATE).expect("a new store")
    }

    /// The bytes of the file. The store must be closed, and so wholly in this one file.
    pub fn bytes(&self) -> Vec<u8> {
        // Handles that may not write leave an empty one.
        let wal = std::fs::metadata(self.beside("-wal")).map_or(0, |metadata| metadata.len());
        assert_eq!(wal, 0, "the store is still in use");
        std::fs::read(self.path()).expect("the store's file")
    }

    /// Puts a file in the place of the store.
    pub fn replace(&self, bytes: &[u8]) {
        for suffix in ["", "-wal", "-shm", "-journal"] {
            match std::fs::remove_file(self.beside(suffix)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{suffix}: {error}"),
                _ => {}
            }
        }
        std::fs::write(self.path(), bytes).expect("the store's file");
    }

    /// Runs SQL with the sqlite3 shell.
    pub fn shell(&self, sql: &str) -> String {
        let output = Command::new("sqlite3")
            .arg("-bail")
            .arg(self.path())
            .arg(sql)
            .output()
            .expect("the sqlite3 shell");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && errors.is_empty(), "sqlite3: {sql}: {errors}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// A connection of this process's SQLite, for edits that are too many for the shell. Nothing waits for the disk.
    pub fn sql(&self) -> rusqlite::Connection {
        kms::platform::sqlite::make_fork_safe().expect("SQLite");
        let connection = rusqlite::Connection::open(self.path()).expect("the store's file");
        connection.execute_batch("PRAGMA synchronous = OFF").expect("no waiting");
        connection
    }
}

/// What a store holds, as seen through a handle when it was whole, and a data key under each of its keys.
pub struct Known {
    keys: Vec<KeyFacts>,
    aliases: Vec<(String, String)>,
    data_keys: Vec<(String, DataKey)>,
}

impl Known {
    pub fn of(handle: &Handle) -> Self {
        let keys = handle.list_keys().expect("keys");
        let data_keys =
            keys.iter().map(|key| (key.id.clone(), handle.data_key(&key.id).expect("a data key"))).collect();
        Known { keys, aliases: handle.list_aliases().expect("aliases"), data_keys }
    }

    /// With data keys under those keys only that make any.
    pub fn of_some(handle: &Handle) -> Self {
        let usable = |key: &KeyFacts| Some((key.id.clone(), handle.data_key(&key.id).ok()?));
        let keys = handle.list_keys().expect("keys");
        let data_keys = keys.iter().filter_map(usable).collect();
        Known { keys, aliases: handle.list_aliases().expect("aliases"), data_keys }
    }

    /// Whether the handle still has all of it, no more, and answers rightly.
    pub fn check(&self, handle: &Handle) -> Outcome<()> {
        assert_eq!(handle.list_keys()?, self.keys);
        assert_eq!(handle.list_aliases()?, self.aliases);
        self.calls(handle).into_iter().try_for_each(|(_, outcome)| outcome)
    }

    /// Calls that need every key by its id, its aliases and its ciphertexts, with their outcomes. An answer that is
    /// not a refusal must be right.
    pub fn calls(&self, handle: &Handle) -> Vec<(String, Outcome<()>)> {
        let mut outcomes = Vec::new();
        let works = |key: &str| self.data_keys.iter().any(|(id, _)| id == key);
        let ids = self.keys.iter().map(|key| &key.id).filter(|id| works(id));
        let names = ids.chain(self.aliases.iter().filter(|(_, key)| works(key)).map(|(alias, _)| alias));
        for name in names {
            let outcome = handle.data_key(name).and_then(|data_key| {
                assert_eq!(handle.open_blob(&data_key.ciphertext)?, data_key.plaintext, "a wrong data key");
                Ok(())
            });
            outcomes.push((name.clone(), outcome));
        }
        for (key, data_key) in &self.data_keys {
            let outcome = handle.open_blob(&data_key.ciphertext).map(|plaintext| {
                assert_eq!(plaintext, data_key.plaintext, "a wrong data key");
            });
            outcomes.push((format!("a ciphertext of {key}"), outcome));
        }
        outcomes
    }
}
