//! Encryption contexts as vendors write them: a JSON object of strings, in the order of the request.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

use crate::crypto::aad::{Aad, Context, Pairs};
use crate::error::Result;

/// The pairs of a context. A key that is there twice is refused: which of the values was meant, nobody knows.
#[derive(Clone, Default)]
pub struct ContextMap<'a> {
    pairs: Vec<(Text<'a>, Text<'a>)>,
}

impl ContextMap<'_> {
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// What the engine authenticates. An empty context is none.
    pub fn aad(&self) -> Result<Aad<'_>> {
        if self.pairs.is_empty() {
            return Ok(Aad::None);
        }
        Context::check_len(self.pairs.len())?;
        let pairs: Pairs<'_> = self.pairs.iter().map(|(key, value)| (&*key.0, &*value.0)).collect();
        Ok(Aad::Context(Context::new(pairs)?))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for ContextMap<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(PairsVisitor)
    }
}

struct PairsVisitor;

impl<'de> Visitor<'de> for PairsVisitor {
    type Value = ContextMap<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut pairs: Vec<(Text<'de>, Text<'de>)> = Vec::new();
        let mut known = std::collections::HashSet::new();
        while let Some((key, value)) = map.next_entry::<Text<'de>, Text<'de>>()? {
            if !known.insert(key.0.clone()) {
                return Err(M::Error::custom("a key is there twice"));
            }
            pairs.push((key, value));
        }
        Ok(ContextMap { pairs })
    }
}

/// A string, borrowed from the request where it has no escapes.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);
