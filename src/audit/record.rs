//! One record of the audit log, as JSON. It has names, ids and outcomes; no place for a secret.

use serde::ser::{Serialize, SerializeMap, Serializer};

/// What happened. Empty texts and absent values are left out of the JSON.
#[derive(Clone, Default, serde::Serialize)]
pub struct Record<'a> {
    /// RFC 3339, UTC, in ms.
    pub time: String,
    pub principal: &'a str,
    pub action: &'a str,
    /// The id, where it is known; else what the caller named the key by.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub key: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub version: &'a str,
    /// Of a re-encryption.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub source_key: &'a str,
    /// The status's name in the C ABI.
    pub outcome: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub request_id: &'a str,
    #[serde(skip_serializing_if = "ContextShown::is_empty")]
    pub context: ContextShown<'a>,
    /// The grant that allowed it.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub grant: &'a str,
    /// How many such operations there were since `since`, where they are counted.
    #[serde(skip_serializing_if = "is_zero")]
    pub count: u64,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub since: String,
}

/// An encryption context: its keys, or on request its pairs.
#[derive(Clone, Copy, Default)]
pub struct ContextShown<'a> {
    pub pairs: &'a [(&'a str, &'a str)],
    pub with_values: bool,
}

impl ContextShown<'_> {
    fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }
}

impl Serialize for ContextShown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !self.with_values {
            return serializer.collect_seq(self.pairs.iter().map(|(key, _)| key));
        }
        let mut map = serializer.serialize_map(Some(self.pairs.len()))?;
        for (key, value) in self.pairs {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// The time now, as records have it.
pub fn now() -> String {
    humantime::format_rfc3339_millis(std::time::SystemTime::now()).to_string()
}

impl Record<'_> {
    /// The members of the JSON object, without its braces.
    pub fn members(&self) -> String {
        let json = serde_json::to_string(self).unwrap_or_default();
        json.trim_start_matches('{').strip_suffix('}').unwrap_or_default().to_string()
    }
}
