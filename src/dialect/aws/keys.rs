//! CreateKey, DescribeKey, ListKeys, UpdateKeyDescription, and the states of keys.

use serde::{Deserialize, Serialize};

use super::data::CUSTOM_KEY_STORE_ID;
use super::fault::Fault;
use super::lists::limit;
use super::policies::{bypass_flag, check_policy};
use super::tags::{self, Tag};
use super::validation::{Checks, texts};
use super::{Answer, Call, Outcome, on_key, optional_text, text, tokens};
use crate::capi::constants::{KMS_ORIGIN_EXTERNAL, KMS_ORIGIN_KMS};
use crate::dialect::shared::context::Text;
use crate::dialect::shared::json::Object;
use crate::engine::{CreateKeyRequest, KeyInfo, KeyRequest, Kms, ScheduleRequest};
use crate::error::Result;
use crate::store::record::{KeyState, Origin};

const DESCRIPTION: (usize, usize) = (0, 8192);
const DEFAULT_WINDOW: i32 = 30;
const XKS_KEY_ID: (usize, usize) = (1, 128);
const SYMMETRIC: &str = "SYMMETRIC_DEFAULT";
const KEY_SPECS: &str = "RSA_2048, ECC_NIST_P384, ECC_NIST_P256, ECC_NIST_P521, HMAC_384, RSA_3072, ECC_SECG_P256K1, \
                         RSA_4096, SYMMETRIC_DEFAULT, HMAC_256, HMAC_224, HMAC_512";
const NEWER_KEY_SPECS: [&str; 8] = [
    "SM2",
    "ML_DSA_44",
    "ML_DSA_65",
    "ML_DSA_87",
    "ECC_NIST_EDWARDS25519",
    "ML_KEM_512",
    "ML_KEM_768",
    "ML_KEM_1024",
];
const KEY_USAGES: &str = "ENCRYPT_DECRYPT, SIGN_VERIFY, GENERATE_VERIFY_MAC";

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct CreateKey<'a> {
    #[serde(borrow)]
    policy: Option<Text<'a>>,
    description: Option<Text<'a>>,
    key_usage: Option<Text<'a>>,
    customer_master_key_spec: Option<Text<'a>>,
    key_spec: Option<Text<'a>>,
    origin: Option<Text<'a>>,
    custom_key_store_id: Option<Text<'a>>,
    bypass_policy_lockout_safety_check: Option<bool>,
    tags: Option<Vec<Object<Tag<'a>>>>,
    multi_region: Option<bool>,
    xks_key_id: Option<Text<'a>>,
}

/// The arguments of an operation that takes a key, and perhaps grant tokens.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
pub struct OnKey<'a> {
    #[serde(borrow)]
    pub key_id: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct DescribeKey<'a> {
    #[serde(borrow)]
    key_id: Option<Text<'a>>,
    grant_tokens: Option<Vec<Text<'a>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct UpdateKeyDescription<'a> {
    #[serde(borrow)]
    key_id: Option<Text<'a>>,
    description: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct ScheduleKeyDeletion<'a> {
    #[serde(borrow)]
    key_id: Option<Text<'a>>,
    pending_window_in_days: Option<i32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct ListKeys<'a> {
    limit: Option<i32>,
    #[serde(borrow)]
    marker: Option<Text<'a>>,
    resource_owners: Option<Vec<Text<'a>>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Described {
    key_metadata: KeyMetadata,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct KeyMetadata {
    #[serde(rename = "AWSAccountId")]
    account_id: String,
    key_id: String,
    arn: String,
    creation_date: i64,
    enabled: bool,
    description: String,
    key_usage: &'static str,
    key_state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion_date: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_to: Option<i64>,
    origin: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration_model: Option<&'static str>,
    key_manager: &'static str,
    customer_master_key_spec: &'static str,
    key_spec: &'static str,
    encryption_algorithms: [&'static str; 1],
    multi_region: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListedKey {
    key_id: String,
    key_arn: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Scheduled {
    key_id: String,
    deletion_date: i64,
    key_state: &'static str,
    pending_window_in_days: i32,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Cancelled {
    key_id: String,
}

impl Call<'_> {
    pub fn create_key(&self) -> Outcome {
        let asked: CreateKey<'_> = self.arguments()?;
        let mut checks = Checks::default();
        checks.text("description", &asked.description, DESCRIPTION);
        checks.one_of(
            "keyUsage",
            &asked.key_usage,
            KEY_USAGES,
            &["KEY_AGREEMENT", "ENCAPSULATE_DECAPSULATE"],
        );
        checks.one_of("keySpec", &asked.key_spec, KEY_SPECS, &NEWER_KEY_SPECS);
        checks.one_of("customerMasterKeySpec", &asked.customer_master_key_spec, KEY_SPECS, &["SM2"]);
        checks.one_of("origin", &asked.origin, "AWS_KMS, EXTERNAL, AWS_CLOUDHSM, EXTERNAL_KEY_STORE", &[]);
        check_policy(&mut checks, &asked.policy);
        checks.text("customKeyStoreId", &asked.custom_key_store_id, CUSTOM_KEY_STORE_ID);
        checks.text("xksKeyId", &asked.xks_key_id, XKS_KEY_ID);
        tags::check(&mut checks, &asked.tags);
        checks.finish()?;
        refuse_other_kinds(&asked)?;
        let tags = tags::pairs(&asked.tags)?;
        let request = CreateKeyRequest {
            description: optional_text(&asked.description),
            origin: if text(&asked.origin) == "EXTERNAL" { KMS_ORIGIN_EXTERNAL } else { KMS_ORIGIN_KMS },
            tags,
            policy: optional_text(&asked.policy),
            flags: bypass_flag(asked.bypass_policy_lockout_safety_check),
            ..CreateKeyRequest::default()
        };
        let key = self.kms.create_key(&request).map_err(|error| self.policy_fault(error))?;
        Answer::json(&Described { key_metadata: self.metadata(key) })
    }

    pub fn describe_key(&self) -> Outcome {
        let asked: DescribeKey<'_> = self.arguments()?;
        let mut checks = Checks::default();
        checks.key_id(&asked.key_id);
        checks.grant_tokens(&asked.grant_tokens);
        checks.finish()?;
        let request = KeyRequest { grant_tokens: tokens(&asked.grant_tokens), ..on_key(&asked.key_id) };
        let key = self.kms.describe_key(&request).map_err(|error| self.fault(error))?;
        Answer::json(&Described { key_metadata: self.metadata(key) })
    }

    fn metadata(&self, key: KeyInfo) -> KeyMetadata {
        let has_material = key.state != KeyState::PendingImport;
        let expires = (key.material_expires_at != 0 && has_material).then_some(key.material_expires_at);
        KeyMetadata {
            account_id: self.kms.account_id().into(),
            arn: self.key_arn(&key.key_id),
            key_id: key.key_id,
            creation_date: key.created_at,
            enabled: key.state == KeyState::Enabled,
            description: key.description,
            key_usage: "ENCRYPT_DECRYPT",
            key_state: match key.state {
                KeyState::Enabled => "Enabled",
                KeyState::Disabled => "Disabled",
                KeyState::PendingDeletion => "PendingDeletion",
                KeyState::PendingImport => "PendingImport",
                KeyState::Unspecified => "Unavailable",
            },
            deletion_date: (key.deletion_at != 0).then_some(key.deletion_at),
            valid_to: expires,
            origin: match key.origin {
                Origin::Kms => "AWS_KMS",
                Origin::External => "EXTERNAL",
            },
            expiration_model: (key.origin == Origin::External && has_material).then_some(match expires {
                Some(_) => "KEY_MATERIAL_EXPIRES",
                None => "KEY_MATERIAL_DOES_NOT_EXPIRE",
            }),
            key_manager: "CUSTOMER",
            customer_master_key_spec: SYMMETRIC,
            key_spec: SYMMETRIC,
            encryption_algorithms: [SYMMETRIC],
            multi_region: false,
        }
    }

    pub fn list_keys(&self) -> Outcome {
        let asked: ListKeys<'_> = self.arguments()?;
        let mut checks = Checks::default();
        checks.page(asked.limit, 1000, &asked.marker);
        let (owners, set) = (texts(&asked.resource_owners), "SELF, OTHER_ACCOUNTS_VIA_RAM");
        if asked.resource_owners.is_some() {
            checks.size("resourceOwners", &owners, (1, 2));
        }
        checks.each(
            "resourceOwners",
            &owners,
            &format!("Member must satisfy enum value set: [{set}]"),
            |owner| set.split(", ").any(|known| known == owner),
        );
        checks.finish()?;
        if owners.contains(&"OTHER_ACCOUNTS_VIA_RAM") {
            return Err(Fault::unsupported("ResourceOwners OTHER_ACCOUNTS_VIA_RAM is not supported.".into()));
        }
        let page = self.kms.list_keys(text(&asked.marker), limit(asked.limit, 100), 0);
        self.page("Keys", page, &asked.marker, |key| ListedKey {
            key_arn: self.key_arn(&key.key_id),
            key_id: key.key_id,
        })
    }

    pub fn update_key_description(&self) -> Outcome {
        let asked: UpdateKeyDescription<'_> = self.arguments()?;
        let mut checks = Checks::default();
        checks.key_id(&asked.key_id);
        checks.required_text("description", &asked.description, DESCRIPTION);
        checks.finish()?;
        self.kms
            .update_key_description(text(&asked.key_id), text(&asked.description), 0)
            .map_err(|error| self.fault(error))?;
        Answer::empty()
    }

    /// The arguments of an operation that takes a key and nothing more.
    pub fn key_argument(&self) -> std::result::Result<OnKey<'_>, Fault> {
        let asked: OnKey<'_> = self.arguments()?;
        let mut checks = Checks::default();
        checks.key_id(&asked.key_id);
        checks.finish()?;
        Ok(asked)
    }

    pub fn set_state(&self, operation: fn(&Kms, &KeyRequest<'_>) -> Result<()>) -> Outcome {
        let asked = self.key_argument()?;
        operation(self.kms, &on_key(&asked.key_id)).map_err(|error| self.fault(error))?;
        Answer::empty()
    }

    pub fn schedule_key_deletion(&self) -> Outcome {
        let asked: ScheduleKeyDeletion<'_> = self.arguments()?;
        let mut checks = Checks::default();
        checks.key_id(&asked.key_id);
        checks.range("pendingWindowInDays", asked.pending_window_in_days, 7, 30);
        checks.finish()?;
        let days = asked.pending_window_in_days.unwrap_or(DEFAULT_WINDOW);
        let KeyRequest { key_id, version_id, grant_tokens, flags } = on_key(&asked.key_id);
        let waiting_days = days.unsigned_abs();
        let request = ScheduleRequest { key_id, version_id, grant_tokens, waiting_days, flags };
        let key = self.kms.schedule_key_deletion(&request).map_err(|error| self.fault(error))?;
        Answer::json(&Scheduled {
            key_id: self.key_arn(&key.key_id),
            deletion_date: key.deletion_at,
            key_state: "PendingDeletion",
            pending_window_in_days: days,
        })
    }

    pub fn cancel_key_deletion(&self) -> Outcome {
        let asked = self.key_argument()?;
        let key = self.kms.cancel_key_deletion(&on_key(&asked.key_id)).map_err(|error| self.fault(error))?;
        Answer::json(&Cancelled { key_id: self.key_arn(&key.key_id) })
    }
}

/// Keys of other kinds than this library has.
fn refuse_other_kinds(asked: &CreateKey<'_>) -> std::result::Result<(), Fault> {
    let unsupported = |what: &str| Err(Fault::unsupported(format!("{what} is not supported.")));
    let spec = match (&asked.key_spec, &asked.customer_master_key_spec) {
        (Some(_), Some(_)) => {
            return Err(Fault::validation(
                "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. \
                 CustomerMasterKeySpec is deprecated.",
            ));
        }
        (spec, None) | (None, spec) => spec,
    };
    let spec = spec.as_ref().map_or(SYMMETRIC, |spec| &spec.0);
    match optional_text(&asked.key_usage) {
        None if spec != SYMMETRIC => {
            return Err(Fault::validation(
                "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.",
            ));
        }
        Some(usage) if spec == SYMMETRIC && usage != "ENCRYPT_DECRYPT" => {
            return Err(Fault::validation(format!("KeyUsage {usage} is not compatible with KeySpec {spec}")));
        }
        _ => {}
    }
    match text(&asked.origin) {
        _ if spec != SYMMETRIC => unsupported(&format!("KeySpec {spec}")),
        origin @ ("AWS_CLOUDHSM" | "EXTERNAL_KEY_STORE") => unsupported(&format!("Origin {origin}")),
        _ if asked.multi_region == Some(true) => unsupported("MultiRegion"),
        _ if asked.custom_key_store_id.is_some() => unsupported("CustomKeyStoreId"),
        _ if asked.xks_key_id.is_some() => unsupported("XksKeyId"),
        _ => Ok(()),
    }
}
