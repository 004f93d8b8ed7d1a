//! Keys that live: versions, rotation by itself, states, import, aliases, tags, re-encryption, use counts, a new root
//! key, backups. On a real SQLite file.

#[path = "support/engine.rs"]
mod engine;

use engine::{Caller, DAY, advance_days};
use kms::error::{Detail, Status};
use kms::store::record::{KeyState, VersionState};

#[test]
fn old_blobs_keep_opening_after_rotations() {
    let caller = Caller::new();
    caller.create("k");
    let first = caller.generate("k").expect("a data key");
    let second_version = caller.kms.rotate_key(&engine::key("k")).expect("a rotation");
    assert_eq!((second_version.number, second_version.is_primary), (2, true));
    let second = caller.generate("k").expect("a data key");
    assert_eq!((first.version_number, second.version_number), (1, 2));
    let reopened = caller.reopen();
    for made in [&first, &second] {
        assert_eq!(reopened.decrypt(&made.ciphertext).as_ref(), Ok(&made.plaintext));
    }
    let initial = reopened.generate_flags("k", engine::INITIAL_VERSION).expect("under the initial version");
    assert_eq!(initial.version_number, 1);
    let versions = reopened.kms.list_key_versions(&engine::key("k"), "", 10).expect("the versions");
    assert_eq!(versions.items.iter().map(|v| v.item.number).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn the_primary_version_is_what_was_set() {
    let caller = Caller::new();
    caller.create("k");
    let first = caller.generate("k").expect("a data key").version_id;
    caller.kms.rotate_key(&engine::key("k")).expect("a rotation");
    caller.kms.set_primary_version(&engine::version("k", &first)).expect("the first one again");
    assert_eq!(caller.generate("k").expect("a data key").version_number, 1);
    // The next rotation gets a number that no version ever had.
    assert_eq!(caller.kms.rotate_key(&engine::key("k")).expect("a rotation").number, 3);
    let unknown =
        caller.kms.set_primary_version(&engine::version("k", "no such version")).expect_err("unknown");
    assert_eq!((unknown.status(), unknown.detail()), (Status::NotFound, Detail::Version));
}

#[test]
fn a_destroyed_version_is_gone_from_the_file() {
    let _days = engine::days();
    let caller = Caller::new();
    caller.create("k");
    let made = caller.generate("k").expect("a data key");
    let first = made.version_id.clone();
    let refused = caller.kms.schedule_version_destruction(&engine::schedule("k", Some(&first), 1));
    assert_eq!(refused.expect_err("the primary version").status(), Status::InvalidState);

    caller.kms.rotate_key(&engine::key("k")).expect("a rotation");
    let sealed = caller.sealed_rows_of(kms::store::Kind::Material);
    assert_eq!(sealed.len(), 2);
    let scheduled =
        caller.kms.schedule_version_destruction(&engine::schedule("k", Some(&first), 1)).expect("it");
    assert_eq!(scheduled.state, VersionState::PendingDestruction);
    assert_eq!(caller.decrypt(&made.ciphertext), Err(Status::InvalidState));
    caller.kms.cancel_version_destruction(&engine::version("k", &first)).expect("cancelled");
    assert_eq!(caller.decrypt(&made.ciphertext).as_ref(), Ok(&made.plaintext));

    caller.kms.schedule_version_destruction(&engine::schedule("k", Some(&first), 1)).expect("again");
    advance_days(2);
    assert_eq!(caller.decrypt(&made.ciphertext), Err(Status::InvalidState));
    let destroyed = caller.kms.describe_key_version(&engine::version("k", &first)).expect("still described");
    assert_eq!(destroyed.state, VersionState::Destroyed);
    let late = caller.kms.cancel_version_destruction(&engine::version("k", &first)).expect_err("too late");
    assert_eq!(late.status(), Status::InvalidState);
    let left = caller.sealed_rows_of(kms::store::Kind::Material);
    assert_eq!(left.len(), 1);
    let gone = sealed.iter().find(|row| !left.contains(row)).expect("the destroyed one");
    assert!(!caller.files_contain(gone), "the sealed material is still in the file");
    assert!(caller.files_contain(&left[0]), "the search finds what is there");
    caller.verify();
}

#[test]
fn a_key_rotates_after_a_time_and_after_uses() {
    let _days = engine::days();
    let caller = Caller::new();
    caller.create_with("time", |request| request.rotation_period_s = 3 * DAY);
    assert_eq!(caller.generate("time").expect("a data key").version_number, 1);
    advance_days(4);
    assert_eq!(caller.generate("time").expect("a data key").version_number, 2);
    assert_eq!(caller.generate("time").expect("a data key").version_number, 2);

    caller.create_with("uses", |request| request.rotate_after_uses = 10);
    let versions: Vec<u32> =
        (0..25).map(|_| caller.generate("uses").expect("a data key").version_number).collect();
    let expected: Vec<u32> = (0..25).map(|use_number| 1 + use_number / 10).collect();
    assert_eq!(versions, expected);
    caller.kms.set_key_rotation(&engine::rotation("uses", 0, 0)).expect("no limit any more");
    let last = (0..30).map(|_| caller.generate("uses").expect("a data key").version_number).max();
    assert_eq!(last, Some(3));
}

#[test]
fn a_deleted_key_is_gone_with_its_aliases() {
    let _days = engine::days();
    let caller = Caller::new();
    caller.create_with("k", |request| request.alias = Some("alias/k"));
    let made = caller.generate("alias/k").expect("a data key");
    let info = caller.kms.schedule_key_deletion(&engine::schedule("k", None, 0)).expect("scheduled");
    assert_eq!(info.state, KeyState::PendingDeletion);
    assert_eq!(caller.generate("k").map(drop), Err(Status::InvalidState));
    caller.kms.cancel_key_deletion(&engine::key("k")).expect("cancelled");
    assert_eq!(caller.generate("k").map(drop), Err(Status::Disabled));
    caller.kms.enable_key(&engine::key("k")).expect("enabled");
    assert_eq!(caller.decrypt(&made.ciphertext).as_ref(), Ok(&made.plaintext));

    caller.kms.schedule_key_deletion(&engine::schedule("k", None, 7)).expect("scheduled");
    advance_days(8);
    assert_eq!(caller.generate("k").map(drop), Err(Status::NotFound));
    assert_eq!(caller.generate("alias/k").map(drop), Err(Status::NotFound));
    assert_eq!(caller.decrypt(&made.ciphertext), Err(Status::NotFound));
    assert_eq!(caller.kms.list_keys("", 10, 0).expect("a list").items.len(), 0);
    // Its id and alias are free again.
    caller.create_with("k", |request| request.alias = Some("alias/k"));
    assert_eq!(caller.decrypt(&made.ciphertext), Err(Status::NotFound));
    caller.verify();
}

#[test]
fn imported_material_opens_its_old_blobs() {
    let _days = engine::days();
    let caller = Caller::new();
    caller.create_with("byok", |request| request.origin = 1);
    assert_eq!(caller.generate("byok").map(drop), Err(Status::InvalidState));
    let mut import = engine::import("byok", &[7; 32]);
    import.expires_at = kms::platform::unix_seconds() + i64::from(5 * DAY);
    caller.kms.import_key_material(&import).expect("an import");
    let made = caller.generate("byok").expect("a data key");
    let other =
        caller.kms.import_key_material(&engine::import("byok", &[8; 32])).expect_err("other material");
    assert_eq!(other.status(), Status::IncorrectKey);

    advance_days(6);
    assert_eq!(caller.decrypt(&made.ciphertext), Err(Status::InvalidState));
    caller.kms.import_key_material(&engine::import("byok", &[7; 32])).expect("the same again");
    assert_eq!(caller.decrypt(&made.ciphertext).as_ref(), Ok(&made.plaintext));
    caller.kms.delete_imported_key_material(&engine::key("byok")).expect("deleted");
    assert_eq!(caller.sealed_rows_of(kms::store::Kind::Material).len(), 0);
    assert_eq!(caller.decrypt(&made.ciphertext), Err(Status::InvalidState));
    caller.verify();

    // Another store, the same material, UUID and version number: the same ciphertexts open.
    let uuid = caller.kms.describe_key(&engine::key("byok")).expect("it").key_uuid;
    let other = Caller::new();
    other.create_with("restored", |request| {
        request.origin = 1;
        request.key_uuid = Box::leak(Box::new(uuid));
    });
    other.kms.import_key_material(&engine::import("restored", &[7; 32])).expect("an import");
    assert_eq!(other.decrypt(&made.ciphertext).as_ref(), Ok(&made.plaintext));
    let own = other.kms.rotate_key(&engine::key("restored")).expect_err("imported material does not rotate");
    assert_eq!(own.status(), Status::InvalidKeyUsage);
}

#[test]
fn material_expires_under_a_handle_that_is_in_use() {
    let _days = engine::days();
    let caller = Caller::new();
    caller.create_with("byok", |request| request.origin = 1);
    let mut import = engine::import("byok", &[7; 32]);
    import.expires_at = kms::platform::unix_seconds() + 40;
    caller.kms.import_key_material(&import).expect("an import");
    let refused = (0..60).find_map(|_| {
        engine::advance_seconds(1);
        caller.generate("byok").err()
    });
    assert_eq!(refused, Some(Status::InvalidState));
    assert!(kms::platform::unix_seconds() <= import.expires_at + 2, "refused too late");
}

#[test]
fn aliases_move_and_go() {
    let caller = Caller::new();
    caller.create("one");
    caller.create("two");
    caller.kms.create_alias(&engine::alias("alias/a", "one")).expect("an alias");
    assert_eq!(caller.generate("alias/a").expect("a data key").key_id, "one");
    caller.kms.update_alias(&engine::alias("alias/a", "two")).expect("moved");
    assert_eq!(caller.generate("alias/a").expect("a data key").key_id, "two");
    let of_one = caller.kms.list_aliases(Some("one"), "", 10, 0).expect("a list");
    assert_eq!(of_one.items.len(), 0);
    caller.kms.delete_alias("alias/a", 0).expect("deleted");
    assert_eq!(caller.generate("alias/a").map(drop), Err(Status::NotFound));
    assert_eq!(caller.kms.delete_alias("alias/a", 0).expect_err("gone").status(), Status::NotFound);
    caller.verify();
}

#[test]
fn tags_and_description() {
    let caller = Caller::new();
    caller.create_with("k", |request| request.tags = vec![("b", "2"), ("a", "1")]);
    caller.kms.tag_key("k", &[("b", "3"), ("c", "")], 0).expect("tags");
    caller.kms.untag_key("k", &["a", "never there"], 0).expect("a tag less");
    let tags = caller.reopen().kms.list_key_tags(&engine::key("k"), "", 10).expect("the tags");
    let tags: Vec<_> = tags.items.into_iter().map(|listed| (listed.item.key, listed.item.value)).collect();
    assert_eq!(tags, [("b".into(), "3".into()), ("c".into(), String::new())]);
    let many: Vec<String> = (0..50).map(|number| format!("tag{number}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|key| (key.as_str(), "v")).collect();
    assert_eq!(caller.kms.tag_key("k", &many, 0).expect_err("52 tags").status(), Status::LimitExceeded);
    caller.kms.update_key_description("k", "what it is for", 0).expect("a description");
    assert_eq!(
        caller.reopen().kms.describe_key(&engine::key("k")).expect("it").description,
        "what it is for"
    );
}

#[test]
fn re_encryption_moves_a_ciphertext_to_another_key_and_context() {
    let caller = Caller::new();
    caller.create("from");
    caller.create("to");
    let made = caller.generate("from").expect("a data key");
    let (moved, source, destination) = caller.re_encrypt(&made.ciphertext, "to", b"new aad").expect("moved");
    assert_eq!((source.as_str(), destination.as_str()), ("from", "to"));
    assert_eq!(caller.decrypt(&moved), Err(Status::InvalidCiphertext));
    assert_eq!(caller.decrypt_aad(&moved, b"new aad").as_ref(), Ok(&made.plaintext));
}

#[test]
fn uses_are_exact_when_all_handles_are_closed() {
    let caller = Caller::new();
    caller.create("k");
    for _ in 0..5 {
        let made = caller.generate("k").expect("a data key");
        caller.decrypt(&made.ciphertext).expect("opened");
    }
    let second = caller.reopen();
    drop(caller);
    let caller = second;
    caller.decrypt(&caller.generate("k").expect("a data key").ciphertext).expect("opened");
    caller.kms.flush().expect("a flush");
    let info = caller.kms.describe_key(&engine::key("k")).expect("it");
    assert_eq!((info.uses_sealed, info.uses_opened), (6, 6));
    assert!((kms::platform::unix_seconds() - info.last_used_at).abs() < 60);
    caller.verify();
}

#[test]
fn a_new_root_key_replaces_the_old_one() {
    let caller = Caller::new();
    caller.create_with("k", |request| request.alias = Some("alias/k"));
    caller.kms.rotate_key(&engine::key("k")).expect("a rotation");
    let made = caller.generate("k").expect("a data key");
    let other = caller.reopen();
    other.generate("k").expect("another handle works");
    let new = [9; 32];
    caller.kms.rekey(&kms::root::RootKeySource::Raw(&new), 0).expect("a new root key");
    assert_eq!(caller.decrypt(&made.ciphertext).as_ref(), Ok(&made.plaintext));
    caller.verify();
    // The other handle is told, within max_staleness_ms.
    let _days = engine::days();
    advance_days(1);
    assert_eq!(other.generate("k").map(drop), Err(Status::WrongRootKey));
    assert_eq!(caller.try_open(&[1; 32]).map(drop), Err(Status::WrongRootKey));
    let reopened = caller.try_open(&new).expect("the new root key");
    assert_eq!(reopened.decrypt(&made.ciphertext).as_ref(), Ok(&made.plaintext));
    assert_eq!(reopened.generate("alias/k").expect("a data key").version_number, 2);
}

#[test]
fn a_backup_opens_with_the_same_root_key() {
    let caller = Caller::new();
    caller.create("k");
    let made = caller.generate("k").expect("a data key");
    let path = caller.path("backup.db");
    caller.kms.backup(&path, 0).expect("a backup");
    caller.create("later");
    let backup = Caller::open_at(&path, &[1; 32]).expect("the backup");
    assert_eq!(backup.decrypt(&made.ciphertext).as_ref(), Ok(&made.plaintext));
    assert_eq!(backup.generate("later").map(drop), Err(Status::NotFound));
    backup.create("of-the-backup-alone");
    backup.verify();
    assert_eq!(caller.kms.backup(&path, 0).expect_err("a file is there").status(), Status::AlreadyExists);
}

#[test]
fn every_damage_is_told_however_few_fit_on_a_page() {
    let caller = Caller::new();
    for number in 0..40 {
        caller.create(&format!("k{number}"));
    }
    caller.sql("UPDATE row SET sealed = zeroblob(length(sealed)) WHERE kind = 5");
    let (mut marker, mut told) = (String::new(), 0);
    loop {
        let page = caller.kms.verify(&marker, 7, 0).expect("a step");
        told += page.items.len();
        let last = page.items.last().map(|listed| listed.marker.clone());
        if !page.more {
            break;
        }
        marker = if page.end.is_empty() { last.expect("an item") } else { page.end };
    }
    assert_eq!(told, 40);
}
