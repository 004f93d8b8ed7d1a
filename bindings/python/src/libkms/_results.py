"""What calls return. Nothing here shows a secret in its repr, and plaintexts wipe themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ctypes import sizeof
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NoReturn, TypeVar, overload

from ._enums import GrantContext, GrantOperation, KeyState, MemoryProtection, Origin, Status, VersionState
from ._errors import ClosedError
from ._ffi import lib
from ._secret import SecretBytes
from ._structs import kms_data_key_info_t

_W = TypeVar("_W", bound="_Wiping")

INFO_SIZE = sizeof(kms_data_key_info_t)


@dataclass(frozen=True)
class KeyInfo:
    """A KMS key. Times are in Unix seconds, of those ahead 0 = never; `rotation_period_s` is in seconds.

    The uses and `last_used_at` are of all versions together: exact when all handles of the store are closed, else
    behind by at most 65,536 uses or 60 s for each. `key_uuid` are the 16 bytes that stand in the key's ciphertexts.
    """

    key_id: str
    state: KeyState
    primary_version_id: str
    primary_version_number: int
    versions_len: int
    created_at: int
    origin: Origin
    rotation_period_s: int
    description: str
    deletion_at: int
    next_rotation_at: int
    rotate_after_uses: int
    uses_sealed: int
    uses_opened: int
    last_used_at: int
    material_expires_at: int
    key_uuid: bytes


@dataclass(frozen=True, repr=False)
class Exchanged:
    """A vendor's response. `status` is its HTTP status, 0 for gRPC; `grpc_status` is -1 for HTTP.

    `body` may hold plaintext, in bytes that nobody wipes: SDKs want them. `kms_status` is what the same operation ends
    with natively. For a gRPC error `body` is the google.rpc.Status of grpc-status-details-bin.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    grpc_status: int
    grpc_message: str
    kms_status: Status
    request_id: str

    def __repr__(self) -> str:
        return f"<libkms.Exchanged, status {self.status}, gRPC status {self.grpc_status}, {self.request_id}>"


@dataclass(frozen=True)
class VersionInfo:
    """A version of a KMS key. Times are in Unix seconds, `destruction_at` 0 = not scheduled; uses as in KeyInfo."""

    key_id: str
    version_id: str
    version_number: int
    state: VersionState
    algorithm: str
    is_primary: bool
    created_at: int
    destruction_at: int
    uses_sealed: int
    uses_opened: int
    last_used_at: int


@dataclass(frozen=True)
class AliasInfo:
    """An alias and the key it names. `created_at` is in Unix seconds."""

    alias: str
    key_id: str
    created_at: int


@dataclass(frozen=True)
class Damage:
    """What verify() found. `row_kind` is as in docs/format.md, 0 = the store as a whole; `row_id` is hex or ""."""

    row_kind: int
    row_id: str
    key_id: str
    problem: str


@dataclass(frozen=True)
class Grant:
    """A grant that was created. The token works at once in every process, and is worthless once the grant is gone."""

    grant_id: str
    grant_token: str = field(repr=False)


@dataclass(frozen=True)
class GrantInfo:
    """A grant. `context` are the pairs of the constraint; "" stands for no name and nobody; `created_at` is in Unix
    seconds."""

    grant_id: str
    key_id: str
    name: str
    grantee_principal: str
    retiring_principal: str
    operations: GrantOperation
    constraint: GrantContext
    context: dict[str, str]
    created_at: int


@dataclass(frozen=True)
class LogDamage:
    """What verify_audit_log() found. `file_number` is the number at the end of the file's name, 0 = the one without;
    `line` is from 1, 0 = the file or the log as a whole."""

    file_number: int
    line: int
    problem: str


@dataclass(frozen=True)
class Stats:
    """Counts since the store was opened, and how its secrets are protected; kms_stats_t in kms.h has the details."""

    data_keys_generated: int
    payloads_encrypted: int
    ciphertexts_decrypted: int
    calls_failed: int
    key_loads: int
    store_refreshes: int
    subkeys_derived: int
    generator_seeds: int
    keys_cached: int
    lanes: int
    secret_bytes: int
    secret_bytes_unlocked: int
    store_revision: int
    memory_protection: MemoryProtection
    store_id: str
    audit_records: int
    audit_records_lost: int


@cache
def algorithm_name(algorithm: int) -> str:
    name: bytes = lib.kms_algorithm_name(algorithm)
    return name.decode()


class _Served:
    """Which key, version and algorithm served a call."""

    __slots__ = ("__weakref__", "_info")

    #: A kms_data_key_info_t as bytes: most callers read one field of it or none, so none is decoded before. Behind it
    #: a DataKey has its IV.
    _info: bytes

    def _parsed(self) -> Any:
        return kms_data_key_info_t.from_buffer_copy(self._info)

    @property
    def key_id(self) -> str:
        """The resolved id of the KMS key, never an alias."""
        key_id: bytes = self._parsed().key_id
        return key_id.decode()

    @property
    def version_id(self) -> str:
        version_id: bytes = self._parsed().version_id
        return version_id.decode()

    @property
    def version_number(self) -> int:
        """From 1."""
        number: int = self._parsed().version_number
        return number

    @property
    def request_id(self) -> str:
        request_id: bytes = self._parsed().request_id
        return request_id.decode()

    @property
    def algorithm(self) -> str:
        """E.g. "XAES_256_GCM"."""
        return algorithm_name(self._parsed().algorithm)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of key {self.key_id!r}, version {self.version_number}>"


class Source(_Served):
    """Key, version and algorithm of a ciphertext before it was re-encrypted."""

    __slots__ = ()

    def __init__(self, info: bytes) -> None:
        self._info = info


def _wiped() -> ClosedError:
    """In place of the zeros that are left, which would pass for a key."""
    return ClosedError("plaintext: was wiped by close()")


class _Wiping(_Served):
    """Owns a plaintext until close()."""

    __slots__ = ("_secret",)

    _secret: SecretBytes | None

    def close(self) -> None:
        """Wipes the plaintext in place, for everyone who holds it. Idempotent."""
        secret, self._secret = self._secret, None
        if secret is not None:
            secret.wipe()

    def __enter__(self: _W) -> _W:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(f"{type(self).__name__} holds a plaintext; it cannot be pickled or copied")


# The next two have no __init__: whoever makes one fills it in, which spares the calls that matter most a Python call.
class DataKey(_Wiping):
    """A data key in plaintext and wrapped, and the IV of the wrapping, which `ciphertext` holds as well."""

    __slots__ = ("ciphertext",)

    ciphertext: bytes

    @property
    def iv(self) -> bytes:
        return self._info[INFO_SIZE:]

    @property
    def plaintext(self) -> bytearray:
        """The data key; empty with skip_plaintext. ClosedError after close()."""
        if self._secret is None:
            raise _wiped()
        return self._secret


class Decrypted(_Wiping):
    """What was in a ciphertext: a data key or a payload."""

    __slots__ = ()

    @property
    def plaintext(self) -> bytearray:
        """ClosedError after close()."""
        if self._secret is None:
            raise _wiped()
        return self._secret


class Encrypted(_Served):
    """A payload encrypted under a KMS key; `ciphertext` holds the IV as well."""

    __slots__ = ("ciphertext", "iv")

    def __init__(self, ciphertext: bytes, iv: bytes, info: bytes) -> None:
        self.ciphertext = ciphertext
        self.iv = iv
        self._info = info


class ReEncrypted(Encrypted):
    """A ciphertext that was re-encrypted; `source` says what key, version and algorithm served the old one."""

    __slots__ = ("source",)

    def __init__(self, ciphertext: bytes, iv: bytes, info: bytes, source_info: bytes) -> None:
        super().__init__(ciphertext, iv, info)
        self.source = Source(source_info)


class DataKeys(_Wiping, Sequence[DataKey]):
    """The data keys of one call, in packed columns: item i of `plaintexts` starts at i * plaintext_size.

    `keys[i]` makes a DataKey with a plaintext of its own, which close() of the columns does not reach. Read the
    columns themselves where speed counts.
    """

    __slots__ = ("_count", "ciphertext_size", "ciphertexts", "iv_size", "ivs", "plaintext_size")

    def __init__(self, count: int, secret: SecretBytes, ciphertexts: bytes, ivs: bytes, info: bytes) -> None:
        self._secret = secret
        self._info = info
        self._count = count
        self.ciphertexts = ciphertexts
        self.ivs = ivs
        #: Bytes of each item; 0 with skip_plaintext.
        self.plaintext_size = len(secret) // count
        self.ciphertext_size = len(ciphertexts) // count
        self.iv_size = len(ivs) // count

    @property
    def plaintexts(self) -> bytearray:
        """ClosedError after close()."""
        if self._secret is None:
            raise _wiped()
        return self._secret

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> DataKey: ...
    @overload
    def __getitem__(self, index: slice) -> list[DataKey]: ...

    def __getitem__(self, index: int | slice) -> DataKey | list[DataKey]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self._count))]
        start = range(self._count)[index]
        return next(self._items(start))

    def __iter__(self) -> Iterator[DataKey]:
        return self._items(0)

    def _items(self, start: int) -> Iterator[DataKey]:
        p, c, v = self.plaintext_size, self.ciphertext_size, self.iv_size
        ciphertexts, ivs, info = self.ciphertexts, self.ivs, self._info
        with memoryview(self.plaintexts) as plaintexts:
            for i in range(start, self._count):
                if self._secret is None:
                    raise _wiped()
                key = DataKey()
                key._secret = SecretBytes(plaintexts[i * p : i * p + p])
                key._info = info + ivs[i * v : i * v + v]
                key.ciphertext = ciphertexts[i * c : i * c + c]
                yield key
