//! A store with a million keys: how long it takes to open, to list, to use a key that is not in memory, and what a
//! cached key costs; and a key with 100,000 grants. `make bench-scale`; arguments give other numbers, of which 0 leaves
//! out what it is about: `scale FOLDER [KEYS [GRANTS]]`. It prints tables for docs/performance.md, and leaves the store
//! to benches/data_keys.c.

#![allow(unsafe_code)] // calls of C functions

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use kms::capi::constants::KMS_OPEN_CREATE;
use kms::capi::keys::{kms_key_info_t, kms_list_keys, kms_list_keys_request_t};
use kms::capi::types::{kms_buffer_t, kms_page_t};

#[path = "../tests/support/grants.rs"]
mod grant_calls;
#[path = "scale/grants.rs"]
mod grants;
#[path = "../tests/support/handle.rs"]
mod handle;
#[path = "../tests/support/keys.rs"]
mod keys;

use handle::{Handle, Open, outcome, zeroed};

const ROOT_KEY: [u8; 32] = [0x5a; 32];
const BATCH: usize = 10_000;
const SAMPLES: usize = 4000;
const CACHED: u32 = 100_000;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let folder = PathBuf::from(arguments.next().expect("a folder for the store"));
    let keys = arguments.next().map_or(1_000_000, |keys| keys.parse().expect("a number of keys"));
    let grants = arguments.next().map_or(100_000, |grants| grants.parse().expect("a number of grants"));
    std::fs::create_dir_all(&folder).expect("the folder");
    if keys > 0 {
        measure_keys(&folder, keys);
    }
    if grants > 0 {
        grants::measure(&folder, grants);
    }
}

fn measure_keys(folder: &Path, keys: usize) {
    let file = folder.join(format!("keys-{keys}.db"));
    build(&file, keys);
    let size = std::fs::metadata(&file).expect("the store").len() >> 20;
    println!("| a store with {keys} keys, {size} MiB | target | |\n| --- | ---: | ---: |");
    warm(&file);
    opening(&file);
    listing(&file, keys);
    cold_keys(&file, keys);
    cached_keys(&file, keys);
}

fn open(file: &Path, max_cached_keys: u32) -> Handle {
    let how = Open { root_key: &ROOT_KEY, flags: KMS_OPEN_CREATE, ..Open::default() };
    let uri = format!("sqlite:{}", file.display());
    Handle::open_with(&uri, how, |options| options.max_cached_keys = max_cached_keys).expect("the store")
}

fn key_id(number: usize) -> String {
    format!("key-{number:07}")
}

/// Goes on where an earlier run was stopped.
fn build(file: &Path, keys: usize) {
    let kms = open(file, 0);
    let made = (0..keys).step_by(BATCH).find(|number| kms.describe(&key_id(*number)).is_err());
    let Some(first) = made else { return };
    let start = Instant::now();
    for number in (first..keys).step_by(BATCH) {
        let ids: Vec<String> = (number..keys.min(number + BATCH)).map(key_id).collect();
        // SAFETY: a live handle.
        kms::test_hooks::create_keys(unsafe { &*kms.as_ptr() }, &ids).expect("keys");
        progress(number + ids.len(), keys, BATCH, "keys", start.elapsed());
    }
}

/// Reads the file once, so that it is in the kernel's cache: what is measured is the library, not the disk.
fn warm(file: &Path) {
    let mut file = std::fs::File::open(file).expect("the store");
    std::io::copy(&mut file, &mut std::io::sink()).expect("to read it");
}

/// A bar on a terminal, a line for every tenth elsewhere.
fn progress(done: usize, all: usize, step: usize, what: &str, elapsed: Duration) {
    const WIDTH: usize = 40;
    let mut out = std::io::stderr();
    let seconds = elapsed.as_secs();
    if out.is_terminal() {
        let full = done * WIDTH / all;
        let bar = format!("{}{}", "#".repeat(full), " ".repeat(WIDTH - full));
        let end = if done == all { "\n" } else { "" };
        let _ = write!(out, "\r[{bar}] {done} of {all} {what}, {seconds} s{end}");
        let _ = out.flush();
    } else if done * 10 / all != done.saturating_sub(step) * 10 / all {
        let _ = writeln!(out, "{done} of {all} {what}, {seconds} s");
    }
}

fn row(what: &str, target: &str, measured: impl Display) {
    println!("| {what} | {target} | {measured} |");
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

fn microseconds(time: Duration) -> String {
    format!("{:.1} µs", time.as_secs_f64() * 1e6)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let value = work();
    (start.elapsed(), value)
}

fn opening(file: &Path) {
    let times: Vec<Duration> = (0..21).map(|_| timed(|| open(file, 0)).0).collect();
    let slowest = milliseconds(*times.iter().max().expect("times"));
    row("`kms_open`", "below 50 ms", format!("{}, slowest {slowest}", milliseconds(median(times))));
}

/// All keys, page by page.
fn listing(file: &Path, keys: usize) {
    const ITEMS: usize = 1000;
    let kms = open(file, 0);
    // SAFETY: structs of the C ABI.
    let (mut page, request): (kms_page_t, kms_list_keys_request_t) = unsafe { (zeroed(), zeroed()) };
    let request = kms_list_keys_request_t { struct_size: size_of_val(&request), ..request };
    page.struct_size = size_of_val(&page);
    let size = size_of::<kms_key_info_t>();
    // SAFETY: a struct of the C ABI.
    let mut items: Vec<kms_key_info_t> = (0..ITEMS).map(|_| unsafe { zeroed() }).collect();
    items.iter_mut().for_each(|item| item.struct_size = size);
    let mut texts = vec![0; 1 << 16];
    let (mut listed, mut times) = (0, Vec::new());
    loop {
        let mut text = kms_buffer_t { data: texts.as_mut_ptr(), capacity: texts.len(), len: 0 };
        let items = items.as_mut_ptr();
        let call = || {
            // SAFETY: ITEMS items and a text buffer of its capacity.
            outcome(|error| unsafe {
                kms_list_keys(kms.as_ptr(), &request, &mut page, items, size, ITEMS, &mut text, error)
            })
        };
        let (time, answer) = timed(call);
        answer.expect("a page");
        listed += page.items_len;
        times.push(time);
        if page.more == 0 {
            break;
        }
    }
    assert_eq!(listed, keys, "not all keys were listed");
    row("`kms_list_keys`, a page of 1,000 keys", "", milliseconds(median(times)));
}

/// Keys that are not in memory, beside what SQLite needs to read their rows.
fn cold_keys(file: &Path, keys: usize) {
    let kms = open(file, 0);
    kms.data_key(&key_id(0)).expect("a first data key");
    let step = keys / SAMPLES;
    let use_key = |sample| timed(|| kms.data_key(&key_id(sample * step + 1)).expect("a data key")).0;
    let cold = median((0..SAMPLES).map(use_key).collect());
    assert!(kms.stats().key_loads >= SAMPLES as u64, "they were not cold");
    let read = median(sqlite_reads(file));
    let own = cold.saturating_sub(read);
    row("a data key under a key that is not in memory", "", microseconds(cold));
    row("of that, SQLite's read of the key's rows", "", microseconds(read));
    row("of that, the library", "below 20 µs", microseconds(own));
}

/// The library's own query for a key's rows, on a connection that is set as its own are.
fn sqlite_reads(file: &Path) -> Vec<Duration> {
    let connection = rusqlite::Connection::open(file).expect("the file");
    connection.execute_batch("PRAGMA cache_size = -1024").expect("a setting");
    let some = "SELECT id FROM row WHERE kind = 3 AND id >= randomblob(32) ORDER BY id LIMIT 1";
    let mut some = connection.prepare(some).expect("a query");
    let ids = (0..SAMPLES).filter_map(|_| some.query_row([], |row| row.get::<_, Vec<u8>>(0)).ok());
    let ids: Vec<Vec<u8>> = ids.collect();
    let family = "SELECT kind, id, owner, revision, sealed FROM row
        WHERE owner = (SELECT owner FROM row WHERE kind = 3 AND id = ?1)
        UNION ALL SELECT kind, id, owner, revision, sealed FROM row WHERE kind = 3 AND id = ?1";
    let mut family = connection.prepare(family).expect("a query");
    let mut read = |id: &Vec<u8>| {
        let rows = family.query_map([id], |row| row.get::<_, Vec<u8>>(4)).expect("rows");
        assert!(rows.map(|row| row.expect("a row").len()).sum::<usize>() > 100);
    };
    ids.iter().map(|id| timed(|| read(id)).0).collect()
}

/// Bytes of this process that are in use: allocated, and the library's protected memory. What is resident says less, as
/// freed pages stay for a while and idle ones may go.
fn in_use(kms: &Handle) -> u64 {
    // SAFETY: takes nothing, gives numbers.
    let heap = unsafe { libc::mallinfo2() };
    (heap.uordblks + heap.hblkhd) as u64 + kms.stats().secret_bytes
}

/// What memory grows by when CACHED keys are used, which all have room; and then 1000 at a time.
fn cached_keys(file: &Path, keys: usize) {
    for setting in [1000, CACHED * 2] {
        let kms = open(file, setting);
        // What the first calls need is no key's.
        (0..100).for_each(|number| drop(kms.describe(&key_id(number)).expect("a key")));
        let before = in_use(&kms);
        let used = keys.min(CACHED as usize);
        for number in 100..used {
            kms.describe(&key_id(number)).expect("a key");
        }
        let (grown, cached) = (in_use(&kms).saturating_sub(before), kms.stats().keys_cached);
        assert!(cached <= u64::from(setting));
        let used = format!("memory grows by, with {used} keys used and room for {setting}");
        row(&used, "", format!("{} KiB", grown >> 10));
        if cached > 1000 {
            row("that is, for each key in memory", "below 1 KiB", format!("{} bytes", grown / cached));
        }
    }
}
