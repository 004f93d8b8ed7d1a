"""Reads include/kms.h, and compares what it says with what libkms._structs and libkms._ffi say."""

from __future__ import annotations

import ctypes
import re
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
from pathlib import Path
from typing import Any

from libkms import (
    AuditData,
    Detail,
    Dialect,
    GrantContext,
    GrantOperation,
    KeySpec,
    KeyState,
    MemoryProtection,
    Origin,
    Status,
    VersionState,
    _ffi,
    _structs,
)

HEADER = Path(__file__).resolve().parents[3] / "include" / "kms.h"

_TYPES: dict[str, Any] = {
    "void": None,
    "char": c_char,
    "uint8_t": c_uint8,
    "size_t": c_size_t,
    "int32_t": c_int32,
    "int64_t": c_int64,
    "uint32_t": c_uint32,
    "uint64_t": c_uint64,
    "kms_status_t": c_int32,
    "const char *": c_char_p,
    "const char *const *": POINTER(c_char_p),
    "const uint8_t *": c_char_p,
    "uint8_t *": c_void_p,
    "kms_t *": c_void_p,
    "kms_t **": POINTER(c_void_p),
}


def ctype(declared: str) -> Any:
    """The ctypes type for "const char *key_id", "char marker[256]", "kms_bytes_t aad"; the name may be missing."""
    found = re.fullmatch(r"((?:const )?\w+(?: \*+(?:const \*)?)?) ?(\w+)?(?:\[(\d+)\])?", " ".join(declared.split()))
    if found is None:
        raise ValueError(f"cannot read {declared!r}")
    spelled, _, length = found.groups()
    if spelled in _TYPES:
        plain = _TYPES[spelled]
    else:
        pointed = spelled.removeprefix("const ").removesuffix(" *")
        struct = _structs.STRUCTS[pointed]
        plain = POINTER(struct) if spelled.endswith("*") else struct
    return plain * int(length) if length else plain


def _code(header: str) -> str:
    return re.sub(r"/\*.*?\*/", " ", header, flags=re.DOTALL)


def constants(header: str) -> dict[str, int]:
    return {
        name: int(value, 0)
        for name, value in re.findall(r"^#define (KMS_\w+) \(?(-?\d\w*?)[uU]?\)?$", _code(header), re.M)
    }


def structs(header: str) -> dict[str, list[tuple[str, Any]]]:
    found = {}
    for body, name in re.findall(r"typedef struct \w+ \{(.*?)\} (\w+);", _code(header), re.DOTALL):
        members = [" ".join(member.split()) for member in body.split(";") if member.strip()]
        found[name] = [(re.findall(r"\w+", re.sub(r"\[\d+\]", "", member))[-1], ctype(member)) for member in members]
    return found


def functions(header: str) -> dict[str, tuple[Any, tuple[Any, ...]]]:
    found = {}
    for result, name, parameters in re.findall(r"KMS_API ([^;]*?)\s?KMS_CALL (\w+)\(([^;]*?)\);", _code(header)):
        declared = [] if parameters.strip() == "void" else parameters.split(",")
        found[name] = ctype(result), tuple(ctype(parameter) for parameter in declared)
    return found


def offsets(header: str) -> dict[str, dict[str, tuple[int, ...]]]:
    """The tables at the header's end, for this machine's word: (offset, size) of each member, (size,) of the struct."""
    column = slice(0, 2) if ctypes.sizeof(c_void_p) == 8 else slice(2, 4)
    found: dict[str, dict[str, tuple[int, ...]]] = {}
    for line in header.splitlines():
        if title := re.match(r" \* (kms_\w+_t) +64 bits +32 bits$", line):
            table = found.setdefault(title[1], {})
        elif row := re.match(r" \*   \S.*?(\w+)(?:\[\d+\])? +(\d+) +(\d+) +(\d+) +(\d+)$", line):
            table[row[1]] = tuple(int(number) for number in row.groups()[1:])[column]
        elif total := re.match(r" \*   sizeof +(\d+) +(\d+)$", line):
            table["sizeof"] = (int(total[1 if column.start == 0 else 2]),)
    return found


def python_constants() -> dict[str, int]:
    found = {name: value for name, value in vars(_structs).items() if name.startswith("KMS_")}
    for prefix, enumeration in (
        ("KMS_", Status),
        ("KMS_DETAIL_", Detail),
        ("KMS_DIALECT_", Dialect),
        ("KMS_GRANT_", GrantOperation),
        ("KMS_GRANT_CONTEXT_", GrantContext),
        ("KMS_AUDIT_DATA_", AuditData),
        ("KMS_KEY_SPEC_", KeySpec),
        ("KMS_KEY_STATE_", KeyState),
        ("KMS_VERSION_STATE_", VersionState),
        ("KMS_ORIGIN_", Origin),
        ("KMS_MEMORY_", MemoryProtection),
    ):
        found |= {prefix + name: int(member) for name, member in enumeration.__members__.items()}
    return found


def python_offsets(struct: type[Structure]) -> dict[str, tuple[int, ...]]:
    members = {name: getattr(struct, name) for name, *_ in struct._fields_}
    return {name: (member.offset, member.size) for name, member in members.items()} | {
        "sizeof": (ctypes.sizeof(struct),)
    }


def differences(header: str) -> list[str]:
    """What the header and the package do not have in common; empty if they agree."""
    pairs: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("constant", constants(header), python_constants()),
        ("struct", structs(header), {name: list(struct._fields_) for name, struct in _structs.STRUCTS.items()}),
        ("function", functions(header), {name: (r, tuple(a)) for name, (_, r, a) in _ffi.PROTOTYPES.items()}),
        ("offsets", offsets(header), {name: python_offsets(struct) for name, struct in _structs.STRUCTS.items()}),
    ]
    return [
        f"{kind} {name}: {there.get(name)} in the header, {here.get(name)} in libkms"
        for kind, there, here in pairs
        for name in sorted({*there, *here})
        if there.get(name, "nothing") != here.get(name, "nothing")
    ]
