//! Key policies: put and get.

use super::Kms;
use super::request::{self, KeyRequest, flag};
use super::{GrantTokens, call::Call};
use crate::access::{Action, Policy};
use crate::error::{Error, Result};
use crate::keyring::policy_text;
use crate::platform::unix_seconds;

pub struct PolicyRequest<'a> {
    pub key_id: &'a str,
    pub policy: &'a str,
    pub grant_tokens: GrantTokens<'a>,
    pub flags: u32,
}

impl Kms {
    /// Gives a key a policy. The default policy's own text takes it away again.
    pub fn put_key_policy(&self, request: &PolicyRequest<'_>) -> Result<()> {
        request::check_flags(
            "request.flags",
            request.flags,
            flag::DRY_RUN | flag::BYPASS_POLICY_LOCKOUT_CHECK,
        )?;
        let name = self.shared.account.key_name(request.key_id)?;
        let call =
            Call::new(&self.caller, Action::PutKeyPolicy, Some(name)).with_tokens(&request.grant_tokens);
        self.edit_by(&call, name.row(), request.flags, |edit, rules, _| {
            call.require(rules, &edit.head.key_id)?;
            let policy = self.check_policy(Some(request.policy), &edit.head.key_id, request.flags)?;
            edit.put_policy(policy);
            Ok(())
        })
    }

    /// The text of a key's policy; of a key that has none of its own, the default one.
    pub fn get_key_policy(&self, request: &KeyRequest<'_>) -> Result<String> {
        request.refuse_version()?;
        let live = self.live()?;
        self.with_key(Action::GetKeyPolicy, request, |key| {
            let store = live.keyring.store();
            let family = store.family(crate::store::RowName::Key(&key.uuid))?;
            let own = family.map(|family| policy_text(store, &family)).transpose()?.flatten();
            Ok(own.unwrap_or_else(|| Policy::default_text(&self.shared.account)))
        })
    }

    /// Refuses a policy that could not be evaluated, or would lock everyone out. Gives None for the default one.
    pub(super) fn check_policy<'a>(
        &self,
        text: Option<&'a str>,
        key_id: &str,
        flags: u32,
    ) -> Result<Option<&'a str>> {
        let account = &self.shared.account;
        let Some(text) = text.filter(|text| *text != Policy::default_text(account)) else { return Ok(None) };
        let policy = Policy::compile(text, account, key_id)?;
        let may_lock_out = flags & flag::BYPASS_POLICY_LOCKOUT_CHECK != 0;
        if !may_lock_out && !policy.leaves_a_way_back(account, unix_seconds()) {
            return Err(Error::argument(
                "request.policy: nobody could put another policy any more; \
                 KMS_BYPASS_POLICY_LOCKOUT_CHECK puts it nevertheless",
            ));
        }
        Ok(Some(text))
    }
}
