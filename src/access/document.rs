//! The JSON of key policies, as AWS and QKMS users write it. What has no meaning here is refused by name; nothing is
//! skipped.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A policy document.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    #[serde(rename = "Version")]
    pub version: Option<String>,
    #[serde(rename = "Id")]
    pub _id: Option<String>,
    #[serde(rename = "Statement")]
    pub statements: OneOrMany<StatementDocument>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatementDocument {
    #[serde(rename = "Sid")]
    pub _sid: Option<String>,
    #[serde(rename = "Effect")]
    pub effect: Effect,
    #[serde(rename = "Principal")]
    pub principal: PrincipalDocument,
    #[serde(rename = "Action")]
    pub actions: OneOrMany<String>,
    #[serde(rename = "Resource")]
    pub resources: OneOrMany<String>,
    /// Operator, condition key, values.
    #[serde(rename = "Condition", default)]
    pub conditions: Pairs<Pairs<OneOrMany<Scalar>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
pub enum Effect {
    Allow,
    Deny,
}

/// "*", or {"AWS": names}.
pub struct PrincipalDocument(pub Vec<String>);

impl<'de> Deserialize<'de> for PrincipalDocument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PrincipalVisitor;

        impl<'de> Visitor<'de> for PrincipalVisitor {
            type Value = PrincipalDocument;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("\"*\" or an object with \"AWS\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                match text {
                    "*" => Ok(PrincipalDocument(vec!["*".into()])),
                    _ => Err(E::custom("a principal that is a plain string must be \"*\"")),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut names = None;
                while let Some(key) = map.next_key::<String>()? {
                    if key != "AWS" || names.is_some() {
                        return Err(de::Error::custom(format!(
                            "principals of type {key:?} are not known here"
                        )));
                    }
                    names = Some(map.next_value::<OneOrMany<String>>()?);
                }
                let names = names.ok_or_else(|| de::Error::custom("the principal names nobody"))?;
                Ok(PrincipalDocument(names.0))
            }
        }

        deserializer.deserialize_any(PrincipalVisitor)
    }
}

/// A value, or a list of values.
pub struct OneOrMany<T>(pub Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
            type Value = OneOrMany<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a value or a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = seq.next_element()? {
                    list.push(item);
                }
                if list.is_empty() {
                    Err(de::Error::custom("the list is empty"))
                } else {
                    Ok(OneOrMany(list))
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(de::value::MapAccessDeserializer::new(map)).map(|one| OneOrMany(vec![one]))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                T::deserialize(de::value::StrDeserializer::new(text)).map(|one| OneOrMany(vec![one]))
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Self::Value, E> {
                T::deserialize(de::value::BoolDeserializer::new(value)).map(|one| OneOrMany(vec![one]))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Self::Value, E> {
                T::deserialize(de::value::I64Deserializer::new(value)).map(|one| OneOrMany(vec![one]))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Self::Value, E> {
                T::deserialize(de::value::U64Deserializer::new(value)).map(|one| OneOrMany(vec![one]))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Self::Value, E> {
                T::deserialize(de::value::F64Deserializer::new(value)).map(|one| OneOrMany(vec![one]))
            }
        }

        deserializer.deserialize_any(ListVisitor(PhantomData))
    }
}

/// A condition's value; numbers and booleans may be written without quotes.
pub struct Scalar(pub String);

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ScalarVisitor;

        impl Visitor<'_> for ScalarVisitor {
            type Value = Scalar;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string, a number or a boolean")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar(text.to_string()))
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Scalar, E> {
                Ok(Scalar(value.to_string()))
            }
        }

        deserializer.deserialize_any(ScalarVisitor)
    }
}

/// An object with any keys, each of them once.
pub struct Pairs<V>(pub Vec<(String, V)>);

impl<V> Default for Pairs<V> {
    fn default() -> Self {
        Pairs(Vec::new())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Pairs<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor<V>(PhantomData<V>);

        impl<'de, V: Deserialize<'de>> Visitor<'de> for PairsVisitor<V> {
            type Value = Pairs<V>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pairs: Vec<(String, V)> = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, V>()? {
                    if pairs.iter().any(|(known, _)| *known == key) {
                        return Err(de::Error::custom(format!("{key:?} is there twice")));
                    }
                    pairs.push((key, value));
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(PairsVisitor(PhantomData))
    }
}
