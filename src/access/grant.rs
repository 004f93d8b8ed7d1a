//! Grants: what a key's grantee may do, and in which encryption contexts.

use super::{Action, Circumstances, Known, Truth};

/// A set of operations that a grant can allow; the bits are those of the C ABI.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GrantOperations(u32);

impl GrantOperations {
    pub const NONE: GrantOperations = GrantOperations(0);
    pub const DECRYPT: GrantOperations = GrantOperations(1);
    pub const ENCRYPT: GrantOperations = GrantOperations(2);
    pub const GENERATE_DATA_KEY: GrantOperations = GrantOperations(4);
    pub const RE_ENCRYPT_FROM: GrantOperations = GrantOperations(8);
    pub const RE_ENCRYPT_TO: GrantOperations = GrantOperations(16);
    pub const CREATE_GRANT: GrantOperations = GrantOperations(32);
    pub const RETIRE_GRANT: GrantOperations = GrantOperations(64);
    pub const DESCRIBE_KEY: GrantOperations = GrantOperations(128);

    /// Each, and its name (AWS: CreateGrant, Operations).
    pub const ALL: [(GrantOperations, &'static str); 8] = [
        (GrantOperations::DECRYPT, "Decrypt"),
        (GrantOperations::ENCRYPT, "Encrypt"),
        (GrantOperations::GENERATE_DATA_KEY, "GenerateDataKey"),
        (GrantOperations::RE_ENCRYPT_FROM, "ReEncryptFrom"),
        (GrantOperations::RE_ENCRYPT_TO, "ReEncryptTo"),
        (GrantOperations::CREATE_GRANT, "CreateGrant"),
        (GrantOperations::RETIRE_GRANT, "RetireGrant"),
        (GrantOperations::DESCRIBE_KEY, "DescribeKey"),
    ];

    /// None if a bit is unknown.
    pub fn from_bits(bits: u32) -> Option<GrantOperations> {
        (bits < 256).then_some(GrantOperations(bits))
    }

    pub fn bits(self) -> u32 {
        self.0
    }

    pub fn contains(self, other: GrantOperations) -> bool {
        self.0 & other.0 == other.0
    }

    /// What they allow.
    pub fn actions(self) -> impl Iterator<Item = Action> {
        Action::of_grants()
            .filter(move |action| action.grant_operation().is_some_and(|operation| self.contains(operation)))
    }

    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::ALL.into_iter().filter(move |(operation, _)| self.contains(*operation)).map(|(_, name)| name)
    }
}

/// A grant's id: public, and the same under every root key.
pub type GrantId = [u8; 32];

/// Which encryption contexts a grant is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Constraint {
    Any,
    /// Just these pairs, in the order of their keys.
    Equals(Vec<(String, String)>),
    /// These pairs, and any others.
    Subset(Vec<(String, String)>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// 64 hex digits.
    pub grant_id: String,
    pub name: String,
    pub grantee: String,
    /// Empty = nobody is named.
    pub retiring: String,
    pub operations: GrantOperations,
    pub constraint: Constraint,
    /// Unix time in seconds.
    pub created_at: i64,
}

impl Grant {
    /// Whether a principal may retire it without being allowed kms:RetireGrant.
    pub fn may_be_retired_by(&self, principal: &str) -> bool {
        let by_grantee = self.operations.contains(GrantOperations::RETIRE_GRANT) && self.grantee == principal;
        by_grantee || (!self.retiring.is_empty() && self.retiring == principal)
    }
}

impl Constraint {
    pub fn admits(&self, circumstances: &Circumstances<'_>) -> Truth {
        let context = circumstances.context;
        let has = |pairs: &[(String, String)]| {
            pairs.iter().all(|(key, value)| context.contains(&(key.as_str(), value.as_str())))
        };
        let all_known = circumstances.known != Known::SomePairs;
        match self {
            Constraint::Any => Truth::True,
            Constraint::Subset(pairs) if has(pairs) => Truth::True,
            Constraint::Subset(_) if !all_known => Truth::Unknown,
            Constraint::Subset(_) => Truth::False,
            Constraint::Equals(pairs) if all_known => (has(pairs) && pairs.len() == context.len()).into(),
            Constraint::Equals(_) => Truth::Unknown,
        }
    }

    /// The circumstances of the requests that a grant with this constraint will allow.
    pub fn known(&self) -> Known {
        match self {
            Constraint::Equals(_) => Known::Context,
            Constraint::Any | Constraint::Subset(_) => Known::SomePairs,
        }
    }

    /// The pairs as a JSON object; empty where there are none.
    pub fn to_json(&self) -> String {
        let pairs: serde_json::Map<_, _> =
            self.pairs().iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect();
        if pairs.is_empty() { String::new() } else { serde_json::Value::Object(pairs).to_string() }
    }

    pub fn pairs(&self) -> &[(String, String)] {
        match self {
            Constraint::Any => &[],
            Constraint::Equals(pairs) | Constraint::Subset(pairs) => pairs,
        }
    }
}
