//! One set of vectors for every language (tests/vectors): here through Rust and through the C program
//! tests/c/vectors.c; bindings/python/tests/test_vectors.py and bindings/go/vectors_test.go read the same files.

#![allow(unsafe_code)] // calls of C functions that the wrappers have no use for

use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::ptr::null_mut;

#[path = "support/handle.rs"]
mod handle;
#[path = "support/python.rs"]
mod python;
mod support;

use handle::{Bound, Decrypt, Handle, bytes, outcome, zeroed};
use kms::capi::about::kms_status_name;
use kms::capi::constants::*;
use kms::capi::keys::*;
use kms::capi::versions::*;
use kms::crypto::aad::{Aad, AadBuffer, Context};
use kms::crypto::blob::HEADER_SIZE;
use python::{run_script, unhex};
use serde_json::Value;
use support::{STRICT, built_library_dir, cc, root, run, run_program, temp_dir};

const BLOBS: &str = include_str!("vectors/blob_format_1.json");
const XAES: &str = include_str!("vectors/xaes_256_gcm.json");

fn parse(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().unwrap_or_else(|| panic!("no list {name}"))
}

fn field(value: &Value, name: &str) -> Vec<u8> {
    unhex(value[name].as_str().unwrap_or_else(|| panic!("no text {name}")))
}

fn name_of(value: &Value) -> &str {
    value["name"].as_str().expect("a name")
}

fn pairs(value: &Value) -> Vec<(&str, &str)> {
    let texts = list(value, "context").iter().map(|pair| (pair[0].as_str(), pair[1].as_str()));
    texts.map(|(key, value)| (key.expect("a name"), value.expect("a value"))).collect()
}

fn bound<'a>(aad: &'a [u8], context: &'a [(&'a str, &'a str)]) -> Bound<'a> {
    match (aad, context) {
        ([], []) => Bound::Nothing,
        ([], context) => Bound::Context(context),
        (aad, _) => Bound::Aad(aad),
    }
}

/// A store that has the keys of the vectors, as "key-0" and "key-1".
fn store(vectors: &Value) -> Handle {
    let handle = Handle::memory();
    for (number, key) in list(vectors, "keys").iter().enumerate() {
        let key_id = std::ffi::CString::new(format!("key-{number}")).expect("text");
        let (material, uuid) = (field(key, "material"), field(key, "key_uuid"));
        // SAFETY: structs of the C ABI, strings and bytes that live through the calls.
        unsafe {
            let mut create: kms_create_key_request_t = zeroed();
            create.struct_size = size_of_val(&create);
            create.key_id = key_id.as_ptr();
            create.origin = KMS_ORIGIN_EXTERNAL;
            create.key_uuid = bytes(&uuid);
            outcome(|error| kms_create_key(handle.as_ptr(), &create, null_mut(), error)).expect("a key");
            let mut import: kms_import_request_t = zeroed();
            import.struct_size = size_of_val(&import);
            import.key_id = key_id.as_ptr();
            import.material = bytes(&material);
            import.version_number = u32::try_from(key["version"].as_u64().expect("a number")).expect("u32");
            outcome(|error| kms_import_key_material(handle.as_ptr(), &import, null_mut(), error))
                .expect("to import");
        }
    }
    handle
}

/// What does not hold of a case, if anything does.
fn check_case(handle: &Handle, case: &Value) -> Result<(), String> {
    let (blob, aad, iv) = (field(case, "blob"), field(case, "aad"), field(case, "iv"));
    let (context, plaintext) = (pairs(case), field(case, "plaintext"));
    let bound = bound(&aad, &context);
    let bound_aad = match bound {
        Bound::Nothing => Ok(Aad::None),
        Bound::Aad(aad) => Aad::raw(aad),
        Bound::Context(pairs) => Context::new(pairs.iter().copied().collect()).map(Aad::Context),
    };
    let bound_aad = bound_aad.map_err(|error| error.to_string())?;
    let mut buffer = AadBuffer::default();
    let (_, encoded) = buffer.build(&[0; HEADER_SIZE], &bound_aad).split_at(HEADER_SIZE);
    if encoded != field(case, "encoded") {
        return Err("its AAD is encoded otherwise".into());
    }
    if blob[56..68] != field(case, "n1") || blob[68..80] != iv {
        return Err("its nonces are elsewhere".into());
    }
    let key_id = format!("key-{}", case["key"]);
    for request in
        [Decrypt::new(&blob, bound), Decrypt { iv: &iv, key_id: Some(&key_id), ..Decrypt::new(&blob, bound) }]
    {
        let opened = handle.decrypt(request).map_err(|failure| failure.message)?;
        if opened != plaintext {
            return Err("it opens to something else".into());
        }
    }
    Ok(())
}

/// The status with which a refusal is refused. (That nothing is written then is checked by `Handle`.)
fn refused(handle: &Handle, case: &Value) -> String {
    let (blob, aad, iv) = (field(case, "blob"), field(case, "aad"), field(case, "iv"));
    let (context, key_id) = (pairs(case), case["key"].as_u64().map(|number| format!("key-{number}")));
    let request =
        Decrypt { iv: &iv, key_id: key_id.as_deref(), ..Decrypt::new(&blob, bound(&aad, &context)) };
    let status = handle.decrypt(request).map_or_else(|failure| failure.status, |_| KMS_OK);
    // SAFETY: a static text.
    unsafe { std::ffi::CStr::from_ptr(kms_status_name(status)) }.to_string_lossy().into_owned()
}

#[test]
fn the_vectors_are_what_the_format_says() {
    let made = run_script("make_vectors.py", "").unwrap_or_else(|error| panic!("{error}"));
    // Not assert_eq, which would print both.
    assert!(made == BLOBS, "tests/vectors/blob_format_1.json is not what tests/python/make_vectors.py makes");
}

#[test]
fn every_case_opens_and_every_refusal_is_refused() {
    let vectors = parse(BLOBS);
    let handle = store(&vectors);
    assert!(list(&vectors, "cases").len() >= 40 && list(&vectors, "refusals").len() >= 40);
    for case in list(&vectors, "cases") {
        assert_eq!(check_case(&handle, case), Ok(()), "{}", name_of(case));
    }
    for case in list(&vectors, "refusals") {
        assert_eq!(case["status"], refused(&handle, case), "{}", name_of(case));
    }
}

/// The negative twin of the test above.
#[test]
fn a_changed_vector_fails() {
    let vectors = parse(BLOBS);
    let handle = store(&vectors);
    let case = &list(&vectors, "cases")[5];
    for name in ["blob", "plaintext", "encoded", "n1", "iv"] {
        let mut changed = case.clone();
        let text = case[name].as_str().expect("hex");
        let digit = if text.ends_with('0') { '1' } else { '0' };
        changed[name] = format!("{}{digit}", &text[..text.len() - 1]).into();
        assert!(check_case(&handle, &changed).is_err(), "{name}");
    }
    let mut changed = case.clone();
    changed["context"] = serde_json::json!([["tenant", "8"]]);
    assert!(check_case(&handle, &changed).is_err(), "context");
    let mut opens = case.clone();
    opens["key"] = Value::Null;
    assert_eq!(refused(&handle, &opens), "KMS_OK", "a case is no refusal");
}

/// The vectors as C source, so that no C program has to read JSON.
struct CSource {
    text: String,
    arrays: usize,
}

impl CSource {
    /// A kms_bytes_t over an array of its own.
    fn bytes(&mut self, bytes: &[u8]) -> String {
        self.arrays += 1;
        let name = format!("bytes_{}", self.arrays);
        // C has no empty array.
        let content =
            if bytes.is_empty() { "0".into() } else { format!("{bytes:?}").replace(['[', ']'], "") };
        writeln!(self.text, "static const uint8_t {name}[] = {{{content}}};").expect("text");
        format!("{{{name}, {}}}", bytes.len())
    }

    /// The pairs of a context, and how many.
    fn context(&mut self, pairs: &[(&str, &str)]) -> String {
        if pairs.is_empty() {
            return "NULL, 0".into();
        }
        self.arrays += 1;
        let name = format!("context_{}", self.arrays);
        let entries: Vec<_> =
            pairs.iter().map(|(key, value)| format!("{{{}, {}}}", quoted(key), quoted(value))).collect();
        writeln!(self.text, "static const kms_context_entry_t {name}[] = {{{}}};", entries.join(", "))
            .expect("text");
        format!("{name}, {}", pairs.len())
    }

    fn table(&mut self, declaration: &str, rows: &[String]) {
        writeln!(self.text, "static const {declaration}[] = {{\n  {}}};", rows.join(",\n  ")).expect("text");
    }

    fn of(blobs: &Value, xaes: &Value) -> String {
        let mut source = CSource { text: String::new(), arrays: 0 };
        let row = |fields: Vec<String>| format!("{{{}}}", fields.join(", "));
        let keys: Vec<_> = list(blobs, "keys")
            .iter()
            .map(|key| {
                let [material, uuid] = ["material", "key_uuid"].map(|name| source.bytes(&field(key, name)));
                row(vec![material, uuid, format!("{}u", key["version"])])
            })
            .collect();
        source.table("vector_key_t vector_keys", &keys);
        let mut cases = Vec::new();
        for case in list(blobs, "cases").iter().chain(list(blobs, "refusals")) {
            let opens = case.get("status").is_none();
            let mut fields = vec![quoted(name_of(case)), case["status"].as_str().unwrap_or("KMS_OK").into()];
            fields.push(case["key"].as_i64().unwrap_or(-1).to_string());
            for name in ["blob", "aad", "iv"] {
                fields.push(source.bytes(&field(case, name)));
            }
            for name in ["encoded", "plaintext"] {
                fields.push(source.bytes(&if opens { field(case, name) } else { Vec::new() }));
            }
            fields.push(source.context(&pairs(case)));
            cases.push(row(fields));
        }
        source.table("vector_case_t vector_cases", &cases);
        let cases: Vec<_> = list(xaes, "cases")
            .iter()
            .map(|case| {
                let names = ["key", "nonce", "derived_key", "plaintext", "aad", "ciphertext"];
                row(names.map(|name| source.bytes(&field(case, name))).to_vec())
            })
            .collect();
        source.table("vector_xaes_t vector_xaes", &cases);
        let accumulated = source.bytes(&field(&xaes["accumulated"], "10000"));
        writeln!(source.text, "static const kms_bytes_t vector_accumulated = {accumulated};").expect("text");
        source.text
    }
}

/// Octal, of always three digits: what follows cannot be taken for a part of it.
fn quoted(text: &str) -> String {
    let escaped: String = text.bytes().map(|byte| format!("\\{byte:03o}")).collect();
    format!("\"{escaped}\"")
}

/// Builds and runs tests/c/vectors.c with these vectors: what it prints, or what failed.
fn run_in_c(blobs: &Value, xaes: &Value) -> Result<String, String> {
    let dir = temp_dir();
    std::fs::write(dir.path().join("vectors.h"), CSource::of(blobs, xaes)).expect("the vectors as C source");
    run_c_program("vectors.c", dir.path())
}

/// Builds and runs a program of tests/c in a directory.
fn run_c_program(name: &str, dir: &Path) -> Result<String, String> {
    let libcrypto = run(Command::new("pkg-config").args(["--cflags", "--libs", "libcrypto"]))?;
    let program = dir.join("program");
    let mut compile = cc();
    compile.arg("-std=c99").args(STRICT).arg("-I").arg(root().join("include")).arg("-I").arg(dir);
    compile.arg(root().join("tests/c").join(name)).args(["-x", "none"]);
    compile.arg("-L").arg(built_library_dir()).arg("-lkms").args(libcrypto.split_whitespace());
    run(compile.arg("-o").arg(&program))?;
    run_program(program, dir, Some(built_library_dir()))
}

/// What C programs make opens in Python, from the material alone.
#[test]
fn ciphertexts_from_c_open_in_python() {
    let output = run_c_program("known.c", temp_dir().path()).unwrap_or_else(|error| panic!("{error}"));
    let lines: Vec<_> = output.lines().filter(|line| line.starts_with('{')).collect();
    assert_eq!(lines.len(), 14, "{output}");
    assert_eq!(run_script("open_blobs.py", &lines.join("\n")).as_deref(), Ok("14\n"));
    // The negative twin: another material.
    let wrong = lines[0].replace("\"07010802", "\"07010803");
    assert!(run_script("open_blobs.py", &wrong).expect_err("another material").contains("commitment"));
}

#[test]
fn in_c() {
    let output = run_in_c(&parse(BLOBS), &parse(XAES)).unwrap_or_else(|error| panic!("{error}"));
    assert!(output.contains(" 0 failed"), "{output}");
}

/// The negative twin of the test above.
#[test]
fn changed_vectors_fail_in_c() {
    let (mut blobs, mut xaes) = (parse(BLOBS), parse(XAES));
    blobs["cases"][5]["plaintext"] = "00".into();
    blobs["refusals"][3]["status"] = "KMS_NOT_FOUND".into();
    xaes["accumulated"]["10000"] = "00".repeat(32).into();
    let error = run_in_c(&blobs, &xaes).expect_err("vectors that do not hold");
    // The plaintext by libkms, twice, and without it; the refusal; the hash.
    assert!(error.contains(" 5 failed"), "{error}");
}
