"""An open kms_t and the calls in flight on it, without a lock.

Every call borrows a frame, the memory it shares with the library, and gives it back. So the frames count the calls
in flight, and kms_close(), which must not run beside another call, is left to whoever gives back the last one.

There is no lock to inherit: list.append and list.pop are atomic in Python, so neither a fork, nor a signal handler,
nor a finalizer in the middle of a call can block. In a child, frames that other threads of the parent had borrowed
never come back; at worst close() then leaves the handle behind, whose secrets the library erases at the fork.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ctypes import Array, Structure, addressof, byref, c_char, c_size_t, sizeof
from struct import Struct
from typing import Any

from ._arguments import (
    Buffer,
    Context,
    ContextSlot,
    data_key_size,
    flag,
    key_spec_number,
    lend,
    lend_optional,
    optional_text,
    set_grant_tokens,
    text,
)
from ._enums import Status
from ._errors import ClosedError, failure
from ._ffi import lib
from ._results import INFO_SIZE
from ._structs import (
    KMS_CIPHERTEXT_OVERHEAD,
    KMS_DRY_RUN,
    KMS_INITIAL_VERSION,
    KMS_IV_SIZE,
    KMS_MAX_DATA_KEY_SIZE,
    KMS_SKIP_PLAINTEXT,
    kms_buffer_t,
    kms_bytes_t,
    kms_data_key_info_t,
    kms_data_key_request_t,
    kms_decrypt_request_t,
    kms_error_t,
    sized,
)

# Plain numbers, as the comparison with an enumeration's member is slower.
OK = int(Status.OK)
DRY_RUN_OK = int(Status.DRY_RUN_OK)

#: The longest ciphertext that a frame has room for.
CIPHERTEXT_CAPACITY = KMS_MAX_DATA_KEY_SIZE + KMS_CIPHERTEXT_OVERHEAD

_ZEROS = bytes(KMS_MAX_DATA_KEY_SIZE)
UNSET = object()


class Prepared:
    """A request that stays filled in between calls, as most are like the one before.

    The members say what is in it, so that a call sets only what differs. Each is unset while its part of the request
    changes: a KeyboardInterrupt in the middle must not leave a request that is not what its members say.
    """

    __slots__ = ("_aad", "_context", "aad", "context", "key_id", "request")

    def __init__(self, request: Structure) -> None:
        self.request: Any = request
        self._aad: kms_bytes_t = self.request.aad
        self._context = ContextSlot(self.request)
        self.key_id: object = UNSET
        self.aad: object = None
        self.context: object = None

    def set_context(self, context: Context | None) -> None:
        self.context = UNSET
        self.context = self._context.set(context)

    def set_aad(self, aad: Buffer | None) -> object:
        """As lend(). Only bytes, which cannot change, are believed to be the same in the next call."""
        self.aad = UNSET
        lent = lend_optional(self._aad, "aad", aad)
        if aad is None or type(aad) is bytes:
            self.aad = aad
        return lent


class PreparedDataKey(Prepared):
    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(sized(kms_data_key_request_t))

    def set_key_id(self, key_id: str) -> None:
        self.key_id = UNSET
        self.request.key_id = text("key_id", key_id)
        self.key_id = key_id

    def set_options(
        self,
        *,
        key_spec: int | None = None,
        number_of_bytes: int | None = None,
        version_id: str | None = None,
        skip_plaintext: bool = False,
        grant_tokens: Sequence[str] = (),
        initial_version: bool = False,
        dry_run: bool = False,
    ) -> None:
        request = self.request
        request.key_spec = key_spec_number(key_spec)
        request.number_of_bytes = data_key_size(number_of_bytes)
        request.version_id = optional_text("version_id", version_id)
        set_grant_tokens(request, grant_tokens)
        request.flags = (
            flag("skip_plaintext", skip_plaintext, KMS_SKIP_PLAINTEXT)
            | flag("initial_version", initial_version, KMS_INITIAL_VERSION)
            | flag("dry_run", dry_run, KMS_DRY_RUN)
        )


class PreparedDecrypt(Prepared):
    __slots__ = ("_ciphertext", "_iv", "memory", "size")

    def __init__(self) -> None:
        super().__init__(sized(kms_decrypt_request_t))
        self._ciphertext: kms_bytes_t = self.request.ciphertext
        self._iv: kms_bytes_t = self.request.iv
        #: For ciphertexts of usual size: to point ctypes at one costs more than to copy it.
        self.memory = (c_char * CIPHERTEXT_CAPACITY)()
        #: How many bytes of `memory` are the ciphertext.
        self.size: object = UNSET

    def set_size(self, size: int) -> None:
        self.size = UNSET
        self._ciphertext.data = addressof(self.memory)
        self._ciphertext.len = size
        self.size = size

    def lend_ciphertext(self, ciphertext: Buffer) -> tuple[int, object]:
        """Its size, and what lend() gives."""
        self.size = UNSET
        lent = lend(self._ciphertext, "ciphertext", ciphertext)
        return self._ciphertext.len, lent

    def set_key_id(self, key_id: str | None) -> None:
        self.key_id = UNSET
        self.request.key_id = optional_text("key_id", key_id)
        self.key_id = key_id

    def set_options(
        self, *, iv: Buffer | None = None, grant_tokens: Sequence[str] = (), dry_run: bool = False
    ) -> object:
        """As lend(), for the IV."""
        lent = lend_optional(self._iv, "iv", iv)
        set_grant_tokens(self.request, grant_tokens)
        self.request.flags = flag("dry_run", dry_run, KMS_DRY_RUN)
        return lent


class Views(dict[int, tuple[memoryview, bytes]]):
    """By length, the start of a frame's plaintext memory, and as many zeros to wipe it with."""

    def __init__(self, memory: Array[c_char]) -> None:
        self.memory = memoryview(memory).cast("B")

    def __missing__(self, length: int) -> tuple[memoryview, bytes]:
        self[length] = pair = self.memory[:length], _ZEROS[:length]
        return pair


class Out(Structure):
    """What a call on one data key writes: in one piece, so that one copy takes all but the plaintext to Python."""

    _fields_ = (
        ("plaintext", kms_buffer_t),
        ("ciphertext", kms_buffer_t),
        ("info", kms_data_key_info_t),
        ("iv_memory", c_char * KMS_IV_SIZE),
        ("ciphertext_memory", c_char * CIPHERTEXT_CAPACITY),
    )


# N, a size_t, is aligned as in C.
_BUFFER = f"{kms_buffer_t.len.offset}xN{sizeof(kms_buffer_t) - kms_buffer_t.len.offset - sizeof(c_size_t)}x"
#: Cuts Frame.out into the length of the plaintext, and the info.
split_info = Struct(f"{_BUFFER}{sizeof(kms_buffer_t)}x{INFO_SIZE}s").unpack_from

Split = Callable[[Structure], tuple[int, int, bytes, bytes]]


class Splits(dict[int, Split]):
    """By the length of the ciphertext, what cuts Frame.out into both lengths, info with IV, and ciphertext."""

    def __missing__(self, length: int) -> Split:
        layout = Struct(f"{_BUFFER}{_BUFFER}{INFO_SIZE + KMS_IV_SIZE}s{length}s")
        self[length] = split = layout.unpack_from
        return split


splits = Splits()


class Frame:
    """What one call shares with the library: allocated once, used by one call at a time.

    `generate_data_key(*generate_arguments)` is a call with what is in `data_key_request`, and so on.
    """

    __slots__ = (
        "ciphertext_request",
        "data_key_request",
        "decrypt",
        "decrypt_arguments",
        "error",
        "generate_arguments",
        "generate_data_key",
        "handle",
        "info",
        "out",
        "plaintext_memory",
        "split",
        "views",
    )

    def __init__(self, address: int) -> None:
        self.handle = byref(c_char.from_address(address))
        self.error = kms_error_t()
        self.out = out = Out()
        self.info: kms_data_key_info_t = out.info
        self.info.struct_size = INFO_SIZE
        self.plaintext_memory = (c_char * KMS_MAX_DATA_KEY_SIZE)()
        out.plaintext = kms_buffer_t(addressof(self.plaintext_memory), KMS_MAX_DATA_KEY_SIZE, 0)
        out.ciphertext = kms_buffer_t(addressof(out) + Out.ciphertext_memory.offset, CIPHERTEXT_CAPACITY, 0)
        iv = kms_buffer_t(addressof(out) + Out.iv_memory.offset, KMS_IV_SIZE, 0)
        self.views = Views(self.plaintext_memory)
        #: What fitted the last ciphertext.
        self.split = splits[0]
        self.data_key_request = PreparedDataKey()
        self.ciphertext_request = PreparedDecrypt()
        plaintext, ciphertext, info = out.plaintext, out.ciphertext, out.info
        self.generate_data_key, self.generate_arguments = lib.repeated(
            "kms_generate_data_key",
            self.handle,
            self.data_key_request.request,
            plaintext,
            ciphertext,
            iv,
            info,
            self.error,
        )
        self.decrypt, self.decrypt_arguments = lib.repeated(
            "kms_decrypt", self.handle, self.ciphertext_request.request, plaintext, info, self.error
        )

    def wipe(self) -> None:
        self.plaintext_memory.raw = _ZEROS


class Handle:
    __slots__ = ("_address", "_made", "_retired", "closed", "idle")

    def __init__(self, address: int) -> None:
        self.closed = False
        self.idle: list[Frame] = []
        # Counted by the lengths of lists, because append is atomic and += is not.
        self._made: list[None] = []
        self._retired: list[Frame | None] = []
        self._address = [address]

    def borrow(self) -> Frame:
        """A frame for one call, to be given back in a `finally`; ClosedError after close()."""
        try:
            return self.idle.pop()
        except IndexError:
            pass
        address = self._address[:]
        self._made.append(None)
        try:
            if self.closed:
                raise ClosedError("the Kms is closed")
            return Frame(address[0])
        except BaseException:
            self._retired.append(None)
            if self.closed:
                self._close_when_idle()
            raise

    def give_back(self, frame: Frame) -> None:
        self.idle.append(frame)
        if self.closed:
            self._close_when_idle()

    def call(self, function: Callable[..., int], *arguments: object) -> bool:
        """Calls the library: True if it was done, False if a dry run would have succeeded."""
        frame = self.borrow()
        try:
            status = function(frame.handle, *arguments, frame.error)
            if status == OK:
                return True
            if status == DRY_RUN_OK:
                return False
            raise failure(frame.error)
        finally:
            self.give_back(frame)

    def close(self) -> None:
        """Refuses further calls, and closes the handle as soon as none is in flight. Idempotent."""
        self.closed = True
        self._close_when_idle()

    def _close_when_idle(self) -> None:
        while True:
            try:
                self._retired.append(self.idle.pop())
            except IndexError:
                break
        # Whoever makes a frame after this count sees `closed` and does not use it.
        if len(self._retired) == len(self._made):
            try:
                address = self._address.pop()
            except IndexError:
                return  # another thread was first
            lib.kms_close(address)
