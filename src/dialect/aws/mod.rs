//! AWS KMS over AWS JSON 1.1, and QKMS, whose requests and answers are the same but for the ARNs. This file finds the
//! operation; the others have the operations by subject, the constraints (`validation`) and the errors (`fault`).

mod aliases;
mod data;
mod fault;
mod grants;
mod keys;
mod lists;
mod policies;
mod rotation;
mod tags;
mod validation;

use serde::{Deserialize, Serialize};

use super::shared::json::{self, Object};
use super::{Body, Request, Response, new_request_id};
use crate::dialect::shared::context::Text;
use crate::engine::{GrantTokens, KeyRequest, Kms};
use crate::error::Error;
use fault::Fault;

/// How ARNs begin.
#[derive(Clone, Copy)]
pub enum Arns {
    /// arn:aws:kms:REGION:ACCOUNT:
    Aws,
    /// arn:verenc:ACCOUNT:
    Verenc,
}

const CONTENT_TYPE: &str = "application/x-amz-json-1.1";
const TARGET_PREFIX: &str = "TrentService.";

/// One request, and what its answer needs.
struct Call<'a> {
    kms: &'a Kms,
    arns: Arns,
    body: &'a [u8],
}

/// What an operation answers.
struct Answer {
    body: Body,
    /// None where the engine gave none.
    request_id: Option<String>,
}

type Outcome = Result<Answer, Fault>;

pub fn answer(kms: &Kms, arns: Arns, request: &Request<'_>) -> Response {
    let call = Call { kms, arns, body: request.body };
    let outcome =
        match request.headers.get("X-Amz-Target").and_then(|target| target.strip_prefix(TARGET_PREFIX)) {
            Some(operation) if request.method == "POST" && request.path == "/" => call.dispatch(operation),
            _ => Err(Fault::unknown_operation()),
        };
    match outcome {
        Ok(Answer { body, request_id }) => {
            let request_id = request_id.unwrap_or_else(new_request_id);
            Response::http(200, CONTENT_TYPE, request_id.clone(), body).header("x-amzn-RequestId", request_id)
        }
        Err(fault) => fault.response(),
    }
}

/// What the service answers when the engine fails so.
pub fn failure(kms: &Kms, arns: Arns, error: &Error) -> Response {
    Call { kms, arns, body: &[] }.fault(error.clone()).response()
}

impl<'a> Call<'a> {
    fn dispatch(&self, operation: &str) -> Outcome {
        match operation {
            "GenerateDataKey" => self.generate_data_key(true),
            "GenerateDataKeyWithoutPlaintext" => self.generate_data_key(false),
            "Encrypt" => self.encrypt(),
            "Decrypt" => self.decrypt(),
            "ReEncrypt" => self.re_encrypt(),
            "GenerateRandom" => self.generate_random(),
            "CreateKey" => self.create_key(),
            "DescribeKey" => self.describe_key(),
            "UpdateKeyDescription" => self.update_key_description(),
            "EnableKey" => self.set_state(Kms::enable_key),
            "DisableKey" => self.set_state(Kms::disable_key),
            "ScheduleKeyDeletion" => self.schedule_key_deletion(),
            "CancelKeyDeletion" => self.cancel_key_deletion(),
            "ListKeys" => self.list_keys(),
            "CreateAlias" => self.put_alias(Kms::create_alias),
            "UpdateAlias" => self.put_alias(Kms::update_alias),
            "DeleteAlias" => self.delete_alias(),
            "ListAliases" => self.list_aliases(),
            "TagResource" => self.tag_resource(),
            "UntagResource" => self.untag_resource(),
            "ListResourceTags" => self.list_resource_tags(),
            "EnableKeyRotation" => self.enable_key_rotation(),
            "DisableKeyRotation" => self.disable_key_rotation(),
            "GetKeyRotationStatus" => self.get_key_rotation_status(),
            "RotateKeyOnDemand" => self.rotate_key_on_demand(),
            "ListKeyRotations" => self.list_key_rotations(),
            "PutKeyPolicy" => self.put_key_policy(),
            "GetKeyPolicy" => self.get_key_policy(),
            "ListKeyPolicies" => self.list_key_policies(),
            "CreateGrant" => self.create_grant(),
            "ListGrants" => self.list_grants(),
            "ListRetirableGrants" => self.list_retirable_grants(),
            "RetireGrant" => self.retire_grant(),
            "RevokeGrant" => self.revoke_grant(),
            "Sign"
            | "Verify"
            | "GetPublicKey"
            | "DeriveSharedSecret"
            | "GenerateDataKeyPair"
            | "GenerateDataKeyPairWithoutPlaintext"
            | "GenerateMac"
            | "VerifyMac"
            | "GetParametersForImport"
            | "ImportKeyMaterial"
            | "DeleteImportedKeyMaterial"
            | "ReplicateKey"
            | "UpdatePrimaryRegion"
            | "CreateCustomKeyStore"
            | "DeleteCustomKeyStore"
            | "DescribeCustomKeyStores"
            | "UpdateCustomKeyStore"
            | "ConnectCustomKeyStore"
            | "DisconnectCustomKeyStore"
            | "Encapsulate"
            | "Decapsulate"
            | "GetKeyLastUsage" => Err(Fault::unsupported(format!("{operation} is not supported."))),
            _ => Err(Fault::unknown_operation()),
        }
    }

    /// The arguments; whatever is no JSON, no member of the operation, or of another type than it should be, is refused.
    fn arguments<T: Deserialize<'a>>(&self) -> Result<T, Fault> {
        let Object(arguments) = serde_json::from_slice(self.body)
            .map_err(|error| Fault::serialization(error.line(), error.column()))?;
        Ok(arguments)
    }

    fn arn(&self, resource: &str) -> String {
        let account = self.kms.account_id();
        match self.arns {
            Arns::Aws => format!("arn:aws:kms:{}:{account}:{resource}", self.kms.region()),
            Arns::Verenc => format!("arn:verenc:{account}:{resource}"),
        }
    }

    fn key_arn(&self, key_id: &str) -> String {
        self.arn(&format!("key/{key_id}"))
    }
}

impl Answer {
    fn json(value: &impl Serialize) -> Outcome {
        Ok(Answer { body: json::body(value), request_id: None })
    }

    /// As json, with the request id of the engine.
    fn served(value: &impl Serialize, request_id: String) -> Outcome {
        Ok(Answer { body: json::body(value), request_id: Some(request_id) })
    }

    /// Of an operation that says nothing on success.
    fn empty() -> Outcome {
        Ok(Answer { body: Body::default(), request_id: None })
    }
}

/// The text of an argument; what is required has passed `validation` by then.
fn text<'a>(argument: &'a Option<Text<'_>>) -> &'a str {
    argument.as_ref().map_or("", |text| &text.0)
}

fn optional_text<'a>(argument: &'a Option<Text<'_>>) -> Option<&'a str> {
    argument.as_ref().map(|text| &*text.0)
}

fn tokens<'a>(argument: &'a Option<Vec<Text<'_>>>) -> GrantTokens<'a> {
    argument.iter().flatten().map(|token| &*token.0).collect()
}

fn on_key<'a>(key_id: &'a Option<Text<'_>>) -> KeyRequest<'a> {
    KeyRequest::of(text(key_id), 0)
}
