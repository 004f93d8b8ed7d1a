//! A key with very many grants: decided, listed, taken back, verified, backed up, resealed, and gone with its key. The
//! same with 2,000 of them every day, and with 100,000 in `make test-long`.

use std::sync::atomic::Ordering;
use std::time::Instant;

use kms::engine::{
    CreateKeyRequest, GrantFilter, GrantReference, GrantTokens, Kms, OpenOptions, ScheduleRequest,
};
use kms::error::Status;
use kms::root::RootKeySource;
use kms::test_hooks::SECONDS_AHEAD;

#[path = "access/world.rs"]
mod world;

use world::*;

const ROOT_KEY: [u8; 32] = [1; 32];

fn open(folder: &tempfile::TempDir, name: &str, root_key: &[u8; 32]) -> Kms {
    Kms::open(&OpenOptions {
        store: &format!("sqlite:{}", folder.path().join(name).display()),
        root: RootKeySource::Raw(root_key),
        account_id: None,
        region: None,
        flags: 1,
        max_staleness_ms: 100,
        timeout_ms: 0,
        max_cached_keys: 0,
        audit: None,
    })
    .expect("the store")
}

/// A third of the grants are one principal's, each for a context of its own; the others have a grantee each.
fn is_of_the_service(number: usize) -> bool {
    number.is_multiple_of(3)
}

fn grantee(number: usize) -> String {
    if is_of_the_service(number) { "service".into() } else { format!("tenant-{number}") }
}

fn create(kms: &Kms, number: usize) -> (String, String) {
    let (grantee, text) = (grantee(number), number.to_string());
    let mut request = grant("many", &grantee, GENERATE);
    request.retiring = Some("janitor");
    if is_of_the_service(number) {
        (request.constraint, request.context) = (1, context(&[("app", "x"), ("tenant", &text)]));
    }
    let created = kms.create_grant(&request).expect("a grant");
    (created.info.grant.grant_id, created.token)
}

/// Whether the grant of this number works, for whom and where it is, with a token or without.
fn decide(kms: &Kms, number: usize, token: &[&str]) -> Result<(), Status> {
    let principal = kms.as_principal(&grantee(number), 0).expect("a handle");
    let text = number.to_string();
    let pairs = [("app", "x"), ("tenant", text.as_str())];
    let pairs = if is_of_the_service(number) { &pairs[..] } else { &[] };
    generate(&principal, "many", pairs, token).map(drop)
}

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let value = work();
    println!("{what}: {:.3?}", start.elapsed());
    value
}

fn listed(kms: &Kms) -> Vec<String> {
    let (mut ids, mut marker) = (Vec::new(), String::new());
    loop {
        let page = kms.list_grants(&key("many"), &GrantFilter::default(), &marker, 1000).expect("a page");
        ids.extend(page.items.iter().map(|listed| listed.item.grant.grant_id.clone()));
        match page.items.last().filter(|_| page.more) {
            Some(last) => marker = last.marker.clone(),
            None => return ids,
        }
    }
}

fn retirable(kms: &Kms) -> usize {
    let (mut count, mut marker) = (0, String::new());
    loop {
        let page = kms.list_retirable_grants("janitor", &marker, 1000, 0).expect("a page");
        count += page.items.len();
        if !page.more {
            return count;
        }
        marker = page.end;
    }
}

fn damages(kms: &Kms) -> usize {
    let (mut count, mut marker) = (0, String::new());
    loop {
        let page = kms.verify(&marker, 100, 0).expect("a verification");
        count += page.items.len();
        if !page.more {
            return count;
        }
        marker = page.end;
    }
}

/// Rows in a store that nobody has open.
fn rows(folder: &tempfile::TempDir, name: &str) -> i64 {
    let connection = rusqlite::Connection::open(folder.path().join(name)).expect("the file");
    connection.query_row("SELECT count(*) FROM row", [], |row| row.get(0)).expect("a count")
}

fn life_of_a_key_with(grants: usize) {
    // In memory where there is such a place: this is not about the disk.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
    let kms = open(&folder, "keys.db", &ROOT_KEY);
    for id in ["many", "other"] {
        kms.create_key(&CreateKeyRequest { key_id: Some(id), ..Default::default() }).expect("a key");
    }
    let made: Vec<(String, String)> =
        timed("create", || (0..grants).map(|number| create(&kms, number)).collect());
    // Each, on both sides of what is there; the first decision reads, the others do not.
    let other = open(&folder, "keys.db", &ROOT_KEY);
    timed("first decision of one of many", || decide(&other, 1, &[])).expect("granted");
    timed("first decision of who has many", || decide(&other, 0, &[])).expect("granted");
    timed("decisions of 1,000 principals", || {
        for number in (0..grants).step_by(grants / 1000 + 1) {
            assert_eq!(decide(&other, number, &[]), Ok(()), "{number}");
            assert_eq!(decide(&other, number, &[&made[number].1]), Ok(()), "{number}, by its token");
        }
    });
    assert_eq!(decide(&other, 3 * grants, &[]), Err(Status::AccessDenied), "no such context");
    assert_eq!(decide(&other, 3 * grants + 1, &[]), Err(Status::AccessDenied), "no such grantee");
    assert_eq!(
        generate(&other.as_principal("tenant-1", 0).expect("a handle"), "other", &[], &[]).map(drop),
        Err(Status::AccessDenied),
        "another key"
    );
    let all: Vec<String> = made.iter().map(|(id, _)| id.clone()).collect();
    assert!(timed("list", || listed(&other)) == all, "not in the order of their creation");
    assert_eq!(timed("list what is retirable", || retirable(&other)), grants);
    assert_eq!(timed("verify", || damages(&kms)), 0);

    // One goes, and one comes, among so many.
    timed("revoke one", || kms.revoke_grant("many", &made[0].0, 0)).expect("revoked");
    timed("retire one by its token", || kms.retire_grant(&GrantReference::Token(&made[1].1), 0))
        .expect("retired");
    for number in [0, 1] {
        assert_eq!(decide(&kms, number, &[]), Err(Status::AccessDenied), "{number}");
        assert_eq!(decide(&kms, number, &[&made[number].1]), Err(Status::InvalidGrantToken), "{number}");
    }
    let (_, token) = timed("create one more", || create(&kms, grants + 2));
    timed("first decision by its token elsewhere", || decide(&other, grants + 2, &[&token]))
        .expect("granted");
    assert_eq!(decide(&other, 0, &[]), Err(Status::AccessDenied), "seen with it");
    assert_eq!(decide(&other, 3, &[]), Ok(()), "the others as before");

    timed("back up", || kms.backup(&folder.path().join("copy.db").display().to_string(), 0)).expect("a copy");
    let copy = open(&folder, "copy.db", &ROOT_KEY);
    assert_eq!(decide(&copy, 4, &[&made[4].1]), Ok(()), "in the copy");
    assert_eq!(damages(&copy), 0);
    drop(copy);
    drop(other);
    let before = listed(&kms);
    timed("rekey", || kms.rekey(&RootKeySource::Raw(&[2; 32]), 0)).expect("a new root key");
    assert!(listed(&kms) == before, "the order, and the ids, outlive the root key");
    assert_eq!(damages(&kms), 0);
    assert_eq!(decide(&kms, 5, &[]), Ok(()));
    assert_eq!(
        decide(&kms, 5, &[&made[5].1]),
        Err(Status::InvalidGrantToken),
        "tokens end with the root key"
    );
    kms.revoke_grant("many", &made[5].0, 0).expect("revoked");
    assert_eq!(decide(&kms, 5, &[]), Err(Status::AccessDenied));

    let deletion = ScheduleRequest {
        key_id: "many",
        version_id: None,
        grant_tokens: GrantTokens::new(),
        waiting_days: 7,
        flags: 0,
    };
    kms.schedule_key_deletion(&deletion).expect("scheduled");
    SECONDS_AHEAD.fetch_add(8 * 24 * 3600, Ordering::SeqCst);
    timed("remove with the key", || kms.flush()).expect("removed");
    assert_eq!(status(kms.describe_key(&key("many"))), Status::NotFound);
    assert_eq!(damages(&kms), 0);
    drop(kms);
    // The store, and the other key: its head, name, version and material.
    assert_eq!(rows(&folder, "keys.db"), 1 + 4);
}

#[test]
fn a_key_with_thousands_of_grants_lives_and_goes() {
    life_of_a_key_with(2000);
}

#[test]
#[ignore = "takes minutes: make test-long"]
fn a_key_with_100_000_grants_lives_and_goes() {
    life_of_a_key_with(100_000);
}
