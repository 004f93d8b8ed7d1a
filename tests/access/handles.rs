//! Handles of principals, and dry runs.

use kms::engine::{AliasRequest, CreateKeyRequest, KeyRequest};
use kms::error::Status;

use crate::world::*;

#[test]
fn handles_share_everything_and_live_on_alone() {
    let world = World::new();
    world.key("k");
    world.put(
        "k",
        &with_root(r#"{"Effect":"Allow","Principal":{"AWS":"tenant"},"Action":"kms:*","Resource":"*"}"#),
    );
    let tenant = world.as_principal("tenant");
    assert_eq!((tenant.principal(), world.kms.principal()), ("tenant", ROOT));
    let blob = generate(&tenant, "k", &[], &[]).expect("allowed");
    assert_eq!(world.kms.stats(0).expect("statistics").data_keys_generated, 1, "of all handles together");
    let World { kms, folder } = world;
    drop(kms);
    decrypt(&tenant, &blob, &[], &[]).expect("works when the other is closed");
    drop((tenant, folder));
}

#[test]
fn a_principal_is_no_root() {
    let world = World::new();
    world.key("k");
    let tenant = world.as_principal("tenant");
    let denied = Status::AccessDenied;
    assert_eq!(status(tenant.as_principal("other", 0)), denied);
    assert_eq!(status(tenant.as_principal(ROOT, 0)), denied);
    assert_eq!(status(tenant.create_key(&CreateKeyRequest::default())), denied);
    assert_eq!(status(tenant.list_keys("", 1, 0)), denied);
    assert_eq!(status(tenant.list_aliases(None, "", 1, 0)), denied);
    assert_eq!(status(tenant.list_aliases(Some("k"), "", 1, 0)), denied);
    assert_eq!(status(tenant.verify("", 1, 0)), denied);
    assert_eq!(status(tenant.stats(0)), denied);
    assert_eq!(status(tenant.rekey(&kms::root::RootKeySource::Raw(&[2; 32]), 0)), denied);
    assert_eq!(status(tenant.backup("/nowhere/at/all", 0)), denied);
    assert_eq!(status(tenant.generate_random(8, 0, &mut Memory([Vec::new()]))), denied);
    assert_eq!(status(tenant.describe_key(&key("k"))), denied);
    assert_eq!(world.as_principal("000000000000").principal(), ROOT, "the account is its root");
    for wrong in ["", "a*", "a?b", "tab\t", &"x".repeat(257)] {
        assert_eq!(status(world.kms.as_principal(wrong, 0)), Status::InvalidArgument, "{wrong:?}");
    }
}

#[test]
fn a_moved_alias_needs_leave_on_both_keys() {
    let world = World::new();
    let all =
        with_root(r#"{"Effect":"Allow","Principal":{"AWS":"tenant"},"Action":"kms:*Alias","Resource":"*"}"#);
    world.key("mine");
    world.key("theirs");
    world.put("mine", &all);
    let tenant = world.as_principal("tenant");
    let alias = |key_id| AliasRequest { alias: "alias/a", key_id, flags: 0 };
    tenant.create_alias(&alias("mine")).expect("an alias");
    assert_eq!(status(tenant.update_alias(&alias("theirs"))), Status::AccessDenied);
    world.put("theirs", &all);
    assert_eq!(status(tenant.update_alias(&alias("theirs"))), Status::Ok);
    world.put(
        "theirs",
        &with_root(
            r#"{"Effect":"Deny","Principal":{"AWS":"tenant"},"Action":"kms:UpdateAlias","Resource":"*"}"#,
        ),
    );
    assert_eq!(status(tenant.update_alias(&alias("mine"))), Status::AccessDenied, "taking it away, too");
    assert_eq!(status(tenant.delete_alias("alias/a", 0)), Status::AccessDenied);
}

#[test]
fn who_has_no_access_learns_nothing_of_a_state() {
    let world = World::new();
    world.key("k");
    world.kms.disable_key(&key("k")).expect("disabled");
    let tenant = world.as_principal("tenant");
    assert_eq!(generate(&tenant, "k", &[], &[]), Err(Status::AccessDenied));
    assert_eq!(generate(&world.kms, "k", &[], &[]), Err(Status::Disabled));
    assert_eq!(status(tenant.rotate_key(&key("k"))), Status::AccessDenied);
}

/// A dry run says what would have happened, and nothing has.
#[test]
fn dry_runs_do_nothing() {
    let world = World::new();
    world.key("k");
    let before = world.kms.stats(0).expect("statistics").store_revision;
    let path = world.folder.path().join("backup.db").display().to_string();
    let dry = |key_id| KeyRequest::of(key_id, DRY_RUN);
    let mut request = grant("k", "tenant", GENERATE);
    request.flags = DRY_RUN;
    let outcomes = [
        status(world.kms.create_key(&CreateKeyRequest { flags: DRY_RUN, ..Default::default() })),
        status(world.kms.describe_key(&dry("k"))),
        status(world.kms.disable_key(&dry("k"))),
        status(world.kms.rotate_key(&dry("k"))),
        status(world.kms.list_keys("", 1, DRY_RUN)),
        status(world.kms.list_aliases(None, "", 1, DRY_RUN)),
        status(world.kms.list_aliases(Some("k"), "", 1, DRY_RUN)),
        status(world.kms.list_grants(&dry("k"), &Default::default(), "", 1)),
        status(world.kms.list_retirable_grants("x", "", 1, DRY_RUN)),
        status(world.kms.get_key_policy(&dry("k"))),
        status(put(
            &world.kms,
            "k",
            &with_root(r#"{"Effect":"Deny","Principal":"*","Action":"kms:Encrypt","Resource":"*"}"#),
            DRY_RUN,
        )),
        status(world.kms.create_grant(&request)),
        status(world.kms.verify("", 1, DRY_RUN)),
        status(world.kms.backup(&path, DRY_RUN)),
        status(world.kms.rekey(&kms::root::RootKeySource::Raw(&[2; 32]), DRY_RUN)),
        status(world.kms.stats(DRY_RUN)),
        status(world.kms.as_principal("x", DRY_RUN)),
        status(world.kms.generate_random(8, DRY_RUN, &mut Memory([Vec::new()]))),
    ];
    assert_eq!(outcomes, [Status::DryRunOk; 18]);
    assert_eq!(world.kms.stats(0).expect("statistics").store_revision, before);
    assert!(!std::path::Path::new(&path).exists());
    assert_eq!(status(world.kms.disable_key(&dry("missing"))), Status::NotFound);
    assert_eq!(status(world.as_principal("x").disable_key(&dry("k"))), Status::AccessDenied);
}
