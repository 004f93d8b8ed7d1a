//! Sizes and offsets: what the tables at the end of kms.h publish is what C compilers see on 64 and on 32 bits, what
//! Rust lays out, and what kms_struct_size() answers.

use std::collections::BTreeMap;
use std::mem::{offset_of, size_of};

use kms::capi::about::*;
use kms::capi::aliases::*;
use kms::capi::care::*;
use kms::capi::data::*;
use kms::capi::exchange::*;
use kms::capi::keys::*;
use kms::capi::lifecycle::*;
use kms::capi::open::*;
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
            timeout_ms, reserved,
        }
        kms_create_key_request_t {
            struct_size, key_id, description, alias, rotation_period_s, origin, flags, reserved,
            rotate_after_uses, tags, tags_len, key_uuid,
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
        }
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
        ("168               160", "176               160", "kms_stats_t"),
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
