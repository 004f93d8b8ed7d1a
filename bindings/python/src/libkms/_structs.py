"""The constants and structs of the C ABI, as include/kms.h has them, under its names and in its order.

tests/test_abi.py compares all of it with the header and with the library.
"""

from __future__ import annotations

import ctypes
from ctypes import (
    POINTER,
    Structure,
    c_char,
    c_char_p,
    c_int32,
    c_int64,
    c_size_t,
    c_uint8,
    c_uint32,
    c_uint64,
    c_void_p,
)
from typing import TypeVar

KMS_VERSION_MAJOR = 0
KMS_VERSION_MINOR = 1
KMS_VERSION_PATCH = 0
KMS_ABI_VERSION = 0

KMS_ERROR_RETRYABLE = 1
KMS_ERROR_POISONED = 2

KMS_SKIP_PLAINTEXT = 1
KMS_INITIAL_VERSION = 2
KMS_DRY_RUN = 4
KMS_BYPASS_POLICY_LOCKOUT_CHECK = 8

KMS_AUDIT_CONTEXT_VALUES = 1
KMS_AUDIT_GO_ON_WHEN_FULL = 2

KMS_OPEN_CREATE = 1
KMS_OPEN_READ_ONLY = 2
KMS_OPEN_REQUIRE_LOCKED_MEMORY = 4
KMS_OPEN_SYSTEM_RNG = 8

KMS_ALGORITHM_XAES_256_GCM = 1

KMS_ROOT_KEY_SIZE = 32
KMS_IV_SIZE = 12
KMS_CIPHERTEXT_OVERHEAD = 96
KMS_MAX_DATA_KEY_SIZE = 1024
KMS_MAX_PAYLOAD_SIZE = 65536
KMS_MAX_CIPHERTEXT_SIZE = 65632
KMS_MAX_AAD_SIZE = 8192
KMS_MAX_CONTEXT_SIZE = 32768
KMS_MAX_CONTEXT_PAIRS = 2048
KMS_MAX_DATA_KEYS = 65536
KMS_MAX_RANDOM_SIZE = 65536
KMS_MAX_DESCRIPTION_SIZE = 8192
KMS_MAX_POLICY_SIZE = 32768
KMS_MAX_PRINCIPAL = 256
KMS_MAX_GRANT_NAME = 256
KMS_MAX_GRANTS = 200000
KMS_MAX_GRANT_TOKENS = 10
KMS_MAX_TAGS = 50
KMS_MAX_TAG_KEY = 128
KMS_MAX_TAG_VALUE = 256
KMS_MIN_DELETION_DAYS = 7
KMS_MIN_DESTRUCTION_DAYS = 1
KMS_MAX_WAITING_DAYS = 30
KMS_ID_SIZE = 65
KMS_GRANT_ID_SIZE = 65
KMS_GRANT_TOKEN_SIZE = 129
KMS_ALIAS_SIZE = 257
KMS_REQUEST_ID_SIZE = 37
KMS_LIST_MIN_TEXT = 65536
KMS_EXCHANGE_MIN_CAPACITY = 131072
KMS_EXCHANGE_MIN_HEADERS = 4096

kms_status_t = c_int32
kms_t_p = c_void_p  # kms_t is opaque


class kms_bytes_t(Structure):
    # c_char_p takes a bytes object as it is, without a copy, and an address too; the length stands beside it.
    _fields_ = [
        ("data", c_char_p),
        ("len", c_size_t),
    ]


class kms_buffer_t(Structure):
    _fields_ = [
        ("data", c_void_p),
        ("capacity", c_size_t),
        ("len", c_size_t),
    ]


class kms_column_t(Structure):
    _fields_ = [
        ("data", c_void_p),
        ("capacity", c_size_t),
        ("stride", c_size_t),
        ("item_len", c_size_t),
    ]


class kms_context_entry_t(Structure):
    _fields_ = [
        ("key", c_char_p),
        ("value", c_char_p),
    ]


class kms_span_t(Structure):
    _fields_ = [
        ("offset", c_uint32),
        ("len", c_uint32),
    ]


class kms_page_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("items_len", c_size_t),
        ("more", c_uint32),
        ("reserved", c_uint32),
        ("marker", c_char * 256),
    ]


class kms_error_t(Structure):
    _fields_ = [
        ("status", kms_status_t),
        ("detail", c_uint32),
        ("native_code", c_int64),
        ("flags", c_uint32),
        ("reserved", c_uint32),
        ("request_id", c_char * 40),
        ("message", c_char * 448),
    ]


class kms_open_options_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("store", c_char_p),
        ("root_key", kms_bytes_t),
        ("passphrase", kms_bytes_t),
        ("root_key_uri", c_char_p),
        ("account_id", c_char_p),
        ("region", c_char_p),
        ("flags", c_uint32),
        ("max_staleness_ms", c_uint32),
        ("timeout_ms", c_uint32),
        ("reserved", c_uint32),
        ("audit_log", c_char_p),
        ("audit_data", c_uint32),
        ("audit_flags", c_uint32),
        ("audit_max_kib", c_uint32),
        ("max_cached_keys", c_uint32),
    ]


class kms_tag_t(Structure):
    _fields_ = [
        ("key", c_char_p),
        ("value", c_char_p),
    ]


class kms_create_key_request_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("key_id", c_char_p),
        ("description", c_char_p),
        ("alias", c_char_p),
        ("rotation_period_s", c_uint32),
        ("origin", c_uint32),
        ("flags", c_uint32),
        ("reserved", c_uint32),
        ("rotate_after_uses", c_uint64),
        ("tags", POINTER(kms_tag_t)),
        ("tags_len", c_size_t),
        ("key_uuid", kms_bytes_t),
        ("policy", c_char_p),
        ("reserved1", c_size_t),
    ]


class kms_key_request_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("key_id", c_char_p),
        ("version_id", c_char_p),
        ("grant_tokens", POINTER(c_char_p)),
        ("grant_tokens_len", c_size_t),
        ("flags", c_uint32),
        ("reserved", c_uint32),
    ]


class kms_key_info_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("key_id", c_char * 65),
        ("reserved0", c_char * 3),
        ("state", c_uint32),
        ("primary_version_id", c_char * 65),
        ("reserved1", c_char * 7),
        ("reserved2", c_size_t),
        ("created_at", c_int64),
        ("primary_version_number", c_uint32),
        ("versions_len", c_uint32),
        ("origin", c_uint32),
        ("rotation_period_s", c_uint32),
        ("description", kms_span_t),
        ("deletion_at", c_int64),
        ("next_rotation_at", c_int64),
        ("rotate_after_uses", c_uint64),
        ("uses_sealed", c_uint64),
        ("uses_opened", c_uint64),
        ("last_used_at", c_int64),
        ("material_expires_at", c_int64),
        ("key_uuid", c_uint8 * 16),
    ]


class kms_list_keys_request_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("flags", c_uint32),
        ("reserved", c_uint32),
    ]


class kms_create_alias_request_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("alias", c_char_p),
        ("key_id", c_char_p),
        ("flags", c_uint32),
        ("reserved", c_uint32),
    ]


class kms_list_aliases_request_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("key_id", c_char_p),
        ("flags", c_uint32),
        ("reserved", c_uint32),
    ]


class kms_alias_info_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("alias", c_char * 257),
        ("key_id", c_char * 65),
        ("reserved0", c_char * 6),
        ("reserved2", c_size_t),
        ("created_at", c_int64),
    ]


class kms_alias_request_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("alias", c_char_p),
        ("flags", c_uint32),
        ("reserved", c_uint32),
    ]


class kms_schedule_request_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("key_id", c_char_p),
        ("version_id", c_char_p),
        ("grant_tokens", POINTER(c_char_p)),
        ("grant_tokens_len", c_size_t),
        ("waiting_days", c_uint32),
        ("flags", c_uint32),
    ]


class kms_rotation_request_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("key_id", c_char_p),
        ("grant_tokens", POINTER(c_char_p)),
        ("grant_tokens_len", c_size_t),
        ("rotate_after_uses", c_uint64),
        ("rotation_period_s", c_uint32),
        ("flags", c_uint32),
    ]


class kms_description_request_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("key_id", c_char_p),
        ("description", c_char_p),
        ("flags", c_uint32),
        ("reserved", c_uint32),
    ]


class kms_tags_request_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("key_id", c_char_p),
        ("tags", POINTER(kms_tag_t)),
        ("tags_len", c_size_t),
        ("flags", c_uint32),
        ("reserved", c_uint32),
    ]


class kms_tag_info_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("key", kms_span_t),
        ("value", kms_span_t),
    ]


class kms_version_info_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("key_id", c_char * 65),
        ("version_id", c_char * 65),
        ("reserved0", c_char * 2),
        ("version_number", c_uint32),
        ("state", c_uint32),
        ("algorithm", c_uint32),
        ("is_primary", c_uint32),
        ("reserved1", c_uint32),
        ("reserved2", c_size_t),
        ("created_at", c_int64),
        ("destruction_at", c_int64),
        ("uses_sealed", c_uint64),
        ("uses_opened", c_uint64),
        ("last_used_at", c_int64),
    ]


class kms_import_request_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("key_id", c_char_p),
        ("material", kms_bytes_t),
        ("grant_tokens", POINTER(c_char_p)),
        ("grant_tokens_len", c_size_t),
        ("expires_at", c_int64),
        ("version_number", c_uint32),
        ("flags", c_uint32),
    ]


class kms_data_key_request_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("key_id", c_char_p),
        ("version_id", c_char_p),
        ("key_spec", c_uint32),
        ("number_of_bytes", c_uint32),
        ("aad", kms_bytes_t),
        ("context", POINTER(kms_context_entry_t)),
        ("context_len", c_size_t),
        ("grant_tokens", POINTER(c_char_p)),
        ("grant_tokens_len", c_size_t),
        ("flags", c_uint32),
        ("reserved", c_uint32),
    ]


class kms_encrypt_request_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("key_id", c_char_p),
        ("version_id", c_char_p),
        ("plaintext", kms_bytes_t),
        ("aad", kms_bytes_t),
        ("context", POINTER(kms_context_entry_t)),
        ("context_len", c_size_t),
        ("grant_tokens", POINTER(c_char_p)),
        ("grant_tokens_len", c_size_t),
        ("flags", c_uint32),
        ("reserved", c_uint32),
    ]


class kms_decrypt_request_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("ciphertext", kms_bytes_t),
        ("iv", kms_bytes_t),
        ("key_id", c_char_p),
        ("aad", kms_bytes_t),
        ("context", POINTER(kms_context_entry_t)),
        ("context_len", c_size_t),
        ("grant_tokens", POINTER(c_char_p)),
        ("grant_tokens_len", c_size_t),
        ("flags", c_uint32),
        ("reserved", c_uint32),
    ]


class kms_random_request_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("number_of_bytes", c_uint32),
        ("flags", c_uint32),
    ]


class kms_data_key_info_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("key_id", c_char * 65),
        ("version_id", c_char * 65),
        ("request_id", c_char * 37),
        ("reserved0", c_char),
        ("algorithm", c_uint32),
        ("version_number", c_uint32),
    ]


class kms_re_encrypt_request_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("ciphertext", kms_bytes_t),
        ("source_iv", kms_bytes_t),
        ("source_key_id", c_char_p),
        ("source_aad", kms_bytes_t),
        ("source_context", POINTER(kms_context_entry_t)),
        ("source_context_len", c_size_t),
        ("destination_key_id", c_char_p),
        ("destination_version_id", c_char_p),
        ("destination_aad", kms_bytes_t),
        ("destination_context", POINTER(kms_context_entry_t)),
        ("destination_context_len", c_size_t),
        ("grant_tokens", POINTER(c_char_p)),
        ("grant_tokens_len", c_size_t),
        ("flags", c_uint32),
        ("reserved", c_uint32),
    ]


class kms_principal_options_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("principal", c_char_p),
        ("flags", c_uint32),
        ("reserved", c_uint32),
    ]


class kms_policy_request_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("key_id", c_char_p),
        ("policy", c_char_p),
        ("grant_tokens", POINTER(c_char_p)),
        ("grant_tokens_len", c_size_t),
        ("flags", c_uint32),
        ("reserved", c_uint32),
    ]


class kms_create_grant_request_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("key_id", c_char_p),
        ("grantee_principal", c_char_p),
        ("retiring_principal", c_char_p),
        ("name", c_char_p),
        ("context", POINTER(kms_context_entry_t)),
        ("context_len", c_size_t),
        ("operations", c_uint32),
        ("constraint", c_uint32),
        ("grant_tokens", POINTER(c_char_p)),
        ("grant_tokens_len", c_size_t),
        ("flags", c_uint32),
        ("reserved", c_uint32),
    ]


class kms_created_grant_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("grant_id", c_char * 65),
        ("grant_token", c_char * 129),
        ("reserved0", c_char * 6),
    ]


class kms_grant_info_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("grant_id", c_char * 65),
        ("key_id", c_char * 65),
        ("reserved0", c_char * 6),
        ("reserved1", c_size_t),
        ("created_at", c_int64),
        ("operations", c_uint32),
        ("constraint", c_uint32),
        ("name", kms_span_t),
        ("grantee_principal", kms_span_t),
        ("retiring_principal", kms_span_t),
        ("context", kms_span_t),
    ]


class kms_list_grants_request_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("key_id", c_char_p),
        ("grant_id", c_char_p),
        ("grantee_principal", c_char_p),
        ("grant_tokens", POINTER(c_char_p)),
        ("grant_tokens_len", c_size_t),
        ("flags", c_uint32),
        ("reserved", c_uint32),
    ]


class kms_list_retirable_grants_request_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("retiring_principal", c_char_p),
        ("flags", c_uint32),
        ("reserved", c_uint32),
    ]


class kms_grant_request_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("key_id", c_char_p),
        ("grant_id", c_char_p),
        ("grant_token", c_char_p),
        ("flags", c_uint32),
        ("reserved", c_uint32),
    ]


class kms_verify_audit_log_request_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("path", c_char_p),
        ("flags", c_uint32),
        ("reserved", c_uint32),
    ]


class kms_log_damage_info_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("reserved0", c_size_t),
        ("file_number", c_uint64),
        ("line", c_uint64),
        ("problem", kms_span_t),
    ]


class kms_rekey_request_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("root_key", kms_bytes_t),
        ("passphrase", kms_bytes_t),
        ("root_key_uri", c_char_p),
        ("flags", c_uint32),
        ("reserved", c_uint32),
    ]


class kms_backup_request_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("path", c_char_p),
        ("flags", c_uint32),
        ("reserved", c_uint32),
    ]


class kms_verify_request_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("flags", c_uint32),
        ("reserved", c_uint32),
    ]


class kms_damage_info_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("row_kind", c_uint32),
        ("reserved", c_uint32),
        ("row_id", c_char * 65),
        ("key_id", c_char * 65),
        ("reserved0", c_char * 6),
        ("problem", kms_span_t),
    ]


class kms_exchange_request_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("method", c_char_p),
        ("target", c_char_p),
        ("headers", kms_bytes_t),
        ("body", kms_bytes_t),
        ("flags", c_uint32),
        ("reserved", c_uint32),
    ]


class kms_exchange_response_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("headers", kms_buffer_t),
        ("body", kms_buffer_t),
        ("http_status", c_int32),
        ("grpc_status", c_int32),
        ("status", kms_status_t),
        ("detail", c_uint32),
        ("request_id", c_char * 40),
        ("message", c_char * 448),
    ]


class kms_stats_request_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("flags", c_uint32),
        ("reserved", c_uint32),
    ]


class kms_stats_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("reserved0", c_size_t),
        ("data_keys_generated", c_uint64),
        ("payloads_encrypted", c_uint64),
        ("ciphertexts_decrypted", c_uint64),
        ("calls_failed", c_uint64),
        ("key_loads", c_uint64),
        ("store_refreshes", c_uint64),
        ("subkeys_derived", c_uint64),
        ("generator_seeds", c_uint64),
        ("keys_cached", c_uint64),
        ("lanes", c_uint64),
        ("secret_bytes", c_uint64),
        ("secret_bytes_unlocked", c_uint64),
        ("store_revision", c_uint64),
        ("memory_protection", c_uint32),
        ("reserved1", c_uint32),
        ("store_id", c_char * 37),
        ("reserved2", c_char * 3),
        ("audit_records", c_uint64),
        ("audit_records_lost", c_uint64),
    ]


STRUCTS: dict[str, type[Structure]] = {
    name: struct
    for name, struct in vars().copy().items()
    if isinstance(struct, type) and issubclass(struct, Structure) and name.startswith("kms_")
}

_S = TypeVar("_S", bound=Structure)


def sized(struct: type[_S]) -> _S:
    """The struct as its KMS_*_INIT makes it: all zeros but struct_size."""
    made = struct()
    made.struct_size = ctypes.sizeof(struct)
    return made
