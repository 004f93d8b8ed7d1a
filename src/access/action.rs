//! The actions: every operation of the library has exactly one name in policies, grants and the audit log, and this is
//! the only table of them (docs/access.md is checked against it). The names are AWS's where AWS has the operation, and
//! otherwise those of the vendor that does (Yandex, Alibaba), or our own.

use super::GrantOperations;

/// One per row of ACTIONS, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Action {
    GenerateDataKey,
    Encrypt,
    Decrypt,
    ReEncryptFrom,
    ReEncryptTo,
    DescribeKey,
    EnableKey,
    DisableKey,
    ScheduleKeyDeletion,
    CancelKeyDeletion,
    UpdateKeyDescription,
    TagResource,
    UntagResource,
    ListResourceTags,
    CreateAlias,
    UpdateAlias,
    DeleteAlias,
    RotateKeyOnDemand,
    UpdateRotationPolicy,
    DescribeKeyVersion,
    ListKeyVersions,
    SetPrimaryVersion,
    ScheduleVersionDestruction,
    CancelVersionDestruction,
    ImportKeyMaterial,
    DeleteImportedKeyMaterial,
    PutKeyPolicy,
    GetKeyPolicy,
    CreateGrant,
    ListGrants,
    RetireGrant,
    RevokeGrant,
    CreateKey,
    ListKeys,
    ListAliases,
    ListRetirableGrants,
    GenerateRandom,
    RekeyStore,
    BackupStore,
    VerifyStore,
    VerifyAuditLog,
    GetStatistics,
    ActAsPrincipal,
}

/// What an action is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// A key, whose policy and grants decide.
    Key,
    /// The store as a whole, which no policy is about: for the root only.
    Store,
}

/// How an action is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Works with data; logged by choice.
    Data,
    /// Reads what is known of keys; always logged.
    Read,
    /// Changes keys or the store; always logged, and on disk before it is acknowledged.
    Change,
}

pub struct ActionInfo {
    pub action: Action,
    /// As policies name it.
    pub name: &'static str,
    /// The functions of the C ABI that do it.
    pub functions: &'static [&'static str],
    pub scope: Scope,
    pub class: Class,
}

const fn on_key(
    action: Action,
    name: &'static str,
    functions: &'static [&'static str],
    class: Class,
) -> ActionInfo {
    ActionInfo { action, name, functions, scope: Scope::Key, class }
}

const fn on_store(
    action: Action,
    name: &'static str,
    function: &'static [&'static str],
    class: Class,
) -> ActionInfo {
    ActionInfo { action, name, functions: function, scope: Scope::Store, class }
}

#[rustfmt::skip]
pub static ACTIONS: [ActionInfo; 43] = {
    use Action::*;
    use Class::*;
    [
        on_key(GenerateDataKey, "kms:GenerateDataKey", &["kms_generate_data_key", "kms_generate_data_keys"], Data),
        on_key(Encrypt, "kms:Encrypt", &["kms_encrypt"], Data),
        on_key(Decrypt, "kms:Decrypt", &["kms_decrypt"], Data),
        on_key(ReEncryptFrom, "kms:ReEncryptFrom", &["kms_re_encrypt"], Data),
        on_key(ReEncryptTo, "kms:ReEncryptTo", &["kms_re_encrypt"], Data),
        on_key(DescribeKey, "kms:DescribeKey", &["kms_describe_key"], Read),
        on_key(EnableKey, "kms:EnableKey", &["kms_enable_key"], Change),
        on_key(DisableKey, "kms:DisableKey", &["kms_disable_key"], Change),
        on_key(ScheduleKeyDeletion, "kms:ScheduleKeyDeletion", &["kms_schedule_key_deletion"], Change),
        on_key(CancelKeyDeletion, "kms:CancelKeyDeletion", &["kms_cancel_key_deletion"], Change),
        on_key(UpdateKeyDescription, "kms:UpdateKeyDescription", &["kms_update_key_description"], Change),
        on_key(TagResource, "kms:TagResource", &["kms_tag_key"], Change),
        on_key(UntagResource, "kms:UntagResource", &["kms_untag_key"], Change),
        on_key(ListResourceTags, "kms:ListResourceTags", &["kms_list_key_tags"], Read),
        on_key(CreateAlias, "kms:CreateAlias", &["kms_create_alias"], Change),
        on_key(UpdateAlias, "kms:UpdateAlias", &["kms_update_alias"], Change),
        on_key(DeleteAlias, "kms:DeleteAlias", &["kms_delete_alias"], Change),
        on_key(RotateKeyOnDemand, "kms:RotateKeyOnDemand", &["kms_rotate_key"], Change),
        on_key(UpdateRotationPolicy, "kms:UpdateRotationPolicy", &["kms_set_key_rotation"], Change),
        on_key(DescribeKeyVersion, "kms:DescribeKeyVersion", &["kms_describe_key_version"], Read),
        on_key(ListKeyVersions, "kms:ListKeyVersions", &["kms_list_key_versions"], Read),
        on_key(SetPrimaryVersion, "kms:SetPrimaryVersion", &["kms_set_primary_version"], Change),
        on_key(ScheduleVersionDestruction, "kms:ScheduleVersionDestruction", &["kms_schedule_version_destruction"], Change),
        on_key(CancelVersionDestruction, "kms:CancelVersionDestruction", &["kms_cancel_version_destruction"], Change),
        on_key(ImportKeyMaterial, "kms:ImportKeyMaterial", &["kms_import_key_material"], Change),
        on_key(DeleteImportedKeyMaterial, "kms:DeleteImportedKeyMaterial", &["kms_delete_imported_key_material"], Change),
        on_key(PutKeyPolicy, "kms:PutKeyPolicy", &["kms_put_key_policy"], Change),
        on_key(GetKeyPolicy, "kms:GetKeyPolicy", &["kms_get_key_policy"], Read),
        on_key(CreateGrant, "kms:CreateGrant", &["kms_create_grant"], Change),
        on_key(ListGrants, "kms:ListGrants", &["kms_list_grants"], Read),
        on_key(RetireGrant, "kms:RetireGrant", &["kms_retire_grant"], Change),
        on_key(RevokeGrant, "kms:RevokeGrant", &["kms_revoke_grant"], Change),
        on_store(CreateKey, "kms:CreateKey", &["kms_create_key"], Change),
        on_store(ListKeys, "kms:ListKeys", &["kms_list_keys"], Read),
        on_store(ListAliases, "kms:ListAliases", &["kms_list_aliases"], Read),
        on_store(ListRetirableGrants, "kms:ListRetirableGrants", &["kms_list_retirable_grants"], Read),
        on_store(GenerateRandom, "kms:GenerateRandom", &["kms_generate_random"], Data),
        on_store(RekeyStore, "kms:RekeyStore", &["kms_rekey"], Change),
        on_store(BackupStore, "kms:BackupStore", &["kms_backup"], Change),
        on_store(VerifyStore, "kms:VerifyStore", &["kms_verify"], Read),
        on_store(VerifyAuditLog, "kms:VerifyAuditLog", &["kms_verify_audit_log"], Read),
        on_store(GetStatistics, "kms:GetStatistics", &["kms_stats"], Read),
        on_store(ActAsPrincipal, "kms:ActAsPrincipal", &["kms_as_principal"], Read),
    ]
};

/// Operations that AWS names apart and this library does under another name. A policy that names one would not have
/// the effect that its writer expects, so it is refused with the right name.
const RENAMED: [(&str, &str); 5] = [
    ("kms:GenerateDataKeyWithoutPlaintext", "kms:GenerateDataKey"),
    ("kms:EnableKeyRotation", "kms:UpdateRotationPolicy"),
    ("kms:DisableKeyRotation", "kms:UpdateRotationPolicy"),
    ("kms:GetKeyRotationStatus", "kms:DescribeKey"),
    ("kms:ListKeyRotations", "kms:ListKeyVersions"),
];

/// Actions of AWS KMS that this library has no operation for: allowed in policies, never asked for.
const ABSENT: [&str; 20] = [
    "kms:ConnectCustomKeyStore",
    "kms:CreateCustomKeyStore",
    "kms:DeleteCustomKeyStore",
    "kms:DeriveSharedSecret",
    "kms:DescribeCustomKeyStores",
    "kms:DisconnectCustomKeyStore",
    "kms:GenerateDataKeyPair",
    "kms:GenerateDataKeyPairWithoutPlaintext",
    "kms:GenerateMac",
    "kms:GetKeyLastUsage",
    "kms:GetParametersForImport",
    "kms:GetPublicKey",
    "kms:ListKeyPolicies",
    "kms:ReplicateKey",
    "kms:Sign",
    "kms:SynchronizeMultiRegionKey",
    "kms:UpdateCustomKeyStore",
    "kms:UpdatePrimaryRegion",
    "kms:Verify",
    "kms:VerifyMac",
];

/// A set of actions.
#[derive(Clone, Copy, Default)]
pub struct ActionSet(u64);

impl ActionSet {
    pub fn contains(self, action: Action) -> bool {
        self.0 & (1 << action as u8) != 0
    }

    pub fn union(self, other: ActionSet) -> ActionSet {
        ActionSet(self.0 | other.0)
    }

    /// The actions that a pattern of a policy names, or why it is refused. Case does not matter.
    pub fn matching(pattern: &str) -> Result<ActionSet, String> {
        let is_wild = pattern.contains(['*', '?']);
        let same = |name: &str| name.eq_ignore_ascii_case(pattern);
        if let Some((_, instead)) = RENAMED.iter().find(|(name, _)| same(name)) {
            return Err(format!("action {pattern:?} is part of {instead:?} here; name that one"));
        }
        let lower = pattern.to_ascii_lowercase();
        let matching =
            ACTIONS.iter().filter(|info| super::policy::glob(&lower, &info.name.to_ascii_lowercase()));
        let set = ActionSet(matching.map(|info| 1 << info.action as u8).fold(0, |set, bit: u64| set | bit));
        let is_of_kms = pattern == "*" || lower.starts_with("kms:");
        if !is_of_kms || (set.0 == 0 && !is_wild && !ABSENT.iter().any(|name| same(name))) {
            return Err(format!("there is no action {pattern:?}"));
        }
        Ok(set)
    }
}

impl Action {
    pub fn info(self) -> &'static ActionInfo {
        // ACTIONS has a row for each, in its order (tests/access.rs).
        &ACTIONS[self as usize]
    }

    pub fn name(self) -> &'static str {
        self.info().name
    }

    /// What a grant must allow for this action; None if no grant can.
    pub fn grant_operation(self) -> Option<GrantOperations> {
        Some(match self {
            Action::Decrypt => GrantOperations::DECRYPT,
            Action::Encrypt => GrantOperations::ENCRYPT,
            Action::GenerateDataKey => GrantOperations::GENERATE_DATA_KEY,
            Action::ReEncryptFrom => GrantOperations::RE_ENCRYPT_FROM,
            Action::ReEncryptTo => GrantOperations::RE_ENCRYPT_TO,
            Action::CreateGrant => GrantOperations::CREATE_GRANT,
            Action::RetireGrant => GrantOperations::RETIRE_GRANT,
            Action::DescribeKey => GrantOperations::DESCRIBE_KEY,
            _ => return None,
        })
    }

    /// The actions that a grant can allow.
    pub fn of_grants() -> impl Iterator<Item = Action> {
        ACTIONS.iter().map(|info| info.action).filter(|action| action.grant_operation().is_some())
    }

    /// Whether its requests have an encryption context, which a grant may constrain.
    pub fn has_context(self) -> bool {
        use Action::{Decrypt, Encrypt, GenerateDataKey, ReEncryptFrom, ReEncryptTo};
        matches!(self, GenerateDataKey | Encrypt | Decrypt | ReEncryptFrom | ReEncryptTo)
    }
}
