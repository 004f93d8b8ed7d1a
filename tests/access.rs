//! Who may: actions, key policies and their conditions, principals, grants and tokens, through the engine.

#[path = "access/documentation.rs"]
mod documentation;
#[path = "access/granted.rs"]
mod granted;
#[path = "access/grants.rs"]
mod grants;
#[path = "access/handles.rs"]
mod handles;
#[path = "access/policies.rs"]
mod policies;
#[path = "access/tenants.rs"]
mod tenants;
#[path = "access/world.rs"]
mod world;

use kms::access::{ACTIONS, Class, Scope};

/// The exports that no policy governs: they open and close, or say what the library is.
const UNGOVERNED: [&str; 18] = [
    "kms_open",
    "kms_close",
    "kms_flush",
    "kms_exchange",
    "kms_wipe",
    "kms_status_name",
    "kms_algorithm_name",
    "kms_version",
    "kms_abi_version",
    "kms_struct_size",
    "kms_root_key_size",
    "kms_iv_size",
    "kms_ciphertext_size",
    "kms_max_data_key_size",
    "kms_max_payload_size",
    "kms_max_ciphertext_size",
    "kms_exchange_min_capacity",
    "kms_exchange_min_headers",
];

#[test]
fn every_action_is_in_its_row_under_one_name() {
    for (index, info) in ACTIONS.iter().enumerate() {
        assert_eq!(info.action as usize, index, "{}", info.name);
        assert_eq!(info.name, format!("kms:{:?}", info.action));
    }
}

/// docs/access.md has the same table.
#[test]
fn the_documented_actions_are_these() {
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/access.md")).expect("the page");
    let documented: Vec<&str> =
        text.lines().filter(|line| line.starts_with("| `kms:") && line.contains("kms_")).collect();
    let rows: Vec<String> = ACTIONS
        .iter()
        .map(|info| {
            let functions: Vec<String> = info.functions.iter().map(|name| format!("`{name}`")).collect();
            let decided_by = if info.scope == Scope::Key { "the key" } else { "the root only" };
            let on_record = match info.class {
                Class::Data => "as chosen",
                Class::Read => "always",
                Class::Change => "always, on disk first",
            };
            format!("| `{}` | {} | {decided_by} | {on_record} |", info.name, functions.join(", "))
        })
        .collect();
    assert_eq!(documented, rows);
}

/// Of the header: every function is done by an action, or is none.
#[test]
fn every_function_has_its_action() {
    let header =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/include/kms.h")).expect("kms.h");
    let functions: std::collections::BTreeSet<&str> = header
        .lines()
        .filter(|line| line.starts_with("KMS_API"))
        .filter_map(|line| line.split('(').next()?.rsplit([' ', '*']).next())
        .collect();
    assert!(functions.len() > 40, "{functions:?}");
    let governed: Vec<&str> = ACTIONS.iter().flat_map(|info| info.functions).copied().collect();
    for function in &functions {
        let actions = governed.iter().filter(|name| *name == function).count();
        let expected = match *function {
            "kms_re_encrypt" => 2,
            function if UNGOVERNED.contains(&function) => 0,
            _ => 1,
        };
        assert_eq!(actions, expected, "{function}");
    }
    for name in governed {
        assert!(functions.contains(name), "{name} is in no header");
    }
}
