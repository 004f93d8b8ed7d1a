"""What the library fills in, infos and pages of them, as the package's own classes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from ctypes import Structure, addressof, c_char, sizeof
from typing import Any, TypeVar

from ._enums import GrantContext, GrantOperation, KeyState, Origin, VersionState
from ._handle import Handle
from ._results import AliasInfo, Damage, GrantInfo, KeyInfo, LogDamage, VersionInfo, algorithm_name
from ._structs import KMS_LIST_MIN_TEXT, kms_buffer_t, kms_page_t, kms_span_t, sized

_T = TypeVar("_T")

#: Items that one crossing brings; a page of them takes about 16 KiB.
_PAGE = 64


def text_buffer() -> tuple[Any, kms_buffer_t]:
    memory = (c_char * KMS_LIST_MIN_TEXT)()
    return memory, kms_buffer_t(addressof(memory), KMS_LIST_MIN_TEXT, 0)


def pages(
    handle: Handle,
    function: Callable[..., int],
    request: Structure,
    item: type[Structure],
    convert: Callable[[Any, bytes], _T],
) -> Iterator[_T]:
    page = sized(kms_page_t)
    items = (item * _PAGE)()
    memory, buffer = text_buffer()

    def read() -> list[_T]:
        if not handle.call(function, request, page, items, sizeof(item), _PAGE, buffer):
            return []  # a dry run that would succeed
        strings = memory[: buffer.len]
        return [convert(items[index], strings) for index in range(page.items_len)]

    def rest(converted: list[_T]) -> Iterator[_T]:
        yield from converted
        while page.more:
            yield from read()

    # The first page is read at once, so that what is wrong is said here and not at the first next().
    return rest(read())


def _string(span: kms_span_t, strings: bytes) -> str:
    start: int = span.offset
    return strings[start : start + span.len].decode()


def key_info(info: Any, strings: bytes) -> KeyInfo:
    return KeyInfo(
        key_id=info.key_id.decode(),
        state=KeyState(info.state),
        primary_version_id=info.primary_version_id.decode(),
        primary_version_number=info.primary_version_number,
        versions_len=info.versions_len,
        created_at=info.created_at,
        origin=Origin(info.origin),
        rotation_period_s=info.rotation_period_s,
        description=_string(info.description, strings),
        deletion_at=info.deletion_at,
        next_rotation_at=info.next_rotation_at,
        rotate_after_uses=info.rotate_after_uses,
        uses_sealed=info.uses_sealed,
        uses_opened=info.uses_opened,
        last_used_at=info.last_used_at,
        material_expires_at=info.material_expires_at,
        key_uuid=bytes(info.key_uuid),
    )


def version_info(info: Any, _strings: bytes = b"") -> VersionInfo:
    return VersionInfo(
        key_id=info.key_id.decode(),
        version_id=info.version_id.decode(),
        version_number=info.version_number,
        state=VersionState(info.state),
        algorithm=algorithm_name(info.algorithm),
        is_primary=bool(info.is_primary),
        created_at=info.created_at,
        destruction_at=info.destruction_at,
        uses_sealed=info.uses_sealed,
        uses_opened=info.uses_opened,
        last_used_at=info.last_used_at,
    )


def alias_info(info: Any, _strings: bytes) -> AliasInfo:
    return AliasInfo(alias=info.alias.decode(), key_id=info.key_id.decode(), created_at=info.created_at)


def tag(info: Any, strings: bytes) -> tuple[str, str]:
    return _string(info.key, strings), _string(info.value, strings)


def damage(info: Any, strings: bytes) -> Damage:
    return Damage(
        row_kind=info.row_kind,
        row_id=info.row_id.decode(),
        key_id=info.key_id.decode(),
        problem=_string(info.problem, strings),
    )


def grant_info(info: Any, strings: bytes) -> GrantInfo:
    context = _string(info.context, strings)
    return GrantInfo(
        grant_id=info.grant_id.decode(),
        key_id=info.key_id.decode(),
        name=_string(info.name, strings),
        grantee_principal=_string(info.grantee_principal, strings),
        retiring_principal=_string(info.retiring_principal, strings),
        operations=GrantOperation(info.operations),
        constraint=GrantContext(info.constraint),
        context=json.loads(context) if context else {},
        created_at=info.created_at,
    )


def log_damage(info: Any, strings: bytes) -> LogDamage:
    return LogDamage(file_number=info.file_number, line=info.line, problem=_string(info.problem, strings))
