"""Opening a key store, and the object that stands for an open one."""

from __future__ import annotations

import weakref
from ctypes import c_void_p
from typing import NoReturn

from ._arguments import Buffer, flag, lend_optional, optional_text, text, uint32
from ._care import CareOperations
from ._data import DataOperations
from ._enums import MemoryProtection
from ._errors import failure
from ._exchange import ExchangeOperations
from ._ffi import lib
from ._handle import OK, Handle
from ._keys import KeyOperations
from ._lifecycle import LifecycleOperations
from ._results import Stats
from ._structs import (
    KMS_OPEN_CREATE,
    KMS_OPEN_READ_ONLY,
    KMS_OPEN_REQUIRE_LOCKED_MEMORY,
    KMS_OPEN_SYSTEM_RNG,
    kms_error_t,
    kms_open_options_t,
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
) -> Kms:
    """Opens a key store: "memory:" or "sqlite:PATH".

    Exactly one root key source is given: `root_key`, 32 bytes; `passphrase`, bytes that Argon2id stretches; or
    `root_key_uri`, "file:PATH" or "env:NAME". The library keeps a copy in protected memory, so the caller may wipe
    theirs. `create` makes the store if it is not there. `max_staleness_ms` is how long another process's change may
    go unseen, 0 = 1000; `timeout_ms` the longest that any call waits for the store, 0 = 5000; `max_cached_keys` how
    many keys are kept in memory at most, 0 = 16384.
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
    address, error = c_void_p(), kms_error_t()
    status = lib.kms_open(options, address, error)
    del lent
    if status != OK or address.value is None:
        raise failure(error)
    return Kms(Handle(address.value))


class Kms(KeyOperations, LifecycleOperations, VersionOperations, DataOperations, CareOperations, ExchangeOperations):
    """An open key store, made by open(). Any number of threads may use it at once.

    It goes on working in children of os.fork() and of multiprocessing with the fork method. It cannot be sent to
    another process: one that was spawned opens the store itself.
    """

    __slots__ = ("__weakref__", "_finalizer", "_handle")

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._finalizer = weakref.finalize(self, handle.close)

    def stats(self) -> Stats:
        """Counts since the store was opened, and how its secrets are protected."""
        stats = sized(kms_stats_t)
        self._handle.call(lib.kms_stats, sized(kms_stats_request_t), stats)
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
