//! Grants: what a principal may do with a key, given and taken back one by one.

use std::ffi::c_char;

use super::guard::{copy_text, guard};
use super::input::{self, ContextPlaces, Extensible};
use super::items::{Info, List, Text, ToItem};
use super::types::{
    kms_buffer_t, kms_bytes_t, kms_context_entry_t, kms_error_t, kms_page_t, kms_span_t, kms_status_t, kms_t,
};
use crate::access::Constraint;
use crate::engine::{CreateGrantRequest, GrantFilter, GrantInfo, GrantReference, KeyRequest};
use crate::error::{Error, Result};

/// A grant to create.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_create_grant_request_t {
    pub struct_size: usize,
    /// The key's id, "alias/NAME", or an ARN of either; required.
    pub key_id: *const c_char,
    /// Who may use the key by it; required.
    pub grantee_principal: *const c_char,
    /// Who may retire it; NULL = nobody is named.
    pub retiring_principal: *const c_char,
    /// At most KMS_MAX_GRANT_NAME characters, or NULL. A grant of the same name and content is not made twice.
    pub name: *const c_char,
    /// Pairs that the constraint is about.
    pub context: *const kms_context_entry_t,
    pub context_len: usize,
    /// KMS_GRANT_*, one or more.
    pub operations: u32,
    /// KMS_GRANT_CONTEXT_*.
    pub constraint: u32,
    pub grant_tokens: *const *const c_char,
    pub grant_tokens_len: usize,
    /// KMS_DRY_RUN.
    pub flags: u32,
    pub reserved: u32,
}

impl Extensible for kms_create_grant_request_t {
    const NAME: &'static str = "request";
}

/// A grant that was created.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_created_grant_t {
    pub struct_size: usize,
    /// 64 hex digits.
    pub grant_id: [c_char; 65],
    /// Opaque. Works at once in every process that has the store open; without it, the grant works after
    /// max_staleness_ms. Ends with the grant, and with the store's root key (kms_rekey()).
    pub grant_token: [c_char; 129],
    pub reserved0: [c_char; 6],
}

impl Extensible for kms_created_grant_t {
    const NAME: &'static str = "grant";
}

/// What there is to know of a grant.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_grant_info_t {
    pub struct_size: usize,
    pub grant_id: [c_char; 65],
    pub key_id: [c_char; 65],
    pub reserved0: [c_char; 6],
    /// Keeps the 8-byte members aligned on 32-bit machines.
    pub reserved1: usize,
    /// Unix time in seconds.
    pub created_at: i64,
    /// KMS_GRANT_*.
    pub operations: u32,
    /// KMS_GRANT_CONTEXT_*.
    pub constraint: u32,
    /// In the text buffer, as all that follow; 0,0 = none.
    pub name: kms_span_t,
    pub grantee_principal: kms_span_t,
    pub retiring_principal: kms_span_t,
    /// The pairs of the constraint as a JSON object.
    pub context: kms_span_t,
}

impl Extensible for kms_grant_info_t {
    const NAME: &'static str = "items";
}

/// Which grants of a key to list.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_list_grants_request_t {
    pub struct_size: usize,
    /// The key's id, "alias/NAME", or an ARN of either; required.
    pub key_id: *const c_char,
    /// Only this one; NULL = any.
    pub grant_id: *const c_char,
    /// Only those of this grantee; NULL = any.
    pub grantee_principal: *const c_char,
    pub grant_tokens: *const *const c_char,
    pub grant_tokens_len: usize,
    /// KMS_DRY_RUN.
    pub flags: u32,
    pub reserved: u32,
}

impl Extensible for kms_list_grants_request_t {
    const NAME: &'static str = "request";
}

/// Whose retirable grants to list.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_list_retirable_grants_request_t {
    pub struct_size: usize,
    /// Required.
    pub retiring_principal: *const c_char,
    /// KMS_DRY_RUN.
    pub flags: u32,
    pub reserved: u32,
}

impl Extensible for kms_list_retirable_grants_request_t {
    const NAME: &'static str = "request";
}

/// Which grant.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kms_grant_request_t {
    pub struct_size: usize,
    /// The key's id, "alias/NAME", or an ARN of either; required with grant_id.
    pub key_id: *const c_char,
    pub grant_id: *const c_char,
    /// For kms_retire_grant(), instead of the other two; else NULL.
    pub grant_token: *const c_char,
    /// KMS_DRY_RUN.
    pub flags: u32,
    pub reserved: u32,
}

impl Extensible for kms_grant_request_t {
    const NAME: &'static str = "request";
}

/// Creates a grant: its grantee may do its operations with the key, in the encryption contexts of its constraint. A
/// policy's Deny wins over it. A grant that gives more than its creator may do is refused.
///
/// \param request  required
/// \param grant    required
/// \return KMS_OK; KMS_DRY_RUN_OK; KMS_INVALID_ARGUMENT; KMS_NOT_FOUND; KMS_DISABLED; KMS_INVALID_STATE;
///   KMS_INVALID_GRANT_TOKEN; KMS_ACCESS_DENIED; KMS_LIMIT_EXCEEDED (KMS_MAX_GRANTS); KMS_READ_ONLY;
///   KMS_DEPENDENCY_TIMEOUT; KMS_STORE_ERROR; KMS_CORRUPT_STORE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_create_grant(
    kms: *mut kms_t,
    request: *const kms_create_grant_request_t,
    grant: *mut kms_created_grant_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_create_grant", error, || {
        // SAFETY: the caller gives a live handle, structs of struct_size bytes and NUL-terminated strings.
        unsafe {
            let kms = input::handle(kms)?;
            let raw = input::request(request)?;
            let out = Info::required(grant)?;
            input::reserved("request.reserved", raw.reserved)?;
            let no_aad = kms_bytes_t { data: std::ptr::null(), len: 0 };
            let mut places = ContextPlaces::new();
            let created = kms.create_grant(&CreateGrantRequest {
                key_id: input::required_str("request.key_id", raw.key_id)?,
                grantee: input::required_str("request.grantee_principal", raw.grantee_principal)?,
                retiring: input::optional_str("request.retiring_principal", raw.retiring_principal)?,
                operations: raw.operations,
                constraint: raw.constraint,
                context: input::aad(no_aad, raw.context, raw.context_len, &mut places)?,
                name: input::optional_str("request.name", raw.name)?,
                grant_tokens: input::grant_tokens(raw.grant_tokens, raw.grant_tokens_len)?,
                flags: raw.flags,
            })?;
            let mut answer = kms_created_grant_t {
                struct_size: 0,
                grant_id: [0; 65],
                grant_token: [0; 129],
                reserved0: [0; 6],
            };
            copy_text(&mut answer.grant_id, &created.info.grant.grant_id);
            copy_text(&mut answer.grant_token, &created.token);
            out.write(&answer);
            Ok(())
        }
    })
}

/// Lists the grants of a key, page by page, as kms_list_keys() does; the oldest first.
///
/// \param items  items_capacity structs, item_size = sizeof(kms_grant_info_t) bytes apart; required
/// \param text   takes names, principals and contexts; required
/// \return as kms_list_keys(); KMS_NOT_FOUND; KMS_INVALID_GRANT_TOKEN.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_list_grants(
    kms: *mut kms_t,
    request: *const kms_list_grants_request_t,
    page: *mut kms_page_t,
    items: *mut kms_grant_info_t,
    item_size: usize,
    items_capacity: usize,
    text: *mut kms_buffer_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_list_grants", error, || {
        // SAFETY: as in kms_create_grant; items of items_capacity * item_size bytes.
        unsafe {
            let kms = input::handle(kms)?;
            let raw = input::request(request)?;
            input::reserved("request.reserved", raw.reserved)?;
            let mut list = List::with_text(page, items, item_size, items_capacity, text)?;
            let filter = GrantFilter {
                grant_id: input::optional_str("request.grant_id", raw.grant_id)?,
                grantee: input::optional_str("request.grantee_principal", raw.grantee_principal)?,
            };
            let request = KeyRequest {
                key_id: input::required_str("request.key_id", raw.key_id)?,
                version_id: None,
                grant_tokens: input::grant_tokens(raw.grant_tokens, raw.grant_tokens_len)?,
                flags: raw.flags,
            };
            let grants = kms.list_grants(&request, &filter, list.marker(), list.capacity())?;
            list.fill(&grants)
        }
    })
}

/// Lists the grants, of all keys, that name a principal to retire them. For the root, and for that principal itself.
/// Pages may be empty while there are more.
///
/// \return as kms_list_grants().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_list_retirable_grants(
    kms: *mut kms_t,
    request: *const kms_list_retirable_grants_request_t,
    page: *mut kms_page_t,
    items: *mut kms_grant_info_t,
    item_size: usize,
    items_capacity: usize,
    text: *mut kms_buffer_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_list_retirable_grants", error, || {
        // SAFETY: as in kms_list_grants.
        unsafe {
            let kms = input::handle(kms)?;
            let raw = input::request(request)?;
            input::reserved("request.reserved", raw.reserved)?;
            let mut list = List::with_text(page, items, item_size, items_capacity, text)?;
            let retiring = input::required_str("request.retiring_principal", raw.retiring_principal)?;
            let grants = kms.list_retirable_grants(retiring, list.marker(), list.capacity(), raw.flags)?;
            list.fill(&grants)
        }
    })
}

/// Ends a grant, by its key and id or by its token. For the principal that it names to retire it, for a grantee whom it
/// allows KMS_GRANT_RETIRE_GRANT, and for whoever the key's policy allows kms:RetireGrant.
///
/// \return KMS_OK; KMS_DRY_RUN_OK; KMS_INVALID_ARGUMENT; KMS_NOT_FOUND (key or grant); KMS_INVALID_GRANT_TOKEN;
///   KMS_ACCESS_DENIED; KMS_READ_ONLY; KMS_DEPENDENCY_TIMEOUT; KMS_STORE_ERROR; KMS_CORRUPT_STORE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_retire_grant(
    kms: *mut kms_t,
    request: *const kms_grant_request_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_retire_grant", error, || {
        // SAFETY: as in kms_create_grant.
        unsafe {
            let kms = input::handle(kms)?;
            let raw = input::request(request)?;
            input::reserved("request.reserved", raw.reserved)?;
            kms.retire_grant(&reference(&raw)?, raw.flags)
        }
    })
}

/// Ends a grant, for whoever the key's policy allows kms:RevokeGrant. In other processes it ends within
/// max_staleness_ms.
///
/// \param request  grant_token must be NULL
/// \return as kms_retire_grant().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kms_revoke_grant(
    kms: *mut kms_t,
    request: *const kms_grant_request_t,
    error: *mut kms_error_t,
) -> kms_status_t {
    guard("kms_revoke_grant", error, || {
        // SAFETY: as in kms_create_grant.
        unsafe {
            let kms = input::handle(kms)?;
            let raw = input::request(request)?;
            input::reserved("request.reserved", raw.reserved)?;
            match reference(&raw)? {
                GrantReference::Id { key_id, grant_id } => kms.revoke_grant(key_id, grant_id, raw.flags),
                GrantReference::Token(_) => {
                    Err(Error::argument("request.grant_token: must be NULL; give key_id and grant_id"))
                }
            }
        }
    })
}

/// # Safety
/// Strings of `raw` are NUL-terminated or NULL.
unsafe fn reference(raw: &kms_grant_request_t) -> Result<GrantReference<'_>> {
    // SAFETY: promised by the caller.
    let (key_id, grant_id, token) = unsafe {
        (
            input::optional_str("request.key_id", raw.key_id)?,
            input::optional_str("request.grant_id", raw.grant_id)?,
            input::optional_str("request.grant_token", raw.grant_token)?,
        )
    };
    match (key_id, grant_id, token) {
        (Some(key_id), Some(grant_id), None) => Ok(GrantReference::Id { key_id, grant_id }),
        (None, None, Some(token)) => Ok(GrantReference::Token(token)),
        _ => Err(Error::argument("request.grant_id: give key_id and grant_id, or grant_token alone")),
    }
}

impl ToItem<kms_grant_info_t> for GrantInfo {
    fn to_item(&self, text: &mut Text) -> kms_grant_info_t {
        let GrantInfo { key_id, grant } = self;
        let mut info = kms_grant_info_t {
            struct_size: 0,
            grant_id: [0; 65],
            key_id: [0; 65],
            reserved0: [0; 6],
            reserved1: 0,
            created_at: grant.created_at,
            operations: grant.operations.bits(),
            constraint: match grant.constraint {
                Constraint::Any => super::constants::KMS_GRANT_CONTEXT_ANY,
                Constraint::Equals(_) => super::constants::KMS_GRANT_CONTEXT_EQUALS,
                Constraint::Subset(_) => super::constants::KMS_GRANT_CONTEXT_SUBSET,
            },
            name: text.put(&grant.name),
            grantee_principal: text.put(&grant.grantee),
            retiring_principal: text.put(&grant.retiring),
            context: text.put(&grant.constraint.to_json()),
        };
        copy_text(&mut info.grant_id, &grant.grant_id);
        copy_text(&mut info.key_id, key_id);
        info
    }
}
