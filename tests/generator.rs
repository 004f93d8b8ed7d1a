//! The generator: its known output, when it takes a new seed, and that nothing comes twice, whichever thread, lane or
//! handle asks. (tests/fork.rs has the children; what its state holds is tested in src/crypto/rng.rs.)

#[path = "support/format.rs"]
mod format;
#[path = "support/handle.rs"]
mod handle;
#[path = "support/python.rs"]
mod python;

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use handle::{Bound, DataKey, Handle, Open};
use kms::capi::constants::*;
use kms::crypto::rng::Generator;
use python::Journal;
use rand_core::TryRng;

const KEY: &str = "generators";

fn store(flags: u32) -> Handle {
    let how = Open { root_key: &[0x5a; 32], flags: KMS_OPEN_CREATE | flags, ..Open::default() };
    let handle = Handle::open("memory:", how).expect("a store in memory");
    handle.create_key(KEY).expect("a key");
    handle
}

#[test]
fn output_under_a_known_key_is_aes_of_a_counter() {
    let key = [0x3c; 32];
    let block = |counter: u128| format::aes256(&key, counter.to_be_bytes());
    // Blocks 0 and 1 are the next key; they are never output.
    let expected: Vec<u8> = (2..66).flat_map(block).collect();
    for pieces in [&[1024][..], &[1, 15, 16, 17, 32, 943], &[100; 10], &[1; 1024]] {
        let mut generator = Generator::with_key(key);
        let mut output = vec![0; pieces.iter().sum()];
        let mut rest = output.as_mut_slice();
        for piece in pieces {
            let (now, later) = rest.split_at_mut(*piece);
            generator.fill(now);
            rest = later;
        }
        assert_eq!(output, expected[..output.len()], "in pieces of {pieces:?}");
    }
    // The traits of rand_core give the same stream.
    let mut generator = Generator::with_key(key);
    let word = generator.try_next_u32().expect("infallible");
    let long = generator.try_next_u64().expect("infallible");
    let mut bytes = [0; 20];
    generator.try_fill_bytes(&mut bytes).expect("infallible");
    assert_eq!([&word.to_le_bytes()[..], &long.to_le_bytes(), &bytes].concat(), expected[..32]);
}

#[test]
fn two_generators_of_one_key_part_at_their_first_seed() {
    let mut generators = [(); 2].map(|()| Generator::with_key([1; 32]));
    let draw = |generator: &mut Generator| {
        let mut bytes = [0; 32];
        generator.fill(&mut bytes);
        bytes
    };
    let [first, second] = generators.each_mut().map(draw);
    assert_eq!(first, second, "clones of one state");
    generators.iter_mut().for_each(|generator| generator.seed(0).expect("a seed"));
    let [first, second] = generators.each_mut().map(draw);
    assert_ne!(first, second);
}

#[test]
fn a_seed_is_stale_after_a_mebibyte_or_ten_milliseconds() {
    let mut generator = Generator::unseeded();
    assert!(generator.is_stale(0));
    for start in [0, 1_000_000, u64::MAX / 2] {
        generator.seed(start).expect("a seed");
        assert!(!generator.is_stale(start), "a seed is good for the call that took it");
        // The kernel's coarse clock may be a tick of 4 ms late.
        assert!(generator.is_stale(start + 10 - 4));
    }
    generator.seed(0).expect("a seed");
    let mut taken = 0;
    while !generator.is_stale(0) {
        generator.fill(&mut [0; 1024]);
        taken += 1024;
        assert!(taken <= 1 << 20, "more than a mebibyte of one seed");
    }
    assert!(taken >= 1 << 19, "a seed after {taken} bytes already");
    assert_eq!(generator.seeds(), 5 - 1);
}

#[test]
fn handles_take_new_seeds_by_bytes_and_by_time() {
    let handle = store(0);
    let mut seeds = handle.stats().generator_seeds;
    // 2 MiB in one call, of each of the two streams at least a part.
    handle.generate_many(KEY, 32, 65536, Bound::Nothing).expect("data keys");
    let after = handle.stats().generator_seeds;
    assert!(after >= seeds + 2, "{} new seeds for 2 MiB", after - seeds);

    // Some bytes now and then: time alone must do it.
    seeds = after;
    let start = Instant::now();
    let mut bytes = 0;
    while handle.stats().generator_seeds == seeds {
        handle.random(16).expect("random bytes");
        bytes += 16;
        std::thread::sleep(Duration::from_millis(1));
        assert!(bytes < 1 << 16 && start.elapsed() < Duration::from_secs(60), "no seed for {bytes} bytes");
    }
}

/// What several threads got of several handles: which handle, and the data key.
fn gather(handles: &[Handle]) -> Vec<(usize, DataKey)> {
    const THREADS: usize = 4;
    const CALLS: usize = 200;
    std::thread::scope(|scope| {
        let generate = || {
            let mut made = Vec::new();
            for call in 0..CALLS * handles.len() {
                let number = call % handles.len();
                let handle = &handles[number];
                made.push((number, handle.generate(KEY, 32, Bound::Nothing).expect("a data key")));
                if call % 50 == 0 {
                    let many = handle.generate_many(KEY, 32, 16, Bound::Nothing).expect("data keys");
                    made.extend(many.into_iter().map(|data_key| (number, data_key)));
                }
            }
            made
        };
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(generate)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a thread")).collect()
    })
}

/// What is wrong with data keys that should have nothing in common, if anything is.
fn check_distinct(made: &[(usize, DataKey)]) -> Result<(), &'static str> {
    let (mut keys, mut ivs, mut halves) = (HashSet::new(), HashSet::new(), HashSet::new());
    let mut batches: HashMap<&[u8], (usize, usize)> = HashMap::new();
    for (handle, DataKey { plaintext, ciphertext, iv }) in made {
        let fresh = keys.insert(plaintext);
        if !fresh || !plaintext.chunks(16).all(|half| halves.insert(half)) {
            return Err("a data key comes twice");
        }
        if !ivs.insert(iv) {
            return Err("an IV comes twice");
        }
        let (owner, count) = batches.entry(&ciphertext[56..68]).or_insert((*handle, 0));
        *count += 1;
        if owner != handle {
            return Err("two handles have one N1");
        }
        if *count > 1024 {
            return Err("a batch is too long");
        }
    }
    // No byte that anyone can see is a part of a secret one.
    let public = made.iter().flat_map(|(_, data_key)| data_key.ciphertext.windows(16));
    if public.into_iter().any(|window| halves.contains(window)) {
        return Err("a secret is in a ciphertext");
    }
    Ok(())
}

#[test]
fn nothing_comes_twice_over_threads_lanes_and_handles() {
    for flags in [0, KMS_OPEN_SYSTEM_RNG] {
        let handles = [store(flags), store(flags), store(flags)];
        let made = gather(&handles);
        assert_eq!(check_distinct(&made), Ok(()), "flags {flags}");
        let mut journal = Journal::default();
        for (number, data_key) in &made {
            journal.add_data_key(&handles[*number], KEY, data_key, Bound::Nothing);
        }
        journal.check();
    }
}

#[test]
fn what_comes_twice_is_found() {
    let made = gather(&[store(0)]);
    assert_eq!(check_distinct(&made), Ok(()));
    let altered = |change: fn(&mut [(usize, DataKey)])| {
        let mut made = made.clone();
        change(&mut made);
        check_distinct(&made)
    };
    assert_eq!(
        altered(|made| made[7].1.plaintext = made[300].1.plaintext.clone()),
        Err("a data key comes twice")
    );
    let half = |made: &mut [(usize, DataKey)]| {
        let other = made[9].1.plaintext[16..].to_vec();
        made[2].1.plaintext[..16].copy_from_slice(&other);
    };
    assert_eq!(altered(half), Err("a data key comes twice"));
    assert_eq!(altered(|made| made[7].1.iv = made[300].1.iv.clone()), Err("an IV comes twice"));
    let shared = |made: &mut [(usize, DataKey)]| {
        made[1].1.ciphertext = made[0].1.ciphertext.clone();
        made[1].0 = 1;
    };
    assert_eq!(altered(shared), Err("two handles have one N1"));
    let shown = |made: &mut [(usize, DataKey)]| {
        let secret = made[3].1.plaintext[..16].to_vec();
        made[5].1.ciphertext[90..106].copy_from_slice(&secret);
    };
    assert_eq!(altered(shown), Err("a secret is in a ciphertext"));
}

#[test]
fn a_batch_of_one_thread_ends_after_1024_messages() {
    let handle = store(0);
    let made: Vec<_> = (0..5)
        .flat_map(|_| handle.generate_many(KEY, 16, 3000, Bound::Nothing).expect("data keys"))
        .map(|data_key| (0, data_key))
        .collect();
    assert_eq!(check_distinct(&made), Ok(()));
    let n1s: HashSet<_> = made.iter().map(|(_, data_key)| &data_key.ciphertext[56..68]).collect();
    assert!(n1s.len() >= 15000_usize.div_ceil(1024), "{} batches", n1s.len());
    // And lasts: a subkey for each message would be slow.
    assert!(n1s.len() < 1500, "{} batches", n1s.len());
}

/// Simple statistics of 1 MiB that a good generator fails with a probability below 2^-40: so far (8 standard
/// deviations of a normal distribution, of which 2^-49 lies outside) no count may be off.
fn sanity(bytes: &[u8]) -> Result<(), String> {
    assert_eq!(bytes.len(), 1 << 20);
    let bits = bytes.len() as f64 * 8.0;
    let ones: u32 = bytes.iter().map(|byte| byte.count_ones()).sum();
    if (f64::from(ones) - bits / 2.0).abs() > 8.0 * bits.sqrt() / 2.0 {
        return Err(format!("{ones} of {bits} bits are ones"));
    }
    for bit in 0..8 {
        let ones = bytes.iter().filter(|byte| *byte >> bit & 1 == 1).count() as f64;
        let count = bytes.len() as f64;
        if (ones - count / 2.0).abs() > 8.0 * count.sqrt() / 2.0 {
            return Err(format!("bit {bit} is 1 {ones} times"));
        }
    }
    // Chi-square with 255 degrees of freedom, bounds by Wilson and Hilferty's cube.
    let mut counts = [0_u32; 256];
    bytes.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
    let expected = bytes.len() as f64 / 256.0;
    let chi_square: f64 = counts.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum();
    if !(110.0..485.0).contains(&chi_square) {
        return Err(format!("chi-square of the bytes is {chi_square}"));
    }
    // Neighbours do not depend on each other: half of the bits of two in a row are different.
    let changes: u32 = bytes.windows(2).map(|two| (two[0] ^ two[1]).count_ones()).sum();
    if (f64::from(changes) - bits / 2.0).abs() > 8.0 * bits.sqrt() / 2.0 {
        return Err(format!("{changes} of {bits} bits differ from the byte before"));
    }
    let blocks: HashSet<&[u8]> = bytes.chunks(16).collect();
    if blocks.len() != bytes.len() / 16 {
        return Err("a block comes twice".into());
    }
    Ok(())
}

#[test]
fn the_output_looks_random() {
    for flags in [0, KMS_OPEN_SYSTEM_RNG] {
        let handle = store(flags);
        let random: Vec<u8> = (0..16).flat_map(|_| handle.random(65536).expect("random bytes")).collect();
        assert_eq!(sanity(&random), Ok(()), "random bytes");
        let data_keys = handle.generate_many(KEY, 1024, 1024, Bound::Nothing).expect("data keys");
        let keys: Vec<u8> = data_keys.iter().flat_map(|data_key| data_key.plaintext.clone()).collect();
        assert_eq!(sanity(&keys), Ok(()), "data keys");
        // Ciphertexts without their headers, of a plaintext that is all zeros.
        let sealed: Vec<u8> = (0..16)
            .flat_map(|_| {
                handle.encrypt(KEY, &[0; 65536], Bound::Nothing).expect("to encrypt").0[80..][..65536]
                    .to_vec()
            })
            .collect();
        assert_eq!(sanity(&sealed), Ok(()), "ciphertexts");
    }
}

#[test]
fn what_is_not_random_is_found() {
    let random: Vec<u8> = {
        let handle = store(0);
        (0..16).flat_map(|_| handle.random(65536).expect("random bytes")).collect()
    };
    assert_eq!(sanity(&random), Ok(()));
    let altered = |change: fn(usize, u8) -> u8| {
        sanity(&random.iter().enumerate().map(|(index, byte)| change(index, *byte)).collect::<Vec<_>>())
    };
    assert!(altered(|_, _| 0).is_err());
    assert!(altered(|index, _| index as u8).is_err(), "a counter");
    assert!(
        altered(|index, byte| if index % 64 == 0 { byte | 1 } else { byte }).is_err(),
        "one bit in a thousand"
    );
    assert!(altered(|_, byte| byte & 0x7f).is_err());
    assert!(altered(|index, byte| if index % 100 == 0 { 0x41 } else { byte }).is_err(), "a byte too often");
    let mut repeated = random.clone();
    repeated.copy_within(16..32, 1 << 19);
    assert!(sanity(&repeated).is_err(), "a block comes twice");
}
