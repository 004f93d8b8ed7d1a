"""libkms: a key management service inside the process.

    with libkms.open("sqlite:keys.db", root_key=..., create=True) as kms:
        kms.create_key(alias="alias/orders")
        with kms.generate_data_key("alias/orders", context={"tenant": "7"}) as key:
            ...  # encrypt with key.plaintext, store key.ciphertext beside the data

Every failure of the library is a KmsError, with a subclass for each status. Arguments of a wrong type are a TypeError.
"""

from ._arguments import Buffer, Context
from ._client import Kms, open, version  # noqa: A004
from ._enums import Detail, Dialect, KeySpec, KeyState, MemoryProtection, Origin, Status, VersionState
from ._errors import (
    AccessDeniedError,
    AlreadyExistsError,
    BufferTooSmallError,
    ClosedError,
    CorruptStoreError,
    DependencyTimeoutError,
    DisabledError,
    IncorrectKeyError,
    InternalError,
    InvalidArgumentError,
    InvalidCiphertextError,
    InvalidGrantTokenError,
    InvalidKeyUsageError,
    InvalidStateError,
    KeyUnavailableError,
    KmsError,
    LimitExceededError,
    NotFoundError,
    OutOfMemoryError,
    ReadOnlyError,
    StoreError,
    UnsupportedError,
    WrongRootKeyError,
)
from ._results import (
    AliasInfo,
    Damage,
    DataKey,
    DataKeys,
    Decrypted,
    Encrypted,
    Exchanged,
    KeyInfo,
    ReEncrypted,
    Source,
    Stats,
    VersionInfo,
)
from ._secret import SecretBytes

__all__ = [
    "AccessDeniedError",
    "AliasInfo",
    "AlreadyExistsError",
    "Buffer",
    "BufferTooSmallError",
    "ClosedError",
    "Context",
    "CorruptStoreError",
    "Damage",
    "DataKey",
    "DataKeys",
    "Decrypted",
    "DependencyTimeoutError",
    "Detail",
    "Dialect",
    "DisabledError",
    "Encrypted",
    "Exchanged",
    "IncorrectKeyError",
    "InternalError",
    "InvalidArgumentError",
    "InvalidCiphertextError",
    "InvalidGrantTokenError",
    "InvalidKeyUsageError",
    "InvalidStateError",
    "KeyInfo",
    "KeySpec",
    "KeyState",
    "KeyUnavailableError",
    "Kms",
    "KmsError",
    "LimitExceededError",
    "MemoryProtection",
    "NotFoundError",
    "Origin",
    "OutOfMemoryError",
    "ReEncrypted",
    "ReadOnlyError",
    "SecretBytes",
    "Source",
    "Stats",
    "Status",
    "StoreError",
    "UnsupportedError",
    "VersionInfo",
    "VersionState",
    "WrongRootKeyError",
    "open",
    "version",
]
