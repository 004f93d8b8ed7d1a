//! A key policy, compiled: who, which actions, under which conditions. Compiling refuses whatever could not be
//! evaluated later.

use serde_path_to_error::Segment;

use super::condition::Condition;
use super::document::{Document, Effect, StatementDocument};
use super::principal::check_name;
use super::{Account, Action, ActionSet, Circumstances, Principal, Question, Truth};
use crate::error::{Error, Result};

/// Most bytes of a policy's text (AWS: PutKeyPolicy).
pub const MAX_POLICY: usize = 32768;

pub struct Policy {
    statements: Vec<Statement>,
}

struct Statement {
    /// Its place in the policy, from 1.
    number: usize,
    effect: Effect,
    who: Who,
    actions: ActionSet,
    conditions: Vec<Condition>,
}

enum Who {
    Anyone,
    These { root: bool, names: Vec<String> },
}

impl Policy {
    /// Compiles the text of the policy of one key.
    pub fn compile(text: &str, account: &Account, key_id: &str) -> Result<Policy> {
        if text.len() > MAX_POLICY {
            return Err(refused(&format!("has {} bytes, at most {MAX_POLICY} are allowed", text.len())));
        }
        let document = parse(text)?;
        match document.version.as_deref() {
            None | Some("2012-10-17" | "2008-10-17") => {}
            Some(version) => return Err(refused(&format!("Version {version:?} is not known"))),
        }
        let arns = account.key_arns(key_id);
        let mut statements = Vec::new();
        for (index, document) in document.statements.0.into_iter().enumerate() {
            let refused = |why: String| refused(&format!("statement {}: {why}", index + 1));
            // A statement about other keys never applies to this one.
            if let Some(statement) =
                Statement::compile(index + 1, document, account, &arns).map_err(refused)?
            {
                statements.push(statement);
            }
        }
        Ok(Policy { statements })
    }

    /// The policy of a key that has none of its own, as text.
    pub fn default_text(account: &Account) -> String {
        format!(
            r#"{{"Version":"2012-10-17","Id":"key-default-1","Statement":[{{"Sid":"Enable IAM User Permissions","Effect":"Allow","Principal":{{"AWS":"{}"}},"Action":"kms:*","Resource":"*"}}]}}"#,
            account.root()
        )
    }

    /// Whether the policy allows, and whether it denies.
    pub fn judge(&self, question: &Question<'_>) -> (Truth, Truth) {
        let mut judged = (Truth::False, Truth::False);
        for statement in &self.statements {
            let says = match statement.effect {
                Effect::Allow => &mut judged.0,
                Effect::Deny => &mut judged.1,
            };
            if *says != Truth::True {
                *says = says.or(statement.applies(question));
            }
        }
        judged
    }

    /// The statement that decides, by its place from 1: the first that denies, else the first that allows.
    pub fn deciding(&self, question: &Question<'_>) -> Option<(Effect, usize)> {
        let first = |effect| {
            let mut those = self.statements.iter().filter(|statement| statement.effect == effect);
            those.find(|statement| statement.applies(question) == Truth::True)
        };
        let statement = first(Effect::Deny).or_else(|| first(Effect::Allow))?;
        Some((statement.effect, statement.number))
    }

    /// Whether someone whom the policy names, or the root, may put another policy in its place, as of now.
    pub fn leaves_a_way_back(&self, account: &Account, now: i64) -> bool {
        let circumstances = Circumstances { now: Some(now), ..Circumstances::NONE };
        let can_put = |principal: &Principal| {
            let (allowed, denied) =
                self.judge(&Question { principal, action: Action::PutKeyPolicy, circumstances });
            allowed == Truth::True && denied == Truth::False
        };
        // A name that no statement has stands for everybody else.
        let mut names = vec!["anyone else"];
        for statement in &self.statements {
            if let Who::These { names: named, .. } = &statement.who {
                names.extend(named.iter().map(String::as_str));
            }
            names.extend(statement.conditions.iter().flat_map(Condition::principals));
        }
        // A pattern in a condition is nobody's name.
        let principals = names.into_iter().filter_map(|name| Principal::named(account, name).ok());
        principals.chain([Principal::root(account)]).any(|principal| can_put(&principal))
    }
}

impl Statement {
    fn compile(
        number: usize,
        document: StatementDocument,
        account: &Account,
        arns: &[String],
    ) -> Result<Option<Statement>, String> {
        let mut actions = ActionSet::default();
        for pattern in &document.actions.0 {
            actions = actions.union(ActionSet::matching(pattern).map_err(within("Action"))?);
        }
        let mut is_of_this_key = false;
        for pattern in &document.resources.0 {
            if pattern != "*" && !pattern.starts_with("arn:") && !pattern.starts_with("acs:") {
                return Err(format!("Resource: {pattern:?} is neither \"*\" nor an ARN"));
            }
            refuse_variables(pattern).map_err(within("Resource"))?;
            is_of_this_key |= arns.iter().any(|arn| glob(pattern, arn));
        }
        let who = Who::compile(document.principal.0, account)?;
        let mut conditions = Vec::new();
        for (operator, keys) in document.conditions.0 {
            for (key, values) in keys.0 {
                let values = values.0.into_iter().map(|scalar| scalar.0).collect();
                conditions.push(Condition::compile(&operator, &key, values).map_err(within("Condition"))?);
            }
        }
        let effect = document.effect;
        Ok(is_of_this_key.then_some(Statement { number, effect, who, actions, conditions }))
    }

    fn applies(&self, question: &Question<'_>) -> Truth {
        if !self.actions.contains(question.action) || !self.who.includes(question.principal) {
            return Truth::False;
        }
        let mut all = Truth::True;
        for condition in &self.conditions {
            all = all.and(condition.holds(question));
            if all == Truth::False {
                break;
            }
        }
        all
    }
}

impl Who {
    fn compile(names: Vec<String>, account: &Account) -> Result<Who, String> {
        if names.iter().any(|name| name == "*") {
            return Ok(Who::Anyone);
        }
        for name in &names {
            check_name("Principal", name).map_err(|error| error.to_string())?;
        }
        let (root, names): (Vec<String>, Vec<String>) =
            names.into_iter().partition(|name| account.is_root(name));
        Ok(Who::These { root: !root.is_empty(), names })
    }

    fn includes(&self, principal: &Principal) -> bool {
        match self {
            Who::Anyone => true,
            Who::These { root, .. } if principal.is_root() => *root,
            Who::These { names, .. } => names.iter().any(|name| name == principal.name()),
        }
    }
}

/// The document, or why it is none, with the statement and the element that are wrong.
fn parse(text: &str) -> Result<Document> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let document = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let mut place = String::new();
        for segment in error.path() {
            match segment {
                Segment::Map { key } if key == "Statement" => {}
                Segment::Seq { index } if place.is_empty() => place = format!("statement {}: ", index + 1),
                Segment::Map { key } => place.push_str(&format!("{key}: ")),
                _ => {}
            }
        }
        refused(&format!("{place}{}", error.inner()))
    })?;
    deserializer.end().map_err(|error| refused(&error.to_string()))?;
    Ok(document)
}

/// Says in which element something is wrong.
fn within(element: &str) -> impl Fn(String) -> String {
    move |why| format!("{element}: {why}")
}

fn refused(why: &str) -> Error {
    Error::argument(format!("request.policy: {why}"))
}

/// Policy variables (${aws:...}) are not evaluated here.
pub(super) fn refuse_variables(text: &str) -> Result<(), String> {
    if text.contains("${") {
        Err(format!("{text:?} has a policy variable, which is not known here"))
    } else {
        Ok(())
    }
}

/// Whether a text matches a pattern in which * stands for any characters and ? for any one.
pub(super) fn glob(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    // Where to go on when what follows the last * did not match: one character further.
    let mut retry = None;
    loop {
        let at_text = text.clone();
        match (pattern.next(), text.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                retry = Some((pattern.clone(), at_text.clone()));
                text = at_text;
                continue;
            }
            (Some(expected), Some(found)) if expected == '?' || expected == found => continue,
            _ => {}
        }
        let Some((after_star, mut from)) = retry.take() else { return false };
        if from.next().is_none() {
            return false;
        }
        pattern = after_star.clone();
        text = from.clone();
        retry = Some((after_star, from));
    }
}
