//! A sealed file, part by part, and every way in which one may be not as it was made.

use super::programs::{CHUNK, FIXED, SEALED_CHUNK, TAG};

/// Where things are in a sealed file.
pub struct Layout {
    pub wrapped: usize,
    pub context: usize,
    pub chunks: usize,
}

impl Layout {
    pub fn of(sealed: &[u8]) -> Layout {
        let u16_at = |at: usize| usize::from(u16::from_be_bytes([sealed[at], sealed[at + 1]]));
        let (wrapped_len, context_len) = (u16_at(16), u16_at(18));
        Layout { wrapped: FIXED, context: FIXED + wrapped_len, chunks: FIXED + wrapped_len + context_len }
    }

    pub fn chunk(&self, number: usize) -> usize {
        self.chunks + number * SEALED_CHUNK
    }
}

/// Every way in which a sealed file may be not as it was made.
pub fn altered(sealed: &[u8]) -> Vec<(String, Vec<u8>)> {
    let at = Layout::of(sealed);
    let mut all = Vec::new();
    let mut add = |name: &str, bytes: Vec<u8>| all.push((name.to_string(), bytes));
    let last = at.chunk((sealed.len() - at.chunks) / SEALED_CHUNK);
    for (name, offset) in [
        ("the magic", 0),
        ("the version", 4),
        ("the nonce prefix", 5),
        ("the nonce prefix's end", 11),
        ("the chunk size's high byte", 12),
        ("the chunk size's low byte", 15),
        ("the wrapped key's length", 17),
        ("the context's length", 19),
        ("the wrapped key's magic", at.wrapped),
        ("the wrapped key's format", at.wrapped + 2),
        ("the wrapped key's KMS key", at.wrapped + 4),
        ("the wrapped key's version", at.wrapped + 23),
        ("the wrapped key's commitment", at.wrapped + 24),
        ("the wrapped key's IV", at.wrapped + 68),
        ("the wrapped key itself", at.wrapped + 80),
        ("the wrapped key's tag", at.context - 1),
        ("a name of the context", at.context),
        ("a value of the context", at.context + 7),
        ("a NUL of the context", at.context + 6),
        ("the last NUL of the context", at.chunks - 1),
        ("the first chunk", at.chunk(0)),
        ("the first chunk's tag", at.chunk(1) - TAG),
        ("a chunk in the middle", at.chunk(7) + CHUNK / 2),
        ("the tag of a chunk in the middle", at.chunk(8) - 1),
        ("the last chunk", last),
        ("the last tag", sealed.len() - 1),
    ] {
        let mut bytes = sealed.to_vec();
        bytes[offset] ^= 1;
        add(&format!("a flipped bit in {name}"), bytes);
    }
    for (name, len) in [
        ("at its end", sealed.len() - 1),
        ("in the last tag", sealed.len() - TAG / 2),
        ("in the last chunk", last + 100),
        ("exactly after a chunk", last),
        ("exactly after another chunk", at.chunk(3)),
        ("in the middle of a chunk", at.chunk(3) + CHUNK / 3),
        ("shorter than a tag", at.chunk(3) + TAG - 1),
        ("after the header", at.chunks),
        ("in the context", at.context + 3),
        ("in the wrapped key", at.wrapped + 64),
        ("in the first bytes", FIXED - 1),
        ("to nothing", 0),
    ] {
        add(&format!("cut {name}"), sealed[..len].to_vec());
    }
    let chunk = |number: usize| &sealed[at.chunk(number)..at.chunk(number + 1)];
    let head = |chunks: usize| &sealed[..at.chunk(chunks)];
    let tail = |chunks: usize| &sealed[at.chunk(chunks)..];
    add("two neighbouring chunks swapped", [head(2), chunk(3), chunk(2), tail(4)].concat());
    add(
        "two distant chunks swapped",
        [head(0), chunk(9), &sealed[at.chunk(1)..at.chunk(9)], chunk(0), tail(10)].concat(),
    );
    add("a chunk twice", [head(3), chunk(2), tail(3)].concat());
    add("a chunk left out", [head(3), tail(4)].concat());
    add("the first chunk left out", [head(0), tail(1)].concat());
    add("a byte appended", [sealed, &[0]].concat());
    add("the last chunk appended again", [sealed, &sealed[last..]].concat());
    add("an empty chunk appended", [sealed, &[0; TAG]].concat());
    all
}
