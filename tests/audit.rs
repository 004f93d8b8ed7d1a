//! The audit log: what is recorded, when it is on disk, and what its verification finds.

#[path = "access/world.rs"]
mod world;

use std::fs;
use std::path::PathBuf;

use kms::engine::{AuditOptions, Kms};
use kms::error::Status;
use kms::root::RootKeySource;
use serde_json::Value;
use world::*;

impl World {
    fn log(&self) -> PathBuf {
        self.folder.path().join("audit.log")
    }

    fn records(&self) -> Vec<Value> {
        self.kms.flush().expect("flushed");
        let text = fs::read_to_string(self.log()).expect("the log");
        text.lines().map(|line| serde_json::from_str(line).expect("a record")).collect()
    }

    fn damages(&self) -> Vec<String> {
        damages(&self.kms, &self.log().display().to_string())
    }

    fn other_logged(&self) -> Kms {
        let path = self.log().display().to_string();
        open_in(&self.folder, 0, Some(AuditOptions { path: &path, data: 0, flags: 0, max_kib: 0 }))
            .expect("the store and its log again")
    }
}

fn damages(kms: &Kms, path: &str) -> Vec<String> {
    let (mut found, mut marker) = (Vec::new(), String::new());
    loop {
        let page = kms.verify_audit_log(path, &marker, 2, 0).expect("a step");
        marker = page.items.last().map_or(page.end, |listed| listed.marker.clone());
        found.extend(
            page.items.iter().map(|listed| {
                format!("{}:{}: {}", listed.item.segment, listed.item.line, listed.item.problem)
            }),
        );
        if !page.more {
            return found;
        }
    }
}

/// A log with records of all kinds.
fn busy() -> World {
    let world = World::with_audit(|_| ());
    world.key("k");
    let tenant = world.as_principal("tenant");
    world.kms.create_grant(&grant("k", "tenant", GENERATE)).expect("a grant");
    generate(&tenant, "k", &[("t", "7")], &[]).expect("granted");
    assert_eq!(status(tenant.disable_key(&key("k"))), Status::AccessDenied);
    let blob = generate(&world.kms, "k", &[], &[]).expect("a data key");
    decrypt(&world.kms, &blob, &[], &[]).expect("decrypted");
    world.kms.describe_key(&key("k")).expect("described");
    world.kms.disable_key(&key("k")).expect("disabled");
    world
}

#[test]
fn each_operation_is_on_record_with_all_that_is_known_of_it() {
    let world = busy();
    let records = world.records();
    let seen: Vec<(&str, &str)> = records
        .iter()
        .map(|record| {
            (record["action"].as_str().expect("an action"), record["outcome"].as_str().expect("an outcome"))
        })
        .collect();
    assert_eq!(
        seen,
        [
            ("kms:CreateKey", "KMS_OK"),
            ("kms:ActAsPrincipal", "KMS_OK"),
            ("kms:CreateGrant", "KMS_OK"),
            ("kms:GenerateDataKey", "KMS_OK"),
            ("kms:DisableKey", "KMS_ACCESS_DENIED"),
            ("kms:GenerateDataKey", "KMS_OK"),
            ("kms:Decrypt", "KMS_OK"),
            ("kms:DescribeKey", "KMS_OK"),
            ("kms:DisableKey", "KMS_OK"),
        ]
    );
    let (granted, by_root) = (&records[3], &records[5]);
    assert_eq!((&granted["principal"], &by_root["principal"]), (&"tenant".into(), &ROOT.into()));
    assert_eq!(granted["key"], "k");
    assert_eq!(granted["version"].as_str().map(str::len), Some(36));
    assert_eq!(granted["request_id"].as_str().map(str::len), Some(36));
    assert_eq!(granted["grant"].as_str().map(str::len), Some(64));
    assert_eq!(granted["context"], serde_json::json!(["t"]), "keys only");
    assert!(by_root.get("grant").is_none() && by_root.get("context").is_none());
    assert!(granted["time"].as_str().is_some_and(|time| time.ends_with('Z') && time.len() == 24));
    for (index, record) in records.iter().enumerate() {
        assert_eq!(record["seq"], index as u64 + 1);
    }
    assert_eq!(world.kms.stats(0).expect("statistics").audit_records, records.len() as u64);
    assert_eq!(world.damages(), [""; 0]);
}

#[test]
fn values_of_contexts_are_recorded_on_request() {
    let world = World::with_audit(|options| options.flags = 1);
    world.key("k");
    generate(&world.kms, "k", &[("t", "7"), ("a", "\"\n")], &[]).expect("a data key");
    assert_eq!(world.records()[1]["context"], serde_json::json!({"a": "\"\n", "t": "7"}));
}

#[test]
fn a_change_is_on_disk_before_it_is_acknowledged() {
    let world = World::with_audit(|_| ());
    world.key("k");
    // Not flushed: what is read now is what a crash would leave.
    assert_eq!(fs::read_to_string(world.log()).expect("the log").lines().count(), 1);
    generate(&world.kms, "k", &[], &[]).expect("a data key");
    assert_eq!(fs::read_to_string(world.log()).expect("the log").lines().count(), 1, "collected");
    world.kms.disable_key(&key("k")).expect("disabled");
    assert_eq!(
        fs::read_to_string(world.log()).expect("the log").lines().count(),
        3,
        "all that came before, too"
    );
}

#[test]
fn operations_on_data_are_recorded_by_choice() {
    for (data, actions) in [
        (
            1,
            vec![
                "kms:CreateKey",
                "kms:GenerateDataKey",
                "kms:GenerateDataKey",
                "kms:GenerateDataKey",
                "kms:DescribeKey",
            ],
        ),
        (2, vec!["kms:CreateKey", "kms:GenerateDataKey", "kms:DescribeKey"]),
        (3, vec!["kms:CreateKey", "kms:DescribeKey", "kms:GenerateDataKey", "kms:GenerateDataKey"]),
    ] {
        let world = World::with_audit(|options| options.data = data);
        world.key("k");
        generate(&world.kms, "k", &[], &[]).expect("a data key");
        generate(&world.kms, "k", &[], &[]).expect("a data key");
        assert_eq!(generate(&world.kms, "missing", &[], &[]), Err(Status::NotFound));
        world.kms.describe_key(&key("k")).expect("described");
        let records = world.records();
        let seen: Vec<_> =
            records.iter().map(|record| record["action"].as_str().expect("an action")).collect();
        assert_eq!(seen, actions, "{data}");
        if data == 3 {
            let mut counts: Vec<_> = records[2..]
                .iter()
                .map(|record| (record["outcome"].clone(), record["count"].clone()))
                .collect();
            counts.sort_by_key(|(outcome, _)| outcome.to_string());
            assert_eq!(counts, [("KMS_NOT_FOUND".into(), 1.into()), ("KMS_OK".into(), 2.into())]);
        }
        assert_eq!(world.damages(), [""; 0]);
    }
}

/// Every byte of the log and of its head, each in turn.
#[test]
fn any_changed_byte_is_found() {
    let world = World::with_audit(|_| ());
    world.key("k");
    world.kms.disable_key(&key("k")).expect("disabled");
    for name in ["audit.log", "audit.log.head"] {
        let path = world.folder.path().join(name);
        let whole = fs::read(&path).expect("the file");
        for position in 0..whole.len() {
            // The head is filled up with spaces, which say nothing.
            if name.ends_with("head") && matches!(whole[position], b' ' | b'\n') {
                continue;
            }
            let mut changed = whole.clone();
            changed[position] ^= 1;
            fs::write(&path, &changed).expect("written");
            assert!(!verify_other(&world).is_empty(), "{name}: byte {position}");
        }
        fs::write(&path, &whole).expect("written");
    }
    assert_eq!(world.damages(), [""; 0]);
}

/// By a handle that does not write to the log itself.
fn verify_other(world: &World) -> Vec<String> {
    damages(&world.other(), &world.log().display().to_string())
}

#[test]
fn the_line_that_was_changed_is_named() {
    let world = busy();
    world.records();
    let whole = fs::read_to_string(world.log()).expect("the log");
    fs::write(world.log(), whole.replacen("kms:CreateGrant", "kms:CreateGranu", 1)).expect("written");
    assert_eq!(verify_other(&world), ["0:3: the line was changed"]);
    // By the handle that writes the log, too, which cannot do so any more.
    world.kms.describe_key(&key("k")).expect("described");
    fs::write(world.log(), &whole[..whole.len() / 2]).expect("written");
    assert!(world.damages().iter().any(|damage| damage.contains("cut off")));
}

#[test]
fn left_out_moved_doubled_and_cut_off_records_are_found() {
    let world = busy();
    world.records();
    let whole = fs::read_to_string(world.log()).expect("the log");
    let lines: Vec<&str> = whole.lines().collect();
    let written = |lines: &[&str]| {
        fs::write(world.log(), lines.iter().map(|line| format!("{line}\n")).collect::<String>())
            .expect("written");
        verify_other(&world)
    };
    assert!(written(&lines).is_empty());
    for index in 0..lines.len() {
        let mut left_out = lines.clone();
        left_out.remove(index);
        assert!(!written(&left_out).is_empty(), "without {index}");
        let mut doubled = lines.clone();
        doubled.insert(index, lines[index]);
        assert!(!written(&doubled).is_empty(), "{index} twice");
        if index > 0 {
            let mut moved = lines.clone();
            moved.swap(index - 1, index);
            assert!(!written(&moved).is_empty(), "{index} earlier");
        }
        let tail = written(&lines[..index]);
        assert!(tail.iter().any(|damage| damage.contains("cut off")), "cut at {index}: {tail:?}");
    }
    written(&lines);
    fs::remove_file(world.folder.path().join("audit.log.head")).expect("removed");
    let gone = world.other().verify_audit_log(&world.log().display().to_string(), "", 10, 0);
    assert_eq!(status(gone), Status::NotFound);
    let log = world.log().display().to_string();
    let options = AuditOptions { path: &log, data: 0, flags: 0, max_kib: 0 };
    assert_eq!(
        status(open_in(&world.folder, 0, Some(options))),
        Status::CorruptStore,
        "no new log over an old one"
    );
}

#[test]
fn another_store_did_not_write_it() {
    let world = busy();
    world.records();
    let stranger = World::new();
    let path = world.log().display().to_string();
    assert!(!damages(&stranger.kms, &path).is_empty());
    let options = AuditOptions { path: &path, data: 0, flags: 0, max_kib: 0 };
    assert_eq!(status(open_in(&stranger.folder, 0, Some(options))), Status::CorruptStore);
}

#[test]
fn several_handles_share_one_log() {
    let world = World::with_audit(|_| ());
    world.key("k");
    let others: Vec<Kms> = (0..4).map(|_| world.other_logged()).collect();
    std::thread::scope(|scope| {
        for kms in &others {
            scope.spawn(move || {
                for _ in 0..25 {
                    kms.tag_key("k", &[("a", "1")], 0).expect("tagged");
                    generate(kms, "k", &[], &[]).expect("a data key");
                }
            });
        }
    });
    drop(others);
    assert_eq!(world.records().len(), 1 + 4 * 50);
    assert_eq!(world.damages(), [""; 0]);
}

#[test]
fn a_full_file_is_followed_by_another() {
    let world = World::with_audit(|options| options.max_kib = 4);
    world.key("k");
    for _ in 0..100 {
        world.kms.tag_key("k", &[("a", "1")], 0).expect("tagged");
    }
    let first = world.folder.path().join("audit.log.1");
    assert!(first.exists() && world.folder.path().join("audit.log.2").exists());
    assert_eq!(world.damages(), [""; 0]);
    let whole = fs::read(&first).expect("a full file");
    fs::remove_file(&first).expect("removed");
    assert!(!verify_other(&world).is_empty());
    fs::write(&first, &whole[..whole.len() - 10]).expect("written");
    assert!(!verify_other(&world).is_empty());
    fs::write(&first, &whole).expect("written");
    assert!(verify_other(&world).is_empty());
}

#[test]
fn what_a_crash_leaves_is_brought_in_order() {
    let world = busy();
    world.records();
    let World { kms, folder } = world;
    drop(kms);
    let path = folder.path().join("audit.log");
    let whole = fs::read(&path).expect("the log");
    // Half a line, written without its end.
    fs::write(&path, [&whole[..], br#"{"seq":10,"previous":"#].concat()).expect("written");
    let log = path.display().to_string();
    let options = || AuditOptions { path: &log, data: 0, flags: 0, max_kib: 0 };
    let kms = open_in(&folder, 0, Some(options())).expect("opened");
    assert_eq!(fs::read(&path).expect("the log"), whole);
    kms.enable_key(&key("k")).expect("enabled");
    // A head that is older than the log: the power went between the two.
    let head = folder.path().join("audit.log.head");
    let old = fs::read(&head).expect("the head");
    kms.disable_key(&key("k")).expect("disabled");
    drop(kms);
    fs::write(&head, old).expect("written");
    let kms = open_in(&folder, 0, Some(options())).expect("opened");
    kms.enable_key(&key("k")).expect("enabled");
    assert_eq!(damages(&kms, &log), [""; 0]);
    drop(kms);
    // The file was renamed, and the head does not know yet.
    fs::rename(&path, folder.path().join("audit.log.1")).expect("renamed");
    let kms = open_in(&folder, 0, Some(options())).expect("opened");
    kms.disable_key(&key("k")).expect("disabled");
    assert_eq!(damages(&kms, &log), [""; 0]);
}

#[test]
fn a_new_root_key_goes_on_with_the_log() {
    let world = busy();
    let stale = world.other_logged();
    world.kms.rekey(&RootKeySource::Raw(&[2; 32]), 0).expect("a new root key");
    world.kms.enable_key(&key("k")).expect("enabled");
    assert_eq!(world.damages(), [""; 0]);
    let records = world.records();
    assert!(records.iter().any(|record| record["action"] == "kms:RekeyStore"));
    // A handle of the old root key cannot write to the log any more.
    assert_eq!(status(stale.disable_key(&key("k"))), Status::WrongRootKey);
    assert_eq!(world.damages(), [""; 0]);
    // A line from before the new root key is still covered.
    let whole = fs::read_to_string(world.log()).expect("the log");
    fs::write(world.log(), whole.replacen("kms:CreateKey", "kms:CreateKez", 1)).expect("written");
    assert!(!world.damages().is_empty());
}

/// /dev/full takes no byte: what a full disk says, without one.
#[test]
fn a_log_that_cannot_be_written_stops_what_it_must_record_or_is_counted() {
    for go_on in [false, true] {
        let world = World::with_audit(|options| options.flags = if go_on { 2 } else { 0 });
        world.key("k");
        world.kms.flush().expect("flushed");
        let lines = || fs::read_to_string(world.log()).map(|text| text.lines().count()).unwrap_or(0);
        assert_eq!(lines(), 1);
        let saved = world.folder.path().join("saved.log");
        fs::rename(world.log(), &saved).expect("renamed");
        std::os::unix::fs::symlink("/dev/full", world.log()).expect("a link");
        let outcome = status(world.kms.tag_key("k", &[("a", "1")], 0));
        if go_on {
            assert_eq!(outcome, Status::Ok);
            assert_eq!(world.kms.stats(0).expect("statistics").audit_records_lost, 1);
        } else {
            assert_ne!(outcome, Status::Ok, "not acknowledged");
            assert_ne!(
                generate(&world.kms, "k", &[], &[]).map(drop),
                Ok(()),
                "nor is anything else, as long as it fails"
            );
            let tags = world.other().list_key_tags(&key("k"), "", 10).expect("tags");
            assert!(tags.items.is_empty(), "and it did not happen");
        }
        fs::remove_file(world.log()).expect("removed");
        fs::rename(&saved, world.log()).expect("renamed");
        world.kms.tag_key("k", &[("b", "1")], 0).expect("works again");
        assert_eq!(world.damages(), [""; 0]);
        let lost = world.records().iter().any(|record| record["action"] == "libkms:LoseRecords");
        assert_eq!(lost, go_on, "the log says what it lacks");
    }
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    for (data, flags, max_kib, path) in [(4, 0, 0, "x"), (0, 4, 0, "x"), (0, 0, 3, "x"), (0, 0, 0, "")] {
        let folder = tempfile::tempdir().expect("a folder");
        let options = AuditOptions { path, data, flags, max_kib };
        assert_eq!(status(open_in(&folder, 1, Some(options))), Status::InvalidArgument);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let options = AuditOptions { path: "/nowhere/at/all/audit.log", data: 0, flags: 0, max_kib: 0 };
    assert_eq!(status(open_in(&folder, 1, Some(options))), Status::StoreError);
}
