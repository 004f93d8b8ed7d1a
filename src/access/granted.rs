//! What one principal is granted on one key, found by what a request is about and not one by one: a decision costs the
//! same however many grants there are.

use std::cell::OnceCell;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use smallvec::SmallVec;

use super::{Constraint, GrantId, GrantOperations, Known, Question, Truth};
use crate::error::Result;

/// Where a principal's grants on a key are found, if a decision asks for them.
pub trait Grants {
    fn of(&self, principal: &str) -> Result<Option<&Granted>>;
}

/// Those that were found before.
impl Grants for Option<Arc<Granted>> {
    fn of(&self, _principal: &str) -> Result<Option<&Granted>> {
        Ok(self.as_deref())
    }
}

/// One principal's, looked for when they are first asked for.
pub struct Lazily<F> {
    find: F,
    found: OnceCell<Option<Arc<Granted>>>,
}

impl<F: Fn(&str) -> Result<Option<Arc<Granted>>>> Lazily<F> {
    pub fn new(find: F) -> Self {
        Lazily { find, found: OnceCell::new() }
    }

    /// What was found, if anybody asked.
    pub fn found(self) -> Option<Arc<Granted>> {
        self.found.into_inner().flatten()
    }
}

impl<F: Fn(&str) -> Result<Option<Arc<Granted>>>> Grants for Lazily<F> {
    fn of(&self, principal: &str) -> Result<Option<&Granted>> {
        if self.found.get().is_none() {
            let _ = self.found.set((self.find)(principal)?);
        }
        Ok(self.found.get().and_then(Option::as_deref))
    }
}

#[derive(Clone, Default)]
pub struct Granted {
    /// Grants with the same constraint are one here.
    alike: Vec<Alike>,
    by_constraint: HashMap<u64, u32>,
    /// Those whose constraint has pairs, each under the one of its pairs that fewest others had when it came: a request
    /// must have that pair.
    by_pair: HashMap<u64, Chain>,
    /// Those without pairs: for any context, and for none.
    unpaired: SmallVec<[u32; 2]>,
    /// For each operation, the first grant of it, whatever its constraint.
    first: [Option<GrantId>; OPERATIONS],
    hasher: RandomState,
}

const OPERATIONS: usize = GrantOperations::ALL.len();

#[derive(Clone)]
struct Alike {
    constraint: Arc<Constraint>,
    /// Only those that add an operation.
    grants: SmallVec<[(GrantOperations, GrantId); 1]>,
    /// The next in its chain.
    next: Option<u32>,
}

#[derive(Clone, Copy, Default)]
struct Chain {
    first: Option<u32>,
    len: u32,
}

impl Granted {
    /// How much there is to remember of the grants.
    pub fn weight(&self) -> u64 {
        self.alike.len() as u64
    }

    pub fn add(&mut self, id: GrantId, operations: GrantOperations, constraint: Constraint) {
        for (place, (operation, _)) in self.first.iter_mut().zip(GrantOperations::ALL) {
            if operations.contains(operation) && place.is_none() {
                *place = Some(id);
            }
        }
        let hash = self.hasher.hash_one(&constraint);
        let known = self.by_constraint.get(&hash).copied();
        match known
            .and_then(|at| self.alike.get_mut(at as usize))
            .filter(|known| *known.constraint == constraint)
        {
            Some(known) => {
                if !known.grants.iter().any(|(known, _)| known.contains(operations)) {
                    known.grants.push((operations, id));
                }
            }
            None => self.add_constraint(hash, id, operations, constraint),
        }
    }

    fn add_constraint(
        &mut self,
        hash: u64,
        id: GrantId,
        operations: GrantOperations,
        constraint: Constraint,
    ) {
        let at = self.alike.len() as u32;
        self.by_constraint.insert(hash, at);
        let pairs = constraint.pairs().iter().map(|(key, value)| self.pair_hash(key, value));
        let chain_len = |pair: &u64| self.by_pair.get(pair).map_or(0, |chain| chain.len);
        let next = match pairs.min_by_key(chain_len) {
            None => {
                self.unpaired.push(at);
                None
            }
            Some(pair) => {
                let chain = self.by_pair.entry(pair).or_default();
                chain.len += 1;
                chain.first.replace(at)
            }
        };
        let grants = SmallVec::from_slice(&[(operations, id)]);
        self.alike.push(Alike { constraint: Arc::new(constraint), grants, next });
    }

    fn pair_hash(&self, key: &str, value: &str) -> u64 {
        self.hasher.hash_one((key, value))
    }

    /// Whether a grant allows what is asked, and which. A constraint is about requests that have a context, and about the
    /// grants that are made by this one.
    pub fn allows(&self, question: &Question<'_>) -> (Truth, Option<GrantId>) {
        let Some(operation) = question.action.grant_operation() else { return (Truth::False, None) };
        let first = self.first.get(operation.bits().trailing_zeros() as usize).copied().flatten();
        let Some(first) = first else { return (Truth::False, None) };
        if !question.action.has_context() {
            return (Truth::True, Some(first));
        }
        if let Some(grant) = self.candidates(question).find_map(|alike| alike.allows(operation, question)) {
            return (Truth::True, Some(grant));
        }
        // More pairs might satisfy what these did not.
        let is_open = question.circumstances.known == Known::SomePairs;
        (if is_open { Truth::Unknown } else { Truth::False }, None)
    }

    /// All whose constraint the circumstances could satisfy for certain.
    fn candidates<'s>(&'s self, question: &Question<'s>) -> impl Iterator<Item = &'s Alike> {
        let pairs = question.circumstances.context.iter();
        let chains = pairs.filter_map(|(key, value)| self.by_pair.get(&self.pair_hash(key, value)));
        let paired =
            chains.flat_map(|chain| std::iter::successors(self.at(chain.first), |alike| self.at(alike.next)));
        self.unpaired.iter().filter_map(|at| self.at(Some(*at))).chain(paired)
    }

    fn at(&self, at: Option<u32>) -> Option<&Alike> {
        self.alike.get(at? as usize)
    }
}

impl Alike {
    fn allows(&self, operation: GrantOperations, question: &Question<'_>) -> Option<GrantId> {
        let (_, grant) = self.grants.iter().find(|(operations, _)| operations.contains(operation))?;
        (self.constraint.admits(&question.circumstances) == Truth::True).then_some(*grant)
    }
}
