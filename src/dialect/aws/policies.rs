//! PutKeyPolicy, GetKeyPolicy and ListKeyPolicies. A key has one policy, whose name is "default".

use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::validation::Checks;
use super::{Answer, Call, Outcome, on_key, optional_text, text};
use crate::capi::constants::KMS_BYPASS_POLICY_LOCKOUT_CHECK;
use crate::dialect::shared::context::Text;
use crate::dialect::shared::wording;
use crate::engine::{GrantTokens, PolicyRequest};
use crate::error::{Detail, Error};

const POLICY: (usize, usize) = (1, 131_072);
const POLICY_NAME: (usize, usize) = (1, 128);
const THE_NAME: &str = "default";

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct PutKeyPolicy<'a> {
    #[serde(borrow)]
    key_id: Option<Text<'a>>,
    policy_name: Option<Text<'a>>,
    policy: Option<Text<'a>>,
    bypass_policy_lockout_safety_check: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct GetKeyPolicy<'a> {
    #[serde(borrow)]
    key_id: Option<Text<'a>>,
    policy_name: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct ListKeyPolicies<'a> {
    #[serde(borrow)]
    key_id: Option<Text<'a>>,
    limit: Option<i32>,
    marker: Option<Text<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyAnswer {
    policy: String,
    policy_name: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyNames {
    policy_names: [&'static str; 1],
    truncated: bool,
}

impl Call<'_> {
    pub fn put_key_policy(&self) -> Outcome {
        let asked: PutKeyPolicy<'_> = self.arguments()?;
        let mut checks = Checks::default();
        checks.key_id(&asked.key_id);
        check_name(&mut checks, &asked.policy_name);
        checks.required("policy", &asked.policy);
        check_policy(&mut checks, &asked.policy);
        checks.finish()?;
        refuse_other_names(&asked.policy_name)?;
        let request = PolicyRequest {
            key_id: text(&asked.key_id),
            policy: text(&asked.policy),
            grant_tokens: GrantTokens::new(),
            flags: bypass_flag(asked.bypass_policy_lockout_safety_check),
        };
        self.kms.put_key_policy(&request).map_err(|error| self.policy_fault(error))?;
        Answer::empty()
    }

    pub fn get_key_policy(&self) -> Outcome {
        let asked: GetKeyPolicy<'_> = self.arguments()?;
        let mut checks = Checks::default();
        checks.key_id(&asked.key_id);
        check_name(&mut checks, &asked.policy_name);
        checks.finish()?;
        refuse_other_names(&asked.policy_name)?;
        let policy = self.kms.get_key_policy(&on_key(&asked.key_id)).map_err(|error| self.fault(error))?;
        Answer::json(&PolicyAnswer { policy, policy_name: THE_NAME })
    }

    pub fn list_key_policies(&self) -> Outcome {
        let asked: ListKeyPolicies<'_> = self.arguments()?;
        let mut checks = Checks::default();
        checks.key_id(&asked.key_id);
        checks.page(asked.limit, 1000, &asked.marker);
        checks.finish()?;
        if asked.marker.is_some() {
            return Err(Fault::wrong_marker());
        }
        // Every key has this one; whoever may read it may know its name.
        self.kms.get_key_policy(&on_key(&asked.key_id)).map_err(|error| self.fault(error))?;
        Answer::json(&PolicyNames { policy_names: [THE_NAME], truncated: false })
    }

    /// What is wrong with a policy is no validation error.
    pub fn policy_fault(&self, error: Error) -> Fault {
        match &error {
            Error::InvalidArgument(message) if message.starts_with("request.policy") => {
                let text = if message.contains("KMS_BYPASS_POLICY_LOCKOUT_CHECK") {
                    "The new key policy will not allow you to update the key policy in the future."
                } else {
                    &wording::of(&error)
                };
                Fault::new("MalformedPolicyDocumentException", text, error.clone())
            }
            _ => self.tag_fault(error),
        }
    }
}

pub fn check_policy(checks: &mut Checks, policy: &Option<Text<'_>>) {
    checks.text("policy", policy, POLICY);
    let allowed = |c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{ff}');
    checks.pattern("policy", policy, "[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+", allowed);
}

fn check_name(checks: &mut Checks, name: &Option<Text<'_>>) {
    checks.text("policyName", name, POLICY_NAME);
    checks.pattern("policyName", name, "[\\w]+", |c| c.is_ascii_alphanumeric() || c == '_');
}

/// Of the check whether a policy locks everybody out.
pub fn bypass_flag(bypass: Option<bool>) -> u32 {
    if bypass == Some(true) { KMS_BYPASS_POLICY_LOCKOUT_CHECK } else { 0 }
}

fn refuse_other_names(name: &Option<Text<'_>>) -> Result<(), Fault> {
    match optional_text(name) {
        None | Some(THE_NAME) => Ok(()),
        Some(other) => {
            let native = Error::not_found(Detail::None, other);
            Err(Fault::new("NotFoundException", "No such policy exists", native))
        }
    }
}
