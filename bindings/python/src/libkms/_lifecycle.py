"""The operations on the life of KMS keys: states, deletion, rotation by themselves, description and tags."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, overload

from ._arguments import flag, optional_text, set_grant_tokens, set_tag_keys, set_tags, text, uint32, uint64
from ._ffi import lib
from ._handle import Handle
from ._infos import key_info, pages, tag
from ._results import KeyInfo
from ._structs import (
    KMS_DRY_RUN,
    kms_description_request_t,
    kms_key_info_t,
    kms_key_request_t,
    kms_rotation_request_t,
    kms_schedule_request_t,
    kms_tag_info_t,
    kms_tags_request_t,
    sized,
)


def key_request(key_id: str, version_id: str | None, grant_tokens: Sequence[str], dry_run: bool = False) -> Any:
    """One key, or a version of it, and nothing more."""
    request = sized(kms_key_request_t)
    request.key_id = text("key_id", key_id)
    request.version_id = optional_text("version_id", version_id)
    set_grant_tokens(request, grant_tokens)
    request.flags = flag("dry_run", dry_run, KMS_DRY_RUN)
    return request


def schedule_request(
    key_id: str, version_id: str | None, waiting_days: int, grant_tokens: Sequence[str], dry_run: bool
) -> Any:
    request = sized(kms_schedule_request_t)
    request.key_id = text("key_id", key_id)
    request.version_id = optional_text("version_id", version_id)
    request.waiting_days = uint32("waiting_days", waiting_days)
    set_grant_tokens(request, grant_tokens)
    request.flags = flag("dry_run", dry_run, KMS_DRY_RUN)
    return request


class LifecycleOperations:
    __slots__ = ()

    _handle: Handle

    def enable_key(self, key_id: str, *, grant_tokens: Sequence[str] = (), dry_run: bool = False) -> None:
        """Lets a disabled key work again."""
        self._handle.call(lib.kms_enable_key, key_request(key_id, None, grant_tokens, dry_run))

    def disable_key(self, key_id: str, *, grant_tokens: Sequence[str] = (), dry_run: bool = False) -> None:
        """Stops a key: every use is a DisabledError, here at once, in other processes within max_staleness_ms."""
        self._handle.call(lib.kms_disable_key, key_request(key_id, None, grant_tokens, dry_run))

    @overload
    def schedule_key_deletion(
        self, key_id: str, *, waiting_days: int = 0, grant_tokens: Sequence[str] = (), dry_run: Literal[False] = False
    ) -> KeyInfo: ...
    @overload
    def schedule_key_deletion(
        self, key_id: str, *, waiting_days: int = 0, grant_tokens: Sequence[str] = (), dry_run: bool
    ) -> KeyInfo | None: ...
    def schedule_key_deletion(
        self, key_id: str, *, waiting_days: int = 0, grant_tokens: Sequence[str] = (), dry_run: bool = False
    ) -> KeyInfo | None:
        """Schedules a key's deletion in 7 to 30 days, 0 = 30; cancel_key_deletion() takes it back until then.

        The key cannot be used meanwhile. Afterwards nothing that was encrypted under it can be decrypted. The info has
        no description.
        """
        request = schedule_request(key_id, None, waiting_days, grant_tokens, dry_run)
        info = sized(kms_key_info_t)
        done = self._handle.call(lib.kms_schedule_key_deletion, request, info)
        return key_info(info, b"") if done else None

    def cancel_key_deletion(self, key_id: str, *, grant_tokens: Sequence[str] = (), dry_run: bool = False) -> None:
        """Cancels a key's deletion. The key is disabled then."""
        self._handle.call(lib.kms_cancel_key_deletion, key_request(key_id, None, grant_tokens, dry_run))

    def set_key_rotation(
        self,
        key_id: str,
        *,
        rotation_period_s: int = 0,
        rotate_after_uses: int = 0,
        grant_tokens: Sequence[str] = (),
        dry_run: bool = False,
    ) -> None:
        """Says when a key rotates by itself: so many seconds after the last rotation, after so many data keys and
        payloads under one version, whichever comes first; 0 = never."""
        request = sized(kms_rotation_request_t)
        request.key_id = text("key_id", key_id)
        request.rotation_period_s = uint32("rotation_period_s", rotation_period_s)
        request.rotate_after_uses = uint64("rotate_after_uses", rotate_after_uses)
        set_grant_tokens(request, grant_tokens)
        request.flags = flag("dry_run", dry_run, KMS_DRY_RUN)
        self._handle.call(lib.kms_set_key_rotation, request)

    def update_key_description(self, key_id: str, description: str, *, dry_run: bool = False) -> None:
        """Replaces a key's description; "" = none."""
        request = sized(kms_description_request_t)
        request.key_id = text("key_id", key_id)
        request.description = text("description", description)
        request.flags = flag("dry_run", dry_run, KMS_DRY_RUN)
        self._handle.call(lib.kms_update_key_description, request)

    def tag_key(self, key_id: str, tags: Mapping[str, str], *, dry_run: bool = False) -> None:
        """Sets tags on a key, at most 50 in all; a tag with the same key gets the new value."""
        request = sized(kms_tags_request_t)
        request.key_id = text("key_id", key_id)
        set_tags(request, tags)
        request.flags = flag("dry_run", dry_run, KMS_DRY_RUN)
        self._handle.call(lib.kms_tag_key, request)

    def untag_key(self, key_id: str, tag_keys: Sequence[str], *, dry_run: bool = False) -> None:
        """Takes tags away from a key, by their keys. A tag that is not there is no error."""
        request = sized(kms_tags_request_t)
        request.key_id = text("key_id", key_id)
        set_tag_keys(request, tag_keys)
        request.flags = flag("dry_run", dry_run, KMS_DRY_RUN)
        self._handle.call(lib.kms_untag_key, request)

    def list_key_tags(self, key_id: str, *, grant_tokens: Sequence[str] = (), dry_run: bool = False) -> dict[str, str]:
        """All tags of a key, in the order of their keys."""
        request = key_request(key_id, None, grant_tokens, dry_run)
        return dict(pages(self._handle, lib.kms_list_key_tags, request, kms_tag_info_t, tag))
