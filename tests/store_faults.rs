//! Nothing acknowledged is lost, whatever the disk does: at every single operation of a script that makes every kind
//! of change, the disk fails, fills up, or loses its power, in every way that it may.

#[path = "support/changes.rs"]
mod changes;
#[path = "support/fault_script.rs"]
mod fault_script;
#[path = "support/faulty_disk.rs"]
mod faulty_disk;
#[path = "support/grants.rs"]
mod grants;
#[path = "support/handle.rs"]
mod handle;
#[path = "support/keys.rs"]
mod keys;
#[path = "support/life.rs"]
mod life;
#[path = "support/store_file.rs"]
mod store_file;

use fault_script::{Record, base, place, primary_code, problems};
use faulty_disk::{Fault, Kept, has_happened, lose_power, make_room, operations, with_fault};
use handle::{DataKey, Failure, Outcome};
use kms::capi::constants::*;
use rusqlite::ffi;
use store_file::StoreFile;

/// What a call says when the disk failed, and nothing else.
fn is_clear(failure: &Failure, fault: Fault) -> bool {
    match fault {
        Fault::IsFull => {
            failure.status == KMS_STORE_ERROR && primary_code(failure) == i64::from(ffi::SQLITE_FULL)
        }
        _ => {
            let io = [ffi::SQLITE_IOERR, ffi::SQLITE_CANTOPEN, libc::EIO].map(i64::from);
            failure.status == KMS_STORE_ERROR && io.contains(&primary_code(failure))
        }
    }
}

/// Runs the whole script with one fault, and gives what was wrong then.
fn wrong_with(n: usize, fault: Fault) -> Vec<String> {
    let base = base();
    let file = place(base);
    let passes = matches!(fault, Fault::Fails | Fault::IsCut | Fault::IsFull);
    let retry: Option<&dyn Fn()> = if passes { Some(&make_room) } else { None };
    let record: Record = with_fault(n, fault, || fault_script::run(base, &file, retry));
    let mut wrong = problems(base, &file, &record);
    for (what, failure) in &record.failures {
        if !is_clear(failure, fault) {
            wrong.push(format!("{what} failed unclearly: {failure:?}"));
        }
    }
    if matches!(fault, Fault::Fails | Fault::IsCut) && record.failures.len() > 1 {
        wrong.push(format!("one fault, and more than one failure: {:?}", record.failures));
    }
    wrong
}

/// At every n, up to one that the script does not reach.
fn survives(fault: Fault) {
    let start = std::time::Instant::now();
    let (mut reached, mut failed) = (0, Vec::new());
    for n in 1.. {
        let wrong = wrong_with(n, fault);
        if !wrong.is_empty() {
            failed.push(format!("{fault:?} at operation {n}: {wrong:#?}"));
        }
        if !has_happened() {
            break;
        }
        reached = n;
    }
    println!("{fault:?} at each of {reached} operations: {:?}", start.elapsed());
    assert!(failed.is_empty(), "{} of them:\n{}", failed.len(), failed.join("\n"));
    assert!(reached > 200, "the script makes only {reached} operations");
}

#[test]
fn an_operation_that_fails() {
    survives(Fault::Fails);
}

#[test]
fn a_write_that_is_cut() {
    survives(Fault::IsCut);
}

#[test]
fn a_disk_that_fails_for_good() {
    survives(Fault::FailsForGood);
}

#[test]
fn a_disk_that_is_full_until_there_is_room() {
    survives(Fault::IsFull);
}

#[test]
fn a_power_loss_that_takes_all_that_was_not_synced() {
    survives(Fault::LosesPower(Kept::Nothing));
}

#[test]
fn a_power_loss_that_takes_nothing() {
    survives(Fault::LosesPower(Kept::Everything));
}

#[test]
fn a_power_loss_that_takes_every_second_write() {
    survives(Fault::LosesPower(Kept::EverySecond));
}

#[test]
fn a_power_loss_in_the_middle_of_a_write() {
    survives(Fault::LosesPower(Kept::LastIsTorn));
}

/// The harness sees a loss: a disk that says it has synced what it has not loses acknowledged changes and blobs, at
/// whatever operation the power goes.
#[test]
fn a_disk_that_lies_is_found_out() {
    let base = base();
    let file = place(base);
    with_fault(0, Fault::Fails, || fault_script::run(base, &file, None));
    let operations = operations();
    // Before the new root key, without which nothing at all would open.
    for n in [operations / 2, operations * 3 / 4] {
        let wrong = wrong_with(n, Fault::LosesPowerAfterLies);
        for part in
            ["lost: create a key", "lost: rotate a key", "lost: disable a key", "lost: a data key after"]
        {
            assert!(wrong.iter().any(|problem| problem.starts_with(part)), "{part} at {n}: {wrong:#?}");
        }
    }
}

/// What was done to a store from nothing.
#[derive(Default)]
struct Made {
    created: bool,
    rotated: bool,
    blobs: Vec<DataKey>,
    failures: Vec<Failure>,
}

fn make_store(file: &StoreFile) -> Made {
    let mut made = Made::default();
    let kms = match file.open_flags(KMS_OPEN_CREATE) {
        Ok(kms) => kms,
        Err(failure) => {
            made.failures.push(failure);
            return made;
        }
    };
    let noted = |made: &mut Made, outcome: Outcome<()>| outcome.map_err(|f| made.failures.push(f)).is_ok();
    made.created = noted(&mut made, kms.create_key("first"));
    made.blobs.extend(kms.data_key("first"));
    made.rotated = made.created && noted(&mut made, kms.rotate("first").map(drop));
    made.blobs.extend(kms.data_key("first"));
    made
}

fn check_made(file: &StoreFile, made: &Made) -> Outcome<()> {
    let kms = file.open_flags(KMS_OPEN_CREATE)?;
    if made.created {
        assert!(kms.describe("first")?.versions_len > u32::from(made.rotated), "a version is lost");
    }
    for blob in &made.blobs {
        assert_eq!(kms.open_blob(&blob.ciphertext)?, blob.plaintext);
    }
    kms.create_key("second")?;
    assert_eq!(kms.verify()?, [""; 0]);
    Ok(())
}

#[test]
fn a_store_that_is_made_on_a_failing_disk_is_whole_or_can_be_made_again() {
    let powers =
        [Kept::Nothing, Kept::Everything, Kept::EverySecond, Kept::LastIsTorn].map(Fault::LosesPower);
    let faults = [Fault::Fails, Fault::IsCut, Fault::FailsForGood, Fault::IsFull].into_iter().chain(powers);
    for fault in faults {
        for n in 1.. {
            let file = StoreFile::new();
            let made = with_fault(n, fault, || make_store(&file));
            for failure in &made.failures {
                assert!(is_clear(failure, fault), "{fault:?} at {n}: {failure:?}");
            }
            check_made(&file, &made).unwrap_or_else(|failure| panic!("{fault:?} at {n}: {failure:?}"));
            if !has_happened() {
                assert!(n > 40 && made.rotated, "{n}");
                break;
            }
        }
    }
}

/// A process dies at any operation, another goes on with what it finds, and then the power goes: whatever the second
/// has found and used is durable.
#[test]
fn what_a_dead_process_left_is_durable_before_it_is_used() {
    let mut uses = 0;
    for n in 1.. {
        let file = StoreFile::filled(|kms| kms.create_key("first").expect("a key"));
        let mut versions = 1;
        with_fault(n, Fault::Dies, || {
            let Ok(kms) = file.open() else { return };
            versions += u32::from(kms.rotate("first").is_ok());
            let _ = kms.create_key("second");
        });
        let has_died = has_happened();
        let blobs: Vec<DataKey> = with_fault(0, Fault::Fails, || {
            let kms = file.open().expect("the store");
            let blobs = ["first", "second"].into_iter().filter_map(|id| kms.data_key(id).ok()).collect();
            lose_power();
            blobs
        });
        uses += blobs.len();
        let kms = file.open().expect("the store");
        assert!(kms.describe("first").expect("the key").versions_len >= versions, "lost at {n}");
        for blob in &blobs {
            let opened = kms.open_blob(&blob.ciphertext);
            assert_eq!(opened.as_ref(), Ok(&blob.plaintext), "after a death at operation {n}");
        }
        if !has_died {
            assert!(n > 20 && uses > n, "{n} {uses}");
            break;
        }
    }
}
