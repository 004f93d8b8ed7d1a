//! One call of an operation, from the question whether its caller may do it to its record in the audit log.

use std::cell::Cell;
use std::sync::Arc;

use super::request::{EncryptRequest, ServedBy, Tell};
use super::{GrantTokens, Live};
use crate::access::{
    Action, Circumstances, Grant, GrantId, GrantOperations, Granted, Known, Lazily, Principal, Question,
    Rules, Scope, Truth,
};
use crate::crypto::aad::Aad;
use crate::crypto::hex;
use crate::crypto::uuid::Uuid;
use crate::error::{Error, Result};
use crate::keyring::{Key, KeyName, Keyring};
use crate::platform::unix_seconds;

/// What a call is about, as far as access and the audit log care.
pub struct Call<'a> {
    pub caller: &'a Principal,
    pub action: Action,
    /// As the caller named it; None: an operation on the store, or the key that a ciphertext says.
    pub key: Option<KeyName<'a>>,
    pub version_id: Option<&'a str>,
    pub grant_tokens: &'a [&'a str],
    pub context: &'a [(&'a str, &'a str)],
    pub data_key_spec: Option<&'static str>,
    pub grant_operations: GrantOperations,
    /// The request id of the record that was written before the call's change was committed.
    pub(super) logged: Cell<Option<Uuid>>,
    /// What was found out on the way; for the audit log.
    facts: Cell<Option<Box<Facts>>>,
}

#[derive(Default)]
pub struct Facts {
    pub key_id: String,
    pub version_id: String,
    /// Of a re-encryption.
    pub source_key: String,
    pub grant: String,
    pub request_id: Option<Uuid>,
}

impl<'a> Call<'a> {
    pub fn new(caller: &'a Principal, action: Action, key: Option<KeyName<'a>>) -> Self {
        Call {
            caller,
            action,
            key,
            version_id: None,
            grant_tokens: &[],
            context: &[],
            data_key_spec: None,
            grant_operations: GrantOperations::NONE,
            logged: Cell::new(None),
            facts: Cell::new(None),
        }
    }

    /// Notes what was found out.
    pub fn note(&self, edit: impl FnOnce(&mut Facts)) {
        let mut facts = self.facts.take().unwrap_or_default();
        edit(&mut facts);
        self.facts.set(Some(facts));
    }

    pub fn with_facts<T>(&self, read: impl FnOnce(&Facts) -> T) -> T {
        let facts = self.facts.take().unwrap_or_default();
        let value = read(&facts);
        self.facts.set(Some(facts));
        value
    }

    /// The request id that the call has been given.
    pub fn request_id(&self) -> Option<Uuid> {
        self.with_facts(|facts| facts.request_id)
    }

    pub fn with_tokens<'t: 'a>(self, tokens: &'a GrantTokens<'t>) -> Self {
        Call { grant_tokens: tokens, ..self }
    }

    pub fn with_context<'t: 'a>(self, aad: &'a Aad<'t>) -> Self {
        Call { context: aad.pairs(), ..self }
    }

    pub fn with_version(self, version_id: Option<&'a str>) -> Self {
        Call { version_id, ..self }
    }

    pub fn of_payload<'t: 'a>(self, request: &'a EncryptRequest<'t>) -> Self {
        self.with_version(request.version_id).with_tokens(&request.grant_tokens).with_context(&request.aad)
    }

    pub fn with_data_key_spec(self, data_key_spec: Option<&'static str>) -> Self {
        Call { data_key_spec, ..self }
    }

    fn question(&self) -> Question<'a> {
        let circumstances = Circumstances {
            context: self.context,
            data_key_spec: self.data_key_spec,
            request_alias: match self.key {
                Some(KeyName::Alias(alias)) => Some(alias),
                _ => None,
            },
            grant_operations: self.grant_operations,
            now: Some(unix_seconds()),
            known: Known::All,
        };
        Question { principal: self.caller, action: self.action, circumstances }
    }

    /// An operation on the store as a whole: no policy is about it, so only the root may.
    pub fn require_root(&self) -> Result<()> {
        debug_assert!(self.action.info().scope == Scope::Store);
        if self.caller.is_root() { Ok(()) } else { Err(self.denied("the store")) }
    }

    /// Whether the rules on a key allow the call; gives the grant that does, if it is one.
    pub fn permitted_by(&self, rules: &Rules<'_>, key_id: &str) -> Result<Option<GrantId>> {
        if self.caller.is_root() && rules.policy.is_none() {
            return Ok(None);
        }
        let verdict = rules.judge(&self.question())?;
        match verdict.allowed {
            Truth::True => Ok(verdict.grant),
            _ => Err(self.denied(&format!("key {key_id:?}"))),
        }
    }

    /// The same, for a caller that only needs to know that it may go on.
    pub fn require(&self, rules: &Rules<'_>, key_id: &str) -> Result<()> {
        let grant = self.permitted_by(rules, key_id)?;
        self.note(|facts| facts.grant = grant.map(|id| hex::encode(&id)).unwrap_or_default());
        Ok(())
    }

    /// The same for retiring a grant, if it is there.
    pub fn require_retirement(&self, rules: &Rules<'_>, grant: Option<&Grant>, key_id: &str) -> Result<()> {
        let may = rules.may_retire(&self.question(), grant);
        if may { Ok(()) } else { Err(self.denied(&format!("key {key_id:?}"))) }
    }

    pub fn denied(&self, on: &str) -> Error {
        let principal = self.caller.name().to_string();
        Error::AccessDenied { principal, action: self.action.name(), on: on.to_string() }
    }
}

/// What was decided for the keys and principals that a lane saw last. A decision is remembered where it does not
/// depend on the circumstances of the request, and believed as long as the keyring's epoch is the same.
pub struct Decisions([Option<Decision>; PLACES]);

const PLACES: usize = 64;

struct Decision {
    principal: u64,
    action: Action,
    key: Uuid,
    epoch: u64,
    standing: Standing,
}

enum Standing {
    Allowed(Option<GrantId>),
    Refused,
    /// To be asked again each time, of what the principal is granted.
    Depends(Option<Arc<Granted>>),
}

impl Decisions {
    pub fn new() -> Self {
        Decisions([const { None }; PLACES])
    }

    /// Whether a call may use a key; gives the grant that allows it, if it is one.
    #[inline]
    pub fn permit(
        &mut self,
        call: &Call<'_>,
        keyring: &Keyring,
        key: &Key,
        epoch: u64,
    ) -> Result<Option<GrantId>> {
        // The usual case, and the one that costs nothing.
        if call.caller.is_root() && key.policy.is_none() {
            return Ok(None);
        }
        self.look_up(call, keyring, key, epoch)
    }

    fn look_up(
        &mut self,
        call: &Call<'_>,
        keyring: &Keyring,
        key: &Key,
        epoch: u64,
    ) -> Result<Option<GrantId>> {
        let mixed = usize::from(key.uuid[0]) ^ call.caller.number() as usize ^ ((call.action as usize) << 3);
        let Some(place) = self.0.get_mut(mixed % PLACES) else { return Err(Error::Internal("no place")) };
        let is_it = |decision: &Decision| {
            decision.epoch == epoch
                && decision.principal == call.caller.number()
                && decision.action == call.action
                && decision.key == key.uuid
        };
        if !place.as_ref().is_some_and(is_it) {
            *place = Some(Decision {
                principal: call.caller.number(),
                action: call.action,
                key: key.uuid,
                epoch,
                standing: Standing::of(call, keyring, key)?,
            });
        }
        match place.as_ref().map(|decision| &decision.standing) {
            Some(Standing::Allowed(grant)) => Ok(*grant),
            Some(Standing::Depends(granted)) => {
                call.permitted_by(&Rules { policy: key.policy.as_ref(), grants: granted }, key.id())
            }
            Some(Standing::Refused) | None => Err(call.denied(&format!("key {:?}", key.id()))),
        }
    }
}

impl Standing {
    fn of(call: &Call<'_>, keyring: &Keyring, key: &Key) -> Result<Standing> {
        let question =
            Question { principal: call.caller, action: call.action, circumstances: Circumstances::UNKNOWN };
        let grants = Lazily::new(|principal| keyring.granted(key, principal));
        let verdict = Rules { policy: key.policy.as_ref(), grants: &grants }.judge(&question)?;
        Ok(match verdict.allowed {
            Truth::True => Standing::Allowed(verdict.grant),
            Truth::False => Standing::Refused,
            Truth::Unknown => Standing::Depends(grants.found()),
        })
    }
}

impl Live {
    /// For the audit log: which key it is, and by which grant.
    #[inline]
    pub fn note_key(&self, call: &Call<'_>, key: &Key, grant: Option<GrantId>) {
        if self.audit.is_some() {
            call.note(|facts| {
                facts.key_id = key.id().into();
                facts.grant = grant.map(|id| hex::encode(&id)).unwrap_or_default();
            });
        }
    }

    /// Tells whoever wants to know what served a call: its caller, and the audit log.
    #[inline]
    pub fn tell_served<'s>(&self, call: &Call<'_>, tell: Tell<'_>, served: impl FnOnce() -> ServedBy<'s>) {
        if tell.is_none() && self.audit.is_none() {
            return;
        }
        let served = served();
        if self.audit.is_some() {
            call.note(|facts| {
                facts.version_id = served.version.record.version_id.clone();
                facts.request_id = Some(served.request_id);
            });
        }
        if let Some(tell) = tell {
            tell(&served);
        }
    }
}
