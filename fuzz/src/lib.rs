//! What the targets of the dialects share: a request as HTTP/1.1 writes it, answered by a store with the keys of the
//! recorded requests, and the bound on what one answer may take of memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::{Cell, RefCell};

use kms::dialect::{self, Dialect, Request};
use kms::engine::{AliasRequest, CreateKeyRequest, Kms, OpenOptions};
use kms::root::RootKeySource;

/// The keys that the recorded requests name.
const KEYS: [&str; 6] = [
    "abj0123456789abcdefg",
    "key-hzz62f1cb66fa42qo0000",
    "kms-345sdfk",
    "23e80852-1e38-11e9-b129-5cb9019b4b01",
    "1234abcd-12ab-34cd-56ef-1234567890ab",
    "1234abcd-12ab-34cd-56ef-123456780000",
];

/// A store is begun anew after so many requests, so that what they create stays little and a finding can be repeated.
const REQUESTS_PER_STORE: u32 = 500;

/// Bytes that one request may hold in memory beside the store, and for each of its own bytes.
const MEMORY: usize = 64 * 1024;
const MEMORY_PER_BYTE: usize = 32;

fn open() -> Kms {
    let kms = Kms::open(&OpenOptions {
        store: "memory:",
        root: RootKeySource::Raw(&[1; 32]),
        account_id: None,
        region: None,
        flags: kms::capi::constants::KMS_OPEN_CREATE,
        max_staleness_ms: 0,
        timeout_ms: 0,
        max_cached_keys: 0,
        audit: None,
    })
    .expect("a store in memory");
    for key_id in KEYS {
        kms.create_key(&CreateKeyRequest { key_id: Some(key_id), ..Default::default() }).expect("a key");
    }
    for alias in ["alias/x", "alias/example", "alias/ExampleAlias"] {
        kms.create_alias(&AliasRequest { alias, key_id: KEYS[4], flags: 0 }).expect("an alias");
    }
    kms
}

/// The dialect's answer to a request line, header lines, a blank line and a body: it has one, and takes little memory.
pub fn exchange(dialect: Dialect, request: &[u8]) {
    thread_local! {
        static STORE: RefCell<(Kms, u32)> = RefCell::new((open(), 0));
    }
    let Some((method, target, headers, body)) = parse(request) else { return };
    STORE.with_borrow_mut(|(kms, requests)| {
        if *requests == REQUESTS_PER_STORE {
            (*kms, *requests) = (open(), 0);
        }
        *requests += 1;
        let before = Memory::mark();
        let response = dialect::answer(kms, dialect, &Request::new(Some(method), target, headers, body))
            .expect("every request has an answer");
        let (http, grpc) = (response.http_status, response.grpc_status);
        assert_eq!((http == 0, grpc == -1), (dialect == Dialect::YandexGrpc, dialect != Dialect::YandexGrpc));
        assert_ne!(response.status, kms::error::Status::Internal, "{}", response.message);
        drop(response);
        let taken = Memory::peak_since(before);
        let allowed = MEMORY + MEMORY_PER_BYTE * request.len();
        assert!(taken <= allowed, "{taken} bytes for a request of {}", request.len());
    });
}

fn parse(request: &[u8]) -> Option<(&str, &str, &[u8], &[u8])> {
    let line_end = request.iter().position(|byte| *byte == b'\n')?;
    let mut line = std::str::from_utf8(&request[..line_end]).ok()?.split_ascii_whitespace();
    let (method, target) = (line.next()?, line.next()?);
    let rest = &request[line_end + 1..];
    let (head, body) = [b"\r\n\r\n".as_slice(), b"\n\n"]
        .into_iter()
        .filter_map(|blank| {
            rest.windows(blank.len()).position(|here| here == blank).map(|at| (at, at + blank.len()))
        })
        .min()
        .unwrap_or((rest.len(), rest.len()));
    Some((method, target, &rest[..head], &rest[body..]))
}

/// The system's allocator, which knows how much this thread holds and has held.
struct Memory;

thread_local! {
    static HELD: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

impl Memory {
    fn mark() -> isize {
        HELD.with(|held| {
            let (now, _) = held.get();
            held.set((now, now));
            now
        })
    }

    fn peak_since(mark: isize) -> usize {
        usize::try_from(HELD.get().1 - mark).unwrap_or(0)
    }

    fn count(bytes: isize) {
        // No thread-local state is left when the thread ends.
        let _ = HELD.try_with(|held| {
            let (now, peak) = held.get();
            held.set((now + bytes, peak.max(now + bytes)));
        });
    }
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Memory {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Memory::count(layout.size() as isize);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        Memory::count(-(layout.size() as isize));
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Memory = Memory;
