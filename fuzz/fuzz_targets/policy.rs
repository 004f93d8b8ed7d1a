//! Policies: whatever compiles can be asked, and answers.
#![no_main]

use kms::access::{ACTIONS, Account, Circumstances, Policy, Principal, Question};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let account = Account::new("000000000000", "local");
    let Ok(policy) = Policy::compile(text, &account, "k") else { return };
    let context = [("a", "1"), ("b", "x")];
    for principal in [Principal::root(&account), Principal::named(&account, "tenant").expect("a name")] {
        for info in &ACTIONS {
            for circumstances in [
                Circumstances::NONE,
                Circumstances { context: &context, now: Some(0), ..Circumstances::UNKNOWN },
            ] {
                policy.judge(&Question { principal: &principal, action: info.action, circumstances });
            }
        }
    }
    policy.leaves_a_way_back(&account, 0);
});
