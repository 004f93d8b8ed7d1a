//! The constraints of members, checked all at once before anything else: "N validation error(s) detected: ...".

use super::fault::Fault;
use crate::dialect::shared::context::Text;

pub const KEY_ID: (usize, usize) = (1, 2048);
const GRANT_TOKEN: (usize, usize) = (1, 8192);
const MAX_GRANT_TOKENS: usize = 10;
const PRINCIPAL: (usize, usize) = (1, 256);
const MARKER: (usize, usize) = (1, 1024);
/// Characters of a value that are quoted: a KeyId that is too long by one in full, and of what is longer so much that the
/// constraint after it is told too.
const MAX_QUOTED: usize = 2_100;

/// What is wrong with the members of a request so far.
#[derive(Default)]
pub struct Checks(Vec<String>);

impl Checks {
    pub fn finish(self) -> Result<(), Fault> {
        match self.0.len() {
            0 => Ok(()),
            1 => Err(Fault::validation(format!("1 validation error detected: {}", self.0.concat()))),
            many => {
                Err(Fault::validation(format!("{many} validation errors detected: {}", self.0.join("; "))))
            }
        }
    }

    /// `value` is quoted, or empty where it is a secret.
    fn fail(&mut self, member: &str, value: &str, constraint: &str) {
        let value = match value.char_indices().nth(MAX_QUOTED) {
            _ if value.is_empty() => String::new(),
            None => format!("{value} "),
            Some(_) => format!("{}...' ", value.chars().take(MAX_QUOTED).collect::<String>()),
        };
        self.0.push(format!(
            "Value {value}at '{member}' failed to satisfy constraint: Member must {constraint}"
        ));
    }

    fn length(&mut self, member: &str, value: &str, len: usize, (least, most): (usize, usize)) {
        if len < least {
            self.fail(member, value, &format!("have length greater than or equal to {least}"));
        } else if len > most {
            self.fail(member, value, &format!("have length less than or equal to {most}"));
        }
    }

    pub fn required<T>(&mut self, member: &str, value: &Option<T>) {
        if value.is_none() {
            self.fail(member, "null", "not be null");
        }
    }

    /// Characters of a text, if it is there.
    pub fn text(&mut self, member: &str, value: &Option<Text<'_>>, limits: (usize, usize)) {
        if let Some(Text(value)) = value {
            self.length(member, &format!("'{value}'"), value.chars().count(), limits);
        }
    }

    pub fn required_text(&mut self, member: &str, value: &Option<Text<'_>>, limits: (usize, usize)) {
        self.required(member, value);
        self.text(member, value, limits);
    }

    pub fn key_id(&mut self, value: &Option<Text<'_>>) {
        self.required_text("keyId", value, KEY_ID);
    }

    /// Bytes that may be a secret: not quoted.
    pub fn required_bytes(&mut self, member: &str, value: &Option<impl AsRef<[u8]>>, limits: (usize, usize)) {
        match value {
            None => self.fail(member, "null", "not be null"),
            Some(bytes) => self.length(member, "", bytes.as_ref().len(), limits),
        }
    }

    pub fn range(&mut self, member: &str, value: Option<i32>, least: i32, most: i32) {
        match value {
            Some(value) if value < least => {
                let constraint = format!("have value greater than or equal to {least}");
                self.fail(member, &format!("'{value}'"), &constraint);
            }
            Some(value) if value > most => {
                self.fail(member, &format!("'{value}'"), &format!("have value less than or equal to {most}"));
            }
            _ => {}
        }
    }

    /// `set` is the text of the service, which may leave newer values out.
    pub fn one_of(&mut self, member: &str, value: &Option<Text<'_>>, set: &str, newer: &[&str]) {
        if let Some(Text(value)) = value {
            let known = set.split(", ").any(|known| known == value) || newer.contains(&&**value);
            if !known {
                self.fail(member, &format!("'{value}'"), &format!("satisfy enum value set: [{set}]"));
            }
        }
    }

    /// A text, every character of which `allowed` must know; `pattern` is how the service says so.
    pub fn pattern(
        &mut self,
        member: &str,
        value: &Option<Text<'_>>,
        pattern: &str,
        allowed: impl Fn(char) -> bool,
    ) {
        if let Some(Text(value)) = value
            && !value.chars().all(allowed)
        {
            let constraint = format!("satisfy regular expression pattern: {pattern}");
            self.fail(member, &format!("'{value}'"), &constraint);
        }
    }

    /// The name of an alias or of a grant.
    pub fn name(&mut self, member: &str, value: &Option<Text<'_>>) {
        self.pattern(member, value, "^[a-zA-Z0-9:/_-]+$", |c| {
            c.is_ascii_alphanumeric() || matches!(c, ':' | '/' | '_' | '-')
        });
    }

    pub fn principal(&mut self, member: &str, value: &Option<Text<'_>>) {
        self.text(member, value, PRINCIPAL);
        self.pattern(member, value, "^[\\w+=,.@:/-]+$", |c| {
            c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '=' | ',' | '.' | '@' | ':' | '/' | '-')
        });
    }

    /// The number of items of a list.
    pub fn size(&mut self, member: &str, all: &[&str], limits: (usize, usize)) {
        self.length(member, &format!("'[{}]'", all.join(", ")), all.len(), limits);
    }

    pub fn grant_tokens(&mut self, tokens: &Option<Vec<Text<'_>>>) {
        let Some(tokens) = tokens else { return };
        let all: Vec<&str> = tokens.iter().map(|token| &*token.0).collect();
        self.size("grantTokens", &all, (0, MAX_GRANT_TOKENS));
        self.each("grantTokens", &all, &length_text(GRANT_TOKEN), |token| has_length(token, GRANT_TOKEN));
    }

    /// The texts of a list, all of which are quoted if one is wrong.
    pub fn each(&mut self, member: &str, all: &[&str], constraint: &str, is_right: impl Fn(&str) -> bool) {
        if !all.iter().all(|value| is_right(value)) {
            let constraint = format!("satisfy constraint: [{constraint}]");
            self.fail(member, &format!("'[{}]'", all.join(", ")), &constraint);
        }
    }

    /// Limit and Marker of a list.
    pub fn page(&mut self, limit: Option<i32>, most: i32, marker: &Option<Text<'_>>) {
        self.range("limit", limit, 1, most);
        self.text("marker", marker, MARKER);
    }
}

/// The constraint of a text in a list.
pub fn length_text((least, most): (usize, usize)) -> String {
    format!(
        "Member must have length less than or equal to {most}, Member must have length greater than or equal to {least}"
    )
}

pub fn has_length(value: &str, (least, most): (usize, usize)) -> bool {
    (least..=most).contains(&value.chars().count())
}

/// The texts of a list.
pub fn texts<'a>(values: &'a Option<Vec<Text<'_>>>) -> Vec<&'a str> {
    values.iter().flatten().map(|value| &*value.0).collect()
}
