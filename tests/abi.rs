//! Sizes and offsets: what the tables at the end of kms.h publish is what C compilers see on 64 and on 32 bits, what
//! Rust lays out, and what kms_struct_size() answers.

use std::collections::BTreeMap;
use std::mem::{offset_of, size_of};

use kms::capi::about::*;
use kms::capi::aliases::*;
use kms::capi::audit::*;
use kms::capi::care::*;
use kms::capi::data::*;
use kms::capi::exchange::*;
use kms::capi::grants::*;
use kms::capi::keys::*;
use kms::capi::lifecycle::*;
use kms::capi::open::*;
use kms::capi::policies::*;
use kms::capi::re_encrypt::*;
use kms::capi::types::*;
use kms::capi::versions::*;

mod support;
use support::{STRICT, cc, committed_header, root, run, run_program, temp_dir, write};

/// Offset and size.
type Place = (usize, usize);

#[derive(Debug, PartialEq, Clone)]
struct Layout {
    members: Vec<(String, Place)>,
    size: usize,
}

type Layouts = BTreeMap<String, Layout>;

/// The tables of a header, for 64 and for 32 bits.
fn published(header: &str) -> (Layouts, Layouts) {
    let tables = header.split("/*\n").last().expect("the tables are the last comment");
    let (mut wide, mut narrow) = (Layouts::new(), Layouts::new());
    for table in tables.split(" *\n") {
        let mut lines = table.lines().map(|line| line.trim_start_matches(" *").trim_end());
        let name = lines.next().and_then(|line| line.split_whitespace().next()).expect("a name").to_string();
        let mut layouts = [Layout { members: Vec::new(), size: 0 }, Layout { members: Vec::new(), size: 0 }];
        for line in lines.take_while(|line| !line.contains('/')) {
            let numbers: Vec<usize> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
            if line.trim_start().starts_with("sizeof ") {
                layouts[0].size = numbers[0];
                layouts[1].size = numbers[1];
                continue;
            }
            let declaration = line.split_whitespace().rev().nth(4).expect("a declaration and four numbers");
            let member = declaration.trim_start_matches('*').split('[').next().expect("a name").to_string();
            layouts[0].members.push((member.clone(), (numbers[0], numbers[1])));
            layouts[1].members.push((member, (numbers[2], numbers[3])));
        }
        let [a, b] = layouts;
        wide.insert(name.clone(), a);
        narrow.insert(name, b);
    }
    (wide, narrow)
}

/// A C program that does not compile unless the compiler lays the structs out like this.
fn assertions(layouts: &Layouts) -> String {
    let mut text = String::from("#include <kms.h>\n");
    for (name, layout) in layouts {
        text += &format!("_Static_assert(sizeof({name}) == {}, \"{name}\");\n", layout.size);
        for (member, (offset, size)) in &layout.members {
            text +=
                &format!("_Static_assert(offsetof({name}, {member}) == {offset}, \"{name}.{member}\");\n");
            text +=
                &format!("_Static_assert(sizeof((({name} *)0)->{member}) == {size}, \"{name}.{member}\");\n");
        }
    }
    text
}

fn holds_in_c(layouts: &Layouts, bits: &str) -> Result<(), String> {
    let dir = temp_dir();
    let source = write(dir.path().join("assertions.c"), &assertions(layouts));
    let mut compile = cc();
    compile.args(["-std=c11", "-ffreestanding", "-fsyntax-only", bits]).args(STRICT);
    run(compile.arg("-I").arg(root().join("include")).arg(source)).map(drop)
}

#[test]
fn the_tables_are_what_c_sees() {
    let (wide, narrow) = published(&committed_header());
    assert!(wide.len() >= 22, "tables of {:?} only", wide.keys());
    holds_in_c(&wide, "-m64").expect("64 bits");
    holds_in_c(&narrow, "-m32").expect("32 bits");
}

#[test]
fn a_wrong_table_is_noticed() {
    let (wide, narrow) = published(&committed_header());
    for (layouts, bits) in [(wide, "-m64"), (narrow, "-m32")] {
        let mut wrong_offset = layouts.clone();
        wrong_offset.get_mut("kms_stats_t").expect("kms_stats_t").members[3].1.0 += 4;
        holds_in_c(&wrong_offset, bits).expect_err("an offset that is wrong by four");
        let mut wrong_size = layouts.clone();
        wrong_size.get_mut("kms_key_info_t").expect("kms_key_info_t").members[1].1.1 -= 1;
        holds_in_c(&wrong_size, bits).expect_err("a size that is wrong by one");
        let mut longer = layouts;
        longer.get_mut("kms_page_t").expect("kms_page_t").size += 8;
        holds_in_c(&longer, bits).expect_err("a struct that is longer than it says");
    }
}

fn size_of_member<S, M>(_: impl Fn(&S) -> &M) -> usize {
    size_of::<M>()
}

macro_rules! layouts {
    ($($name:ident { $($member:ident),* $(,)? })*) => {
        Layouts::from([$((stringify!($name).to_string(), Layout {
            members: vec![$((
                stringify!($member).to_string(),
                (offset_of!($name, $member), size_of_member(|whole: &$name| &whole.$member)),
            )),*],
            size: size_of::<$name>(),
        })),*])
    };
}

fn rust_layouts() -> Layouts {
    layouts! {
        kms_bytes_t { data, len }
        kms_buffer_t { data, capacity, len }
        kms_column_t { data, capacity, stride, item_len }
        kms_context_entry_t { key, value }
        kms_span_t { offset, len }
        kms_page_t { struct_size, items_len, more, reserved, marker }
        kms_error_t { status, detail, native_code, flags, reserved, request_id, message }
        kms_open_options_t {
            struct_size, store, root_key, passphrase, root_key_uri, account_id, region, flags, max_staleness_ms,
            timeout_ms, reserved, audit_log, audit_data, audit_flags, audit_max_kib, max_cached_keys,
        }
        kms_create_key_request_t {
            struct_size, key_id, description, alias, rotation_period_s, origin, flags, reserved,
            rotate_after_uses, tags, tags_len, key_uuid, policy, reserved1,
        }
        kms_tag_t { key, value }
        kms_key_request_t { struct_size, key_id, version_id, grant_tokens, grant_tokens_len, flags, reserved }
        kms_key_info_t {
            struct_size, key_id, reserved0, state, primary_version_id, reserved1, reserved2, created_at,
            primary_version_number, versions_len, origin, rotation_period_s, description, deletion_at,
            next_rotation_at, rotate_after_uses, uses_sealed, uses_opened, last_used_at, material_expires_at, key_uuid,
        }
        kms_list_keys_request_t { struct_size, flags, reserved }
        kms_create_alias_request_t { struct_size, alias, key_id, flags, reserved }
        kms_list_aliases_request_t { struct_size, key_id, flags, reserved }
        kms_alias_info_t { struct_size, alias, key_id, reserved0, reserved2, created_at }
        kms_alias_request_t { struct_size, alias, flags, reserved }
        kms_schedule_request_t {
            struct_size, key_id, version_id, grant_tokens, grant_tokens_len, waiting_days, flags,
        }
        kms_rotation_request_t {
            struct_size, key_id, grant_tokens, grant_tokens_len, rotate_after_uses, rotation_period_s, flags,
        }
        kms_description_request_t { struct_size, key_id, description, flags, reserved }
        kms_tags_request_t { struct_size, key_id, tags, tags_len, flags, reserved }
        kms_tag_info_t { struct_size, key, value }
        kms_version_info_t {
            struct_size, key_id, version_id, reserved0, version_number, state, algorithm, is_primary, reserved1,
            reserved2, created_at, destruction_at, uses_sealed, uses_opened, last_used_at,
        }
        kms_import_request_t {
            struct_size, key_id, material, grant_tokens, grant_tokens_len, expires_at, version_number, flags,
        }
        kms_re_encrypt_request_t {
            struct_size, ciphertext, source_iv, source_key_id, source_aad, source_context, source_context_len,
            destination_key_id, destination_version_id, destination_aad, destination_context, destination_context_len,
            grant_tokens, grant_tokens_len, flags, reserved,
        }
        kms_rekey_request_t { struct_size, root_key, passphrase, root_key_uri, flags, reserved }
        kms_backup_request_t { struct_size, path, flags, reserved }
        kms_verify_request_t { struct_size, flags, reserved }
        kms_damage_info_t { struct_size, row_kind, reserved, row_id, key_id, reserved0, problem }
        kms_exchange_request_t { struct_size, method, target, headers, body, flags, reserved }
        kms_exchange_response_t {
            struct_size, headers, body, http_status, grpc_status, status, detail, request_id, message,
        }
        kms_data_key_request_t {
            struct_size, key_id, version_id, key_spec, number_of_bytes, aad, context, context_len, grant_tokens,
            grant_tokens_len, flags, reserved,
        }
        kms_encrypt_request_t {
            struct_size, key_id, version_id, plaintext, aad, context, context_len, grant_tokens, grant_tokens_len,
            flags, reserved,
        }
        kms_decrypt_request_t {
            struct_size, ciphertext, iv, key_id, aad, context, context_len, grant_tokens, grant_tokens_len, flags,
            reserved,
        }
        kms_random_request_t { struct_size, number_of_bytes, flags }
        kms_data_key_info_t {
            struct_size, key_id, version_id, request_id, reserved0, algorithm, version_number,
        }
        kms_stats_request_t { struct_size, flags, reserved }
        kms_stats_t {
            struct_size, reserved0, data_keys_generated, payloads_encrypted, ciphertexts_decrypted, calls_failed,
            key_loads, store_refreshes, subkeys_derived, generator_seeds, keys_cached, lanes, secret_bytes,
            secret_bytes_unlocked, store_revision, memory_protection, reserved1, store_id, reserved2,
            audit_records, audit_records_lost,
        }
        kms_principal_options_t { struct_size, principal, flags, reserved }
        kms_policy_request_t { struct_size, key_id, policy, grant_tokens, grant_tokens_len, flags, reserved }
        kms_create_grant_request_t {
            struct_size, key_id, grantee_principal, retiring_principal, name, context, context_len, operations,
            constraint, grant_tokens, grant_tokens_len, flags, reserved,
        }
        kms_created_grant_t { struct_size, grant_id, grant_token, reserved0 }
        kms_grant_info_t {
            struct_size, grant_id, key_id, reserved0, reserved1, created_at, operations, constraint, name,
            grantee_principal, retiring_principal, context,
        }
        kms_list_grants_request_t {
            struct_size, key_id, grant_id, grantee_principal, grant_tokens, grant_tokens_len, flags, reserved,
        }
        kms_list_retirable_grants_request_t { struct_size, retiring_principal, flags, reserved }
        kms_grant_request_t { struct_size, key_id, grant_id, grant_token, flags, reserved }
        kms_verify_audit_log_request_t { struct_size, path, flags, reserved }
        kms_log_damage_info_t { struct_size, reserved0, file_number, line, problem }
    }
}

/// The structs in which two sets of layouts differ, or that only one of them has.
fn differences(a: &Layouts, b: &Layouts) -> Vec<String> {
    let names = a.keys().chain(b.keys()).collect::<std::collections::BTreeSet<_>>();
    names.into_iter().filter(|name| a.get(*name) != b.get(*name)).cloned().collect()
}

#[test]
fn the_tables_are_what_rust_lays_out() {
    let (wide, narrow) = published(&committed_header());
    let published = if size_of::<usize>() == 8 { wide } else { narrow };
    assert_eq!(differences(&published, &rust_layouts()), Vec::<String>::new());
}

#[test]
fn a_difference_from_rust_is_noticed() {
    let header = committed_header();
    for (from, to, name) in [
        (" *   char marker[256]", " *   char markers[256]", "kms_page_t"),
        ("184               176", "192               176", "kms_stats_t"),
    ] {
        assert!(header.contains(from), "the header has no `{from}`");
        let (wide, _) = published(&header.replace(from, to));
        assert_eq!(differences(&wide, &rust_layouts()), [name]);
    }
    let mut fewer = rust_layouts();
    fewer.remove("kms_span_t");
    assert_eq!(differences(&rust_layouts(), &fewer), ["kms_span_t"]);
}

/// A C program that asks the library for every size, and answers how many are not the header's.
fn size_questions(layouts: &Layouts, wrong_by: usize) -> String {
    let mut text =
        String::from("#include <kms.h>\n#include <stdio.h>\n\nint main(void)\n{\n  int wrong = 0;\n");
    for name in layouts.keys() {
        text += &format!("  wrong += kms_struct_size(\"{name}\") != sizeof({name}) + {wrong_by};\n");
    }
    for (function, value) in [
        ("kms_root_key_size()", "KMS_ROOT_KEY_SIZE"),
        ("kms_iv_size()", "KMS_IV_SIZE"),
        ("kms_max_data_key_size()", "KMS_MAX_DATA_KEY_SIZE"),
        ("kms_max_payload_size()", "KMS_MAX_PAYLOAD_SIZE"),
        ("kms_max_ciphertext_size()", "KMS_MAX_CIPHERTEXT_SIZE"),
        ("kms_ciphertext_size(0)", "KMS_CIPHERTEXT_OVERHEAD"),
        ("kms_ciphertext_size(KMS_MAX_PAYLOAD_SIZE)", "KMS_MAX_CIPHERTEXT_SIZE"),
        ("kms_ciphertext_size(KMS_MAX_PAYLOAD_SIZE + 1)", "0"),
        ("kms_abi_version()", "KMS_ABI_VERSION"),
        ("kms_struct_size(\"kms_t\")", "0"),
        ("kms_struct_size(\"\")", "0"),
        ("kms_struct_size(NULL)", "0"),
    ] {
        text += &format!("  wrong += {function} != {value};\n");
    }
    text + "  printf(\"%d\", wrong);\n  return 0;\n}\n"
}

#[test]
fn the_library_tells_the_headers_sizes() {
    let (layouts, _) = published(&committed_header());
    let dir = temp_dir();
    let library = support::built_library_dir();
    let ask = |program: &str| {
        let source = write(dir.path().join("sizes.c"), program);
        let out = dir.path().join("sizes");
        let mut compile = cc();
        compile.arg("-std=c99").args(STRICT).arg("-I").arg(root().join("include")).arg(source);
        run(compile.arg("-L").arg(library).arg("-lkms").arg("-o").arg(&out)).expect("to link");
        run_program(&out, dir.path(), Some(library)).expect("to run")
    };
    assert_eq!(ask(&size_questions(&layouts, 0)), "0");
    assert_eq!(ask(&size_questions(&layouts, 8)), layouts.len().to_string(), "every wrong size is counted");
}

/// The size on 64 bits of every struct in the first release that had it. Nothing here changes: a struct that
/// grows gets a `FIRST_SIZE` in its `impl Extensible`, the offset of the first member that it did not have then, so that
/// callers from before go on working.
const FIRST_SIZES: [(&str, usize); 48] = [
    ("kms_alias_info_t", 352),
    ("kms_alias_request_t", 24),
    ("kms_backup_request_t", 24),
    ("kms_buffer_t", 24),
    ("kms_bytes_t", 16),
    ("kms_column_t", 32),
    ("kms_context_entry_t", 16),
    ("kms_create_alias_request_t", 32),
    ("kms_create_grant_request_t", 88),
    ("kms_create_key_request_t", 88),
    ("kms_created_grant_t", 208),
    ("kms_damage_info_t", 160),
    ("kms_data_key_info_t", 184),
    ("kms_data_key_request_t", 88),
    ("kms_decrypt_request_t", 104),
    ("kms_description_request_t", 32),
    ("kms_encrypt_request_t", 96),
    ("kms_error_t", 512),
    ("kms_exchange_request_t", 64),
    ("kms_exchange_response_t", 560),
    ("kms_grant_info_t", 200),
    ("kms_grant_request_t", 40),
    ("kms_import_request_t", 64),
    ("kms_key_info_t", 264),
    ("kms_key_request_t", 48),
    ("kms_list_aliases_request_t", 24),
    ("kms_list_grants_request_t", 56),
    ("kms_list_keys_request_t", 16),
    ("kms_list_retirable_grants_request_t", 24),
    ("kms_log_damage_info_t", 40),
    ("kms_open_options_t", 88),
    ("kms_page_t", 280),
    ("kms_policy_request_t", 48),
    ("kms_principal_options_t", 24),
    ("kms_random_request_t", 16),
    ("kms_re_encrypt_request_t", 152),
    ("kms_rekey_request_t", 56),
    ("kms_rotation_request_t", 48),
    ("kms_schedule_request_t", 48),
    ("kms_span_t", 8),
    ("kms_stats_request_t", 16),
    ("kms_stats_t", 168),
    ("kms_tag_info_t", 24),
    ("kms_tag_t", 16),
    ("kms_tags_request_t", 40),
    ("kms_verify_audit_log_request_t", 24),
    ("kms_verify_request_t", 16),
    ("kms_version_info_t", 208),
];

/// What callers that were compiled against the first release would stumble over. `sources` are those of src/capi.
fn broken_for_old_callers(layouts: &Layouts, sources: &str) -> Vec<String> {
    let first = BTreeMap::from(FIRST_SIZES);
    let gone = first.keys().filter(|name| !layouts.contains_key(**name));
    let mut broken: Vec<String> = gone.map(|name| format!("{name} is gone")).collect();
    for (name, layout) in layouts {
        let Some(&first) = first.get(name.as_str()) else {
            broken.push(format!("{name} is new: give it a line in FIRST_SIZES"));
            continue;
        };
        let frozen = first_size(name, sources).map(|member| {
            layout.members.iter().find(|(other, _)| other == member).map(|(_, (offset, _))| *offset)
        });
        let smallest = match frozen {
            None => Some(layout.size),
            Some(offset) if layout.members[0].0 == "struct_size" => offset,
            Some(_) => None,
        };
        if smallest != Some(first) || layout.size < first {
            broken.push(format!("{name} takes no struct of {first} bytes, but {smallest:?}"));
        }
    }
    broken
}

/// The member whose offset the sources say is a struct's FIRST_SIZE.
fn first_size<'a>(name: &str, sources: &'a str) -> Option<&'a str> {
    let (_, implementation) = sources.split_once(&format!("impl Extensible for {name} {{"))?;
    let (implementation, _) = implementation.split_once("\n}")?;
    let (_, value) = implementation.split_once("const FIRST_SIZE: usize = offset_of!(Self, ")?;
    Some(value.split_once(");")?.0)
}

fn capi_sources() -> String {
    let files = std::fs::read_dir(root().join("src/capi")).expect("src/capi");
    let read = |file: std::io::Result<std::fs::DirEntry>| {
        std::fs::read_to_string(file.expect("a file").path()).expect("a source file")
    };
    files.map(read).collect()
}

#[test]
fn structs_of_the_first_release_are_taken() {
    let (wide, _) = published(&committed_header());
    assert_eq!(broken_for_old_callers(&wide, &capi_sources()), Vec::<String>::new());
}

#[test]
fn a_struct_that_grows_must_keep_its_first_size() {
    let (wide, sources) = (published(&committed_header()).0, capi_sources());
    let first = BTreeMap::from(FIRST_SIZES)["kms_key_info_t"];
    let mut grown = wide.clone();
    let info = grown.get_mut("kms_key_info_t").expect("kms_key_info_t");
    info.members.push(("fresh".into(), (first, 8)));
    info.size += 8;
    let complaint = |layouts: &Layouts, sources: &str| broken_for_old_callers(layouts, sources).concat();
    assert!(complaint(&grown, &sources).starts_with("kms_key_info_t takes no struct"));
    let start = "impl Extensible for kms_key_info_t {";
    assert!(sources.contains(start));
    let with = |member: &str| {
        sources.replace(start, &format!("{start}\n    const FIRST_SIZE: usize = offset_of!(Self, {member});"))
    };
    assert_eq!(complaint(&grown, &with("fresh")), "");
    assert!(complaint(&grown, &with("key_uuid")).starts_with("kms_key_info_t takes no struct"));
    assert!(complaint(&grown, &with("missing")).starts_with("kms_key_info_t takes no struct"));
    // One that has grown, and says so.
    let says = "const FIRST_SIZE: usize = offset_of!(Self, audit_log);";
    assert!(sources.contains(says));
    assert!(complaint(&wide, &sources.replace(says, "")).starts_with("kms_open_options_t takes no struct"));
    let mut other = wide.clone();
    let moved = other.remove("kms_page_t").expect("kms_page_t");
    other.insert("kms_pages_t".into(), moved);
    assert!(complaint(&other, &sources).contains("kms_page_t is gone"));
    assert!(complaint(&other, &sources).contains("kms_pages_t is new"));
    let mut error = wide;
    error.get_mut("kms_error_t").expect("kms_error_t").size += 8;
    assert!(complaint(&error, &sources).starts_with("kms_error_t takes no struct"), "it is frozen");
}
