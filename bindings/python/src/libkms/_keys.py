"""The operations on KMS keys and their aliases. They touch the store, so they let go of the interpreter lock."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from ctypes import Structure, addressof, c_char, sizeof
from dataclasses import replace
from typing import Any, Literal, TypeVar, overload

from ._arguments import flag, optional_text, set_grant_tokens, text, uint32
from ._enums import KeyState, Origin
from ._ffi import lib
from ._handle import Handle
from ._results import AliasInfo, KeyInfo
from ._structs import (
    KMS_DRY_RUN,
    KMS_LIST_MIN_TEXT,
    kms_alias_info_t,
    kms_buffer_t,
    kms_create_alias_request_t,
    kms_create_key_request_t,
    kms_key_info_t,
    kms_key_request_t,
    kms_list_aliases_request_t,
    kms_list_keys_request_t,
    kms_page_t,
    sized,
)

_T = TypeVar("_T")

#: Items that one crossing brings; a page of them takes about 16 KiB.
_PAGE = 64


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
        rotation_period_s: int = 0,
        origin: Origin | int = Origin.KMS,
        dry_run: Literal[False] = False,
    ) -> KeyInfo: ...
    @overload
    def create_key(
        self,
        *,
        key_id: str | None = None,
        alias: str | None = None,
        description: str | None = None,
        rotation_period_s: int = 0,
        origin: Origin | int = Origin.KMS,
        dry_run: bool,
    ) -> KeyInfo | None: ...
    def create_key(
        self,
        *,
        key_id: str | None = None,
        alias: str | None = None,
        description: str | None = None,
        rotation_period_s: int = 0,
        origin: Origin | int = Origin.KMS,
        dry_run: bool = False,
    ) -> KeyInfo | None:
        """Creates a KMS key with its first version; it is durable on return. None for a dry run that would succeed.

        `key_id` is 1 to 64 of A-Z a-z 0-9 - _, by default a new UUID; `alias` is "alias/NAME".
        """
        request = sized(kms_create_key_request_t)
        request.key_id = optional_text("key_id", key_id)
        request.alias = optional_text("alias", alias)
        request.description = optional_text("description", description)
        request.rotation_period_s = uint32("rotation_period_s", rotation_period_s)
        request.origin = uint32("origin", origin)
        request.flags = flag("dry_run", dry_run, KMS_DRY_RUN)
        info = sized(kms_key_info_t)
        if not self._handle.call(lib.kms_create_key, request, info):
            return None
        return replace(_key_info(info, b""), description=description or "")

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
        memory, buffer = _text_buffer()
        if not self._handle.call(lib.kms_describe_key, request, info, buffer):
            return None
        return _key_info(info, memory[: buffer.len])

    def list_keys(self) -> Iterator[KeyInfo]:
        """All keys, in an order that is stable but has no meaning; read from the store page by page."""
        return self._pages(lib.kms_list_keys, sized(kms_list_keys_request_t), kms_key_info_t, _key_info)

    def create_alias(self, alias: str, key_id: str, *, dry_run: bool = False) -> None:
        """Gives a key, named by its id or ARN, the further name `alias`: "alias/NAME"."""
        request = sized(kms_create_alias_request_t)
        request.alias = text("alias", alias)
        request.key_id = text("key_id", key_id)
        request.flags = flag("dry_run", dry_run, KMS_DRY_RUN)
        self._handle.call(lib.kms_create_alias, request)

    def list_aliases(self, key_id: str | None = None) -> Iterator[AliasInfo]:
        """All aliases, or one key's."""
        request = sized(kms_list_aliases_request_t)
        request.key_id = optional_text("key_id", key_id)
        return self._pages(lib.kms_list_aliases, request, kms_alias_info_t, _alias_info)

    def _pages(
        self,
        function: Callable[..., int],
        request: Structure,
        item: type[Structure],
        convert: Callable[[Any, bytes], _T],
    ) -> Iterator[_T]:
        page = sized(kms_page_t)
        items = (item * _PAGE)()
        memory, buffer = _text_buffer()

        def read() -> list[_T]:
            self._handle.call(function, request, page, items, sizeof(item), _PAGE, buffer)
            strings = memory[: buffer.len]
            return [convert(items[index], strings) for index in range(page.items_len)]

        def rest(converted: list[_T]) -> Iterator[_T]:
            yield from converted
            while page.more:
                yield from read()

        # The first page is read at once, so that what is wrong is said here and not at the first next().
        return rest(read())


def _text_buffer() -> tuple[Any, kms_buffer_t]:
    memory = (c_char * KMS_LIST_MIN_TEXT)()
    return memory, kms_buffer_t(addressof(memory), KMS_LIST_MIN_TEXT, 0)


def _key_info(info: Any, strings: bytes) -> KeyInfo:
    span = info.description
    return KeyInfo(
        key_id=info.key_id.decode(),
        state=KeyState(info.state),
        primary_version_id=info.primary_version_id.decode(),
        primary_version_number=info.primary_version_number,
        versions_len=info.versions_len,
        created_at=info.created_at,
        origin=Origin(info.origin),
        rotation_period_s=info.rotation_period_s,
        description=strings[span.offset : span.offset + span.len].decode(),
    )


def _alias_info(info: Any, strings: bytes) -> AliasInfo:
    return AliasInfo(alias=info.alias.decode(), key_id=info.key_id.decode(), created_at=info.created_at)
