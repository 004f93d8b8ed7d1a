"""The operations on data: data keys, payloads, random bytes. The hot path of the package.

A call of the library takes a few hundred nanoseconds, less than Python needs for its arguments. So the single calls
reuse a Frame, and set in its request only what differs from the call before.
"""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import POINTER, Structure, c_size_t, sizeof
from typing import Any, Literal, overload

from ._arguments import (
    Buffer,
    Context,
    ContextSlot,
    data_key_size,
    flag,
    integer,
    key_spec_number,
    lend,
    lend_optional,
    lend_out,
    new_column,
    optional_text,
    set_grant_tokens,
    takes_options_of,
    text,
    uint32,
)
from ._enums import KeySpec
from ._errors import failure
from ._ffi import lib
from ._handle import (
    CIPHERTEXT_CAPACITY,
    DRY_RUN_OK,
    Frame,
    Handle,
    PreparedDataKey,
    PreparedDecrypt,
    split_info,
    splits,
)
from ._results import DataKey, DataKeys, Decrypted, Encrypted, ReEncrypted
from ._secret import SecretBytes
from ._structs import (
    KMS_CIPHERTEXT_OVERHEAD,
    KMS_DRY_RUN,
    KMS_INITIAL_VERSION,
    KMS_IV_SIZE,
    KMS_MAX_CIPHERTEXT_SIZE,
    KMS_MAX_DATA_KEY_SIZE,
    KMS_MAX_DATA_KEYS,
    KMS_MAX_PAYLOAD_SIZE,
    KMS_MAX_RANDOM_SIZE,
    KMS_SKIP_PLAINTEXT,
    kms_column_t,
    kms_context_entry_t,
    kms_data_key_info_t,
    kms_data_key_request_t,
    kms_encrypt_request_t,
    kms_random_request_t,
    kms_re_encrypt_request_t,
    sized,
)

_SPEC_BYTES = {0: 32, KeySpec.AES_128: 16, KeySpec.AES_192: 24, KeySpec.AES_256: 32, KeySpec.AES_256_HSM: 32}


class _ContextMembers(Structure):
    """Where a request has one of two contexts."""

    _fields_ = (("context", POINTER(kms_context_entry_t)), ("context_len", c_size_t))


def _lend_context(request: Structure, name: str, context: Context | None) -> object:
    members = _ContextMembers.from_buffer(request, getattr(type(request), name).offset)
    ContextSlot(members, name).set(context)
    return members


def _set_version(request: Any, version_id: str | None, grant_tokens: Sequence[str], flags: int) -> None:
    request.version_id = optional_text("version_id", version_id)
    set_grant_tokens(request, grant_tokens)
    request.flags = flags


class DataOperations:
    __slots__ = ()

    _handle: Handle

    @overload
    def generate_data_key(
        self,
        key_id: str,
        *,
        key_spec: KeySpec | int | None = None,
        number_of_bytes: int | None = None,
        aad: Buffer | None = None,
        context: Context | None = None,
        version_id: str | None = None,
        skip_plaintext: bool = False,
        grant_tokens: Sequence[str] = (),
        initial_version: bool = False,
        dry_run: Literal[False] = False,
    ) -> DataKey: ...
    @overload
    def generate_data_key(
        self,
        key_id: str,
        *,
        key_spec: KeySpec | int | None = None,
        number_of_bytes: int | None = None,
        aad: Buffer | None = None,
        context: Context | None = None,
        version_id: str | None = None,
        skip_plaintext: bool = False,
        grant_tokens: Sequence[str] = (),
        initial_version: bool = False,
        dry_run: bool,
    ) -> DataKey | None: ...
    @takes_options_of(PreparedDataKey.set_options)
    def generate_data_key(
        self,
        key_id: str,
        *,
        aad: Buffer | None = None,
        context: Context | None = None,
        **options: Any,
    ) -> DataKey | None:
        """Generates a data key under the KMS key that `key_id` names by its id, "alias/NAME", or an ARN of either.

        It has 32 bytes unless `key_spec` or `number_of_bytes` (1 to 1024) says otherwise. `aad` or `context`, not
        both, must be given to decrypt() again. `version_id` None is the primary version. None is returned for a dry
        run that would succeed.
        """
        handle = self._handle
        try:
            frame = handle.idle.pop()
        except IndexError:
            frame = handle.borrow()
        request = frame.data_key_request
        lent = None
        try:
            if key_id is not request.key_id:
                request.set_key_id(key_id)
            if context is not request.context and context != request.context:
                request.set_context(context)
            if aad is not request.aad:
                lent = request.set_aad(aad)
            # The other arguments are seldom given: in one dictionary, they cost a call without them nothing.
            if options:
                request.set_options(**options)
            status = frame.generate_data_key(*frame.generate_arguments)
            if status:
                if status == DRY_RUN_OK:
                    return None
                raise failure(frame.error)
            size, ciphertext_size, info, ciphertext = frame.split(frame.out)
            if len(ciphertext) != ciphertext_size:
                frame.split = splits[ciphertext_size]
                size, _, info, ciphertext = frame.split(frame.out)
            view, zeros = frame.views[size]
            key = DataKey()
            key._secret = SecretBytes(view)
            frame.plaintext_memory.raw = zeros
            key._info = info
            key.ciphertext = ciphertext
            return key
        except BaseException:
            frame.wipe()
            raise
        finally:
            del lent
            if options:
                request.set_options()
            # give_back(), inline: a call of a Python function is a tenth of this one
            handle.idle.append(frame)
            if handle.closed:
                handle.close()

    @overload
    def generate_data_keys(
        self,
        key_id: str,
        count: int,
        *,
        key_spec: KeySpec | int | None = None,
        number_of_bytes: int | None = None,
        aad: Buffer | None = None,
        context: Context | None = None,
        version_id: str | None = None,
        skip_plaintext: bool = False,
        grant_tokens: Sequence[str] = (),
        initial_version: bool = False,
        dry_run: Literal[False] = False,
    ) -> DataKeys: ...
    @overload
    def generate_data_keys(
        self,
        key_id: str,
        count: int,
        *,
        key_spec: KeySpec | int | None = None,
        number_of_bytes: int | None = None,
        aad: Buffer | None = None,
        context: Context | None = None,
        version_id: str | None = None,
        skip_plaintext: bool = False,
        grant_tokens: Sequence[str] = (),
        initial_version: bool = False,
        dry_run: bool,
    ) -> DataKeys | None: ...
    def generate_data_keys(
        self,
        key_id: str,
        count: int,
        *,
        key_spec: KeySpec | int | None = None,
        number_of_bytes: int | None = None,
        aad: Buffer | None = None,
        context: Context | None = None,
        version_id: str | None = None,
        skip_plaintext: bool = False,
        grant_tokens: Sequence[str] = (),
        initial_version: bool = False,
        dry_run: bool = False,
    ) -> DataKeys | None:
        """Generates `count` (1 to 65,536) data keys under one version of one key, in one crossing to the library."""
        request = sized(kms_data_key_request_t)
        request.key_id = text("key_id", key_id)
        request.key_spec = key_spec_number(key_spec)
        request.number_of_bytes = data_key_size(number_of_bytes)
        lent = lend_optional(request.aad, "aad", aad)
        ContextSlot(request).set(context)
        flags = (
            flag("skip_plaintext", skip_plaintext, KMS_SKIP_PLAINTEXT)
            | flag("initial_version", initial_version, KMS_INITIAL_VERSION)
            | flag("dry_run", dry_run, KMS_DRY_RUN)
        )
        _set_version(request, version_id, grant_tokens, flags)
        number = integer("count", count, 8 * sizeof(c_size_t))
        size = request.number_of_bytes or _SPEC_BYTES.get(request.key_spec, 0)
        # What the library will refuse gets no memory: its own message is the better one.
        items = number if number <= KMS_MAX_DATA_KEYS and size <= KMS_MAX_DATA_KEY_SIZE and not dry_run else 0
        plaintexts = SecretBytes(0 if skip_plaintext else items * size)
        ciphertexts, ciphertexts_column = new_column(items * (size + KMS_CIPHERTEXT_OVERHEAD))
        ivs, ivs_column = new_column(items * KMS_IV_SIZE)
        plaintexts_buffer, lent_out = lend_out(plaintexts)
        info = sized(kms_data_key_info_t)
        done = self._handle.call(
            lib.kms_generate_data_keys,
            request,
            number,
            None if skip_plaintext else kms_column_t(plaintexts_buffer.data, len(plaintexts), 0, 0),
            ciphertexts_column,
            ivs_column,
            info,
        )
        del lent, lent_out
        return DataKeys(number, plaintexts, ciphertexts, ivs, bytes(info)) if done else None

    @overload
    def encrypt(
        self,
        key_id: str,
        plaintext: Buffer,
        *,
        aad: Buffer | None = None,
        context: Context | None = None,
        version_id: str | None = None,
        grant_tokens: Sequence[str] = (),
        initial_version: bool = False,
        dry_run: Literal[False] = False,
    ) -> Encrypted: ...
    @overload
    def encrypt(
        self,
        key_id: str,
        plaintext: Buffer,
        *,
        aad: Buffer | None = None,
        context: Context | None = None,
        version_id: str | None = None,
        grant_tokens: Sequence[str] = (),
        initial_version: bool = False,
        dry_run: bool,
    ) -> Encrypted | None: ...
    def encrypt(
        self,
        key_id: str,
        plaintext: Buffer,
        *,
        aad: Buffer | None = None,
        context: Context | None = None,
        version_id: str | None = None,
        grant_tokens: Sequence[str] = (),
        initial_version: bool = False,
        dry_run: bool = False,
    ) -> Encrypted | None:
        """Encrypts up to 65,536 bytes under a KMS key. For more, or for speed, use a data key."""
        request = sized(kms_encrypt_request_t)
        request.key_id = text("key_id", key_id)
        lent = lend(request.plaintext, "plaintext", plaintext), lend_optional(request.aad, "aad", aad)
        ContextSlot(request).set(context)
        flags = flag("initial_version", initial_version, KMS_INITIAL_VERSION) | flag("dry_run", dry_run, KMS_DRY_RUN)
        _set_version(request, version_id, grant_tokens, flags)
        ciphertext = bytearray(lib.kms_ciphertext_size(request.plaintext.len))
        iv = bytearray(KMS_IV_SIZE)
        (ciphertext_buffer, ciphertext_lent), (iv_buffer, iv_lent) = lend_out(ciphertext), lend_out(iv)
        info = sized(kms_data_key_info_t)
        done = self._handle.call(lib.kms_encrypt, request, ciphertext_buffer, iv_buffer, info)
        del lent, ciphertext_lent, iv_lent
        return Encrypted(bytes(ciphertext), bytes(iv), bytes(info)) if done else None

    @overload
    def decrypt(
        self,
        ciphertext: Buffer,
        *,
        key_id: str | None = None,
        iv: Buffer | None = None,
        aad: Buffer | None = None,
        context: Context | None = None,
        grant_tokens: Sequence[str] = (),
        dry_run: Literal[False] = False,
    ) -> Decrypted: ...
    @overload
    def decrypt(
        self,
        ciphertext: Buffer,
        *,
        key_id: str | None = None,
        iv: Buffer | None = None,
        aad: Buffer | None = None,
        context: Context | None = None,
        grant_tokens: Sequence[str] = (),
        dry_run: bool,
    ) -> Decrypted | None: ...
    @takes_options_of(PreparedDecrypt.set_options)
    def decrypt(
        self,
        ciphertext: Buffer,
        *,
        key_id: str | None = None,
        aad: Buffer | None = None,
        context: Context | None = None,
        **options: Any,
    ) -> Decrypted | None:
        """Opens a ciphertext: gives back the data key or payload.

        An altered ciphertext, and any `aad`, `context` or `iv` that is not the one of its making, is an
        InvalidCiphertextError. With `key_id`, a ciphertext of another key is an IncorrectKeyError.
        """
        handle = self._handle
        try:
            frame = handle.idle.pop()
        except IndexError:
            frame = handle.borrow()
        request = frame.ciphertext_request
        lent: object = None
        try:
            if key_id is not request.key_id:
                request.set_key_id(key_id)
            if context is not request.context and context != request.context:
                request.set_context(context)
            if type(ciphertext) is bytes and len(ciphertext) <= CIPHERTEXT_CAPACITY:
                request.memory.raw = ciphertext
                size = len(ciphertext)
                if size != request.size:
                    request.set_size(size)
            else:
                size, lent = request.lend_ciphertext(ciphertext)
            if aad is not request.aad:
                lent = lent, request.set_aad(aad)
            if options:
                lent = lent, request.set_options(**options)
            if size > CIPHERTEXT_CAPACITY:
                return self._decrypt_payload(frame, min(size - KMS_CIPHERTEXT_OVERHEAD, KMS_MAX_PAYLOAD_SIZE))
            status = frame.decrypt(*frame.decrypt_arguments)
            if status:
                if status == DRY_RUN_OK:
                    return None
                raise failure(frame.error)
            size, info = split_info(frame.out)
            view, zeros = frame.views[size]
            decrypted = Decrypted()
            decrypted._secret = SecretBytes(view)
            frame.plaintext_memory.raw = zeros
            decrypted._info = info
            return decrypted
        except BaseException:
            frame.wipe()
            raise
        finally:
            del lent
            if options:
                request.set_options()
            handle.idle.append(frame)
            if handle.closed:
                handle.close()

    def _decrypt_payload(self, frame: Frame, size: int) -> Decrypted | None:
        """decrypt() of what is too long for the frame, straight into the bytearray that is returned."""
        secret = SecretBytes(size)
        buffer, lent = lend_out(secret)
        status = lib.kms_decrypt(frame.handle, frame.ciphertext_request.request, buffer, frame.info, frame.error)
        del lent
        if status == DRY_RUN_OK:
            return None
        if status:
            raise failure(frame.error)
        decrypted = Decrypted()
        decrypted._secret = secret
        decrypted._info = bytes(frame.info)
        return decrypted

    @overload
    def re_encrypt(
        self,
        ciphertext: Buffer,
        destination_key_id: str,
        *,
        source_key_id: str | None = None,
        source_iv: Buffer | None = None,
        source_aad: Buffer | None = None,
        source_context: Context | None = None,
        destination_aad: Buffer | None = None,
        destination_context: Context | None = None,
        destination_version_id: str | None = None,
        grant_tokens: Sequence[str] = (),
        initial_version: bool = False,
        dry_run: Literal[False] = False,
    ) -> ReEncrypted: ...
    @overload
    def re_encrypt(
        self,
        ciphertext: Buffer,
        destination_key_id: str,
        *,
        source_key_id: str | None = None,
        source_iv: Buffer | None = None,
        source_aad: Buffer | None = None,
        source_context: Context | None = None,
        destination_aad: Buffer | None = None,
        destination_context: Context | None = None,
        destination_version_id: str | None = None,
        grant_tokens: Sequence[str] = (),
        initial_version: bool = False,
        dry_run: bool,
    ) -> ReEncrypted | None: ...
    def re_encrypt(
        self,
        ciphertext: Buffer,
        destination_key_id: str,
        *,
        source_key_id: str | None = None,
        source_iv: Buffer | None = None,
        source_aad: Buffer | None = None,
        source_context: Context | None = None,
        destination_aad: Buffer | None = None,
        destination_context: Context | None = None,
        destination_version_id: str | None = None,
        grant_tokens: Sequence[str] = (),
        initial_version: bool = False,
        dry_run: bool = False,
    ) -> ReEncrypted | None:
        """Decrypts a ciphertext and encrypts what was in it anew, under another key, version, AAD or context.

        The plaintext never leaves the library. `source_...` are as in decrypt(), the others as in encrypt().
        """
        request = sized(kms_re_encrypt_request_t)
        request.source_key_id = optional_text("source_key_id", source_key_id)
        request.destination_key_id = text("destination_key_id", destination_key_id)
        request.destination_version_id = optional_text("destination_version_id", destination_version_id)
        lent = (
            lend(request.ciphertext, "ciphertext", ciphertext),
            lend_optional(request.source_iv, "source_iv", source_iv),
            lend_optional(request.source_aad, "source_aad", source_aad),
            lend_optional(request.destination_aad, "destination_aad", destination_aad),
            _lend_context(request, "source_context", source_context),
            _lend_context(request, "destination_context", destination_context),
        )
        set_grant_tokens(request, grant_tokens)
        request.flags = flag("initial_version", initial_version, KMS_INITIAL_VERSION) | flag(
            "dry_run", dry_run, KMS_DRY_RUN
        )
        fresh, iv = bytearray(min(request.ciphertext.len, KMS_MAX_CIPHERTEXT_SIZE)), bytearray(KMS_IV_SIZE)
        (fresh_buffer, fresh_lent), (iv_buffer, iv_lent) = lend_out(fresh), lend_out(iv)
        source_info, info = sized(kms_data_key_info_t), sized(kms_data_key_info_t)
        done = self._handle.call(lib.kms_re_encrypt, request, fresh_buffer, iv_buffer, source_info, info)
        del lent, fresh_lent, iv_lent
        return ReEncrypted(bytes(fresh), bytes(iv), bytes(info), bytes(source_info)) if done else None

    @overload
    def generate_random(self, number_of_bytes: int, *, dry_run: Literal[False] = False) -> bytearray: ...
    @overload
    def generate_random(self, number_of_bytes: int, *, dry_run: bool) -> bytearray | None: ...
    def generate_random(self, number_of_bytes: int, *, dry_run: bool = False) -> bytearray | None:
        """1 to 65,536 random bytes fit for keys, in a bytearray that wipes itself when nobody holds it any more."""
        number = uint32("number_of_bytes", number_of_bytes)
        request = sized(kms_random_request_t)
        request.number_of_bytes = number
        request.flags = flag("dry_run", dry_run, KMS_DRY_RUN)
        random = SecretBytes(number if number <= KMS_MAX_RANDOM_SIZE else 0)
        buffer, lent = lend_out(random)
        done = self._handle.call(lib.kms_generate_random, request, buffer)
        del lent
        return random if done else None
