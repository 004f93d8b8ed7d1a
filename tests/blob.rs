//! The ciphertext blob (format 1): whatever is changed in one is refused, with the right status and an untouched
//! buffer; and another implementation of the format opens what the library makes, and the other way round.

#[path = "support/format.rs"]
mod format;
#[path = "support/handle.rs"]
mod handle;
#[path = "support/python.rs"]
mod python;

use handle::{Bound, DataKey, Decrypt, Handle, status};
use kms::capi::constants::*;
use kms::crypto::blob::HEADER_SIZE;
use kms::crypto::gcm::Gcm;
use python::Journal;

const KEY: &str = "blobs";
const CONTEXT: Bound<'_> = Bound::Context(&[("tenant", "7"), ("purpose", "blob test")]);

fn store() -> Handle {
    let handle = Handle::memory();
    handle.create_key(KEY).expect("a key");
    handle
}

/// Ciphertexts of every operation, with their plaintexts: no byte, one block, more than a block.
fn ciphertexts(handle: &Handle) -> Vec<(Vec<u8>, Vec<u8>)> {
    let data_key = |DataKey { plaintext, ciphertext, .. }| (ciphertext, plaintext);
    let one = handle.generate(KEY, 32, CONTEXT).expect("a data key");
    let many = handle.generate_many(KEY, 24, 3, CONTEXT).expect("data keys");
    let payload = |plaintext: &[u8]| {
        let (ciphertext, _) = handle.encrypt(KEY, plaintext, CONTEXT).expect("to encrypt");
        (ciphertext, plaintext.to_vec())
    };
    let mut all: Vec<_> = std::iter::once(one).chain(many).map(data_key).collect();
    all.extend([payload(b""), payload(b"0123456789abcdef0")]);
    all
}

/// What altering a byte of a blob must give: by its place in the format.
fn expected_status(offset: usize, names_key: bool) -> i32 {
    match offset {
        0..2 => KMS_INVALID_CIPHERTEXT,
        2..4 => KMS_UNSUPPORTED,
        4..20 if names_key => KMS_INCORRECT_KEY,
        4..20 => KMS_NOT_FOUND,
        _ => KMS_INVALID_CIPHERTEXT,
    }
}

#[test]
fn every_flipped_bit_is_refused() {
    let handle = store();
    let mut messages = std::collections::BTreeSet::new();
    for (ciphertext, plaintext) in ciphertexts(&handle) {
        for (bit, names_key, flags) in (0..ciphertext.len() * 8)
            .flat_map(|bit| [(bit, false, 0), (bit, true, 0), (bit, false, KMS_DRY_RUN)])
        {
            let mut altered = ciphertext.clone();
            altered[bit / 8] ^= 1 << (bit % 8);
            let key_id = names_key.then_some(KEY);
            let failure = handle
                .decrypt(Decrypt { key_id, flags, ..Decrypt::new(&altered, CONTEXT) })
                .expect_err("an altered ciphertext");
            assert_eq!(failure.status, expected_status(bit / 8, names_key), "bit {bit}: {}", failure.message);
            if failure.status == KMS_INVALID_CIPHERTEXT {
                messages.insert(failure.message);
            }
        }
        assert_eq!(handle.decrypt(Decrypt::new(&ciphertext, CONTEXT)), Ok(plaintext), "as it was made");
        let dry = handle.decrypt(Decrypt { flags: KMS_DRY_RUN, ..Decrypt::new(&ciphertext, CONTEXT) });
        assert_eq!(status(&dry), KMS_DRY_RUN_OK);
    }
    assert_eq!(messages.len(), 1, "one message for every way to alter a ciphertext: {messages:?}");
}

#[test]
fn every_other_length_is_refused() {
    let handle = store();
    for (ciphertext, _) in ciphertexts(&handle) {
        for len in 0..ciphertext.len() {
            let outcome = handle.decrypt(Decrypt::new(&ciphertext[..len], CONTEXT));
            assert_eq!(status(&outcome), KMS_INVALID_CIPHERTEXT, "the first {len} bytes");
            let outcome = handle.decrypt(Decrypt::new(&ciphertext[ciphertext.len() - len..], CONTEXT));
            assert!(outcome.is_err(), "the last {len} bytes");
        }
        for filler in [0, 0xff] {
            for extra in 1..=33 {
                let longer = [ciphertext.as_slice(), &vec![filler; extra]].concat();
                let outcome = handle.decrypt(Decrypt::new(&longer, CONTEXT));
                assert_eq!(status(&outcome), KMS_INVALID_CIPHERTEXT, "{extra} trailing bytes");
            }
        }
        let repeated = ciphertext.repeat(2);
        assert_eq!(status(&handle.decrypt(Decrypt::new(&repeated, CONTEXT))), KMS_INVALID_CIPHERTEXT);
    }
}

#[test]
fn an_iv_that_is_given_must_be_the_ciphertexts_own() {
    let handle = store();
    let DataKey { plaintext, ciphertext, iv } = handle.generate(KEY, 32, CONTEXT).expect("a data key");
    assert_eq!(iv, ciphertext[68..80], "the iv output is the blob's");
    let open = |iv: &[u8]| handle.decrypt(Decrypt { iv, ..Decrypt::new(&ciphertext, CONTEXT) });
    assert_eq!(open(&iv), Ok(plaintext));
    for bit in 0..96 {
        let mut other = iv.clone();
        other[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(status(&open(&other)), KMS_INVALID_CIPHERTEXT, "bit {bit}");
    }
    for other in [&iv[..11], &[iv.as_slice(), &[0]].concat(), &ciphertext[56..80]] {
        assert_eq!(status(&open(other)), KMS_INVALID_CIPHERTEXT, "{} bytes", other.len());
    }
}

#[test]
fn a_part_of_another_ciphertext_is_refused() {
    let handle = store();
    let [first, second] = [(); 2].map(|()| handle.generate(KEY, 32, CONTEXT).expect("a data key").ciphertext);
    // From one call to the next, header and N1 may be the same; IV, encrypted data and tag never are.
    for part in [68..80, 80..112, 112..128] {
        let mut mixed = first.clone();
        mixed[part.clone()].copy_from_slice(&second[part.clone()]);
        assert_eq!(
            status(&handle.decrypt(Decrypt::new(&mixed, CONTEXT))),
            KMS_INVALID_CIPHERTEXT,
            "{part:?}"
        );
    }
}

/// The attack that a key commitment is for (CVE-2020-8897): a ciphertext with one tag that two keys open.
#[test]
fn a_ciphertext_that_gcm_opens_under_two_keys_is_refused() {
    let handle = store();
    handle.create_key("other").expect("a key");
    let (ours, other) = (python::exported(&handle, KEY), python::exported(&handle, "other"));
    let (n1, iv) = ([7; 12], [9; 12]);
    let subkeys = [&ours, &other].map(|key| format::kbkdf(&key.material, format::SUBKEY_LABEL, &n1));

    let forge = |header: [u8; HEADER_SIZE]| {
        let aad = [header.as_slice(), &[0]].concat();
        let (ciphertext, tag) = format::two_key_ciphertext(subkeys.each_ref(), &iv, &aad);
        let plaintexts = subkeys.each_ref().map(|subkey| {
            let mut plaintext = [0; 48];
            Gcm::new(subkey).open(&iv, &aad, &ciphertext, &tag, &mut plaintext).expect("GCM opens it");
            plaintext
        });
        assert_ne!(plaintexts[0], plaintexts[1], "two keys, two plaintexts");
        ([header.as_slice(), &n1, &iv, &ciphertext, &tag].concat(), plaintexts)
    };

    // GCM's tag is right under our key, whose UUID it has; but it commits to the other one.
    let mut header = ours.header;
    header[24..].copy_from_slice(&other.header[24..]);
    let (forged, _) = forge(header);
    assert_eq!(status(&handle.decrypt(Decrypt::new(&forged, Bound::Nothing))), KMS_INVALID_CIPHERTEXT);
    // Committed to our key, the same construction is a ciphertext of our key, and of no other.
    let (honest, [plaintext, _]) = forge(ours.header);
    assert_eq!(handle.decrypt(Decrypt::new(&honest, Bound::Nothing)).as_deref(), Ok(&plaintext[..]));
    let mut moved = honest.clone();
    moved[4..20].copy_from_slice(&other.header[4..20]);
    assert_eq!(status(&handle.decrypt(Decrypt::new(&moved, Bound::Nothing))), KMS_INVALID_CIPHERTEXT);
}

#[test]
fn another_keys_header_before_a_valid_ciphertext_is_refused() {
    let handle = store();
    handle.create_key("other").expect("a key");
    let ciphertext = handle.generate(KEY, 32, CONTEXT).expect("a data key").ciphertext;
    let mut moved = ciphertext.clone();
    moved[..HEADER_SIZE].copy_from_slice(&python::exported(&handle, "other").header);
    assert_eq!(status(&handle.decrypt(Decrypt::new(&moved, CONTEXT))), KMS_INVALID_CIPHERTEXT);
    let named =
        |key_id| handle.decrypt(Decrypt { key_id: Some(key_id), ..Decrypt::new(&ciphertext, CONTEXT) });
    assert_eq!(status(&named("other")), KMS_INCORRECT_KEY);
    assert_eq!(status(&named(KEY)), KMS_OK);
}

#[test]
fn a_ciphertext_says_nothing_of_its_store_to_another() {
    let (handle, stranger) = (store(), store());
    let ciphertext = handle.generate(KEY, 32, CONTEXT).expect("a data key").ciphertext;
    assert_eq!(status(&stranger.decrypt(Decrypt::new(&ciphertext, CONTEXT))), KMS_NOT_FOUND);
    let named = Decrypt { key_id: Some(KEY), ..Decrypt::new(&ciphertext, CONTEXT) };
    assert_eq!(status(&stranger.decrypt(named)), KMS_INCORRECT_KEY);
}

#[test]
fn python_opens_every_ciphertext() {
    let handle = store();
    let mut journal = Journal::default();
    for (ciphertext, plaintext) in ciphertexts(&handle) {
        journal.add(&handle, KEY, &ciphertext, CONTEXT, &plaintext);
    }
    let whole: Vec<u8> = (0..KMS_MAX_PAYLOAD_SIZE).map(|index| index as u8).collect();
    let long_aad = vec![0x61; KMS_MAX_AAD_SIZE];
    for bound in [Bound::Nothing, Bound::Aad(b"a"), Bound::Aad(&long_aad), CONTEXT] {
        for len in [0, 1, 15, 16, 17, 4096, KMS_MAX_PAYLOAD_SIZE] {
            let (ciphertext, _) = handle.encrypt(KEY, &whole[..len], bound).expect("to encrypt");
            journal.add(&handle, KEY, &ciphertext, bound, &whole[..len]);
        }
        for len in [1, 16, 24, 32, 1024] {
            let data_key = handle.generate(KEY, len, bound).expect("a data key");
            journal.add_data_key(&handle, KEY, &data_key, bound);
        }
        for data_key in handle.generate_many(KEY, 32, 100, bound).expect("data keys") {
            journal.add_data_key(&handle, KEY, &data_key, bound);
        }
    }
    journal.check();
}

#[test]
fn python_refuses_what_is_wrong() {
    let handle = store();
    let data_key = handle.generate(KEY, 32, CONTEXT).expect("a data key");
    let refused = |blob: &[u8], bound, plaintext: &[u8]| {
        let mut journal = Journal::default();
        journal.add(&handle, KEY, blob, bound, plaintext);
        journal.open_in_python().expect_err("Python must refuse it")
    };
    let mut altered = data_key.ciphertext.clone();
    altered[100] ^= 1;
    assert!(refused(&altered, CONTEXT, &data_key.plaintext).contains("tag"));
    assert!(refused(&data_key.ciphertext, Bound::Nothing, &data_key.plaintext).contains("tag"));
    altered[24] ^= 1;
    assert!(refused(&altered, CONTEXT, &data_key.plaintext).contains("commitment"));
    assert!(refused(&data_key.ciphertext, CONTEXT, &[0; 32]).contains("something else"));
}

#[test]
fn a_python_without_cryptography_says_what_is_missing() {
    // -S: without the installed packages.
    let message = python::run_script_with(&["-S"], "open_blobs.py", "").expect_err("no cryptography");
    assert!(message.contains("scripts/setup.sh"), "{message}");
}

#[test]
fn what_python_makes_opens_here() {
    let handle = store();
    let most = vec![0x42; KMS_MAX_PAYLOAD_SIZE];
    for bound in [Bound::Nothing, Bound::Aad(b"raw"), CONTEXT] {
        for plaintext in [&b""[..], b"a data key out of Python........", &most] {
            let blob = python::made_in_python(&handle, KEY, plaintext, bound);
            assert_eq!(handle.decrypt(Decrypt::new(&blob, bound)).as_deref(), Ok(plaintext), "{bound:?}");
        }
    }
    // One byte more than any ciphertext has, though its tag is right.
    let long = python::made_in_python(&handle, KEY, &vec![0x42; KMS_MAX_PAYLOAD_SIZE + 1], CONTEXT);
    assert_eq!(status(&handle.decrypt(Decrypt::new(&long, CONTEXT))), KMS_INVALID_CIPHERTEXT);
}
