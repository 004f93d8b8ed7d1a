"""The operations on versions of KMS keys: rotation by hand, the primary one, destruction, and imported material."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, overload

from ._arguments import Buffer, flag, lend, set_grant_tokens, text, uint32, unix_time
from ._ffi import lib
from ._handle import Handle
from ._infos import pages, version_info
from ._lifecycle import key_request, schedule_request
from ._results import VersionInfo
from ._structs import KMS_DRY_RUN, kms_import_request_t, kms_version_info_t, sized


class VersionOperations:
    __slots__ = ()

    _handle: Handle

    @overload
    def rotate_key(
        self, key_id: str, *, grant_tokens: Sequence[str] = (), dry_run: Literal[False] = False
    ) -> VersionInfo: ...
    @overload
    def rotate_key(self, key_id: str, *, grant_tokens: Sequence[str] = (), dry_run: bool) -> VersionInfo | None: ...
    def rotate_key(self, key_id: str, *, grant_tokens: Sequence[str] = (), dry_run: bool = False) -> VersionInfo | None:
        """Gives a key a new version and makes it the primary one. Older versions go on decrypting."""
        info = sized(kms_version_info_t)
        done = self._handle.call(lib.kms_rotate_key, key_request(key_id, None, grant_tokens, dry_run), info)
        return version_info(info) if done else None

    def set_primary_version(
        self, key_id: str, version_id: str, *, grant_tokens: Sequence[str] = (), dry_run: bool = False
    ) -> None:
        """Makes another version the primary one."""
        request = key_request(key_id, _required(version_id), grant_tokens, dry_run)
        self._handle.call(lib.kms_set_primary_version, request)

    @overload
    def describe_key_version(
        self,
        key_id: str,
        version_id: str | None = None,
        *,
        grant_tokens: Sequence[str] = (),
        dry_run: Literal[False] = False,
    ) -> VersionInfo: ...
    @overload
    def describe_key_version(
        self, key_id: str, version_id: str | None = None, *, grant_tokens: Sequence[str] = (), dry_run: bool
    ) -> VersionInfo | None: ...
    def describe_key_version(
        self, key_id: str, version_id: str | None = None, *, grant_tokens: Sequence[str] = (), dry_run: bool = False
    ) -> VersionInfo | None:
        """Describes a version; None is the primary one."""
        info = sized(kms_version_info_t)
        request = key_request(key_id, version_id, grant_tokens, dry_run)
        done = self._handle.call(lib.kms_describe_key_version, request, info)
        return version_info(info) if done else None

    def list_key_versions(
        self, key_id: str, *, grant_tokens: Sequence[str] = (), dry_run: bool = False
    ) -> Iterator[VersionInfo]:
        """All versions of a key, by their numbers; read from the store page by page."""
        request = key_request(key_id, None, grant_tokens, dry_run)
        return pages(self._handle, lib.kms_list_key_versions, request, kms_version_info_t, version_info)

    @overload
    def schedule_version_destruction(
        self,
        key_id: str,
        version_id: str,
        *,
        waiting_days: int = 0,
        grant_tokens: Sequence[str] = (),
        dry_run: Literal[False] = False,
    ) -> VersionInfo: ...
    @overload
    def schedule_version_destruction(
        self, key_id: str, version_id: str, *, waiting_days: int = 0, grant_tokens: Sequence[str] = (), dry_run: bool
    ) -> VersionInfo | None: ...
    def schedule_version_destruction(
        self,
        key_id: str,
        version_id: str,
        *,
        waiting_days: int = 0,
        grant_tokens: Sequence[str] = (),
        dry_run: bool = False,
    ) -> VersionInfo | None:
        """Schedules the destruction of a version's material in 1 to 30 days, 0 = 30. Not for the primary version.

        The version cannot be used from now on. Afterwards its material is erased from the store, and nothing that was
        encrypted under it can be decrypted.
        """
        request = schedule_request(key_id, _required(version_id), waiting_days, grant_tokens, dry_run)
        info = sized(kms_version_info_t)
        done = self._handle.call(lib.kms_schedule_version_destruction, request, info)
        return version_info(info) if done else None

    def cancel_version_destruction(
        self, key_id: str, version_id: str, *, grant_tokens: Sequence[str] = (), dry_run: bool = False
    ) -> None:
        """Cancels the destruction of a version, which can be used again at once."""
        request = key_request(key_id, _required(version_id), grant_tokens, dry_run)
        self._handle.call(lib.kms_cancel_version_destruction, request)

    @overload
    def import_key_material(
        self,
        key_id: str,
        material: Buffer,
        *,
        expires_at: int = 0,
        version_number: int = 0,
        grant_tokens: Sequence[str] = (),
        dry_run: Literal[False] = False,
    ) -> VersionInfo: ...
    @overload
    def import_key_material(
        self,
        key_id: str,
        material: Buffer,
        *,
        expires_at: int = 0,
        version_number: int = 0,
        grant_tokens: Sequence[str] = (),
        dry_run: bool,
    ) -> VersionInfo | None: ...
    def import_key_material(
        self,
        key_id: str,
        material: Buffer,
        *,
        expires_at: int = 0,
        version_number: int = 0,
        grant_tokens: Sequence[str] = (),
        dry_run: bool = False,
    ) -> VersionInfo | None:
        """Imports 32 bytes of material into a key of Origin.EXTERNAL, which is enabled then.

        The library deletes it at `expires_at`, in Unix seconds, 0 = never. `version_number` is what stands in the
        ciphertexts, 0 = 1 or what it was. Importing again takes the same material only: other material is an
        IncorrectKeyError.
        """
        request = sized(kms_import_request_t)
        request.key_id = text("key_id", key_id)
        lent = lend(request.material, "material", material)
        request.expires_at = unix_time("expires_at", expires_at)
        request.version_number = uint32("version_number", version_number)
        set_grant_tokens(request, grant_tokens)
        request.flags = flag("dry_run", dry_run, KMS_DRY_RUN)
        info = sized(kms_version_info_t)
        done = self._handle.call(lib.kms_import_key_material, request, info)
        del lent
        return version_info(info) if done else None

    def delete_imported_key_material(
        self, key_id: str, *, grant_tokens: Sequence[str] = (), dry_run: bool = False
    ) -> None:
        """Erases imported material from the store: the key is pending import then."""
        self._handle.call(lib.kms_delete_imported_key_material, key_request(key_id, None, grant_tokens, dry_run))


def _required(version_id: str) -> str:
    text("version_id", version_id)  # None would be taken for "not given"
    return version_id
