"""From Python to C: every argument is checked here before ctypes sees it, because ctypes wraps integers that are
too large and cuts strings at a NUL, both in silence."""

from __future__ import annotations

import ctypes
import inspect
import json
import operator
import os
from collections.abc import Callable, Mapping, Sequence
from ctypes import addressof, c_char, c_char_p, c_ssize_t, c_void_p, py_object
from itertools import chain
from struct import Struct
from typing import Any, TypeVar

from ._errors import InvalidArgumentError
from ._secret import SecretBytes
from ._structs import (
    KMS_MAX_CONTEXT_PAIRS,
    KMS_MAX_CONTEXT_SIZE,
    kms_buffer_t,
    kms_bytes_t,
    kms_column_t,
    kms_context_entry_t,
    kms_tag_t,
)

#: What is taken for bytes; at run time, anything else with the buffer protocol too.
Buffer = bytes | bytearray | memoryview
Context = Mapping[str, str]
#: A key policy: JSON, or what json.dumps() makes it of.
Policy = str | Mapping[str, Any]


_F = TypeVar("_F", bound=Callable[..., object])


def takes_options_of(function: Callable[..., object]) -> Callable[[_F], _F]:
    """Says of a method that passes its **options on to `function` that they are its keyword arguments."""

    def sign(method: _F) -> _F:
        own = inspect.signature(method)
        given = [parameter for parameter in own.parameters.values() if parameter.kind != parameter.VAR_KEYWORD]
        others = inspect.signature(function).parameters.values()
        options = [parameter for parameter in others if parameter.kind == parameter.KEYWORD_ONLY]
        method.__signature__ = own.replace(parameters=[*given, *options])  # type: ignore[attr-defined]
        return method

    return sign


def text(name: str, value: object) -> bytes:
    if not isinstance(value, str):
        raise TypeError(f"{name}: must be str, not {type(value).__name__}")
    try:
        encoded = value.encode()
    except UnicodeEncodeError:
        raise InvalidArgumentError(f"{name}: has a lone surrogate, which UTF-8 cannot hold") from None
    if b"\0" in encoded:
        raise InvalidArgumentError(f"{name}: has a NUL character")
    return encoded


def optional_text(name: str, value: object) -> bytes | None:
    return None if value is None else text(name, value)


def path_text(name: str, value: object) -> bytes:
    return text(name, os.fspath(value) if isinstance(value, os.PathLike) else value)


def policy_text(value: object) -> bytes:
    if isinstance(value, str):
        return text("policy", value)
    if not isinstance(value, Mapping):
        raise TypeError(f"policy: must be str or a mapping, not {type(value).__name__}")
    return text("policy", json.dumps(dict(value)))


def integer(name: str, value: object, bits: int) -> int:
    if isinstance(value, bool):
        raise TypeError(f"{name}: must be int, not bool")
    try:
        number = operator.index(value)  # type: ignore[arg-type]  # what it refuses is a TypeError
    except TypeError:
        raise TypeError(f"{name}: must be int, not {type(value).__name__}") from None
    if not 0 <= number < 1 << bits:
        raise InvalidArgumentError(f"{name}: must be 0 to 2**{bits} - 1")
    return number


def uint32(name: str, value: object) -> int:
    return integer(name, value, 32)


def uint64(name: str, value: object) -> int:
    return integer(name, value, 64)


def unix_time(name: str, value: object) -> int:
    return integer(name, value, 63)


def flag(name: str, value: object, bit: int) -> int:
    if not isinstance(value, bool):
        raise TypeError(f"{name}: must be bool, not {type(value).__name__}")
    return bit if value else 0


def key_spec_number(value: int | None) -> int:
    return 0 if value is None else uint32("key_spec", value)


def data_key_size(value: int | None) -> int:
    if value is None:
        return 0
    size = uint32("number_of_bytes", value)
    if size == 0:  # which is how C says "not given"
        raise InvalidArgumentError("number_of_bytes: is 0, expected 1 to 1024, or None")
    return size


def lend(slot: kms_bytes_t, name: str, value: Buffer) -> object:
    """Points `slot` at the bytes of `value`, without a copy where ctypes can have the address.

    The result keeps them where they are; it is to be held until the call is over, and then dropped: a bytearray
    cannot be resized while it is lent.
    """
    if type(value) is bytes:
        slot.data = value
        slot.len = len(value)
        return None
    try:
        view = memoryview(value)
    except TypeError:
        raise TypeError(f"{name}: must be bytes-like, not {type(value).__name__}") from None
    if view.nbytes == 0:
        slot.data = None
        slot.len = 0
        return None
    if view.readonly or not view.c_contiguous:
        # ctypes has no way to the address; the copy wipes itself, as the bytes may be a secret.
        view = memoryview(SecretBytes(view))
    first = c_char.from_buffer(view)
    slot.data = addressof(first)
    slot.len = view.nbytes
    return first


def lend_optional(slot: kms_bytes_t, name: str, value: Buffer | None) -> object:
    return lend(slot, name, b"" if value is None else value)


def lend_out(memory: bytearray) -> tuple[kms_buffer_t, object]:
    """A buffer for the library to write `memory` through, and what must be dropped to have it resizable again."""
    if not memory:
        return kms_buffer_t(None, 0, 0), None
    first = c_char.from_buffer(memory)
    return kms_buffer_t(addressof(first), len(memory), 0), first


# As in C: with NULL the content is the caller's to fill in. Looked up by [], for a function object of our own.
_new_bytes = ctypes.pythonapi["PyBytes_FromStringAndSize"]
_new_bytes.restype = py_object
_new_bytes.argtypes = (c_void_p, c_ssize_t)


def new_column(size: int) -> tuple[bytes, kms_column_t]:
    """Bytes that the library is to fill in to the end, before anyone else sees them, and their column.

    To have it fill in a bytearray, and to copy that, costs half as much again as the data keys: fresh pages twice.
    """
    memory: bytes = _new_bytes(None, size)
    return memory, kms_column_t(ctypes.cast(c_char_p(memory), c_void_p), size, 0, 0)


class _PackPointers(dict[int, Callable[..., None]]):
    def __missing__(self, count: int) -> Callable[..., None]:
        self[count] = pack = Struct(f"{count}P").pack_into
        return pack


_pack_pointers = _PackPointers()


class ContextSlot:
    """The context of a request. Its memory, the entries and behind them their strings, is kept for the next context.

    It is written in two strokes, as to set the fields of entries one by one is what costs most with ctypes.
    """

    __slots__ = ("_address", "_memory", "_name", "_pairs", "_request", "_strings_start")

    def __init__(self, request: Any, name: str = "context") -> None:
        self._request = request
        self._name = name
        self._memory = memoryview(b"")
        self._pairs = self._strings_start = self._address = 0

    def set(self, context: Context | None) -> dict[str, str] | None:
        """Fills the context in; returns a copy of it, as the caller may change theirs."""
        self._request.context_len = 0
        if context is None:
            return None
        if type(context) is not dict and not isinstance(context, Mapping):
            raise TypeError(f"{self._name}: must be a mapping of str to str, not {type(context).__name__}")
        own = dict(context)
        if not own:
            return own
        try:
            # All at once; what is wrong with one of them is found below.
            joined = ("\0".join(chain.from_iterable(own.items())) + "\0").encode()
        except (TypeError, UnicodeEncodeError):
            joined = b""
        strings = joined.split(b"\0")
        if len(strings) != 2 * len(own) + 1:
            strings = self._one_by_one(own)
            joined = b"\0".join(strings)
        start = self._strings_start
        if len(own) > self._pairs or start + len(joined) > len(self._memory):
            self._grow(len(own), len(joined))
            start = self._strings_start
        self._memory[start : start + len(joined)] = joined
        place = self._address + start
        places = []
        for string in strings:
            places.append(place)
            place += len(string) + 1
        places.pop()  # of what is behind the last NUL
        _pack_pointers[len(places)](self._memory, 0, *places)
        self._request.context_len = len(own)
        return own

    def _one_by_one(self, own: dict[str, str]) -> list[bytes]:
        """Keys and values in turn, and what is behind the last."""
        key_name, value_name = f"{self._name} key", f"{self._name} value"
        pairs = [(text(key_name, key), text(value_name, value)) for key, value in own.items()]
        return [*chain.from_iterable(pairs), b""]

    def _grow(self, pairs: int, size: int) -> None:
        if pairs > KMS_MAX_CONTEXT_PAIRS:
            raise InvalidArgumentError(f"{self._name}: has {pairs} pairs, at most {KMS_MAX_CONTEXT_PAIRS} are allowed")
        if size - 2 * pairs > KMS_MAX_CONTEXT_SIZE:
            raise InvalidArgumentError(
                f"{self._name}: has {size - 2 * pairs} bytes, at most {KMS_MAX_CONTEXT_SIZE} are allowed"
            )
        # Powers of two, as ctypes keeps every type of array that was ever made.
        pairs, size = 1 << pairs.bit_length(), 1 << size.bit_length()
        entries_type = kms_context_entry_t * pairs
        memory = bytearray(ctypes.sizeof(entries_type) + size)
        entries = entries_type.from_buffer(memory)
        self._request.context = entries  # and so keeps the memory, too
        self._address = addressof(entries)
        self._strings_start = ctypes.sizeof(entries_type)
        self._memory = memoryview(memory)
        self._pairs = pairs


def set_grant_tokens(request: Any, value: Sequence[str]) -> None:
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        raise TypeError(f"grant_tokens: must be a sequence of str, not {type(value).__name__}")
    array = (c_char_p * len(value))(*(text("grant_tokens", token) for token in value))
    request.grant_tokens = array if value else None
    request.grant_tokens_len = len(value)


def set_tags(request: Any, value: Mapping[str, str]) -> None:
    if not isinstance(value, Mapping):
        raise TypeError(f"tags: must be a mapping of str to str, not {type(value).__name__}")
    _set_tags(request, [kms_tag_t(text("tags key", key), text("tags value", value[key])) for key in value])


def set_tag_keys(request: Any, value: Sequence[str]) -> None:
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        raise TypeError(f"tag_keys: must be a sequence of str, not {type(value).__name__}")
    _set_tags(request, [kms_tag_t(text("tag_keys", key), None) for key in value])


def _set_tags(request: Any, tags: list[kms_tag_t]) -> None:
    # A power of two, as ctypes keeps every type of array that was ever made.
    array = (kms_tag_t * (1 << len(tags).bit_length()))(*tags)
    request.tags = array if tags else None
    request.tags_len = len(tags)
