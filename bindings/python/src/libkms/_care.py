"""The operations that care for a store as a whole: a new root key, backups, verification."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ._arguments import Buffer, flag, lend_optional, optional_text, text
from ._ffi import lib
from ._handle import Handle
from ._infos import damage, pages
from ._results import Damage
from ._structs import (
    KMS_DRY_RUN,
    kms_backup_request_t,
    kms_damage_info_t,
    kms_rekey_request_t,
    kms_verify_request_t,
    sized,
)


class CareOperations:
    __slots__ = ()

    _handle: Handle

    def rekey(
        self,
        *,
        root_key: Buffer | None = None,
        passphrase: Buffer | None = None,
        root_key_uri: str | None = None,
        dry_run: bool = False,
    ) -> None:
        """Reseals the whole store under a new root key, given as to open(); all of it or nothing.

        This Kms goes on working. Those of other processes get a WrongRootKeyError within max_staleness_ms and have to
        open the store anew. Backups made before still need the old root key.
        """
        request = sized(kms_rekey_request_t)
        lent = (
            lend_optional(request.root_key, "root_key", root_key),
            lend_optional(request.passphrase, "passphrase", passphrase),
        )
        request.root_key_uri = optional_text("root_key_uri", root_key_uri)
        request.flags = flag("dry_run", dry_run, KMS_DRY_RUN)
        self._handle.call(lib.kms_rekey, request)
        del lent

    def backup(self, path: str | os.PathLike[str]) -> None:
        """Writes a consistent copy of the store, while it is in use, to a file that is not there yet.

        It opens with the same root key.
        """
        request = sized(kms_backup_request_t)
        request.path = text("path", os.fspath(path) if isinstance(path, os.PathLike) else path)
        self._handle.call(lib.kms_backup, request)

    def verify(self) -> Iterator[Damage]:
        """Verifies every seal, sum and reference of the store, step by step as the result is iterated over.

        The store is whole if that brings nothing: list(kms.verify()) == [].
        """
        return pages(self._handle, lib.kms_verify, sized(kms_verify_request_t), kms_damage_info_t, damage)
