//! A key with 100,000 grants beside one with a single grant: what decisions cost, the first and the following ones, and
//! what it costs to create, revoke and list. A third of the grants are one principal's, each for a context of its own;
//! the others have a grantee each.

use std::ffi::CString;
use std::path::Path;
use std::ptr::null_mut;
use std::time::{Duration, Instant};

use kms::capi::data::{kms_data_key_request_t, kms_generate_data_key};
use kms::capi::types::{kms_buffer_t, kms_context_entry_t};

use super::handle::{Handle, outcome, zeroed};
use super::{in_use, median, open, progress, timed};

const KEYS: [&str; 2] = ["one", "many"];
/// Who has a grant on both keys, and one of his own for a context.
const TENANT: &str = "tenant-1";
const SERVICE: &str = "service";
const PAIR: (&str, &str) = ("tenant", "1");

pub fn measure(folder: &Path, grants: usize) {
    let file = folder.join(format!("grants-{grants}.db"));
    build(&file, grants);
    println!("{grants} grants of one key, and one of another");
    super::warm(&file);
    cold(&file);
    first_decisions(&file);
    decisions(&file);
    changes(&file);
    listing(&file);
    memory(&file, grants);
}

fn grantee(number: usize) -> String {
    if number.is_multiple_of(3) { SERVICE.into() } else { format!("tenant-{number}") }
}

/// Goes on where an earlier run was stopped.
fn build(file: &Path, grants: usize) {
    let kms = open(file, 0);
    if kms.describe(KEYS[1]).is_err() {
        KEYS.iter().for_each(|key| kms.create_key(key).expect("a key"));
        kms.create_grant(KEYS[0], TENANT).expect("a grant");
        kms.create_grant_for(KEYS[1], TENANT, Some(PAIR)).expect("a grant");
    }
    let (start, made) = (Instant::now(), kms.grants(KEYS[1]).expect("grants").len());
    let mut times = Vec::new();
    for number in made..grants {
        let text = number.to_string();
        let pair = (number.is_multiple_of(3)).then_some(("tenant", text.as_str()));
        let create = || kms.create_grant_for(KEYS[1], &grantee(number), pair).expect("a grant");
        times.push(timed(create).0);
        if number % 1000 == 999 {
            progress(number + 1, grants, 1000, "grants", start.elapsed());
        }
    }
    if times.len() > 2000 {
        let (first, last) = (times[..1000].to_vec(), times[times.len() - 1000..].to_vec());
        println!(
            "created in {:.1?}; one of the first 1000 {:.1?}, of the last {:.1?}",
            start.elapsed(),
            median(first),
            median(last)
        );
    }
}

/// The median of a few handles that know nothing yet.
fn fresh(file: &Path, work: impl Fn(&Handle)) -> Duration {
    let once = |_| {
        let kms = open(file, 0);
        // What the first call of a handle needs is no key's.
        kms.describe("one").expect("a key");
        timed(|| work(&kms)).0
    };
    median((0..41).map(once).collect())
}

fn cold(file: &Path) {
    let cold = |key| {
        let once = |_| {
            let kms = open(file, 0);
            kms.create_key("other").ok();
            kms.data_key("other").expect("a data key");
            timed(|| kms.data_key(key).expect("a data key")).0
        };
        median((0..41).map(once).collect())
    };
    println!("a cold key for the root: {:.1?} with 1 grant, {:.1?} with many", cold(KEYS[0]), cold(KEYS[1]));
}

fn first_decisions(file: &Path) {
    let first = |principal: &str, key: &str, pair| {
        fresh(file, |kms| {
            kms.data_key(key).expect("a data key: the key is cached");
            let tenant = kms.as_principal(principal);
            let (time, made) = timed(|| tenant.generate_by(key, None, pair));
            made.expect("granted");
            FIRST.set(time);
        });
        FIRST.get()
    };
    thread_local!(static FIRST: std::cell::Cell<Duration> = const { std::cell::Cell::new(Duration::ZERO) });
    println!(
        "first decision: {:.1?} with 1 grant, {:.1?} for one of many, {:.1?} for who has a third of them",
        first(TENANT, KEYS[0], None),
        first(TENANT, KEYS[1], None),
        first(SERVICE, KEYS[1], Some(("tenant", "3"))),
    );
}

/// One call of kms_generate_data_key, in a circle.
fn call_time(kms: &Handle, key: &str, token: Option<&str>, pair: Option<(&str, &str)>) -> f64 {
    const CALLS: u32 = 2000;
    let (key, token) =
        (CString::new(key).expect("text"), token.map(|token| CString::new(token).expect("text")));
    let pair = pair.map(|(key, value)| [key, value].map(|text| CString::new(text).expect("text")));
    let entry =
        pair.as_ref().map(|[key, value]| kms_context_entry_t { key: key.as_ptr(), value: value.as_ptr() });
    let tokens = token.as_ref().map(|token| token.as_ptr());
    // SAFETY: a struct of the C ABI.
    let mut request: kms_data_key_request_t = unsafe { zeroed() };
    request.struct_size = size_of_val(&request);
    request.key_id = key.as_ptr();
    if let Some(entry) = &entry {
        (request.context, request.context_len) = (entry, 1);
    }
    if let Some(token) = &tokens {
        (request.grant_tokens, request.grant_tokens_len) = (token, 1);
    }
    let (mut plaintext, mut ciphertext) = ([0; 32], [0; 128]);
    let mut round = || {
        let start = Instant::now();
        for _ in 0..CALLS {
            let mut plaintext = kms_buffer_t { data: plaintext.as_mut_ptr(), capacity: 32, len: 0 };
            let mut ciphertext = kms_buffer_t { data: ciphertext.as_mut_ptr(), capacity: 128, len: 0 };
            // SAFETY: buffers of their capacity, strings that live through the call.
            outcome(|error| unsafe {
                let no_iv = null_mut();
                kms_generate_data_key(
                    kms.as_ptr(),
                    &request,
                    &mut plaintext,
                    &mut ciphertext,
                    no_iv,
                    null_mut(),
                    error,
                )
            })
            .expect("a data key");
        }
        start.elapsed()
    };
    round();
    median((0..41).map(|_| round()).collect()).as_nanos() as f64 / f64::from(CALLS)
}

fn decisions(file: &Path) {
    let kms = open(file, 0);
    let tenant = kms.as_principal(TENANT);
    let service = kms.as_principal(SERVICE);
    let [one, many] = KEYS.map(|key| kms.create_grant(key, TENANT).expect("a grant"));
    let plain = call_time(&kms, KEYS[1], None, None);
    let paired = call_time(&kms, KEYS[1], None, Some(PAIR));
    println!("a data key for the root: {plain:.0} ns, with a context {paired:.0} ns; what a decision adds:");
    let third = Some(("tenant", "3"));
    for (what, kms, key, token, pair, root) in [
        ("by 1 grant", &tenant, KEYS[0], None, None, plain),
        ("by one of many", &tenant, KEYS[1], None, None, plain),
        ("by 1 grant and its token", &tenant, KEYS[0], Some(one.token.as_str()), None, plain),
        ("by one of many and its token", &tenant, KEYS[1], Some(many.token.as_str()), None, plain),
        ("by a third of many, each for a context", &service, KEYS[1], None, third, paired),
    ] {
        println!("  {what}: {:.0} ns", call_time(kms, key, token, pair) - root);
    }
    for (key, grant) in KEYS.iter().zip([one, many]) {
        kms.revoke_grant(key, &grant.id).expect("revoked");
    }
}

fn changes(file: &Path) {
    const ROUNDS: usize = 101;
    let (kms, tenant) = (open(file, 0), "tenant-of-changes");
    for key in KEYS {
        let (mut creations, mut revocations) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let (time, grant) = timed(|| kms.create_grant(key, tenant).expect("a grant"));
            creations.push(time);
            revocations.push(timed(|| kms.revoke_grant(key, &grant.id).expect("revoked")).0);
        }
        println!("{key}: create {:.1?}, revoke {:.1?}", median(creations), median(revocations));
    }
    // The first decision after a change: of another's grant, of a grant more of one's own, of one less.
    let decide =
        |principal: &Handle, pair| timed(|| principal.generate_by(KEYS[1], None, pair).expect("granted")).0;
    for (name, pair) in [(TENANT, None), (SERVICE, Some(("tenant", "3")))] {
        let principal = kms.as_principal(name);
        decide(&principal, pair);
        let mut times = [const { Vec::new() }; 3];
        for round in 0..21 {
            let other = kms.create_grant(KEYS[1], tenant).expect("a grant");
            times[0].push(decide(&principal, pair));
            kms.revoke_grant(KEYS[1], &other.id).expect("revoked");
            decide(&principal, pair);
            let value = format!("own-{round}");
            let own = kms.create_grant_for(KEYS[1], name, Some(("tenant", &value))).expect("a grant");
            times[1].push(decide(&principal, pair));
            kms.revoke_grant(KEYS[1], &own.id).expect("revoked");
            times[2].push(decide(&principal, pair));
        }
        let [other, more, less] = times.map(median);
        println!(
            "{name} decides after a change of another's {other:.1?}, one more {more:.1?}, one less {less:.1?}"
        );
    }
}

fn listing(file: &Path) {
    let kms = open(file, 0);
    let (time, all) = timed(|| kms.grants(KEYS[1]).expect("grants"));
    println!("list: {} grants in {time:.1?}, 32 a page", all.len());
}

/// All buckets read, since principals of all decide.
fn memory(file: &Path, grants: usize) {
    let kms = open(file, 0);
    kms.as_principal(TENANT).data_key(KEYS[0]).expect("granted");
    let before = in_use(&kms);
    let (time, ()) = timed(|| {
        for number in (1..grants).step_by(grants / 5000 + 1) {
            let text = number.to_string();
            let principal = kms.as_principal(&grantee(number));
            principal.generate_by(KEYS[1], None, Some(("tenant", &text))).expect("granted");
        }
    });
    let grown = in_use(&kms).saturating_sub(before);
    println!(
        "all grants in memory after {time:.1?}: {} KiB, {} bytes each",
        grown >> 10,
        grown as usize / grants
    );
}
