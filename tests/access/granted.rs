//! What a principal is granted, found by what is asked: the same answers as from all grants looked at one by one.

use kms::access::{
    Action, Circumstances, Constraint, GrantId, GrantOperations, Granted, Known, Principal, Question, Truth,
};

use crate::world::{account, operations};

/// Few keys and values, so that constraints often overlap.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    fn pairs(&mut self) -> Vec<(String, String)> {
        let keys = ["a", "b", "c"].into_iter().filter(|_| self.below(2) == 0).collect::<Vec<_>>();
        keys.into_iter().map(|key| (key.to_string(), self.below(3).to_string())).collect()
    }

    fn constraint(&mut self) -> Constraint {
        match self.below(5) {
            0 => Constraint::Any,
            1 | 2 => Constraint::Equals(self.pairs()),
            _ => match self.pairs() {
                pairs if pairs.is_empty() => Constraint::Any,
                pairs => Constraint::Subset(pairs),
            },
        }
    }
}

type Grant = (GrantId, GrantOperations, Constraint);

/// As the documentation says it, grant by grant.
fn one_by_one(grants: &[Grant], question: &Question<'_>) -> (Truth, Vec<GrantId>) {
    let Some(operation) = question.action.grant_operation() else { return (Truth::False, Vec::new()) };
    let of_operation = || grants.iter().filter(|(_, operations, _)| operations.contains(operation));
    let says = |constraint: &Constraint| match question.action.has_context() {
        true => constraint.admits(&question.circumstances),
        false => Truth::True,
    };
    let those = of_operation().filter(|(.., constraint)| says(constraint) == Truth::True);
    let allowing: Vec<GrantId> = those.map(|(id, ..)| *id).collect();
    let perhaps = of_operation().any(|(.., constraint)| says(constraint) == Truth::Unknown);
    match (allowing.is_empty(), perhaps) {
        (false, _) => (Truth::True, allowing),
        (true, true) => (Truth::Unknown, allowing),
        (true, false) => (Truth::False, allowing),
    }
}

#[test]
fn found_by_the_question_or_one_by_one_is_the_same() {
    let mut random = Random(7);
    let principal = Principal::named(&account(), "tenant").expect("a name");
    let actions = [Action::GenerateDataKey, Action::Decrypt, Action::DescribeKey, Action::PutKeyPolicy];
    let mut answers = [0; 3];
    for round in 0..2000 {
        let (mut granted, mut grants) = (Granted::default(), Vec::<Grant>::new());
        for number in 0..random.below(12) {
            let bits = [1, 4, 128, 1 | 4, 4 | 128][random.below(5)];
            let grant = ([number as u8; 32], operations(bits), random.constraint());
            granted.add(grant.0, grant.1, grant.2.clone());
            grants.push(grant);
        }
        for action in actions {
            for known in [Known::All, Known::Context, Known::SomePairs] {
                let pairs = random.pairs();
                let context: Vec<(&str, &str)> =
                    pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
                let circumstances = Circumstances { context: &context, known, ..Circumstances::NONE };
                let question = Question { principal: &principal, action, circumstances };
                let (expected, allowing) = one_by_one(&grants, &question);
                let (found, grant) = granted.allows(&question);
                assert_eq!(found, expected, "round {round}: {action:?} {known:?} {context:?} by {grants:?}");
                match grant {
                    Some(grant) => assert!(allowing.contains(&grant), "round {round}: another grant"),
                    None => assert_ne!(found, Truth::True, "round {round}: by no grant"),
                }
                answers[found as usize] += 1;
            }
        }
    }
    assert!(answers.iter().all(|count| *count > 500), "{answers:?}");
}

#[test]
fn grants_that_are_alike_are_one_to_remember() {
    let mut granted = Granted::default();
    let equals = |value: usize| Constraint::Equals(vec![("tenant".into(), value.to_string())]);
    for number in 0..1000 {
        granted.add([1; 32], operations(4), Constraint::Any);
        granted.add([2; 32], operations(4), equals(number % 10));
    }
    assert_eq!(granted.weight(), 11);
}
