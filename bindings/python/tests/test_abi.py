"""libkms._structs and libkms._ffi say what include/kms.h says, and the loaded library agrees."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

import pytest

import libkms
from libkms import _ffi, _structs

from . import header


@pytest.fixture(scope="module")
def text() -> str:
    return header.HEADER.read_text()


def test_ffi_is_what_the_header_says(text: str) -> None:
    assert header.differences(text) == []


def test_the_parser_sees_all_of_the_header(text: str) -> None:
    code = header._code(text)
    assert len(header.functions(text)) == len(re.findall(r"\bKMS_CALL \w+\(", code))
    assert len(header.structs(text)) == len(re.findall(r"^typedef struct \w+ \{", code, re.M))
    assert header.offsets(text).keys() == header.structs(text).keys()
    assert header.constants(text)["KMS_READ_ONLY"] == 22


@pytest.mark.parametrize(
    ("pattern", "replacement", "named"),
    [
        (r"#define KMS_MAX_DATA_KEYS 65536", "#define KMS_MAX_DATA_KEYS 65535", "constant KMS_MAX_DATA_KEYS"),
        (r"#define KMS_DISABLED 5", "#define KMS_DISABLED 6", "constant KMS_DISABLED"),
        (r"#define KMS_OK 0", "#define KMS_OK 0\n#define KMS_LATER 23", "constant KMS_LATER"),
        (r"#define KMS_ORIGIN_EXTERNAL 1", "", "constant KMS_ORIGIN_EXTERNAL"),
        (r"  uint32_t key_spec;", "  uint64_t key_spec;", "struct kms_data_key_request_t"),
        (r"  char request_id\[37\];", "  char request_id[36];", "struct kms_data_key_info_t"),
        (r"(  uint32_t algorithm;.*\n)(  uint32_t version_number;.*\n)", r"\2\1", "struct kms_data_key_info_t"),
        (r"(\n\} kms_bytes_t;)", r"\n  uint32_t flags;\1", "struct kms_bytes_t"),
        (r"typedef struct kms_span \{[^}]*\} kms_span_t;", "", "struct kms_span_t"),
        (r"kms_flush\(kms_t \*kms, kms_error_t \*error\)", "kms_flush(kms_t *kms)", "function kms_flush"),
        (r"kms_wipe\(uint8_t \*data, size_t len\)", "kms_wipe(size_t len, uint8_t *data)", "function kms_wipe"),
        (r"uint32_t KMS_CALL kms_abi_version", "size_t KMS_CALL kms_abi_version", "function kms_abi_version"),
        (r"KMS_API size_t KMS_CALL kms_iv_size\(void\);", "", "function kms_iv_size"),
        (r"(kms_bytes_t aad +)32", r"\g<1>40", "offsets kms_data_key_request_t"),
        (r"(kms_stats_t (?:.|\n)*?sizeof +)184(?= +176)", r"\g<1>192", "offsets kms_stats_t"),
    ],
)
def test_a_difference_is_found(text: str, pattern: str, replacement: str, named: str) -> None:
    changed, count = re.subn(pattern, replacement, text, count=1)
    assert count == 1
    assert [found for found in header.differences(changed) if found.startswith(named + ":")]


def test_prototypes_are_set_on_the_functions() -> None:
    for name, (kind, restype, argtypes) in _ffi.PROTOTYPES.items():
        function = getattr(_ffi.lib, name)
        assert function.__name__ == name
        assert function.restype is restype
        assert tuple(function.argtypes) == tuple(argtypes)
        # Whether the call lets go of the interpreter lock is in the flags.
        assert type(function)._flags_ == kind._func_flags_


def test_the_library_has_the_same_struct_sizes() -> None:
    for name, struct in _structs.STRUCTS.items():
        assert _ffi.lib.kms_struct_size(name.encode()) == ctypes.sizeof(struct), name
    assert _ffi.lib.kms_struct_size(b"kms_nonsense_t") == 0


def test_the_library_has_the_same_names_for_its_statuses() -> None:
    for status in libkms.Status:
        assert _ffi.lib.kms_status_name(status) == b"KMS_" + status.name.encode()
    assert _ffi.lib.kms_status_name(max(libkms.Status) + 1) == b"KMS_UNKNOWN_STATUS"


def test_the_library_has_the_same_sizes() -> None:
    lib = _ffi.lib
    assert lib.kms_abi_version() == _structs.KMS_ABI_VERSION
    assert lib.kms_root_key_size() == _structs.KMS_ROOT_KEY_SIZE
    assert lib.kms_iv_size() == _structs.KMS_IV_SIZE
    assert lib.kms_ciphertext_size(32) == 32 + _structs.KMS_CIPHERTEXT_OVERHEAD
    assert lib.kms_ciphertext_size(_structs.KMS_MAX_PAYLOAD_SIZE) == _structs.KMS_MAX_CIPHERTEXT_SIZE
    assert lib.kms_ciphertext_size(_structs.KMS_MAX_PAYLOAD_SIZE + 1) == 0
    assert lib.kms_max_data_key_size() == _structs.KMS_MAX_DATA_KEY_SIZE
    assert lib.kms_max_payload_size() == _structs.KMS_MAX_PAYLOAD_SIZE
    assert lib.kms_max_ciphertext_size() == _structs.KMS_MAX_CIPHERTEXT_SIZE


def test_header_library_and_package_have_one_version() -> None:
    project = Path(__file__).resolve().parents[1].joinpath("pyproject.toml").read_text()
    packaged = re.search(r'^version = "(.*)"$', project, re.M)
    assert packaged is not None
    assert libkms.version() == packaged[1]
    assert libkms.version() == f"{_structs.KMS_VERSION_MAJOR}.{_structs.KMS_VERSION_MINOR}.{_structs.KMS_VERSION_PATCH}"


def test_wipe() -> None:
    memory = bytearray(b"secret")
    _ffi.lib.kms_wipe(ctypes.addressof(ctypes.c_char.from_buffer(memory)), 3)
    assert memory == b"\0\0\0ret"
    _ffi.lib.kms_wipe(None, 3)
