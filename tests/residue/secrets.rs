//! Everything that a host's memory must not show: read from the store by its root key, and calculated from there as
//! the format and the algorithms have it.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use kms::access::Account;
use kms::crypto::blob::{Blob, OVERHEAD};
use kms::crypto::gcm::Gcm;
use kms::crypto::kdf;
use kms::keyring::{KeyName, Keyring, KeyringSettings};
use kms::root::RootKeySource;
use kms::store::sealed::SealedStore;
use kms::store::{self, Among, Kind, Store, StoreOptions};
use sha2::block_api::compress256;

use crate::format::{self, KeyExpansion};
use crate::host::Host;
use crate::memory::{Mapping, Needles};

pub struct Secrets {
    pub needles: Needles,
    expansion: KeyExpansion,
}

impl Secrets {
    pub fn new() -> Self {
        Secrets { needles: Needles::default(), expansion: KeyExpansion::new() }
    }

    /// A key that XAES subkeys are derived from: itself, its AES schedule, and CMAC's subkey.
    fn add_xaes_key(&mut self, name: &str, key: &[u8; 32]) {
        self.needles.add(name, key);
        self.needles.add(&format!("{name}: AES schedule"), self.expansion.round_keys(key).as_flattened());
        self.add_both_ways(&format!("{name}: CMAC K1"), format::cmac_k1(key));
        self.add_both_ways(&format!("{name}: AES of 0"), format::aes256(key, [0; 16]));
    }

    /// A key of AES-256-GCM: itself, both AES schedules, and GHASH's key in its forms.
    fn add_gcm_key(&mut self, name: &str, key: &[u8; 32]) {
        self.needles.add(name, key);
        self.needles.add(&format!("{name}: AES schedule"), self.expansion.round_keys(key).as_flattened());
        let inverse = self.expansion.inverse_round_keys(key);
        self.needles.add(&format!("{name}: inverse AES schedule"), inverse.as_flattened());
        self.add_both_ways(&format!("{name}: H"), format::gcm_h(key).bytes());
        self.needles.add(&format!("{name}: H of POLYVAL"), &format::polyval_h(key));
    }

    /// As bytes, and as a number of a little-endian machine.
    fn add_both_ways(&mut self, name: &str, mut bytes: [u8; 16]) {
        self.needles.add(name, &bytes);
        bytes.reverse();
        self.needles.add(name, &bytes);
    }

    /// A key of HMAC-SHA256: itself, its two padded blocks, and the hash states after them.
    fn add_hmac_key(&mut self, name: &str, key: &[u8; 32]) {
        self.needles.add(name, key);
        for (pad, which) in [(0x36, "inner"), (0x5c, "outer")] {
            let block: [u8; 64] = std::array::from_fn(|at| key.get(at).unwrap_or(&0) ^ pad);
            self.needles.add(&format!("{name}: {which} pad"), &block);
            let mut state = SHA_256;
            compress256(&mut state, &[block]);
            self.needles.add(&format!("{name}: {which} hash"), state.map(u32::to_ne_bytes).as_flattened());
        }
    }

    /// Everything that comes from the root secret: the keys of the store, and the subkeys of its rows as they are now.
    pub fn add_root(&mut self, path: &Path, source: &RootKeySource<'_>) {
        let store = open_rows(path);
        let header = store.header().expect("a header").expect("a store");
        let root = *source.secret(&header.root_kind, false).expect("the root secret");
        self.needles.add("root secret", &root);
        // HKDF's first step: the salt is the key of HMAC.
        let salt = std::array::from_fn(|at| header.store_id.get(at).copied().unwrap_or(0));
        self.add_hmac_key("root secret in HKDF", &kdf::mac(&salt, &[&root]));
        let derive = |label: &[u8]| {
            let mut key = [0; 32];
            kdf::derive(&root, &header.store_id, &[label], &mut key);
            key
        };
        let seal_key = derive(b"libkms/1 seal");
        self.add_xaes_key("the store's seal key", &seal_key);
        self.add_hmac_key("the store's index key", &derive(b"libkms/1 index"));
        self.add_hmac_key("the store's sum key", &derive(b"libkms/1 sum"));
        for kind in Kind::ALL {
            for row in store.page(kind, Among::All, None, 1000).expect("rows") {
                let n1 = row.sealed[1..13].try_into().expect("12 bytes");
                let subkey = format::kbkdf(&seal_key, format::SUBKEY_LABEL, n1);
                self.add_gcm_key(&format!("subkey of a {kind:?} row"), &subkey);
            }
        }
    }

    /// Material, plaintexts (also those that the program was not given), and for each ciphertext its subkey and what
    /// AES made of its counters.
    pub fn add_messages(&mut self, host: &Host, materials: &[[u8; 32]]) {
        materials.iter().for_each(|material| self.add_xaes_key("material", material));
        host.plaintexts.iter().for_each(|plaintext| self.needles.add("plaintext", plaintext));
        let mut n1s = HashSet::new();
        for bytes in &host.blobs {
            let blob = Blob::parse(bytes).expect("a ciphertext");
            let commits = |material: &&[u8; 32]| {
                format::kbkdf(material, format::COMMITMENT_LABEL, &[0; 12]) == blob.header.commitment
            };
            let material = materials.iter().find(commits).expect("the material of a ciphertext");
            let subkey = format::kbkdf(material, format::SUBKEY_LABEL, blob.n1);
            if n1s.insert(*blob.n1) {
                self.add_gcm_key("subkey of a ciphertext", &subkey);
            }
            let aad = [blob.header_bytes.as_slice(), b"\x02\0\0\0\x07purpose\0\0\0\x07residue"].concat();
            let mut plaintext = vec![0; bytes.len() - OVERHEAD];
            let opened = Gcm::new(&subkey).open(blob.iv, &aad, blob.ciphertext, blob.tag, &mut plaintext);
            opened.expect("to open a ciphertext");
            self.needles.add("plaintext", &plaintext);
            let stream: Vec<u8> = plaintext.iter().zip(blob.ciphertext).map(|(a, b)| a ^ b).collect();
            self.needles.add("key stream", &stream);
            self.needles.add("tag mask", &format::gcm_tag_mask(&subkey, blob.iv).bytes());
        }
    }

    /// What is in protected pages is secret, whatever it is: schedules, powers of H, the generators' states. Public
    /// are the parts that ciphertexts carry too.
    pub fn add_protected_pages(&mut self, memory: &[(Mapping, Vec<u8>)], host: &Host) {
        let public: HashSet<&[u8]> =
            host.blobs.iter().flat_map(|blob| [&blob[4..20], &blob[56..68]]).collect();
        let is_public = |chunk: &[u8]| {
            public
                .iter()
                .any(|part| chunk.windows(12).any(|ours| part.windows(12).any(|theirs| theirs == ours)))
        };
        for (mapping, bytes) in memory.iter().filter(|(mapping, _)| mapping.is_protected()) {
            let name = format!("a protected page of {} bytes", mapping.range.end - mapping.range.start);
            let chunks = bytes.as_chunks::<16>().0.iter();
            chunks.filter(|chunk| !is_public(*chunk)).for_each(|chunk| self.needles.add(&name, chunk));
        }
    }
}

/// The initial state of SHA-256 (FIPS 180-4 clause 5.3.3).
const SHA_256: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

fn open_rows(path: &Path) -> Box<dyn Store> {
    let options = StoreOptions { create: false, read_only: true, timeout: Duration::from_secs(5) };
    store::open(&format!("sqlite:{}", path.display()), &options).expect("the store")
}

/// The material of every version of the program's keys, as the library reads it from the store.
pub fn materials(path: &Path, source: &RootKeySource<'_>) -> Vec<[u8; 32]> {
    let sealed = SealedStore::open(open_rows(path), "", source, None, false).expect("the store");
    let settings = KeyringSettings {
        max_cached_keys: 16,
        max_staleness_ms: 1000,
        timeout: Duration::from_secs(5),
        require_lock: false,
        read_only: true,
    };
    let keyring = Keyring::new(sealed, &Account::new("000000000000", "local"), &settings);
    let of_key = |name| {
        let key = keyring.by_name(KeyName::Id(name)).expect("a key");
        let versions = (1..).map_while(|number| key.version(number));
        versions.map(|version| *version.material.as_ref().expect("material").bytes()).collect::<Vec<_>>()
    };
    ["first", "second", "third", "imported"].into_iter().flat_map(of_key).collect()
}
