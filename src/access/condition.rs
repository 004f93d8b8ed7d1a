//! Conditions of policies: AWS's operators over the keys that this library knows. A circumstance that is not known
//! makes a condition's answer unknown, never true or false by accident.

use std::time::UNIX_EPOCH;

use super::policy::{glob, refuse_variables};
use super::{Action, Circumstances, GrantOperations, Question, Truth};

pub struct Condition {
    quantifier: Quantifier,
    operator: Operator,
    /// The condition holds where the key is missing.
    if_exists: bool,
    key: Key,
    values: Vec<Value>,
}

/// How a key with several values is compared.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quantifier {
    /// The key has one value.
    None,
    Any,
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    StringEquals,
    StringNotEquals,
    StringLike,
    StringEqualsIgnoreCase,
    Bool,
    Null,
    NumericLessThan,
    NumericLessThanEquals,
    DateLessThan,
    DateGreaterThan,
}

const OPERATORS: [Operator; 10] = [
    Operator::StringEquals,
    Operator::StringNotEquals,
    Operator::StringLike,
    Operator::StringEqualsIgnoreCase,
    Operator::Bool,
    Operator::Null,
    Operator::NumericLessThan,
    Operator::NumericLessThanEquals,
    Operator::DateLessThan,
    Operator::DateGreaterThan,
];

/// What a condition is about.
enum Key {
    /// kms:EncryptionContext:NAME, the value of one pair.
    Context(String),
    /// kms:EncryptionContextKeys, the keys of all pairs.
    ContextKeys,
    GrantOperations,
    DataKeySpec,
    RequestAlias,
    CurrentTime,
    PrincipalArn,
}

/// A value to compare with, of the type that the operator has.
enum Value {
    Text(String),
    Flag(bool),
    Number(f64),
    /// Unix time in seconds.
    Time(i64),
}

/// What a request has for a key.
enum Found<'a> {
    Unknown,
    Missing,
    Text(&'a str),
    Time(i64),
    Several(&'a [(&'a str, &'a str)]),
    Operations(GrantOperations),
}

impl Condition {
    pub fn compile(operator: &str, key: &str, values: Vec<String>) -> Result<Condition, String> {
        let (quantifier, rest) = match operator.split_once(':') {
            Some(("ForAnyValue", rest)) => (Quantifier::Any, rest),
            Some(("ForAllValues", rest)) => (Quantifier::All, rest),
            Some(_) => return Err(format!("condition operator {operator:?} is not known here")),
            None => (Quantifier::None, operator),
        };
        let (name, if_exists) = rest.strip_suffix("IfExists").map_or((rest, false), |name| (name, true));
        let known = OPERATORS.into_iter().find(|known| format!("{known:?}") == name);
        let operator_name = operator;
        let operator = known.ok_or_else(|| format!("condition operator {operator:?} is not known here"))?;
        if operator == Operator::Null && (if_exists || quantifier != Quantifier::None) {
            return Err(format!("condition operator {operator_name:?} does not exist"));
        }
        let known_key = Key::parse(key).ok_or_else(|| format!("condition key {key:?} is not known here"))?;
        let has_several = matches!(known_key, Key::ContextKeys | Key::GrantOperations);
        if has_several && quantifier == Quantifier::None && operator != Operator::Null {
            return Err(format!(
                "condition key {key:?} has several values: say ForAnyValue: or ForAllValues:"
            ));
        }
        if !known_key.takes(operator) {
            return Err(format!("condition operator {operator_name:?} does not fit key {key:?}"));
        }
        let values = values.into_iter().map(|value| operator.value(value)).collect::<Result<Vec<_>, _>>()?;
        Ok(Condition { quantifier, operator, if_exists, key: known_key, values })
    }

    /// The principals that it compares with.
    pub fn principals(&self) -> impl Iterator<Item = &str> {
        let is_about_them = matches!(self.key, Key::PrincipalArn);
        self.values.iter().filter_map(move |value| match value {
            Value::Text(text) if is_about_them => Some(text.as_str()),
            _ => None,
        })
    }

    pub fn holds(&self, question: &Question<'_>) -> Truth {
        let circumstances = &question.circumstances;
        let found = self.key.find(question);
        if self.operator == Operator::Null {
            return self.is_null(&found, circumstances);
        }
        match found {
            Found::Unknown => Truth::Unknown,
            Found::Missing if self.if_exists => Truth::True,
            Found::Missing => match self.quantifier {
                Quantifier::None => (self.operator == Operator::StringNotEquals).into(),
                Quantifier::Any => Truth::False,
                Quantifier::All => Truth::True,
            },
            Found::Text(text) => self.matches(text).into(),
            Found::Time(time) => {
                self.values.iter().any(|value| self.operator.compares_time(time, value)).into()
            }
            Found::Several(pairs) => {
                self.several(pairs.iter().map(|(key, _)| *key), circumstances.knows_context())
            }
            Found::Operations(operations) => self.several(operations.names(), true),
        }
    }

    /// Null: "true" holds where the key is missing, "false" where it is there.
    fn is_null(&self, found: &Found<'_>, circumstances: &Circumstances<'_>) -> Truth {
        let is_missing = match found {
            Found::Unknown => return Truth::Unknown,
            Found::Several([]) if !circumstances.knows_context() => return Truth::Unknown,
            Found::Missing | Found::Several([]) => true,
            Found::Operations(operations) => *operations == GrantOperations::NONE,
            _ => false,
        };
        self.values.iter().any(|value| matches!(value, Value::Flag(flag) if *flag == is_missing)).into()
    }

    /// Whether a value of the request passes: for a negated operator, against every value of the condition.
    fn matches(&self, text: &str) -> bool {
        let mut values = self.values.iter();
        match self.operator {
            Operator::StringNotEquals => values.all(|value| !Operator::StringEquals.compares(text, value)),
            operator => values.any(|value| operator.compares(text, value)),
        }
    }

    /// `is_complete`: no other values than these.
    fn several<'a>(&self, mut found: impl Iterator<Item = &'a str>, is_complete: bool) -> Truth {
        let (decides, otherwise) = match self.quantifier {
            Quantifier::Any | Quantifier::None => (found.any(|text| self.matches(text)), Truth::False),
            Quantifier::All => (found.any(|text| !self.matches(text)), Truth::True),
        };
        match (decides, is_complete) {
            (true, _) => match self.quantifier {
                Quantifier::All => Truth::False,
                _ => Truth::True,
            },
            (false, true) => otherwise,
            (false, false) => Truth::Unknown,
        }
    }
}

impl Operator {
    fn value(self, text: String) -> Result<Value, String> {
        refuse_variables(&text)?;
        let wrong = |what: &str| format!("{text:?} is no {what}");
        Ok(match self {
            Operator::StringEquals
            | Operator::StringNotEquals
            | Operator::StringLike
            | Operator::StringEqualsIgnoreCase => Value::Text(text),
            Operator::Bool | Operator::Null => {
                Value::Flag(parse_flag(&text).ok_or_else(|| wrong("boolean"))?)
            }
            Operator::NumericLessThan | Operator::NumericLessThanEquals => {
                Value::Number(parse_number(&text).ok_or_else(|| wrong("number"))?)
            }
            Operator::DateLessThan | Operator::DateGreaterThan => Value::Time(
                parse_time(&text).ok_or_else(|| wrong("date (RFC 3339 in UTC, or seconds since 1970)"))?,
            ),
        })
    }

    fn compares(self, text: &str, value: &Value) -> bool {
        match (self, value) {
            (Operator::StringLike, Value::Text(pattern)) => glob(pattern, text),
            (Operator::StringEqualsIgnoreCase, Value::Text(other)) => {
                text.chars().flat_map(char::to_lowercase).eq(other.chars().flat_map(char::to_lowercase))
            }
            (_, Value::Text(other)) => text == other,
            (_, Value::Flag(flag)) => parse_flag(text) == Some(*flag),
            (Operator::NumericLessThan, Value::Number(bound)) => {
                parse_number(text).is_some_and(|it| it < *bound)
            }
            (_, Value::Number(bound)) => parse_number(text).is_some_and(|it| it <= *bound),
            (_, Value::Time(_)) => false,
        }
    }

    fn compares_time(self, time: i64, value: &Value) -> bool {
        match (self, value) {
            (Operator::DateLessThan, Value::Time(bound)) => time < *bound,
            (Operator::DateGreaterThan, Value::Time(bound)) => time > *bound,
            _ => false,
        }
    }
}

impl Key {
    /// Names of keys are compared without regard to case, as AWS does; a context's own key is kept as it is.
    fn parse(name: &str) -> Option<Key> {
        const CONTEXT: &str = "kms:encryptioncontext:";
        if let Some(prefix) = name.get(..CONTEXT.len())
            && prefix.eq_ignore_ascii_case(CONTEXT)
        {
            return name
                .get(CONTEXT.len()..)
                .filter(|key| !key.is_empty())
                .map(|key| Key::Context(key.into()));
        }
        Some(match name.to_ascii_lowercase().as_str() {
            "kms:encryptioncontextkeys" => Key::ContextKeys,
            "kms:grantoperations" => Key::GrantOperations,
            "kms:datakeyspec" => Key::DataKeySpec,
            "kms:requestalias" => Key::RequestAlias,
            "aws:currenttime" => Key::CurrentTime,
            "aws:principalarn" => Key::PrincipalArn,
            _ => return None,
        })
    }

    fn takes(&self, operator: Operator) -> bool {
        let is_date = matches!(operator, Operator::DateLessThan | Operator::DateGreaterThan);
        let is_typed =
            matches!(operator, Operator::Bool | Operator::NumericLessThan | Operator::NumericLessThanEquals);
        match self {
            Key::CurrentTime => is_date || operator == Operator::Null,
            Key::Context(_) => !is_date,
            _ => !is_date && !is_typed,
        }
    }

    fn find<'a>(&self, question: &Question<'a>) -> Found<'a> {
        let Question { principal, action, circumstances } = question;
        // What requests of other actions never have is known to be missing.
        let of_request = |text: Option<&'a str>, is_possible: bool| match text {
            Some(text) => Found::Text(text),
            None if circumstances.knows_request() || !is_possible => Found::Missing,
            None => Found::Unknown,
        };
        match self {
            Key::Context(key) => match pair(circumstances.context, key) {
                Some(value) => Found::Text(value),
                None if circumstances.knows_context() => Found::Missing,
                None => Found::Unknown,
            },
            Key::ContextKeys => Found::Several(circumstances.context),
            Key::GrantOperations if circumstances.grant_operations != GrantOperations::NONE => {
                Found::Operations(circumstances.grant_operations)
            }
            Key::GrantOperations => of_request(None, *action == Action::CreateGrant),
            Key::DataKeySpec => of_request(circumstances.data_key_spec, *action == Action::GenerateDataKey),
            Key::RequestAlias => of_request(circumstances.request_alias, true),
            Key::CurrentTime => circumstances.now.map_or(Found::Unknown, Found::Time),
            Key::PrincipalArn => Found::Text(principal.name()),
        }
    }
}

/// The value of a pair: of the one with just this key, else of one that differs in case only.
fn pair<'a>(context: &[(&'a str, &'a str)], key: &str) -> Option<&'a str> {
    let exact = context.iter().find(|(known, _)| *known == key);
    let found = exact.or_else(|| context.iter().find(|(known, _)| known.eq_ignore_ascii_case(key)));
    found.map(|(_, value)| *value)
}

fn parse_flag(text: &str) -> Option<bool> {
    text.to_ascii_lowercase().parse().ok()
}

fn parse_number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

fn parse_time(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse() {
        return Some(seconds);
    }
    let moment =
        humantime::parse_rfc3339(text).or_else(|_| humantime::parse_rfc3339(&format!("{text}T00:00:00Z")));
    i64::try_from(moment.ok()?.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()
}
