//! The cache of keys is bounded by max_cached_keys, and what is not in it is answered as rightly.

use kms::capi::constants::*;

#[path = "support/handle.rs"]
mod handle;
#[path = "support/keys.rs"]
mod keys;

use handle::{Handle, Open};
use keys::NewKey;

const KEYS: usize = 3000;

fn filled(max_cached_keys: u32) -> Handle {
    let how = Open { root_key: &[0x5a; 32], flags: KMS_OPEN_CREATE, ..Open::default() };
    let kms = Handle::open_with("memory:", how, |options| options.max_cached_keys = max_cached_keys);
    let kms = kms.expect("a store in memory");
    for number in 0..KEYS {
        let (id, alias) = (format!("key-{number}"), format!("alias/{number}"));
        kms.create(NewKey { id: Some(&id), alias: Some(&alias), ..NewKey::default() }).expect("a key");
    }
    kms
}

/// Uses every key by its id, its alias and a ciphertext; the most keys that were cached at any time.
fn use_all(kms: &Handle) -> u64 {
    let mut most = 0;
    let use_name = |name: &str| {
        let data_key = kms.data_key(name).expect(name);
        assert_eq!(kms.open_blob(&data_key.ciphertext).as_ref(), Ok(&data_key.plaintext));
        data_key
    };
    let data_keys: Vec<_> = (0..KEYS)
        .map(|number| {
            let data_key = use_name(&format!("key-{number}"));
            most = most.max(kms.stats().keys_cached);
            data_key
        })
        .collect();
    for (number, data_key) in data_keys.iter().enumerate() {
        use_name(&format!("alias/{number}"));
        assert_eq!(kms.open_blob(&data_key.ciphertext).as_ref(), Ok(&data_key.plaintext), "{number}");
        most = most.max(kms.stats().keys_cached);
    }
    most
}

#[test]
fn no_more_keys_are_cached_than_the_setting_says() {
    for setting in [1, 2, 7, 64, 1023, 1024, 1500, 2047] {
        let kms = filled(setting);
        let most = use_all(&kms);
        // Rounded down a little, never up.
        let least = u64::from(setting) - u64::from(setting) / 16;
        assert!((least..=u64::from(setting)).contains(&most), "{most} keys cached, allowed are {setting}");
        assert!(kms.stats().key_loads > KEYS as u64, "keys that have no place are loaded again");
    }
}

#[test]
fn without_a_setting_a_cache_has_room_for_thousands() {
    for setting in [0, u32::MAX] {
        let kms = filled(setting);
        assert_eq!(use_all(&kms), KEYS as u64);
        assert_eq!(kms.stats().key_loads, 2 * KEYS as u64, "once by its id, once by its alias");
    }
}
