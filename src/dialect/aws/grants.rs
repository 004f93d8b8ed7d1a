//! CreateGrant, ListGrants, ListRetirableGrants, RetireGrant and RevokeGrant.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::data::dry_run_flag;
use super::fault::Fault;
use super::lists::limit;
use super::validation::{Checks, KEY_ID, texts};
use super::{Answer, Call, Outcome, on_key, optional_text, text, tokens};
use crate::access::{Constraint, GrantOperations};
use crate::capi::constants::{KMS_GRANT_CONTEXT_ANY, KMS_GRANT_CONTEXT_EQUALS, KMS_GRANT_CONTEXT_SUBSET};
use crate::crypto::aad::Aad;
use crate::dialect::shared::context::{ContextMap, Text};
use crate::dialect::shared::json::Object;
use crate::engine::{CreateGrantRequest, GrantFilter, GrantInfo, GrantReference};
use crate::error::{Detail, Error};

const NAME: (usize, usize) = (1, 256);
const GRANT_ID: (usize, usize) = (1, 128);
const GRANT_TOKEN: (usize, usize) = (1, 8192);
const OPERATIONS: &str = "CreateGrant, Decrypt, DeriveSharedSecret, DescribeKey, Encrypt, GenerateDataKey, \
                          GenerateDataKeyPair, GenerateDataKeyPairWithoutPlaintext, \
                          GenerateDataKeyWithoutPlaintext, GenerateMac, GetPublicKey, ReEncryptFrom, ReEncryptTo, \
                          RetireGrant, Sign, Verify, VerifyMac";
const NEWER_OPERATIONS: [&str; 2] = ["Encapsulate", "Decapsulate"];

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct CreateGrant<'a> {
    #[serde(borrow)]
    key_id: Option<Text<'a>>,
    grantee_principal: Option<Text<'a>>,
    retiring_principal: Option<Text<'a>>,
    operations: Option<Vec<Text<'a>>>,
    constraints: Option<Object<Constraints<'a>>>,
    grant_tokens: Option<Vec<Text<'a>>>,
    name: Option<Text<'a>>,
    dry_run: Option<bool>,
    grantee_service_principal: Option<Text<'a>>,
    retiring_service_principal: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Constraints<'a> {
    #[serde(borrow)]
    encryption_context_subset: Option<ContextMap<'a>>,
    encryption_context_equals: Option<ContextMap<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct ListGrants<'a> {
    #[serde(borrow)]
    key_id: Option<Text<'a>>,
    grant_id: Option<Text<'a>>,
    grantee_principal: Option<Text<'a>>,
    grantee_service_principal: Option<Text<'a>>,
    limit: Option<i32>,
    marker: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct ListRetirableGrants<'a> {
    #[serde(borrow)]
    retiring_principal: Option<Text<'a>>,
    retiring_service_principal: Option<Text<'a>>,
    limit: Option<i32>,
    marker: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct RetireGrant<'a> {
    #[serde(borrow)]
    grant_token: Option<Text<'a>>,
    key_id: Option<Text<'a>>,
    grant_id: Option<Text<'a>>,
    dry_run: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct RevokeGrant<'a> {
    #[serde(borrow)]
    key_id: Option<Text<'a>>,
    grant_id: Option<Text<'a>>,
    dry_run: Option<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Created {
    grant_id: String,
    grant_token: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListedGrant {
    key_id: String,
    grant_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    name: String,
    creation_date: i64,
    grantee_principal: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    retiring_principal: String,
    issuing_account: String,
    operations: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    constraints: Option<ListedConstraints>,
}

#[derive(Serialize)]
enum ListedConstraints {
    EncryptionContextEquals(BTreeMap<String, String>),
    EncryptionContextSubset(BTreeMap<String, String>),
}

impl Call<'_> {
    pub fn create_grant(&self) -> Outcome {
        let asked: CreateGrant<'_> = self.arguments()?;
        let mut checks = Checks::default();
        checks.key_id(&asked.key_id);
        if asked.grantee_service_principal.is_none() {
            checks.required("granteePrincipal", &asked.grantee_principal);
        }
        checks.principal("granteePrincipal", &asked.grantee_principal);
        checks.principal("retiringPrincipal", &asked.retiring_principal);
        checks.required("operations", &asked.operations);
        let set = format!("Member must satisfy enum value set: [{OPERATIONS}]");
        let is_known = |operation: &str| {
            OPERATIONS.split(", ").any(|known| known == operation) || NEWER_OPERATIONS.contains(&operation)
        };
        checks.each("operations", &texts(&asked.operations), &set, is_known);
        checks.text("name", &asked.name, NAME);
        checks.name("name", &asked.name);
        checks.grant_tokens(&asked.grant_tokens);
        checks.finish()?;
        refuse_services([&asked.grantee_service_principal, &asked.retiring_service_principal])?;
        let (constraint, context) = self.constraint(&asked.constraints)?;
        let request = CreateGrantRequest {
            key_id: text(&asked.key_id),
            grantee: text(&asked.grantee_principal),
            retiring: optional_text(&asked.retiring_principal),
            operations: operations(&asked.operations)?,
            constraint,
            context,
            name: optional_text(&asked.name),
            grant_tokens: tokens(&asked.grant_tokens),
            flags: dry_run_flag(asked.dry_run),
        };
        let created = self.kms.create_grant(&request).map_err(|error| self.fault(error))?;
        Answer::json(&Created { grant_id: created.info.grant.grant_id, grant_token: created.token })
    }

    /// The context that a grant is for; a subset of nothing constrains nothing.
    fn constraint<'b>(
        &self,
        constraints: &'b Option<Object<Constraints<'_>>>,
    ) -> Result<(u32, Aad<'b>), Fault> {
        let Some(Object(asked)) = constraints else { return Ok((KMS_GRANT_CONTEXT_ANY, Aad::None)) };
        let (kind, context) = match (&asked.encryption_context_equals, &asked.encryption_context_subset) {
            (Some(_), Some(_)) => {
                return Err(Fault::validation(
                    "EncryptionContextEquals and EncryptionContextSubset exclude each other.",
                ));
            }
            (Some(equals), None) => (KMS_GRANT_CONTEXT_EQUALS, equals),
            (None, Some(subset)) if !subset.is_empty() => (KMS_GRANT_CONTEXT_SUBSET, subset),
            (None, _) => return Ok((KMS_GRANT_CONTEXT_ANY, Aad::None)),
        };
        Ok((kind, context.aad().map_err(|error| self.fault(error))?))
    }

    pub fn list_grants(&self) -> Outcome {
        let asked: ListGrants<'_> = self.arguments()?;
        let mut checks = Checks::default();
        checks.key_id(&asked.key_id);
        checks.text("grantId", &asked.grant_id, GRANT_ID);
        checks.principal("granteePrincipal", &asked.grantee_principal);
        checks.page(asked.limit, 100, &asked.marker);
        checks.finish()?;
        refuse_services([&asked.grantee_service_principal])?;
        let filter = GrantFilter {
            grant_id: optional_text(&asked.grant_id),
            grantee: optional_text(&asked.grantee_principal),
        };
        let limit = limit(asked.limit, 50);
        let page = self.kms.list_grants(&on_key(&asked.key_id), &filter, text(&asked.marker), limit);
        self.page("Grants", page, &asked.marker, |info| self.listed_grant(info))
    }

    pub fn list_retirable_grants(&self) -> Outcome {
        let asked: ListRetirableGrants<'_> = self.arguments()?;
        let mut checks = Checks::default();
        if asked.retiring_service_principal.is_none() {
            checks.required("retiringPrincipal", &asked.retiring_principal);
        }
        checks.principal("retiringPrincipal", &asked.retiring_principal);
        checks.page(asked.limit, 100, &asked.marker);
        checks.finish()?;
        refuse_services([&asked.retiring_service_principal])?;
        let limit = limit(asked.limit, 50);
        let retiring = text(&asked.retiring_principal);
        let page = self.kms.list_retirable_grants(retiring, text(&asked.marker), limit, 0);
        self.page("Grants", page, &asked.marker, |info| self.listed_grant(info))
    }

    fn listed_grant(&self, info: GrantInfo) -> ListedGrant {
        let grant = info.grant;
        let map = |pairs: Vec<(String, String)>| pairs.into_iter().collect();
        ListedGrant {
            key_id: self.key_arn(&info.key_id),
            grant_id: grant.grant_id,
            name: grant.name,
            creation_date: grant.created_at,
            grantee_principal: grant.grantee,
            retiring_principal: grant.retiring,
            issuing_account: format!("arn:aws:iam::{}:root", self.kms.account_id()),
            operations: grant.operations.names().collect(),
            constraints: match grant.constraint {
                Constraint::Any => None,
                Constraint::Equals(pairs) => Some(ListedConstraints::EncryptionContextEquals(map(pairs))),
                Constraint::Subset(pairs) => Some(ListedConstraints::EncryptionContextSubset(map(pairs))),
            },
        }
    }

    pub fn retire_grant(&self) -> Outcome {
        let asked: RetireGrant<'_> = self.arguments()?;
        let mut checks = Checks::default();
        checks.text("grantToken", &asked.grant_token, GRANT_TOKEN);
        checks.text("keyId", &asked.key_id, KEY_ID);
        checks.text("grantId", &asked.grant_id, GRANT_ID);
        checks.finish()?;
        let reference = match (&asked.grant_token, &asked.key_id, &asked.grant_id) {
            (Some(token), None, None) => GrantReference::Token(&token.0),
            (None, Some(key_id), Some(grant_id)) => {
                check_grant_id(&grant_id.0)?;
                GrantReference::Id { key_id: &key_id.0, grant_id: &grant_id.0 }
            }
            _ => {
                return Err(Fault::validation(
                    "Please specify either a grant token, or a grant ID and a key ID.",
                ));
            }
        };
        let outcome = self.kms.retire_grant(&reference, dry_run_flag(asked.dry_run));
        outcome.map_err(|error| self.grant_fault(error))?;
        Answer::empty()
    }

    pub fn revoke_grant(&self) -> Outcome {
        let asked: RevokeGrant<'_> = self.arguments()?;
        let mut checks = Checks::default();
        checks.key_id(&asked.key_id);
        checks.required_text("grantId", &asked.grant_id, GRANT_ID);
        checks.finish()?;
        let grant_id = text(&asked.grant_id);
        check_grant_id(grant_id)?;
        self.kms
            .revoke_grant(text(&asked.key_id), grant_id, dry_run_flag(asked.dry_run))
            .map_err(|error| self.grant_fault(error))?;
        Answer::empty()
    }

    fn grant_fault(&self, error: Error) -> Fault {
        match &error {
            Error::NotFound { what: Detail::Grant, name } => {
                Fault::new("NotFoundException", format!("Grant ID {name} not found"), error.clone())
            }
            _ => self.fault(error),
        }
    }
}

/// The engine's bits. A data key without its plaintext is the same operation; those of other kinds of keys are none.
fn operations(names: &Option<Vec<Text<'_>>>) -> Result<u32, Fault> {
    if names.as_ref().is_none_or(Vec::is_empty) {
        return Err(Fault::validation("A grant must have at least one operation."));
    }
    let mut bits = 0;
    for Text(name) in names.iter().flatten() {
        let name = if name == "GenerateDataKeyWithoutPlaintext" { "GenerateDataKey" } else { &**name };
        let known = GrantOperations::ALL.iter().find(|(_, known)| *known == name);
        let Some((operation, _)) = known else {
            let message = format!("Grant operation {name} is not valid for a symmetric encryption key.");
            return Err(Fault::validation(message));
        };
        bits |= operation.bits();
    }
    Ok(bits)
}

/// Grants to the vendor's own services, of which there are none here.
fn refuse_services<const N: usize>(principals: [&Option<Text<'_>>; N]) -> Result<(), Fault> {
    match principals.into_iter().flatten().next() {
        None => Ok(()),
        Some(_) => Err(Fault::unsupported("Service principals are not supported.".into())),
    }
}

fn check_grant_id(grant_id: &str) -> Result<(), Fault> {
    if grant_id.len() == 64 && grant_id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(());
    }
    Err(Fault::refused("InvalidGrantIdException", "The grant ID is not one of this service."))
}
