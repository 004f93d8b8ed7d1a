"""The functions of the C ABI: their prototypes, as include/kms.h has them, and the library that is loaded.

A new function is one line in PROTOTYPES; tests/test_abi.py compares all of it with the header and with the library.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from ctypes import POINTER, Structure, c_char_p, c_size_t, c_uint32, c_void_p
from pathlib import Path
from typing import Any

from ._structs import (
    KMS_ABI_VERSION,
    kms_alias_info_t,
    kms_alias_request_t,
    kms_backup_request_t,
    kms_buffer_t,
    kms_column_t,
    kms_create_alias_request_t,
    kms_create_grant_request_t,
    kms_create_key_request_t,
    kms_created_grant_t,
    kms_damage_info_t,
    kms_data_key_info_t,
    kms_data_key_request_t,
    kms_decrypt_request_t,
    kms_description_request_t,
    kms_encrypt_request_t,
    kms_error_t,
    kms_exchange_request_t,
    kms_exchange_response_t,
    kms_grant_info_t,
    kms_grant_request_t,
    kms_import_request_t,
    kms_key_info_t,
    kms_key_request_t,
    kms_list_aliases_request_t,
    kms_list_grants_request_t,
    kms_list_keys_request_t,
    kms_list_retirable_grants_request_t,
    kms_log_damage_info_t,
    kms_open_options_t,
    kms_page_t,
    kms_policy_request_t,
    kms_principal_options_t,
    kms_random_request_t,
    kms_re_encrypt_request_t,
    kms_rekey_request_t,
    kms_rotation_request_t,
    kms_schedule_request_t,
    kms_stats_request_t,
    kms_stats_t,
    kms_status_t,
    kms_t_p,
    kms_tag_info_t,
    kms_tags_request_t,
    kms_verify_audit_log_request_t,
    kms_verify_request_t,
    kms_version_info_t,
)

# Whether a call keeps Python's interpreter lock. Letting go of it lets other threads run meanwhile, and then has to
# wait for their turn to end, which is 5 ms if they never wait. The cost of letting go, as a ratio to keeping the lock,
# from several runs of bench/bench_data_keys.py on two cores that had other work too:
#
#                                 alone   2 threads   beside a thread that computes
#     generate_data_key            1.0     1.0-1.9     1-54
#     encrypt, 65,536 bytes        1.0     0.9-1.0     1-74
#     generate_data_keys, 1000     1.0     0.75-1.1    1-18
#     create_key                   1.0     0.7-1.1     1-9
#
# So calls of some microseconds keep it: they have nothing to gain. Those that may wait for the disk, or are long enough
# to be worth a second core, let go: holding everyone else up would be the greater harm.
HOLDS_GIL = ctypes.PyDLL
RELEASES_GIL = ctypes.CDLL

Prototype = tuple[type[ctypes.CDLL], Any, tuple[Any, ...]]


def operation(kind: type[ctypes.CDLL], *between: Any) -> Prototype:
    """Nearly all functions: a handle first, an error last, a status returned."""
    return kind, kms_status_t, (kms_t_p, *between, POINTER(kms_error_t))


_p = POINTER
_buffer_p = POINTER(kms_buffer_t)
_column_p = POINTER(kms_column_t)
_info_p = POINTER(kms_data_key_info_t)
_key_request_p = POINTER(kms_key_request_t)


def listing(request: Any, item: type[Structure]) -> Prototype:
    """Those that fill a page of items."""
    return operation(RELEASES_GIL, _p(request), _p(kms_page_t), _p(item), c_size_t, c_size_t, _buffer_p)


PROTOTYPES: dict[str, Prototype] = {
    "kms_open": (RELEASES_GIL, kms_status_t, (_p(kms_open_options_t), _p(kms_t_p), _p(kms_error_t))),
    "kms_flush": operation(RELEASES_GIL),
    "kms_close": (RELEASES_GIL, None, (kms_t_p,)),
    "kms_create_key": operation(RELEASES_GIL, _p(kms_create_key_request_t), _p(kms_key_info_t)),
    "kms_describe_key": operation(RELEASES_GIL, _key_request_p, _p(kms_key_info_t), _buffer_p),
    "kms_list_keys": listing(kms_list_keys_request_t, kms_key_info_t),
    "kms_create_alias": operation(RELEASES_GIL, _p(kms_create_alias_request_t)),
    "kms_update_alias": operation(RELEASES_GIL, _p(kms_create_alias_request_t)),
    "kms_delete_alias": operation(RELEASES_GIL, _p(kms_alias_request_t)),
    "kms_list_aliases": listing(kms_list_aliases_request_t, kms_alias_info_t),
    "kms_enable_key": operation(RELEASES_GIL, _key_request_p),
    "kms_disable_key": operation(RELEASES_GIL, _key_request_p),
    "kms_schedule_key_deletion": operation(RELEASES_GIL, _p(kms_schedule_request_t), _p(kms_key_info_t)),
    "kms_cancel_key_deletion": operation(RELEASES_GIL, _key_request_p),
    "kms_set_key_rotation": operation(RELEASES_GIL, _p(kms_rotation_request_t)),
    "kms_update_key_description": operation(RELEASES_GIL, _p(kms_description_request_t)),
    "kms_tag_key": operation(RELEASES_GIL, _p(kms_tags_request_t)),
    "kms_untag_key": operation(RELEASES_GIL, _p(kms_tags_request_t)),
    "kms_list_key_tags": listing(kms_key_request_t, kms_tag_info_t),
    "kms_rotate_key": operation(RELEASES_GIL, _key_request_p, _p(kms_version_info_t)),
    "kms_set_primary_version": operation(RELEASES_GIL, _key_request_p),
    "kms_describe_key_version": operation(RELEASES_GIL, _key_request_p, _p(kms_version_info_t)),
    "kms_list_key_versions": listing(kms_key_request_t, kms_version_info_t),
    "kms_schedule_version_destruction": operation(RELEASES_GIL, _p(kms_schedule_request_t), _p(kms_version_info_t)),
    "kms_cancel_version_destruction": operation(RELEASES_GIL, _key_request_p),
    "kms_import_key_material": operation(RELEASES_GIL, _p(kms_import_request_t), _p(kms_version_info_t)),
    "kms_delete_imported_key_material": operation(RELEASES_GIL, _key_request_p),
    "kms_generate_data_key": operation(HOLDS_GIL, _p(kms_data_key_request_t), *3 * [_buffer_p], _info_p),
    "kms_generate_data_keys": operation(RELEASES_GIL, _p(kms_data_key_request_t), c_size_t, *3 * [_column_p], _info_p),
    "kms_encrypt": operation(HOLDS_GIL, _p(kms_encrypt_request_t), _buffer_p, _buffer_p, _info_p),
    "kms_decrypt": operation(HOLDS_GIL, _p(kms_decrypt_request_t), _buffer_p, _info_p),
    "kms_generate_random": operation(HOLDS_GIL, _p(kms_random_request_t), _buffer_p),
    "kms_re_encrypt": operation(HOLDS_GIL, _p(kms_re_encrypt_request_t), _buffer_p, _buffer_p, _info_p, _info_p),
    "kms_as_principal": operation(RELEASES_GIL, _p(kms_principal_options_t), _p(kms_t_p)),
    "kms_put_key_policy": operation(RELEASES_GIL, _p(kms_policy_request_t)),
    "kms_get_key_policy": operation(RELEASES_GIL, _key_request_p, _buffer_p),
    "kms_create_grant": operation(RELEASES_GIL, _p(kms_create_grant_request_t), _p(kms_created_grant_t)),
    "kms_list_grants": listing(kms_list_grants_request_t, kms_grant_info_t),
    "kms_list_retirable_grants": listing(kms_list_retirable_grants_request_t, kms_grant_info_t),
    "kms_retire_grant": operation(RELEASES_GIL, _p(kms_grant_request_t)),
    "kms_revoke_grant": operation(RELEASES_GIL, _p(kms_grant_request_t)),
    "kms_verify_audit_log": listing(kms_verify_audit_log_request_t, kms_log_damage_info_t),
    "kms_rekey": operation(RELEASES_GIL, _p(kms_rekey_request_t)),
    "kms_backup": operation(RELEASES_GIL, _p(kms_backup_request_t)),
    "kms_verify": listing(kms_verify_request_t, kms_damage_info_t),
    "kms_exchange": operation(RELEASES_GIL, c_uint32, _p(kms_exchange_request_t), _p(kms_exchange_response_t)),
    "kms_stats": operation(HOLDS_GIL, _p(kms_stats_request_t), _p(kms_stats_t)),
    "kms_wipe": (HOLDS_GIL, None, (c_void_p, c_size_t)),
    "kms_status_name": (HOLDS_GIL, c_char_p, (kms_status_t,)),
    "kms_algorithm_name": (HOLDS_GIL, c_char_p, (c_uint32,)),
    "kms_version": (HOLDS_GIL, c_char_p, ()),
    "kms_abi_version": (HOLDS_GIL, c_uint32, ()),
    "kms_root_key_size": (HOLDS_GIL, c_size_t, ()),
    "kms_iv_size": (HOLDS_GIL, c_size_t, ()),
    "kms_ciphertext_size": (HOLDS_GIL, c_size_t, (c_size_t,)),
    "kms_max_data_key_size": (HOLDS_GIL, c_size_t, ()),
    "kms_max_payload_size": (HOLDS_GIL, c_size_t, ()),
    "kms_max_ciphertext_size": (HOLDS_GIL, c_size_t, ()),
    "kms_struct_size": (HOLDS_GIL, c_size_t, (c_char_p,)),
}

# The name with the ABI's number: plain libkms.so may be the retired libkms of libdrm.
_FILE_NAMES = {"darwin": ("libkms.dylib", "libkms.0.dylib"), "win32": ("kms.dll", "kms.dll")}
_IN_PACKAGE, _IN_SYSTEM = _FILE_NAMES.get(sys.platform, ("libkms.so", "libkms.so.0"))


def find() -> str:
    """Where the library is looked for: LIBKMS_PATH, then this package, then the system's loader."""
    named = os.environ.get("LIBKMS_PATH")
    if named:
        return named
    packaged = Path(__file__).with_name(_IN_PACKAGE)
    return str(packaged) if packaged.exists() else _IN_SYSTEM


class Library:
    """The functions of a loaded library, by their names in the header."""

    def __init__(self, path: str) -> None:
        try:
            self._loaded = {kind: kind(path) for kind in (HOLDS_GIL, RELEASES_GIL)}
        except OSError as error:
            raise ImportError(
                f"the libkms library could not be loaded from {path!r} ({error}); set LIBKMS_PATH to its file"
            ) from error
        self._check_abi(path)
        for name in PROTOTYPES:
            try:
                setattr(self, name, self._function(name, convert=True))
            except AttributeError:
                raise ImportError(f"the libkms library at {path!r} is too old: it has no {name}()") from None

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"{name} is not in PROTOTYPES")

    def repeated(self, name: str, *arguments: object) -> tuple[Callable[..., int], tuple[object, ...]]:
        """A function, and what it is to be called with: structs that stay where they are, and whose contents change
        from call to call.

        The arguments are checked and converted here, once, which is more than half of what ctypes does in a call.
        """
        argtypes = PROTOTYPES[name][2]
        converted = tuple(argtype.from_param(argument) for argtype, argument in zip(argtypes, arguments, strict=True))
        return self._function(name, convert=False), converted

    def _function(self, name: str, *, convert: bool) -> Any:
        kind, restype, argtypes = PROTOTYPES[name]
        function = self._loaded[kind][name]  # a new function object each time, unlike an attribute
        function.restype = restype
        if convert:
            function.argtypes = argtypes
        return function

    def _check_abi(self, path: str) -> None:
        try:
            found = self._function("kms_abi_version", convert=True)()
        except AttributeError:
            raise ImportError(f"{path!r} is not the libkms library: it has no kms_abi_version()") from None
        if found != KMS_ABI_VERSION:
            raise ImportError(
                f"the libkms library at {path!r} has ABI version {found}; "
                f"this package works with ABI version {KMS_ABI_VERSION} only"
            )


lib = Library(find())
