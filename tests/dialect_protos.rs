//! The Rust messages of the dialects are those of the .proto files beside them, field by field.

use std::collections::BTreeMap;
use std::path::Path;

/// Fields as "type name = number", by message.
type Messages = BTreeMap<String, Vec<String>>;

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/dialect").join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn of_proto(text: &str) -> Messages {
    let mut messages = Messages::new();
    let mut current = String::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with("//")) {
        if let Some(name) = line.strip_prefix("message ") {
            current = name.trim_end_matches(" {").into();
            messages.insert(current.clone(), Vec::new());
        } else if let Some(field) = line.strip_suffix(';').filter(|_| !current.is_empty()) {
            messages.get_mut(&current).expect("a message").push(field.into());
        } else if line == "}" {
            current.clear();
        }
    }
    messages
}

/// What the prost attributes and the field's Rust type say.
fn of_rust(text: &str) -> Messages {
    let mut messages = Messages::new();
    let mut current = String::new();
    let mut pending: Option<(String, String)> = None;
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("pub struct ") {
            current = name.trim_end_matches(" {").into();
            messages.insert(current.clone(), Vec::new());
        } else if let Some(attribute) = line.strip_prefix("#[prost(").filter(|text| text.contains("tag")) {
            let (kind, rest) = attribute.split_once(", ").expect("a type");
            let kind = kind.split(' ').next().expect("a type").to_string();
            let number = rest.split('"').nth_back(1).expect("a tag").to_string();
            pending = Some((kind, number));
        } else if let Some(field) = line.strip_prefix("pub ").filter(|_| pending.is_some()) {
            let (name, rust) = field.trim_end_matches(',').split_once(": ").expect("a field");
            let (kind, number) = pending.take().expect("an attribute");
            let kind = match rust.strip_prefix("Vec<").and_then(|inner| inner.strip_suffix('>')) {
                Some(inner) if kind == "message" => format!("repeated {inner}"),
                _ => kind,
            };
            messages.get_mut(&current).expect("a message").push(format!("{kind} {name} = {number}"));
        }
    }
    messages
}

#[test]
fn messages_are_those_of_the_proto_files() {
    for (folder, count) in [("yandex", 11), ("alibaba_dkms", 10)] {
        let proto = of_proto(&read(&format!("{folder}/messages.proto")));
        let rust = of_rust(&read(&format!("{folder}/message.rs")));
        assert_eq!(proto.len(), count, "{folder}");
        assert!(proto.values().all(|fields| !fields.is_empty()), "{proto:?}");
        assert_eq!(rust, proto, "{folder}");
    }
}

#[test]
fn a_difference_is_seen() {
    let proto = of_proto("message A {\n  string x = 1;\n  repeated B y = 2;\n}\n");
    let rust = |kind: &str, tag: u32| {
        of_rust(&format!(
            "pub struct A {{\n#[prost({kind}, tag = \"{tag}\")]\npub x: String,\n#[prost(message, repeated, tag = \"2\")]\npub y: Vec<B>,\n}}"
        ))
    };
    assert_eq!(rust("string", 1), proto);
    assert_ne!(rust("string", 3), proto);
    assert_ne!(rust("bytes = \"vec\"", 1), proto);
}
