//! Grants and their tokens.

use kms::engine::{CreateKeyRequest, GrantFilter, GrantReference, Kms, OpenOptions};
use kms::error::Status;

use crate::world::*;

fn retire_by_token(kms: &kms::engine::Kms, token: &str) -> Status {
    status(kms.retire_grant(&GrantReference::Token(token), 0))
}

#[test]
fn a_grant_gives_what_it_says_and_no_more() {
    let world = World::new();
    world.key("k");
    world.key("other");
    let tenant = world.as_principal("tenant");
    world.kms.create_grant(&grant("k", "tenant", GENERATE)).expect("a grant");
    let blob = generate(&tenant, "k", &[], &[]).expect("granted");
    assert_eq!(decrypt(&tenant, &blob, &[], &[]), Err(Status::AccessDenied), "not granted");
    assert_eq!(generate(&tenant, "other", &[], &[]), Err(Status::AccessDenied), "another key");
    assert_eq!(generate(&world.as_principal("stranger"), "k", &[], &[]), Err(Status::AccessDenied));
    world.put(
        "k",
        &with_root(
            r#"{"Effect":"Deny","Principal":{"AWS":"tenant"},"Action":"kms:GenerateDataKey","Resource":"*"}"#,
        ),
    );
    assert_eq!(generate(&tenant, "k", &[], &[]), Err(Status::AccessDenied), "a deny wins over a grant");
}

#[test]
fn constraints_are_held_to() {
    let world = World::new();
    world.key("k");
    let constrained = |grantee, constraint| {
        let mut request = grant("k", grantee, GENERATE);
        (request.constraint, request.context) = (constraint, context(&[("a", "1")]));
        world.kms.create_grant(&request).expect("a grant");
    };
    constrained("equals", 1);
    constrained("subset", 2);
    for (pairs, by_equals, by_subset) in [
        (vec![("a", "1")], true, true),
        (vec![("a", "1"), ("b", "2")], false, true),
        (vec![("a", "2")], false, false),
        (vec![("b", "1")], false, false),
        (vec![], false, false),
    ] {
        for (principal, allowed) in [("equals", by_equals), ("subset", by_subset)] {
            let outcome = generate(&world.as_principal(principal), "k", &pairs, &[]).map(drop);
            assert_eq!(
                outcome,
                if allowed { Ok(()) } else { Err(Status::AccessDenied) },
                "{principal} {pairs:?}"
            );
        }
    }
}

#[test]
fn the_same_name_and_content_give_the_same_grant() {
    let world = World::new();
    world.key("k");
    let named = |operations, name| {
        let mut request = grant("k", "tenant", operations);
        request.name = name;
        world.kms.create_grant(&request).expect("a grant").info.grant.grant_id
    };
    let first = named(GENERATE, Some("job"));
    assert_eq!(named(GENERATE, Some("job")), first);
    assert_ne!(named(DECRYPT, Some("job")), first, "another content");
    assert_ne!(named(GENERATE, None), named(GENERATE, None), "without a name");
    let all = world.kms.list_grants(&key("k"), &GrantFilter::default(), "", 10).expect("grants");
    assert_eq!(all.items.len(), 4);
    let filter = GrantFilter { grant_id: Some(&first), ..Default::default() };
    assert_eq!(world.kms.list_grants(&key("k"), &filter, "", 10).expect("grants").items.len(), 1);
    let filter = GrantFilter { grantee: Some("nobody"), ..Default::default() };
    assert!(world.kms.list_grants(&key("k"), &filter, "", 10).expect("grants").items.is_empty());
}

#[test]
fn a_token_works_at_once_where_the_grant_is_not_seen_yet() {
    let world = World::new();
    world.key("k");
    // The other process believes for a minute what it has read now.
    let other = world.other();
    let tenant = other.as_principal("tenant", 0).expect("a handle");
    assert_eq!(generate(&tenant, "k", &[], &[]), Err(Status::AccessDenied));
    let created = world.kms.create_grant(&grant("k", "tenant", GENERATE | DECRYPT)).expect("a grant");
    assert_eq!(generate(&tenant, "k", &[], &[]), Err(Status::AccessDenied), "not seen yet");
    let blob = generate(&tenant, "k", &[], &[&created.token]).expect("by its token");
    decrypt(&tenant, &blob, &[], &[&created.token]).expect("by its token");
    assert_eq!(generate(&other, "k", &[], &[&created.token]).map(drop), Ok(()), "a good token is no harm");
    let stranger = other.as_principal("stranger", 0).expect("a handle");
    assert_eq!(
        generate(&stranger, "k", &[], &[&created.token]),
        Err(Status::AccessDenied),
        "is the grantee's"
    );
}

#[test]
fn tokens_that_are_not_good_are_refused() {
    let world = World::new();
    world.key("k");
    world.key("other");
    let good = world.kms.create_grant(&grant("k", "tenant", GENERATE)).expect("a grant").token;
    let tenant = world.as_principal("tenant");
    generate(&tenant, "k", &[], &[&good]).expect("a good token");
    let elsewhere = World::new();
    elsewhere.key("k");
    let foreign = elsewhere.kms.create_grant(&grant("k", "tenant", GENERATE)).expect("a grant").token;
    let mut bad =
        vec![String::new(), "x".into(), foreign, format!("{good}A"), good[1..].into(), format!("{good}=")];
    for position in 0..good.len() {
        let mut forged = good.clone().into_bytes();
        forged[position] = if forged[position] == b'A' { b'B' } else { b'A' };
        bad.push(String::from_utf8(forged).expect("ASCII"));
    }
    for token in &bad {
        assert_eq!(generate(&tenant, "k", &[], &[token]), Err(Status::InvalidGrantToken), "{token}");
        assert_eq!(
            generate(&world.kms, "k", &[], &[&good, token]),
            Err(Status::InvalidGrantToken),
            "{token}"
        );
    }
    assert_eq!(generate(&tenant, "other", &[], &[&good]), Err(Status::InvalidGrantToken), "another key");
    assert_eq!(generate(&tenant, "missing", &[], &[&good]), Err(Status::NotFound), "the key comes first");
    let grant_id = world.kms.list_grants(&key("k"), &GrantFilter::default(), "", 1).expect("grants");
    world.kms.revoke_grant("k", &grant_id.items[0].item.grant.grant_id, 0).expect("revoked");
    assert_eq!(generate(&tenant, "k", &[], &[&good]), Err(Status::InvalidGrantToken), "its grant is gone");
    assert_eq!(generate(&tenant, "k", &[], &[]), Err(Status::AccessDenied));
}

#[test]
fn nobody_gives_more_than_he_may_do() {
    let world = World::new();
    world.key("k");
    world.put("k", &with_root(r#"
        {"Effect":"Allow","Principal":{"AWS":"lead"},"Action":["kms:CreateGrant","kms:GenerateDataKey"],"Resource":"*"},
        {"Effect":"Allow","Principal":{"AWS":"lead"},"Action":"kms:Decrypt","Resource":"*","Condition":{"StringEquals":{"kms:EncryptionContext:t":"7"}}},
        {"Effect":"Allow","Principal":{"AWS":"narrow"},"Action":["kms:CreateGrant","kms:Decrypt"],"Resource":"*","Condition":{"ForAllValues:StringEquals":{"kms:GrantOperations":"Decrypt"}}}"#));
    let lead = world.as_principal("lead");
    let create = |kms: &kms::engine::Kms, operations, constraint, pairs: &[(&'static str, &'static str)]| {
        let mut request = grant("k", "worker", operations);
        (request.constraint, request.context) = (constraint, context(pairs));
        status(kms.create_grant(&request))
    };
    assert_eq!(create(&lead, GENERATE, 0, &[]), Status::Ok);
    assert_eq!(create(&lead, GENERATE | DECRYPT, 0, &[]), Status::AccessDenied, "in any context is more");
    assert_eq!(create(&lead, DECRYPT, 2, &[("t", "8")]), Status::AccessDenied);
    assert_eq!(create(&lead, DECRYPT, 2, &[("t", "7")]), Status::Ok);
    assert_eq!(create(&lead, DECRYPT, 1, &[("t", "7"), ("u", "1")]), Status::Ok);
    assert_eq!(create(&lead, RETIRE_GRANT, 0, &[]), Status::AccessDenied);
    let narrow = world.as_principal("narrow");
    assert_eq!(create(&narrow, DECRYPT, 0, &[]), Status::Ok);
    assert_eq!(create(&narrow, DECRYPT | GENERATE, 0, &[]), Status::AccessDenied);
    // By a grant, in turn: no wider than its own constraint.
    let mut request = grant("k", "middle", GENERATE | CREATE_GRANT);
    (request.constraint, request.context) = (2, context(&[("a", "1")]));
    world.kms.create_grant(&request).expect("a grant");
    let middle = world.as_principal("middle");
    assert_eq!(create(&middle, GENERATE, 0, &[]), Status::AccessDenied);
    assert_eq!(create(&middle, GENERATE, 2, &[("a", "1"), ("b", "2")]), Status::Ok);
    assert_eq!(create(&middle, DECRYPT, 2, &[("a", "1")]), Status::AccessDenied);
}

#[test]
fn grants_end() {
    let world = World::new();
    world.key("k");
    let create = |retiring, operations| {
        let mut request = grant("k", "tenant", operations);
        request.retiring = retiring;
        let created = world.kms.create_grant(&request).expect("a grant");
        (created.info.grant.grant_id, created.token)
    };
    let (tenant, janitor, stranger) =
        (world.as_principal("tenant"), world.as_principal("janitor"), world.as_principal("stranger"));
    let (id, token) = create(Some("janitor"), GENERATE);
    assert_eq!(retire_by_token(&stranger, &token), Status::AccessDenied);
    assert_eq!(retire_by_token(&tenant, &token), Status::AccessDenied);
    let by_id = GrantReference::Id { key_id: "k", grant_id: &id };
    assert_eq!(status(janitor.retire_grant(&by_id, DRY_RUN)), Status::DryRunOk);
    let listed = janitor.list_retirable_grants("janitor", "", 10, 0).expect("his own");
    assert_eq!(listed.items[0].item.grant.grant_id, id);
    assert_eq!(status(stranger.list_retirable_grants("janitor", "", 10, 0)), Status::AccessDenied);
    assert_eq!(status(janitor.retire_grant(&by_id, 0)), Status::Ok);
    assert_eq!(status(world.kms.retire_grant(&by_id, 0)), Status::NotFound);
    assert_eq!(retire_by_token(&world.kms, &token), Status::InvalidGrantToken);
    let (_, token) = create(None, GENERATE | RETIRE_GRANT);
    assert_eq!(retire_by_token(&tenant, &token), Status::Ok, "by the grantee, whom it allows");
    let (other, _) = create(None, GENERATE | RETIRE_GRANT);
    let (id, token) = create(None, GENERATE);
    assert_eq!(retire_by_token(&tenant, &token), Status::AccessDenied, "another grant's RetireGrant");
    world.put("k", &with_root(r#"{"Effect":"Deny","Principal":"*","Action":"kms:RetireGrant","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalArn":"tenant"}}}"#));
    let other = GrantReference::Id { key_id: "k", grant_id: &other };
    assert_eq!(status(tenant.retire_grant(&other, 0)), Status::AccessDenied, "a deny wins");
    assert_eq!(status(tenant.revoke_grant("k", &id, 0)), Status::AccessDenied);
    assert_eq!(status(world.kms.revoke_grant("k", &id, 0)), Status::Ok);
    assert_eq!(status(world.kms.revoke_grant("k", &id, 0)), Status::NotFound);
    assert_eq!(status(world.kms.revoke_grant("k", "12", 0)), Status::InvalidArgument);
}

#[test]
fn what_a_grant_cannot_be_is_refused() {
    let world = World::new();
    world.key("k");
    let refused = |edit: fn(&mut kms::engine::CreateGrantRequest<'_>)| {
        let mut request = grant("k", "tenant", GENERATE);
        edit(&mut request);
        status(world.kms.create_grant(&request))
    };
    assert_eq!(refused(|request| request.operations = 0), Status::InvalidArgument);
    assert_eq!(refused(|request| request.operations = 256), Status::InvalidArgument);
    assert_eq!(refused(|request| request.constraint = 3), Status::InvalidArgument);
    assert_eq!(refused(|request| request.constraint = 2), Status::InvalidArgument);
    assert_eq!(refused(|request| request.context = context(&[("a", "1")])), Status::InvalidArgument);
    assert_eq!(refused(|request| request.grantee = ""), Status::InvalidArgument);
    assert_eq!(refused(|request| request.grantee = "a*"), Status::InvalidArgument);
    assert_eq!(refused(|request| request.retiring = Some("a\n")), Status::InvalidArgument);
    assert_eq!(refused(|request| request.flags = 1), Status::InvalidArgument);
    let long = "n".repeat(257);
    let mut request = grant("k", "tenant", GENERATE);
    request.name = Some(&long);
    assert_eq!(status(world.kms.create_grant(&request)), Status::InvalidArgument);
    let principal = "p".repeat(256);
    assert_eq!(status(world.kms.create_grant(&grant("k", &principal, GENERATE))), Status::Ok);
    let principal = "p".repeat(257);
    assert_eq!(status(world.kms.create_grant(&grant("k", &principal, GENERATE))), Status::InvalidArgument);
    world.kms.disable_key(&key("k")).expect("disabled");
    assert_eq!(status(world.kms.create_grant(&grant("k", "tenant", GENERATE))), Status::Disabled);
}

#[test]
fn grants_and_policies_are_verified_and_resealed_with_the_store() {
    let world = World::new();
    world.key("k");
    world
        .put("k", &with_root(r#"{"Effect":"Deny","Principal":{"AWS":"x"},"Action":"kms:*","Resource":"*"}"#));
    let token = world.kms.create_grant(&grant("k", "tenant", GENERATE)).expect("a grant").token;
    let named = || {
        let mut request = grant("k", "worker", DECRYPT);
        request.name = Some("job");
        world.kms.create_grant(&request).expect("a grant")
    };
    let before = named();
    assert!(world.kms.verify("", 100, 0).expect("a verification").items.is_empty());
    world.kms.rekey(&kms::root::RootKeySource::Raw(&[2; 32]), 0).expect("a new root key");
    assert!(world.kms.verify("", 100, 0).expect("a verification").items.is_empty());
    let tenant = world.as_principal("tenant");
    assert_eq!(
        generate(&tenant, "k", &[], &[&token]),
        Err(Status::InvalidGrantToken),
        "tokens end with the root key"
    );
    let after = named();
    assert_eq!(after.info.grant, before.info.grant, "the same name and content give the same grant");
    assert_ne!(after.token, before.token);
    generate(&tenant, "k", &[], &[]).expect("the grant lives on");
}

/// In memory, so that it does not wait for the disk.
fn in_memory() -> Kms {
    let kms = Kms::open(&OpenOptions {
        store: "memory:",
        root: kms::root::RootKeySource::Raw(&[1; 32]),
        account_id: None,
        region: None,
        flags: 1,
        max_staleness_ms: 0,
        timeout_ms: 0,
        max_cached_keys: 0,
        audit: None,
    })
    .expect("a store in memory");
    kms.create_key(&CreateKeyRequest { key_id: Some("k"), ..Default::default() }).expect("a key");
    kms
}

#[test]
#[ignore = "makes 200,000 grants: make test-long"]
fn a_key_has_at_most_so_many_grants() {
    let kms = in_memory();
    let mut last = String::new();
    for _ in 0..kms::capi::constants::KMS_MAX_GRANTS {
        last = kms.create_grant(&grant("k", "tenant", GENERATE)).expect("a grant").info.grant.grant_id;
    }
    assert_eq!(status(kms.create_grant(&grant("k", "tenant", GENERATE))), Status::LimitExceeded);
    kms.revoke_grant("k", &last, 0).expect("revoked");
    assert_eq!(status(kms.create_grant(&grant("k", "tenant", GENERATE))), Status::Ok);
}

/// More grants than may be remembered at once: they are read again, and decide as before.
#[test]
fn grants_that_have_no_place_in_memory_decide_all_the_same() {
    let world = World::new();
    world.key("k");
    let values: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    for (number, value) in values.iter().enumerate() {
        let grantee = ["service", "another", "third"][number % 3];
        let mut request = grant("k", grantee, GENERATE);
        (request.constraint, request.context) = (2, context(&[("tenant", value.as_str())]));
        world.kms.create_grant(&request).expect("a grant");
    }
    let store = format!("sqlite:{}", world.folder.path().join("keys.db").display());
    for max_cached_keys in [1, 2, 100] {
        let options = OpenOptions {
            store: &store,
            root: kms::root::RootKeySource::Raw(&[1; 32]),
            account_id: None,
            region: None,
            flags: 0,
            max_staleness_ms: 0,
            timeout_ms: 0,
            max_cached_keys,
            audit: None,
        };
        let small = Kms::open(&options).expect("the store");
        let principals = ["service", "another", "third"].map(|name| small.as_principal(name, 0).expect("it"));
        for (number, value) in values.iter().enumerate() {
            for (index, principal) in principals.iter().enumerate() {
                let found = generate(principal, "k", &[("tenant", value)], &[]).map(drop);
                let expected = if number % 3 == index { Ok(()) } else { Err(Status::AccessDenied) };
                assert_eq!(
                    found, expected,
                    "{value} for the principal {index}, {max_cached_keys} keys cached"
                );
            }
        }
    }
}

/// The ids of a page of a key's grants, and the marker of the next one.
fn page(kms: &Kms, filter: &GrantFilter<'_>, marker: &str, limit: usize) -> (Vec<String>, Option<String>) {
    let page = kms.list_grants(&key("k"), filter, marker, limit).expect("a page");
    let next = page.items.last().filter(|_| page.more).map(|listed| listed.marker.clone());
    (page.items.into_iter().map(|listed| listed.item.grant.grant_id).collect(), next)
}

#[test]
fn grants_that_come_and_go_between_pages_move_no_others() {
    for filter in [GrantFilter::default(), GrantFilter { grantee: Some("tenant"), ..Default::default() }] {
        let kms = in_memory();
        let create =
            || kms.create_grant(&grant("k", "tenant", GENERATE)).expect("a grant").info.grant.grant_id;
        // All within a second or two, in this order.
        let mut there: Vec<String> = (0..100).map(|_| create()).collect();
        let (mut listed, mut marker) = (Vec::new(), String::new());
        for round in 0.. {
            let (ids, next) = page(&kms, &filter, &marker, 7);
            listed.extend(ids);
            let Some(next) = next else { break };
            marker = next;
            // One that was listed goes, the last of them at times, and one that was not; and one comes.
            let seen = if round % 2 == 0 { listed.len() - 1 } else { round };
            let not_seen = there.iter().rposition(|id| !listed.contains(id)).expect("one is left");
            let gone = [listed[seen].clone(), there.remove(not_seen)];
            gone.iter().for_each(|id| kms.revoke_grant("k", id, 0).expect("revoked"));
            if round < 5 {
                there.push(create());
            }
        }
        assert_eq!(listed, there, "in the order of their creation, each once");
        assert!(listed.len() > 80, "{}", listed.len());
    }
}

#[test]
fn markers_of_other_lists_are_refused() {
    let kms = in_memory();
    for marker in ["k12", "g", "gx", "g-1", "g+1", "g11112222333344445"] {
        let refused = kms.list_grants(&key("k"), &GrantFilter::default(), marker, 5);
        assert_eq!(status(refused), Status::InvalidArgument, "{marker}");
    }
    assert_eq!(status(kms.list_grants(&key("k"), &GrantFilter::default(), "g1", 5)), Status::Ok);
}

/// Another process's view of grants, which it reads in pieces: what is added, what goes, what stays as it is.
#[test]
fn what_was_read_of_grants_follows_every_change() {
    let world = World::new();
    world.key("k");
    let reader = world.other();
    let mut there: Vec<(String, String)> = Vec::new();
    let mut random = 1_u32;
    let mut below = |bound: usize| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 8) as usize % bound
    };
    for round in 0..120 {
        // Several changes between two looks, at times more than are read one by one.
        let changes = if round == 60 { 300 } else { 1 + below(3) };
        let mut token = None;
        for _ in 0..changes {
            if below(3) > 0 || there.is_empty() {
                let tenant = format!("tenant-{}", below(6));
                let created = world.kms.create_grant(&grant("k", &tenant, GENERATE)).expect("a grant");
                there.push((created.info.grant.grant_id, tenant));
                token = Some(created.token);
            } else {
                let (id, _) = there.swap_remove(below(there.len()));
                world.kms.revoke_grant("k", &id, 0).expect("revoked");
                token = None;
            }
        }
        // A token that it has not seen lets it look.
        let by_token = token.unwrap_or_else(|| {
            let created = world.kms.create_grant(&grant("k", "another", GENERATE)).expect("a grant");
            there.push((created.info.grant.grant_id, "another".into()));
            created.token
        });
        generate(&reader, "k", &[], &[&by_token]).expect("the root may");
        for number in 0..6 {
            let tenant = format!("tenant-{number}");
            let expected = there.iter().any(|(_, grantee)| *grantee == tenant);
            let found = generate(&reader.as_principal(&tenant, 0).expect("a handle"), "k", &[], &[]);
            assert_eq!(found.is_ok(), expected, "{tenant} in round {round}: {found:?}");
        }
    }
}
