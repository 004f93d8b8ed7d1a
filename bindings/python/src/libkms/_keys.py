"""The operations on KMS keys and their aliases. They touch the store, so they let go of the interpreter lock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Literal, overload

from ._arguments import (
    Buffer,
    Policy,
    flag,
    lend_optional,
    optional_text,
    policy_text,
    set_grant_tokens,
    set_tags,
    text,
    uint32,
    uint64,
)
from ._enums import Origin
from ._ffi import lib
from ._handle import Handle
from ._infos import alias_info, key_info, pages, text_buffer
from ._results import AliasInfo, KeyInfo
from ._structs import (
    KMS_BYPASS_POLICY_LOCKOUT_CHECK,
    KMS_DRY_RUN,
    kms_alias_info_t,
    kms_alias_request_t,
    kms_create_alias_request_t,
    kms_create_key_request_t,
    kms_key_info_t,
    kms_key_request_t,
    kms_list_aliases_request_t,
    kms_list_keys_request_t,
    sized,
)

#: The default of create_key's tags.
_NO_TAGS: Mapping[str, str] = MappingProxyType({})


class KeyOperations:
    __slots__ = ()

    _handle: Handle

    @overload
    def create_key(
        self,
        *,
        key_id: str | None = None,
        alias: str | None = None,
        description: str | None = None,
        tags: Mapping[str, str] = _NO_TAGS,
        rotation_period_s: int = 0,
        rotate_after_uses: int = 0,
        origin: Origin | int = Origin.KMS,
        key_uuid: Buffer | None = None,
        policy: Policy | None = None,
        bypass_policy_lockout_check: bool = False,
        dry_run: Literal[False] = False,
    ) -> KeyInfo: ...
    @overload
    def create_key(
        self,
        *,
        key_id: str | None = None,
        alias: str | None = None,
        description: str | None = None,
        tags: Mapping[str, str] = _NO_TAGS,
        rotation_period_s: int = 0,
        rotate_after_uses: int = 0,
        origin: Origin | int = Origin.KMS,
        key_uuid: Buffer | None = None,
        policy: Policy | None = None,
        bypass_policy_lockout_check: bool = False,
        dry_run: bool,
    ) -> KeyInfo | None: ...
    def create_key(
        self,
        *,
        key_id: str | None = None,
        alias: str | None = None,
        description: str | None = None,
        tags: Mapping[str, str] = _NO_TAGS,
        rotation_period_s: int = 0,
        rotate_after_uses: int = 0,
        origin: Origin | int = Origin.KMS,
        key_uuid: Buffer | None = None,
        policy: Policy | None = None,
        bypass_policy_lockout_check: bool = False,
        dry_run: bool = False,
    ) -> KeyInfo | None:
        """Creates a KMS key with its first version; it is durable on return. None for a dry run that would succeed.

        `key_id` is 1 to 64 of A-Z a-z 0-9 - _, by default a new UUID; `alias` is "alias/NAME". The key rotates by
        itself after `rotation_period_s` seconds or `rotate_after_uses` data keys and payloads; 0 = never. With
        Origin.EXTERNAL it waits for import_key_material(); `key_uuid` may then be the 16 bytes of a former key, so
        that material brought back opens its old ciphertexts. `policy` is as in put_key_policy(); None = the default
        one.
        """
        request = sized(kms_create_key_request_t)
        request.key_id = optional_text("key_id", key_id)
        request.alias = optional_text("alias", alias)
        request.description = optional_text("description", description)
        request.rotation_period_s = uint32("rotation_period_s", rotation_period_s)
        request.rotate_after_uses = uint64("rotate_after_uses", rotate_after_uses)
        request.origin = uint32("origin", origin)
        set_tags(request, tags)
        lent = lend_optional(request.key_uuid, "key_uuid", key_uuid)
        request.policy = None if policy is None else policy_text(policy)
        request.flags = flag("dry_run", dry_run, KMS_DRY_RUN) | flag(
            "bypass_policy_lockout_check", bypass_policy_lockout_check, KMS_BYPASS_POLICY_LOCKOUT_CHECK
        )
        info = sized(kms_key_info_t)
        done = self._handle.call(lib.kms_create_key, request, info)
        del lent
        if not done:
            return None
        return replace(key_info(info, b""), description=description or "")

    @overload
    def describe_key(
        self, key_id: str, *, grant_tokens: Sequence[str] = (), dry_run: Literal[False] = False
    ) -> KeyInfo: ...
    @overload
    def describe_key(self, key_id: str, *, grant_tokens: Sequence[str] = (), dry_run: bool) -> KeyInfo | None: ...
    def describe_key(self, key_id: str, *, grant_tokens: Sequence[str] = (), dry_run: bool = False) -> KeyInfo | None:
        """Describes a key, named by its id, "alias/NAME", or an ARN of either."""
        request = sized(kms_key_request_t)
        request.key_id = text("key_id", key_id)
        set_grant_tokens(request, grant_tokens)
        request.flags = flag("dry_run", dry_run, KMS_DRY_RUN)
        info = sized(kms_key_info_t)
        memory, buffer = text_buffer()
        if not self._handle.call(lib.kms_describe_key, request, info, buffer):
            return None
        return key_info(info, memory[: buffer.len])

    def list_keys(self, *, dry_run: bool = False) -> Iterator[KeyInfo]:
        """All keys, in an order that is stable but has no meaning; read from the store page by page."""
        request = sized(kms_list_keys_request_t)
        request.flags = flag("dry_run", dry_run, KMS_DRY_RUN)
        return pages(self._handle, lib.kms_list_keys, request, kms_key_info_t, key_info)

    def create_alias(self, alias: str, key_id: str, *, dry_run: bool = False) -> None:
        """Gives a key, named by its id or ARN, the further name `alias`: "alias/NAME"."""
        request = sized(kms_create_alias_request_t)
        request.alias = text("alias", alias)
        request.key_id = text("key_id", key_id)
        request.flags = flag("dry_run", dry_run, KMS_DRY_RUN)
        self._handle.call(lib.kms_create_alias, request)

    def update_alias(self, alias: str, key_id: str, *, dry_run: bool = False) -> None:
        """Lets an alias name another key."""
        request = sized(kms_create_alias_request_t)
        request.alias = text("alias", alias)
        request.key_id = text("key_id", key_id)
        request.flags = flag("dry_run", dry_run, KMS_DRY_RUN)
        self._handle.call(lib.kms_update_alias, request)

    def delete_alias(self, alias: str, *, dry_run: bool = False) -> None:
        """Deletes an alias; the key stays."""
        request = sized(kms_alias_request_t)
        request.alias = text("alias", alias)
        request.flags = flag("dry_run", dry_run, KMS_DRY_RUN)
        self._handle.call(lib.kms_delete_alias, request)

    def list_aliases(self, key_id: str | None = None, *, dry_run: bool = False) -> Iterator[AliasInfo]:
        """All aliases, or one key's."""
        request = sized(kms_list_aliases_request_t)
        request.key_id = optional_text("key_id", key_id)
        request.flags = flag("dry_run", dry_run, KMS_DRY_RUN)
        return pages(self._handle, lib.kms_list_aliases, request, kms_alias_info_t, alias_info)
