//! EnableKeyRotation, DisableKeyRotation, GetKeyRotationStatus, RotateKeyOnDemand and ListKeyRotations.

use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::lists::limit;
use super::validation::Checks;
use super::{Answer, Call, Outcome, on_key, text};
use crate::dialect::shared::context::Text;
use crate::engine::{KeyInfo, KeyRequest, RotationRequest};
use crate::error::{Detail, Error, Status};

const SECONDS_PER_DAY: u32 = 86_400;
const DEFAULT_PERIOD: i32 = 365;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct EnableKeyRotation<'a> {
    #[serde(borrow)]
    key_id: Option<Text<'a>>,
    rotation_period_in_days: Option<i32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "PascalCase")]
struct ListKeyRotations<'a> {
    #[serde(borrow)]
    key_id: Option<Text<'a>>,
    include_key_material: Option<Text<'a>>,
    limit: Option<i32>,
    marker: Option<Text<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RotationStatus {
    key_rotation_enabled: bool,
    key_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rotation_period_in_days: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_rotation_date: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Rotated {
    key_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListedRotation {
    key_id: String,
    rotation_date: i64,
    /// None for the material that the key was created with.
    #[serde(skip_serializing_if = "Option::is_none")]
    rotation_type: Option<&'static str>,
}

impl Call<'_> {
    pub fn enable_key_rotation(&self) -> Outcome {
        let asked: EnableKeyRotation<'_> = self.arguments()?;
        let mut checks = Checks::default();
        checks.key_id(&asked.key_id);
        checks.range("rotationPeriodInDays", asked.rotation_period_in_days, 90, 2560);
        checks.finish()?;
        let days = asked.rotation_period_in_days.unwrap_or(DEFAULT_PERIOD).unsigned_abs();
        // A rotation after a number of uses, which this service does not know, stays as it was set natively.
        self.set_rotation(text(&asked.key_id), days * SECONDS_PER_DAY, None)
    }

    pub fn disable_key_rotation(&self) -> Outcome {
        let asked = self.key_argument()?;
        self.set_rotation(text(&asked.key_id), 0, Some(0))
    }

    fn set_rotation(&self, key_id: &str, rotation_period_s: u32, rotate_after_uses: Option<u64>) -> Outcome {
        let KeyRequest { key_id, grant_tokens, flags, .. } = KeyRequest::of(key_id, 0);
        let request = RotationRequest { key_id, grant_tokens, rotation_period_s, rotate_after_uses, flags };
        self.kms.set_key_rotation(&request).map_err(|error| self.rotation_fault(error, key_id))?;
        Answer::empty()
    }

    pub fn get_key_rotation_status(&self) -> Outcome {
        let asked = self.key_argument()?;
        let key = self.kms.describe_key(&on_key(&asked.key_id)).map_err(|error| self.fault(error))?;
        Answer::json(&self.rotation_status(&key))
    }

    fn rotation_status(&self, key: &KeyInfo) -> RotationStatus {
        let period = key.rotation_period_s;
        RotationStatus {
            key_rotation_enabled: period != 0,
            key_id: self.key_arn(&key.key_id),
            rotation_period_in_days: (period != 0).then_some(period.div_ceil(SECONDS_PER_DAY)),
            next_rotation_date: (key.next_rotation_at != 0).then_some(key.next_rotation_at),
        }
    }

    pub fn rotate_key_on_demand(&self) -> Outcome {
        let asked = self.key_argument()?;
        let key_id = text(&asked.key_id);
        let version = self
            .kms
            .rotate_key(&on_key(&asked.key_id))
            .map_err(|error| self.rotation_fault(error, key_id))?;
        Answer::json(&Rotated { key_id: self.key_arn(&version.key_id) })
    }

    /// A key cannot rotate because of where its material comes from, whether or not it has come already.
    fn rotation_fault(&self, error: Error, key_id: &str) -> Fault {
        let awaits_material = matches!(error.detail(), Detail::PendingImport | Detail::MaterialExpired);
        if error.status() != Status::InvalidKeyUsage && !awaits_material {
            return self.fault(error);
        }
        match self.kms.describe_key(&KeyRequest::of(key_id, 0)) {
            Ok(key) => {
                let arn = self.key_arn(&key.key_id);
                let message = format!("{arn} origin is EXTERNAL which is not valid for this operation.");
                Fault::new("UnsupportedOperationException", message, error)
            }
            Err(_) => Fault::new("UnsupportedOperationException", "", error),
        }
    }

    pub fn list_key_rotations(&self) -> Outcome {
        let asked: ListKeyRotations<'_> = self.arguments()?;
        let mut checks = Checks::default();
        checks.key_id(&asked.key_id);
        checks.page(asked.limit, 1000, &asked.marker);
        let kinds = "ALL_KEY_MATERIAL, ROTATIONS_ONLY";
        checks.one_of("includeKeyMaterial", &asked.include_key_material, kinds, &[]);
        checks.finish()?;
        // The first version is the key's creation, no rotation.
        let first = if text(&asked.include_key_material) == "ALL_KEY_MATERIAL" { "" } else { "v1" };
        let marker = if asked.marker.is_none() { first } else { text(&asked.marker) };
        let page = self.kms.list_key_versions(&on_key(&asked.key_id), marker, limit(asked.limit, 100));
        self.page("Rotations", page, &asked.marker, |version| ListedRotation {
            key_id: self.key_arn(&version.key_id),
            rotation_date: version.created_at,
            rotation_type: match version.rotated_by_itself {
                true => Some("AUTOMATIC"),
                false => (version.number > 1).then_some("ON_DEMAND"),
            },
        })
    }
}
