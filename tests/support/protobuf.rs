//! Protocol buffers messages by field number, so that tests share no message definition with the library.
#![allow(dead_code)] // each test uses what it needs

use std::collections::BTreeMap;

use prost::encoding::{self, WireType};

/// A protocol buffers value.
#[derive(Clone, Debug, PartialEq)]
pub enum Field {
    Int(i64),
    Bytes(Vec<u8>),
}

impl From<&str> for Field {
    fn from(text: &str) -> Self {
        Field::Bytes(text.into())
    }
}

impl From<&[u8]> for Field {
    fn from(bytes: &[u8]) -> Self {
        Field::Bytes(bytes.into())
    }
}

impl From<i64> for Field {
    fn from(number: i64) -> Self {
        Field::Int(number)
    }
}

/// A message of these fields, in their order, empty ones too.
pub fn message(fields: &[(u32, Field)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (tag, field) in fields {
        match field {
            Field::Int(number) => encoding::int64::encode(*tag, number, &mut out),
            Field::Bytes(bytes) => encoding::bytes::encode(*tag, bytes, &mut out),
        }
    }
    out
}

/// A message's fields by number; none is there twice.
pub fn fields(mut message: &[u8]) -> BTreeMap<u32, Field> {
    let mut fields = BTreeMap::new();
    while !message.is_empty() {
        let (tag, wire_type) = encoding::decode_key(&mut message).expect("a key");
        let field = match wire_type {
            WireType::Varint => Field::Int(encoding::decode_varint(&mut message).expect("a number") as i64),
            WireType::LengthDelimited => {
                let len = encoding::decode_varint(&mut message).expect("a length") as usize;
                let (bytes, rest) = message.split_at(len);
                message = rest;
                Field::Bytes(bytes.into())
            }
            other => panic!("field {tag} is {other:?}"),
        };
        assert!(fields.insert(tag, field).is_none(), "field {tag} is there twice");
    }
    fields
}

/// A field's bytes; none if it is not there.
pub fn bytes_of(fields: &BTreeMap<u32, Field>, tag: u32) -> &[u8] {
    match fields.get(&tag) {
        Some(Field::Bytes(bytes)) => bytes,
        Some(Field::Int(_)) => panic!("field {tag} is a number"),
        None => &[],
    }
}

pub fn text_of(fields: &BTreeMap<u32, Field>, tag: u32) -> &str {
    std::str::from_utf8(bytes_of(fields, tag)).expect("UTF-8")
}
