"""The numbers of the C ABI that have a meaning of their own, as enumerations.

Codes are append-only: a library newer than this package may return one that is not listed here. It becomes an
UNKNOWN_<number> member instead of an error, so that a new code never hides the failure it reports.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import TypeVar

_E = TypeVar("_E", bound="_OpenEnum")


class _OpenEnum(IntEnum):
    @classmethod
    def _missing_(cls: type[_E], value: object) -> _E | None:
        if not isinstance(value, int):
            return None
        member = int.__new__(cls, value)
        member._name_ = f"UNKNOWN_{value}"
        member._value_ = value
        return member


class Status(_OpenEnum):
    """What a call ended with; KMS_<name> in C."""

    OK = 0
    INVALID_ARGUMENT = 1
    BUFFER_TOO_SMALL = 2
    NOT_FOUND = 3
    ALREADY_EXISTS = 4
    DISABLED = 5
    INVALID_STATE = 6
    INVALID_KEY_USAGE = 7
    INVALID_GRANT_TOKEN = 8
    ACCESS_DENIED = 9
    INVALID_CIPHERTEXT = 10
    INCORRECT_KEY = 11
    LIMIT_EXCEEDED = 12
    KEY_UNAVAILABLE = 13
    DEPENDENCY_TIMEOUT = 14
    STORE_ERROR = 15
    CORRUPT_STORE = 16
    WRONG_ROOT_KEY = 17
    UNSUPPORTED = 18
    OUT_OF_MEMORY = 19
    INTERNAL = 20
    DRY_RUN_OK = 21
    READ_ONLY = 22


class Detail(_OpenEnum):
    """What a status is about."""

    NONE = 0
    KEY = 1
    ALIAS = 2
    VERSION = 3
    GRANT = 4
    PENDING_DELETION = 5
    PENDING_IMPORT = 6
    VERSION_DESTROYED = 7
    VERSION_PENDING_DESTRUCTION = 8
    MATERIAL_EXPIRED = 9


class Dialect(IntEnum):
    """A vendor's form of requests and responses; see Kms.exchange()."""

    YANDEX_GRPC = 1
    YANDEX_REST = 2
    ALIBABA_DKMS = 3
    QKMS = 4
    TENCENT = 5
    ALIBABA_RPC = 6
    TENCENT_V3 = 7
    AWS = 8


class KeySpec(IntEnum):
    """The length of a data key by name."""

    UNSPECIFIED = 0
    AES_128 = 1
    AES_192 = 2
    AES_256 = 3
    AES_256_HSM = 4


class KeyState(_OpenEnum):
    """The state of a KMS key."""

    ENABLED = 1
    DISABLED = 2
    PENDING_DELETION = 3
    PENDING_IMPORT = 4


class VersionState(_OpenEnum):
    """The state of a key version."""

    ENABLED = 1
    PENDING_DESTRUCTION = 2
    DESTROYED = 3


class Origin(_OpenEnum):
    """Where the material of a KMS key comes from: the library (KMS) or an import (EXTERNAL)."""

    KMS = 0
    EXTERNAL = 1


class MemoryProtection(IntFlag):
    """How a handle's secrets are protected in memory."""

    LOCKED = 1
    NOT_DUMPED = 2
    GUARDED = 4
    WIPED_ON_FORK = 8


class GrantOperation(IntFlag):
    """What a grant allows; one, or several with |."""

    DECRYPT = 1
    ENCRYPT = 2
    GENERATE_DATA_KEY = 4
    RE_ENCRYPT_FROM = 8
    RE_ENCRYPT_TO = 16
    CREATE_GRANT = 32
    RETIRE_GRANT = 64
    DESCRIBE_KEY = 128


class GrantContext(_OpenEnum):
    """Which encryption contexts a grant is for: any, just one, or those that have certain pairs."""

    ANY = 0
    EQUALS = 1
    SUBSET = 2


class AuditData(_OpenEnum):
    """Which operations on data an audit log has a record of: all, those that failed, or a count every minute."""

    ALL = 1
    REFUSED = 2
    COUNTED = 3
