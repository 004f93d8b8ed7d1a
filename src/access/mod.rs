//! Who may do what to a key: principals, the actions that operations are named by, key policies, grants and their
//! tokens. Decides from what it is given; knows no store and no C.
//!
//! An explicit deny wins, then a policy's allow or a grant; what nobody allowed is denied. A key without a policy of
//! its own has the default one, which lets the account's root do everything.

mod action;
mod condition;
mod document;
mod grant;
mod granted;
mod policy;
mod principal;
mod token;

pub use action::{ACTIONS, Action, ActionInfo, ActionSet, Class, Scope};
pub use document::Effect;
pub use grant::{Constraint, Grant, GrantId, GrantOperations};
pub use granted::{Granted, Grants, Lazily};
pub use policy::{MAX_POLICY, Policy};
pub use principal::{Account, Principal, check_name};
pub use token::{TokenClaim, issue as issue_token, read as read_token};

use crate::error::Result;

/// The answer to a question of which not everything may be known (Kleene's three values).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    False,
    Unknown,
    True,
}

impl Truth {
    fn or(self, other: Truth) -> Truth {
        if self == Truth::True || other == Truth::True {
            Truth::True
        } else if self == Truth::Unknown || other == Truth::Unknown {
            Truth::Unknown
        } else {
            Truth::False
        }
    }

    fn and(self, other: Truth) -> Truth {
        self.not().or(other.not()).not()
    }

    fn not(self) -> Truth {
        match self {
            Truth::False => Truth::True,
            Truth::Unknown => Truth::Unknown,
            Truth::True => Truth::False,
        }
    }
}

impl From<bool> for Truth {
    fn from(value: bool) -> Truth {
        if value { Truth::True } else { Truth::False }
    }
}

/// What is asked: may this principal do this, with these circumstances?
#[derive(Clone, Copy)]
pub struct Question<'a> {
    pub principal: &'a Principal,
    pub action: Action,
    pub circumstances: Circumstances<'a>,
}

/// What conditions are about.
#[derive(Clone, Copy)]
pub struct Circumstances<'a> {
    /// Pairs of the encryption context.
    pub context: &'a [(&'a str, &'a str)],
    pub data_key_spec: Option<&'a str>,
    /// The alias that the request named the key by.
    pub request_alias: Option<&'a str>,
    /// Of the grant that is to be created.
    pub grant_operations: GrantOperations,
    /// Unix time in seconds; None = not known.
    pub now: Option<i64>,
    pub known: Known,
}

/// How much of the circumstances is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// All: this is a request.
    All,
    /// The context is exactly this one; nothing else of the requests that a new grant will allow.
    Context,
    /// The context has at least these pairs; nothing else.
    SomePairs,
}

impl<'a> Circumstances<'a> {
    pub const NONE: Circumstances<'static> = Circumstances {
        context: &[],
        data_key_spec: None,
        request_alias: None,
        grant_operations: GrantOperations::NONE,
        now: None,
        known: Known::All,
    };
    /// Nothing is known of a request but who asks for what.
    pub const UNKNOWN: Circumstances<'static> = Circumstances { known: Known::SomePairs, ..Self::NONE };

    fn knows_request(&self) -> bool {
        self.known == Known::All
    }

    fn knows_context(&self) -> bool {
        self.known != Known::SomePairs
    }
}

/// The rules on one key.
pub struct Rules<'a> {
    /// None: the default policy.
    pub policy: Option<&'a Policy>,
    pub grants: &'a dyn Grants,
}

/// What the rules say, and the grant that says so, if it was one.
pub struct Verdict {
    pub allowed: Truth,
    pub grant: Option<GrantId>,
}

impl Rules<'_> {
    /// Looks for grants only where the policy leaves anything to them.
    pub fn judge(&self, question: &Question<'_>) -> Result<Verdict> {
        let (allowed, denied) = self.by_policy(question);
        let is_decided = allowed == Truth::True || denied == Truth::True;
        let granted = if is_decided || question.action.grant_operation().is_none() {
            None
        } else {
            self.grants.of(question.principal.name())?
        };
        let (granted, grant) = granted.map_or((Truth::False, None), |granted| granted.allows(question));
        Ok(Verdict { allowed: allowed.or(granted).and(denied.not()), grant })
    }

    /// Whether a grant may be retired by who asks: by leave of the policy, or of this grant itself. A grant that allows
    /// RetireGrant says nothing of other grants (AWS: RetireGrant).
    pub fn may_retire(&self, question: &Question<'_>, grant: Option<&Grant>) -> bool {
        let (allowed, denied) = self.by_policy(question);
        let by_itself = grant.is_some_and(|grant| grant.may_be_retired_by(question.principal.name()));
        denied == Truth::False && (allowed == Truth::True || by_itself)
    }

    /// Whether the policy allows, and whether it denies.
    fn by_policy(&self, question: &Question<'_>) -> (Truth, Truth) {
        match self.policy {
            Some(policy) => policy.judge(question),
            None => (question.principal.is_root().into(), Truth::False),
        }
    }
}
