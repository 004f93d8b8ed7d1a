"""Opening a key store, and the object that stands for an open one."""

from __future__ import annotations

import os
import weakref
from ctypes import c_void_p
from typing import Literal, NoReturn, overload

from ._access import AccessOperations
from ._arguments import Buffer, flag, lend_optional, optional_text, path_text, text, uint32
from ._care import CareOperations
from ._data import DataOperations
from ._enums import AuditData, MemoryProtection
from ._errors import failure
from ._exchange import ExchangeOperations
from ._ffi import lib
from ._handle import OK, Handle
from ._keys import KeyOperations
from ._lifecycle import LifecycleOperations
from ._results import Stats
from ._structs import (
    KMS_AUDIT_CONTEXT_VALUES,
    KMS_AUDIT_GO_ON_WHEN_FULL,
    KMS_DRY_RUN,
    KMS_OPEN_CREATE,
    KMS_OPEN_READ_ONLY,
    KMS_OPEN_REQUIRE_LOCKED_MEMORY,
    KMS_OPEN_SYSTEM_RNG,
    kms_error_t,
    kms_open_options_t,
    kms_principal_options_t,
    kms_stats_request_t,
    kms_stats_t,
    sized,
)
from ._versions import VersionOperations


def version() -> str:
    """The version of the loaded libkms library."""
    name: bytes = lib.kms_version()
    return name.decode()


def open(  # noqa: A001  # libkms.open, as gzip.open
    store: str,
    *,
    root_key: Buffer | None = None,
    passphrase: Buffer | None = None,
    root_key_uri: str | None = None,
    create: bool = False,
    read_only: bool = False,
    require_locked_memory: bool = False,
    system_rng: bool = False,
    account_id: str | None = None,
    region: str | None = None,
    max_staleness_ms: int = 0,
    timeout_ms: int = 0,
    max_cached_keys: int = 0,
    audit_log: str | os.PathLike[str] | None = None,
    audit_data: AuditData | int | None = None,
    audit_context_values: bool = False,
    audit_go_on_when_full: bool = False,
    audit_max_kib: int = 0,
) -> Kms:
    """Opens a key store: "memory:" or "sqlite:PATH".

    Exactly one root key source is given: `root_key`, 32 bytes; `passphrase`, bytes that Argon2id stretches; or
    `root_key_uri`, "file:PATH" or "env:NAME". The library keeps a copy in protected memory, so the caller may wipe
    theirs. `create` makes the store if it is not there. `max_staleness_ms` is how long another process's change may
    go unseen, 0 = 1000; `timeout_ms` the longest that any call waits for the store, 0 = 5000; `max_cached_keys` how
    many keys are kept in memory at most, 0 = 16384.

    `audit_log` is the file of an audit log, which is begun if it is not there. Changes are always on record;
    `audit_data` says which operations on data are, by default all. Encryption contexts are recorded by their keys, with
    `audit_context_values` by their values too. When the log cannot be written operations are refused, or with
    `audit_go_on_when_full` go on, and stats() counts the lost records. A new file is begun after `audit_max_kib` KiB,
    0 = 65536.
    """
    options = sized(kms_open_options_t)
    options.store = text("store", store)
    lent = (
        lend_optional(options.root_key, "root_key", root_key),
        lend_optional(options.passphrase, "passphrase", passphrase),
    )
    options.root_key_uri = optional_text("root_key_uri", root_key_uri)
    options.account_id = optional_text("account_id", account_id)
    options.region = optional_text("region", region)
    options.flags = (
        flag("create", create, KMS_OPEN_CREATE)
        | flag("read_only", read_only, KMS_OPEN_READ_ONLY)
        | flag("require_locked_memory", require_locked_memory, KMS_OPEN_REQUIRE_LOCKED_MEMORY)
        | flag("system_rng", system_rng, KMS_OPEN_SYSTEM_RNG)
    )
    options.max_staleness_ms = uint32("max_staleness_ms", max_staleness_ms)
    options.timeout_ms = uint32("timeout_ms", timeout_ms)
    options.max_cached_keys = uint32("max_cached_keys", max_cached_keys)
    options.audit_log = None if audit_log is None else path_text("audit_log", audit_log)
    options.audit_data = 0 if audit_data is None else uint32("audit_data", audit_data)
    options.audit_flags = flag("audit_context_values", audit_context_values, KMS_AUDIT_CONTEXT_VALUES) | flag(
        "audit_go_on_when_full", audit_go_on_when_full, KMS_AUDIT_GO_ON_WHEN_FULL
    )
    options.audit_max_kib = uint32("audit_max_kib", audit_max_kib)
    address, error = c_void_p(), kms_error_t()
    status = lib.kms_open(options, address, error)
    del lent
    if status != OK or address.value is None:
        raise failure(error)
    return Kms(Handle(address.value))


class Kms(
    KeyOperations,
    LifecycleOperations,
    VersionOperations,
    DataOperations,
    AccessOperations,
    CareOperations,
    ExchangeOperations,
):
    """An open key store, made by open(). Any number of threads may use it at once.

    It goes on working in children of os.fork() and of multiprocessing with the fork method. It cannot be sent to
    another process: one that was spawned opens the store itself.
    """

    __slots__ = ("__weakref__", "_finalizer", "_handle")

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._finalizer = weakref.finalize(self, handle.close)

    @overload
    def as_principal(self, principal: str, *, dry_run: Literal[False] = False) -> Kms: ...
    @overload
    def as_principal(self, principal: str, *, dry_run: bool) -> Kms | None: ...
    def as_principal(self, principal: str, *, dry_run: bool = False) -> Kms | None:
        """A Kms that shares everything with this one, and acts as a principal: an ARN, or any other name.

        One from open() acts as the account's root, which alone may call this and the other operations on the store as
        a whole. What a principal may do with a key, its policy and grants say. Close both, in any order.
        """
        options = sized(kms_principal_options_t)
        options.principal = text("principal", principal)
        options.flags = flag("dry_run", dry_run, KMS_DRY_RUN)
        address = c_void_p()
        done = self._handle.call(lib.kms_as_principal, options, address)
        return Kms(Handle(address.value)) if done and address.value is not None else None

    @overload
    def stats(self, *, dry_run: Literal[False] = False) -> Stats: ...
    @overload
    def stats(self, *, dry_run: bool) -> Stats | None: ...
    def stats(self, *, dry_run: bool = False) -> Stats | None:
        """Counts since the store was opened, and how its secrets are protected."""
        request, stats = sized(kms_stats_request_t), sized(kms_stats_t)
        request.flags = flag("dry_run", dry_run, KMS_DRY_RUN)
        if not self._handle.call(lib.kms_stats, request, stats):
            return None
        return Stats(
            data_keys_generated=stats.data_keys_generated,
            payloads_encrypted=stats.payloads_encrypted,
            ciphertexts_decrypted=stats.ciphertexts_decrypted,
            calls_failed=stats.calls_failed,
            key_loads=stats.key_loads,
            store_refreshes=stats.store_refreshes,
            subkeys_derived=stats.subkeys_derived,
            generator_seeds=stats.generator_seeds,
            keys_cached=stats.keys_cached,
            lanes=stats.lanes,
            secret_bytes=stats.secret_bytes,
            secret_bytes_unlocked=stats.secret_bytes_unlocked,
            store_revision=stats.store_revision,
            memory_protection=MemoryProtection(stats.memory_protection),
            store_id=stats.store_id.decode(),
            audit_records=stats.audit_records,
            audit_records_lost=stats.audit_records_lost,
        )

    def flush(self) -> None:
        """Writes what is buffered (use counts) to the store, and reports what close() cannot."""
        self._handle.call(lib.kms_flush)

    def close(self) -> None:
        """Closes the store and wipes its secrets. Idempotent; may run beside calls of other threads.

        Those that are in flight are finished, and the last of them closes the store; later ones are a ClosedError.
        """
        self._finalizer()

    def __enter__(self) -> Kms:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<libkms.Kms, {'closed' if self._handle.closed else 'open'}>"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Kms cannot be pickled or copied; a spawned process opens the store itself")
