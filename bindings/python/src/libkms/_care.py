"""The operations that care for a store as a whole: a new root key, backups, verification of it and of its audit log."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ._arguments import Buffer, flag, lend_optional, optional_text, path_text
from ._ffi import lib
from ._handle import Handle
from ._infos import damage, log_damage, pages
from ._results import Damage, LogDamage
from ._structs import (
    KMS_DRY_RUN,
    kms_backup_request_t,
    kms_damage_info_t,
    kms_log_damage_info_t,
    kms_rekey_request_t,
    kms_verify_audit_log_request_t,
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

    def backup(self, path: str | os.PathLike[str], *, dry_run: bool = False) -> None:
        """Writes a consistent copy of the store, while it is in use, to a file that is not there yet.

        It opens with the same root key.
        """
        request = sized(kms_backup_request_t)
        request.path = path_text("path", path)
        request.flags = flag("dry_run", dry_run, KMS_DRY_RUN)
        self._handle.call(lib.kms_backup, request)

    def verify(self, *, dry_run: bool = False) -> Iterator[Damage]:
        """Verifies every seal, sum and reference of the store, step by step as the result is iterated over.

        The store is whole if that brings nothing: list(kms.verify()) == [].
        """
        request = sized(kms_verify_request_t)
        request.flags = flag("dry_run", dry_run, KMS_DRY_RUN)
        return pages(self._handle, lib.kms_verify, request, kms_damage_info_t, damage)

    def verify_audit_log(self, path: str | os.PathLike[str], *, dry_run: bool = False) -> Iterator[LogDamage]:
        """Verifies an audit log of this store, by the path that open() was given, as verify() does the store.

        Finds records that were changed, left out, moved or cut off the end. The log may be in use.
        """
        request = sized(kms_verify_audit_log_request_t)
        request.path = path_text("path", path)
        request.flags = flag("dry_run", dry_run, KMS_DRY_RUN)
        return pages(self._handle, lib.kms_verify_audit_log, request, kms_log_damage_info_t, log_damage)
