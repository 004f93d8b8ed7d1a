//! GenerateDataKey, Encrypt, Decrypt, ReEncrypt and GenerateRandom.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::fault::Fault;
use super::validation::{Checks, KEY_ID, texts};
use super::{Answer, Call, Outcome, optional_text, text, tokens};
use crate::capi::constants::{KMS_DRY_RUN, KMS_KEY_SPEC_AES_128, KMS_KEY_SPEC_AES_256, KMS_SKIP_PLAINTEXT};
use crate::crypto::uuid;
use crate::dialect::shared::base64;
use crate::dialect::shared::bytes::Bytes;
use crate::dialect::shared::context::{ContextMap, Text};
use crate::dialect::shared::output::Outputs;
use crate::engine::{DataKeyRequest, DecryptRequest, EncryptRequest, ReEncryptRequest};
use crate::error::{Error, Status};

const PLAINTEXT: (usize, usize) = (1, 4096);
const CIPHERTEXT: (usize, usize) = (1, 6144);
pub const CUSTOM_KEY_STORE_ID: (usize, usize) = (1, 64);
const SYMMETRIC: &str = "SYMMETRIC_DEFAULT";
const ENCRYPTION_ALGORITHMS: &str = "SYMMETRIC_DEFAULT, RSAES_OAEP_SHA_1, RSAES_OAEP_SHA_256, SM2PKE";

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct GenerateDataKey<'a> {
    #[serde(borrow)]
    key_id: Option<Text<'a>>,
    key_spec: Option<Text<'a>>,
    number_of_bytes: Option<i32>,
    encryption_context: Option<ContextMap<'a>>,
    grant_tokens: Option<Vec<Text<'a>>>,
    dry_run: Option<bool>,
    recipient: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Encrypt<'a> {
    #[serde(borrow)]
    key_id: Option<Text<'a>>,
    plaintext: Option<Bytes>,
    encryption_context: Option<ContextMap<'a>>,
    grant_tokens: Option<Vec<Text<'a>>>,
    encryption_algorithm: Option<Text<'a>>,
    dry_run: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct Decrypt<'a> {
    #[serde(borrow)]
    key_id: Option<Text<'a>>,
    ciphertext_blob: Option<Bytes>,
    encryption_context: Option<ContextMap<'a>>,
    grant_tokens: Option<Vec<Text<'a>>>,
    encryption_algorithm: Option<Text<'a>>,
    recipient: Option<IgnoredAny>,
    dry_run: Option<bool>,
    dry_run_modifiers: Option<Vec<Text<'a>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct ReEncrypt<'a> {
    ciphertext_blob: Option<Bytes>,
    #[serde(borrow)]
    source_key_id: Option<Text<'a>>,
    source_encryption_context: Option<ContextMap<'a>>,
    source_encryption_algorithm: Option<Text<'a>>,
    destination_key_id: Option<Text<'a>>,
    destination_encryption_context: Option<ContextMap<'a>>,
    destination_encryption_algorithm: Option<Text<'a>>,
    grant_tokens: Option<Vec<Text<'a>>>,
    dry_run: Option<bool>,
    dry_run_modifiers: Option<Vec<Text<'a>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct GenerateRandom<'a> {
    number_of_bytes: Option<i32>,
    #[serde(borrow)]
    custom_key_store_id: Option<Text<'a>>,
    recipient: Option<IgnoredAny>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DataKeyAnswer<'a> {
    ciphertext_blob: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    plaintext: Option<&'a str>,
    key_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct EncryptAnswer<'a> {
    ciphertext_blob: &'a str,
    key_id: String,
    encryption_algorithm: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DecryptAnswer<'a> {
    plaintext: &'a str,
    key_id: String,
    encryption_algorithm: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ReEncryptAnswer<'a> {
    ciphertext_blob: &'a str,
    source_key_id: String,
    key_id: String,
    source_encryption_algorithm: &'static str,
    destination_encryption_algorithm: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RandomAnswer<'a> {
    plaintext: &'a str,
}

impl Call<'_> {
    pub fn generate_data_key(&self, with_plaintext: bool) -> Outcome {
        let asked: GenerateDataKey<'_> = self.arguments()?;
        let mut checks = Checks::default();
        checks.key_id(&asked.key_id);
        checks.one_of("keySpec", &asked.key_spec, "AES_256, AES_128", &[]);
        checks.range("numberOfBytes", asked.number_of_bytes, 1, 1024);
        checks.grant_tokens(&asked.grant_tokens);
        checks.finish()?;
        refuse_recipient(&asked.recipient)?;
        let given = match (&asked.key_spec, asked.number_of_bytes) {
            (Some(Text(spec)), None) if spec == "AES_128" => Some((KMS_KEY_SPEC_AES_128, 0)),
            (Some(_), None) => Some((KMS_KEY_SPEC_AES_256, 0)),
            (None, Some(bytes)) => Some((0, bytes.unsigned_abs())),
            _ => None,
        };
        let (key_spec, number_of_bytes) = given.unwrap_or((KMS_KEY_SPEC_AES_256, 0));
        let skip = if with_plaintext { 0 } else { KMS_SKIP_PLAINTEXT };
        // A key that is not there comes before a bad combination: the engine looks, and does nothing.
        let dry_run = given.is_none() || asked.dry_run == Some(true);
        let request = DataKeyRequest {
            key_id: text(&asked.key_id),
            version_id: None,
            key_spec,
            number_of_bytes,
            aad: self.aad(&asked.encryption_context)?,
            grant_tokens: tokens(&asked.grant_tokens),
            flags: skip | dry_run_flag(Some(dry_run)),
        };
        let mut out = Outputs::<3>::new();
        let outcome = self.kms.generate_data_key(&request, &mut out);
        if given.is_none() {
            let fault = Fault::validation("Please specify either number of bytes or key spec.");
            return Err(self.unless_unreachable(outcome.map(|_| ()), fault));
        }
        let served = outcome.map_err(|error| self.fault(error))?;
        let [plaintext, ciphertext, _] = out.into_inner();
        let plaintext = base64::encode(&plaintext);
        let answer = DataKeyAnswer {
            ciphertext_blob: &base64::encode(&ciphertext),
            plaintext: with_plaintext.then_some(plaintext.as_str()),
            key_id: self.key_arn(served.key_id.as_str()),
        };
        Answer::served(&answer, uuid::to_string(&served.request_id))
    }

    pub fn encrypt(&self) -> Outcome {
        let asked: Encrypt<'_> = self.arguments()?;
        let mut checks = Checks::default();
        checks.key_id(&asked.key_id);
        checks.required_bytes("plaintext", &asked.plaintext, PLAINTEXT);
        checks.one_of("encryptionAlgorithm", &asked.encryption_algorithm, ENCRYPTION_ALGORITHMS, &[]);
        checks.grant_tokens(&asked.grant_tokens);
        checks.finish()?;
        let algorithm = wrong_algorithm([&asked.encryption_algorithm]);
        let request = EncryptRequest {
            key_id: text(&asked.key_id),
            version_id: None,
            plaintext: asked.plaintext.as_deref().unwrap_or_default(),
            aad: self.aad(&asked.encryption_context)?,
            grant_tokens: tokens(&asked.grant_tokens),
            flags: dry_run_flag(Some(algorithm.is_some() || asked.dry_run == Some(true))),
        };
        let mut out = Outputs::<2>::new();
        let outcome = self.kms.encrypt(&request, &mut out);
        if let Some(fault) = algorithm {
            return Err(self.unless_unreachable(outcome.map(|_| ()), fault));
        }
        let served = outcome.map_err(|error| self.fault(error))?;
        let [ciphertext, _] = out.into_inner();
        let answer = EncryptAnswer {
            ciphertext_blob: &base64::encode(&ciphertext),
            key_id: self.key_arn(served.key_id.as_str()),
            encryption_algorithm: SYMMETRIC,
        };
        Answer::served(&answer, uuid::to_string(&served.request_id))
    }

    pub fn decrypt(&self) -> Outcome {
        let asked: Decrypt<'_> = self.arguments()?;
        let mut checks = Checks::default();
        checks.required_bytes("ciphertextBlob", &asked.ciphertext_blob, CIPHERTEXT);
        checks.text("keyId", &asked.key_id, KEY_ID);
        checks.one_of("encryptionAlgorithm", &asked.encryption_algorithm, ENCRYPTION_ALGORITHMS, &[]);
        checks.grant_tokens(&asked.grant_tokens);
        check_modifiers(&mut checks, &asked.dry_run_modifiers);
        checks.finish()?;
        refuse_recipient(&asked.recipient)?;
        refuse_modifiers(&asked.dry_run_modifiers)?;
        let algorithm = wrong_algorithm([&asked.encryption_algorithm]);
        let request = DecryptRequest {
            ciphertext: asked.ciphertext_blob.as_deref().unwrap_or_default(),
            iv: &[],
            key_id: optional_text(&asked.key_id),
            aad: self.aad(&asked.encryption_context)?,
            grant_tokens: tokens(&asked.grant_tokens),
            flags: dry_run_flag(Some(algorithm.is_some() || asked.dry_run == Some(true))),
        };
        let mut out = Outputs::<1>::new();
        let outcome = self.kms.decrypt(&request, &mut out);
        if let Some(fault) = algorithm {
            return Err(self.unless_unreachable(outcome.map(|_| ()), fault));
        }
        let served = outcome.map_err(|error| self.fault_of_ciphertext(error, request.key_id))?;
        let [plaintext] = out.into_inner();
        let answer = DecryptAnswer {
            plaintext: &base64::encode(&plaintext),
            key_id: self.key_arn(served.key_id.as_str()),
            encryption_algorithm: SYMMETRIC,
        };
        Answer::served(&answer, uuid::to_string(&served.request_id))
    }

    pub fn re_encrypt(&self) -> Outcome {
        let asked: ReEncrypt<'_> = self.arguments()?;
        let mut checks = Checks::default();
        checks.required_bytes("ciphertextBlob", &asked.ciphertext_blob, CIPHERTEXT);
        checks.text("sourceKeyId", &asked.source_key_id, KEY_ID);
        checks.required_text("destinationKeyId", &asked.destination_key_id, KEY_ID);
        let algorithms = [&asked.source_encryption_algorithm, &asked.destination_encryption_algorithm];
        checks.one_of("sourceEncryptionAlgorithm", algorithms[0], ENCRYPTION_ALGORITHMS, &[]);
        checks.one_of("destinationEncryptionAlgorithm", algorithms[1], ENCRYPTION_ALGORITHMS, &[]);
        checks.grant_tokens(&asked.grant_tokens);
        check_modifiers(&mut checks, &asked.dry_run_modifiers);
        checks.finish()?;
        refuse_modifiers(&asked.dry_run_modifiers)?;
        let algorithm = wrong_algorithm(algorithms);
        let request = ReEncryptRequest {
            source: DecryptRequest {
                ciphertext: asked.ciphertext_blob.as_deref().unwrap_or_default(),
                iv: &[],
                key_id: optional_text(&asked.source_key_id),
                aad: self.aad(&asked.source_encryption_context)?,
                grant_tokens: tokens(&asked.grant_tokens),
                flags: 0,
            },
            destination: EncryptRequest {
                key_id: text(&asked.destination_key_id),
                version_id: None,
                plaintext: &[],
                aad: self.aad(&asked.destination_encryption_context)?,
                grant_tokens: tokens(&asked.grant_tokens),
                flags: dry_run_flag(Some(algorithm.is_some() || asked.dry_run == Some(true))),
            },
        };
        let mut out = Outputs::<2>::new();
        let outcome = self.kms.re_encrypt(&request, &mut out);
        if let Some(fault) = algorithm {
            return Err(self.unless_unreachable(outcome.map(|_| ()), fault));
        }
        let (source, served) =
            outcome.map_err(|error| self.fault_of_ciphertext(error, request.source.key_id))?;
        let [ciphertext, _] = out.into_inner();
        let answer = ReEncryptAnswer {
            ciphertext_blob: &base64::encode(&ciphertext),
            source_key_id: self.key_arn(source.key_id.as_str()),
            key_id: self.key_arn(served.key_id.as_str()),
            source_encryption_algorithm: SYMMETRIC,
            destination_encryption_algorithm: SYMMETRIC,
        };
        Answer::served(&answer, uuid::to_string(&served.request_id))
    }

    pub fn generate_random(&self) -> Outcome {
        let asked: GenerateRandom<'_> = self.arguments()?;
        let mut checks = Checks::default();
        checks.range("numberOfBytes", asked.number_of_bytes, 1, 1024);
        checks.text("customKeyStoreId", &asked.custom_key_store_id, CUSTOM_KEY_STORE_ID);
        checks.finish()?;
        refuse_recipient(&asked.recipient)?;
        if asked.custom_key_store_id.is_some() {
            return Err(Fault::unsupported("Custom key stores are not supported.".into()));
        }
        let Some(number_of_bytes) = asked.number_of_bytes else {
            return Err(Fault::validation("NumberOfBytes is required."));
        };
        let mut out = Outputs::<1>::new();
        self.kms
            .generate_random(number_of_bytes.unsigned_abs(), 0, &mut out)
            .map_err(|error| self.fault(error))?;
        let [random] = out.into_inner();
        let plaintext: Zeroizing<String> = base64::encode(&random);
        Answer::json(&RandomAnswer { plaintext: &plaintext })
    }

    fn aad<'b>(&self, context: &'b Option<ContextMap<'_>>) -> Result<crate::crypto::aad::Aad<'b>, Fault> {
        context.as_ref().map_or(Ok(crate::crypto::aad::Aad::None), |context| {
            context.aad().map_err(|error| self.fault(error))
        })
    }

    /// Of a request that is refused for a reason that comes after the key is found and access to it is given: what
    /// comes before, as a dry run found it.
    fn unless_unreachable(&self, dry_run: Result<(), Error>, fault: Fault) -> Fault {
        match dry_run {
            Err(error) if !comes_after_access(error.status()) => self.fault(error),
            _ => fault,
        }
    }

    /// A ciphertext may be of a key that is gone, whose name nobody gave.
    fn fault_of_ciphertext(&self, error: Error, key_id: Option<&str>) -> Fault {
        let fault = self.fault(error);
        if fault.native().status() == Status::NotFound && key_id.is_none() {
            let message = "The ciphertext refers to a customer master key that does not exist.";
            return Fault::new("NotFoundException", message, fault.native().clone());
        }
        fault
    }
}

fn comes_after_access(status: Status) -> bool {
    matches!(
        status,
        Status::DryRunOk
            | Status::Disabled
            | Status::InvalidState
            | Status::InvalidKeyUsage
            | Status::InvalidCiphertext
    )
}

pub fn dry_run_flag(dry_run: Option<bool>) -> u32 {
    if dry_run == Some(true) { KMS_DRY_RUN } else { 0 }
}

/// The fault of an algorithm that is not for symmetric keys.
fn wrong_algorithm<const N: usize>(algorithms: [&Option<Text<'_>>; N]) -> Option<Fault> {
    let wrong = algorithms.into_iter().flatten().find(|algorithm| algorithm.0 != SYMMETRIC)?;
    let message = format!("Algorithm {} is incompatible with key spec {SYMMETRIC}.", wrong.0);
    let native = Error::InvalidKeyUsage("request.encryption_algorithm: is for keys of another kind");
    Some(Fault::new("InvalidKeyUsageException", message, native))
}

/// Recipients are enclaves, which get what they ask for encrypted to themselves.
fn refuse_recipient(recipient: &Option<IgnoredAny>) -> Result<(), Fault> {
    match recipient {
        None => Ok(()),
        Some(_) => Err(Fault::unsupported("Recipient is not supported.".into())),
    }
}

fn check_modifiers(checks: &mut Checks, modifiers: &Option<Vec<Text<'_>>>) {
    let set = "Member must satisfy enum value set: [IGNORE_CIPHERTEXT]";
    checks.each("dryRunModifiers", &texts(modifiers), set, |modifier| modifier == "IGNORE_CIPHERTEXT");
}

/// A dry run here verifies the ciphertext: one that shall not is another operation.
fn refuse_modifiers(modifiers: &Option<Vec<Text<'_>>>) -> Result<(), Fault> {
    match modifiers.as_deref() {
        None | Some([]) => Ok(()),
        Some(_) => Err(Fault::unsupported("DryRunModifiers is not supported.".into())),
    }
}
