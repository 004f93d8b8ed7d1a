"""The C ABI in ctypes: constants, structs and prototypes as include/kms.h has them, and the loaded library.

Names are the header's. A new function is one line in PROTOTYPES; tests/test_abi.py compares all of it with the
header and with the library.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from ctypes import POINTER, Structure, c_char, c_char_p, c_int32, c_int64, c_size_t, c_uint32, c_uint64, c_void_p
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

KMS_VERSION_MAJOR = 0
KMS_VERSION_MINOR = 1
KMS_VERSION_PATCH = 0
KMS_ABI_VERSION = 0

KMS_ERROR_RETRYABLE = 1
KMS_ERROR_POISONED = 2

KMS_SKIP_PLAINTEXT = 1
KMS_INITIAL_VERSION = 2
KMS_DRY_RUN = 4

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
KMS_MAX_GRANT_TOKENS = 10
KMS_ID_SIZE = 65
KMS_ALIAS_SIZE = 257
KMS_REQUEST_ID_SIZE = 37
KMS_LIST_MIN_TEXT = 65536

kms_status_t = c_int32
kms_t_p = c_void_p  # kms_t is opaque


class kms_bytes_t(Structure):
    # c_char_p takes a bytes object as it is, without a copy, and an address too; the length stands beside it.
    _fields_ = [("data", c_char_p), ("len", c_size_t)]


class kms_buffer_t(Structure):
    _fields_ = [("data", c_void_p), ("capacity", c_size_t), ("len", c_size_t)]


class kms_column_t(Structure):
    _fields_ = [("data", c_void_p), ("capacity", c_size_t), ("stride", c_size_t), ("item_len", c_size_t)]


class kms_context_entry_t(Structure):
    _fields_ = [("key", c_char_p), ("value", c_char_p)]


class kms_span_t(Structure):
    _fields_ = [("offset", c_uint32), ("len", c_uint32)]


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
    ]


class kms_list_keys_request_t(Structure):
    _fields_ = [("struct_size", c_size_t), ("flags", c_uint32), ("reserved", c_uint32)]


class kms_create_alias_request_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("alias", c_char_p),
        ("key_id", c_char_p),
        ("flags", c_uint32),
        ("reserved", c_uint32),
    ]


class kms_list_aliases_request_t(Structure):
    _fields_ = [("struct_size", c_size_t), ("key_id", c_char_p), ("flags", c_uint32), ("reserved", c_uint32)]


class kms_alias_info_t(Structure):
    _fields_ = [
        ("struct_size", c_size_t),
        ("alias", c_char * 257),
        ("key_id", c_char * 65),
        ("reserved0", c_char * 6),
        ("reserved2", c_size_t),
        ("created_at", c_int64),
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
    _fields_ = [("struct_size", c_size_t), ("number_of_bytes", c_uint32), ("flags", c_uint32)]


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


class kms_stats_request_t(Structure):
    _fields_ = [("struct_size", c_size_t), ("flags", c_uint32), ("reserved", c_uint32)]


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
_list_end = (c_size_t, c_size_t, _buffer_p)

PROTOTYPES: dict[str, Prototype] = {
    "kms_open": (RELEASES_GIL, kms_status_t, (_p(kms_open_options_t), _p(kms_t_p), _p(kms_error_t))),
    "kms_flush": operation(RELEASES_GIL),
    "kms_close": (RELEASES_GIL, None, (kms_t_p,)),
    "kms_create_key": operation(RELEASES_GIL, _p(kms_create_key_request_t), _p(kms_key_info_t)),
    "kms_describe_key": operation(RELEASES_GIL, _p(kms_key_request_t), _p(kms_key_info_t), _buffer_p),
    "kms_list_keys": operation(
        RELEASES_GIL, _p(kms_list_keys_request_t), _p(kms_page_t), _p(kms_key_info_t), *_list_end
    ),
    "kms_create_alias": operation(RELEASES_GIL, _p(kms_create_alias_request_t)),
    "kms_list_aliases": operation(
        RELEASES_GIL, _p(kms_list_aliases_request_t), _p(kms_page_t), _p(kms_alias_info_t), *_list_end
    ),
    "kms_generate_data_key": operation(HOLDS_GIL, _p(kms_data_key_request_t), *3 * [_buffer_p], _info_p),
    "kms_generate_data_keys": operation(RELEASES_GIL, _p(kms_data_key_request_t), c_size_t, *3 * [_column_p], _info_p),
    "kms_encrypt": operation(HOLDS_GIL, _p(kms_encrypt_request_t), _buffer_p, _buffer_p, _info_p),
    "kms_decrypt": operation(HOLDS_GIL, _p(kms_decrypt_request_t), _buffer_p, _info_p),
    "kms_generate_random": operation(HOLDS_GIL, _p(kms_random_request_t), _buffer_p),
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

    def repeated(self, name: str, *arguments: object) -> Callable[[], Any]:
        """A function bound to structs that stay where they are, and whose contents change from call to call.

        The arguments are checked and converted here, once, which is more than half of what ctypes does in a call.
        """
        argtypes = PROTOTYPES[name][2]
        converted = (argtype.from_param(argument) for argtype, argument in zip(argtypes, arguments, strict=True))
        return partial(self._function(name, convert=False), *converted)

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
