//! AAD and encryption contexts: on every operation they are bound to the ciphertext, and no two of them are the same
//! unless they say the same.

#[path = "support/handle.rs"]
mod handle;
#[path = "support/python.rs"]
mod python;

use handle::{Bound, DataKey, Decrypt, Handle, Outcome, status};
use kms::capi::constants::*;
use python::Journal;

const KEY: &str = "contexts";

fn store() -> Handle {
    let handle = Handle::memory();
    handle.create_key(KEY).expect("a key");
    handle
}

/// A ciphertext and its plaintext, by each operation that makes one.
type Operation = fn(&Handle, Bound<'_>) -> Outcome<(Vec<u8>, Vec<u8>)>;

fn of_data_key(DataKey { plaintext, ciphertext, .. }: DataKey) -> (Vec<u8>, Vec<u8>) {
    (ciphertext, plaintext)
}

const OPERATIONS: [(&str, Operation); 4] = [
    ("generate", |handle, bound| handle.generate(KEY, 32, bound).map(of_data_key)),
    ("generate many", |handle, bound| {
        let mut data_keys = handle.generate_many(KEY, 32, 3, bound)?;
        Ok(of_data_key(data_keys.pop().expect("three data keys")))
    }),
    ("encrypt", |handle, bound| {
        let plaintext = b"a payload".to_vec();
        Ok((handle.encrypt(KEY, &plaintext, bound)?.0, plaintext))
    }),
    ("re-encrypt", |handle, bound| {
        let (plaintext, before) = (b"a payload that moves".to_vec(), Bound::Context(&[("before", "it")]));
        let (ciphertext, _) = handle.encrypt(KEY, &plaintext, before)?;
        Ok((handle.re_encrypt(Decrypt::new(&ciphertext, before), KEY, bound)?.0, plaintext))
    }),
];

/// Bindings of which each is another one. Some are built to encode alike if the encoding were sloppy: strings run
/// together, a pair split elsewhere, an empty value dropped, the raw bytes of a context's encoding.
fn distinct() -> Vec<Bound<'static>> {
    vec![
        Bound::Nothing,
        Bound::Aad(b"\x00"),
        Bound::Aad(b"\x01"),
        Bound::Aad(b"\x02"),
        Bound::Aad(b"abc"),
        Bound::Aad(b"ab"),
        Bound::Aad(b"a\x00bc"),
        Bound::Aad(b"\x00\x00\x00\x01a\x00\x00\x00\x02bc"),
        Bound::Aad(b"\x02\x00\x00\x00\x01a\x00\x00\x00\x02bc"),
        Bound::Context(&[("a", "bc")]),
        Bound::Context(&[("ab", "c")]),
        Bound::Context(&[("abc", "")]),
        Bound::Context(&[("a", "b"), ("c", "")]),
        Bound::Context(&[("a", ""), ("b", "c")]),
        Bound::Context(&[("a", "")]),
        Bound::Context(&[("a", "b"), ("b", "a")]),
        Bound::Context(&[("a", "a"), ("b", "b")]),
        Bound::Context(&[("A", "bc")]),
        Bound::Context(&[("a", "bc ")]),
        // The same letter to a reader, composed and decomposed: strings are never normalised.
        Bound::Context(&[("caf\u{e9}", "1")]),
        Bound::Context(&[("cafe\u{301}", "1")]),
    ]
}

#[test]
fn each_opens_its_own_ciphertext_and_no_other() {
    let handle = store();
    let mut journal = Journal::default();
    for (name, operation) in OPERATIONS {
        for (made, bound) in distinct().into_iter().enumerate() {
            let (ciphertext, plaintext) = operation(&handle, bound).expect("a ciphertext");
            journal.add(&handle, KEY, &ciphertext, bound, &plaintext);
            for (shown, other) in distinct().into_iter().enumerate() {
                let outcome = handle.decrypt(Decrypt::new(&ciphertext, other));
                if made == shown {
                    assert_eq!(outcome.as_ref(), Ok(&plaintext), "{name}: {bound:?}");
                } else {
                    assert_eq!(
                        status(&outcome),
                        KMS_INVALID_CIPHERTEXT,
                        "{name}: {bound:?} opened by {other:?}"
                    );
                }
            }
        }
    }
    journal.check();
}

#[test]
fn empty_aad_and_an_empty_context_are_none() {
    let handle = store();
    let nothing = [Bound::Nothing, Bound::Aad(b""), Bound::Context(&[])];
    for (name, operation) in OPERATIONS {
        for bound in nothing {
            let (ciphertext, plaintext) = operation(&handle, bound).expect("a ciphertext");
            for other in nothing {
                let opened = handle.decrypt(Decrypt::new(&ciphertext, other));
                assert_eq!(opened.as_ref(), Ok(&plaintext), "{name}: {bound:?} as {other:?}");
            }
        }
    }
}

#[test]
fn the_order_of_pairs_does_not_matter() {
    let handle = store();
    let mut journal = Journal::default();
    // In the order of their unsigned bytes: a shorter prefix first, ASCII before what is longer in UTF-8, and
    // U+E000 before U+10000, which UTF-16 would have the other way round.
    let sorted = [
        ("a", "1"),
        ("aa", "2"),
        ("b", "3"),
        ("z", ""),
        ("\u{e9}", "4"),
        ("\u{e000}", "5"),
        ("\u{10000}", "6"),
    ];
    for (name, operation) in OPERATIONS {
        let (ciphertext, plaintext) = operation(&handle, Bound::Context(&sorted)).expect("a ciphertext");
        journal.add(&handle, KEY, &ciphertext, Bound::Context(&sorted), &plaintext);
        let mut pairs = sorted;
        for step in 0..200 {
            pairs.swap(step % 7, (step * 3 + 1) % 7);
            if step % 5 == 0 {
                pairs.reverse();
            }
            let opened = handle.decrypt(Decrypt::new(&ciphertext, Bound::Context(&pairs)));
            assert_eq!(opened.as_ref(), Ok(&plaintext), "{name}: {pairs:?}");
        }
        pairs.swap(0, 6);
        let (ciphertext, plaintext) = operation(&handle, Bound::Context(&pairs)).expect("a ciphertext");
        journal.add(&handle, KEY, &ciphertext, Bound::Context(&pairs), &plaintext);
        assert_eq!(handle.decrypt(Decrypt::new(&ciphertext, Bound::Context(&sorted))), Ok(plaintext));
        // A pair less, or a value elsewhere, is another context.
        let outcome = handle.decrypt(Decrypt::new(&ciphertext, Bound::Context(&sorted[1..])));
        assert_eq!(status(&outcome), KMS_INVALID_CIPHERTEXT, "{name}");
        (pairs[0].1, pairs[1].1) = (pairs[1].1, pairs[0].1);
        let outcome = handle.decrypt(Decrypt::new(&ciphertext, Bound::Context(&pairs)));
        assert_eq!(status(&outcome), KMS_INVALID_CIPHERTEXT, "{name}");
    }
    journal.check();
}

#[test]
fn the_largest_bindings_open_here_and_in_python() {
    let handle = store();
    let mut journal = Journal::default();
    let numbered: Vec<String> = (0..KMS_MAX_CONTEXT_PAIRS).map(|number| format!("{number:08}")).collect();
    let value = "x".repeat(KMS_MAX_CONTEXT_SIZE / KMS_MAX_CONTEXT_PAIRS - 8);
    let pairs: Vec<(&str, &str)> = numbered.iter().map(|key| (key.as_str(), value.as_str())).collect();
    let (aad, long) = (vec![0x80; KMS_MAX_AAD_SIZE + 1], "v".repeat(KMS_MAX_CONTEXT_SIZE));
    for (name, operation) in OPERATIONS {
        for bound in [Bound::Context(&pairs), Bound::Aad(&aad[1..]), Bound::Context(&[("k", &long[1..])])] {
            let (ciphertext, plaintext) = operation(&handle, bound).expect("a ciphertext");
            assert_eq!(handle.decrypt(Decrypt::new(&ciphertext, bound)).as_ref(), Ok(&plaintext), "{name}");
            journal.add(&handle, KEY, &ciphertext, bound, &plaintext);
        }
        let one_more = [pairs.as_slice(), &[("more", "")]].concat();
        for bound in [Bound::Context(&one_more), Bound::Aad(&aad), Bound::Context(&[("k", &long)])] {
            assert_eq!(status(&operation(&handle, bound)), KMS_INVALID_ARGUMENT, "{name}");
            let (ciphertext, _) = operation(&handle, Bound::Nothing).expect("a ciphertext");
            let outcome = handle.decrypt(Decrypt::new(&ciphertext, bound));
            assert_eq!(status(&outcome), KMS_INVALID_ARGUMENT, "{name}");
        }
    }
    journal.check();
}

#[test]
fn a_source_of_a_re_encryption_opens_under_its_own_binding_only() {
    let handle = store();
    handle.create_key("destination").expect("a key");
    for (made, bound) in distinct().into_iter().enumerate() {
        let (ciphertext, plaintext) = OPERATIONS[0].1(&handle, bound).expect("a ciphertext");
        for (shown, other) in distinct().into_iter().enumerate() {
            let outcome = handle.re_encrypt(Decrypt::new(&ciphertext, other), "destination", bound);
            if made == shown {
                let (moved, iv) = outcome.expect("to re-encrypt");
                assert_ne!(iv, ciphertext[68..80], "an IV of its own");
                assert_eq!(handle.decrypt(Decrypt::new(&moved, bound)).as_ref(), Ok(&plaintext), "{bound:?}");
            } else {
                assert_eq!(status(&outcome), KMS_INVALID_CIPHERTEXT, "{bound:?} opened by {other:?}");
            }
        }
    }
}

#[test]
fn contexts_that_are_none_are_refused() {
    let handle = store();
    let refused: [&[(&str, &str)]; 4] =
        [&[("", "value")], &[("", "")], &[("a", "1"), ("a", "2")], &[("a", "1"), ("b", "2"), ("a", "1")]];
    for pairs in refused {
        for (name, operation) in OPERATIONS {
            let failure = operation(&handle, Bound::Context(pairs)).expect_err("no context");
            assert_eq!(failure.status, KMS_INVALID_ARGUMENT, "{name}: {pairs:?}");
            let field = if name == "re-encrypt" { "destination_context" } else { "context" };
            let expected = format!("request.{field}:");
            assert!(failure.message.starts_with(&expected), "{name}: {}", failure.message);
        }
        let (ciphertext, _) = OPERATIONS[0].1(&handle, Bound::Nothing).expect("a ciphertext");
        let outcome = handle.decrypt(Decrypt::new(&ciphertext, Bound::Context(pairs)));
        assert_eq!(status(&outcome), KMS_INVALID_ARGUMENT, "decrypt: {pairs:?}");
        let outcome =
            handle.re_encrypt(Decrypt::new(&ciphertext, Bound::Context(pairs)), KEY, Bound::Nothing);
        let failure = outcome.expect_err("no context of the source");
        assert_eq!(failure.status, KMS_INVALID_ARGUMENT, "re-encrypt: {pairs:?}");
        assert!(failure.message.starts_with("request.source_context:"), "{}", failure.message);
    }
}
