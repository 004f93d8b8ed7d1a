"""Plaintexts are wiped when they should be, stay when they should not, and show up nowhere."""

from __future__ import annotations

import copy
import ctypes
import gc
import os
import pickle
from collections.abc import Callable

import pytest

import libkms
from libkms import SecretBytes

KEY = "alias/orders"
SIZE = 1024


def address(buffer: bytearray) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(buffer))


def residue(make: Callable[[bytes], bytearray]) -> bytes:
    """What is left in memory of a freed buffer, but for its first 32 bytes, where the allocator keeps its notes."""
    seen = ctypes.create_string_buffer(SIZE)
    buffer = make(b"\xa5" * SIZE)
    place = address(buffer)
    del buffer
    ctypes.memmove(seen, place, SIZE)
    return seen.raw[32:]


def test_a_secret_is_wiped_when_it_is_freed() -> None:
    assert residue(SecretBytes) == bytes(SIZE - 32)


def test_the_check_for_residue_sees_residue() -> None:
    assert residue(bytearray) == b"\xa5" * (SIZE - 32)


@pytest.mark.parametrize("size", [0, 1, 16, 24, 32, 33, 65536])
def test_wipe_is_in_place(size: int) -> None:
    secret = SecretBytes(b"\xa5" * size)
    with memoryview(secret) as view:  # which a bytearray that moves or resizes would refuse
        secret.wipe()
        assert view == bytes(size)
    assert bytes(secret) == bytes(size)


def opened(kms: libkms.Kms) -> list[libkms.DataKey | libkms.Decrypted]:
    key = kms.generate_data_key(KEY)
    payload = kms.encrypt(KEY, os.urandom(5000))
    return [key, kms.decrypt(key.ciphertext), kms.decrypt(payload.ciphertext), kms.generate_data_keys(KEY, 2)[1]]


def test_close_wipes_the_buffer_that_was_handed_out(kms: libkms.Kms) -> None:
    for result in opened(kms):
        plaintext = result.plaintext
        with memoryview(plaintext) as underlying:
            assert any(underlying)
            result.close()
            assert not any(underlying)
        assert len(plaintext) >= 32
        result.close()
        with pytest.raises(libkms.ClosedError, match="plaintext"):
            _ = result.plaintext


def test_leaving_with_wipes(kms: libkms.Kms) -> None:
    for result in opened(kms):
        plaintext = result.plaintext
        with result as entered:
            assert entered is result
            assert any(plaintext)
        assert not any(plaintext)
    result = kms.generate_data_key(KEY)
    plaintext = result.plaintext
    with pytest.raises(ZeroDivisionError), result:
        _ = 1 // 0
    assert not any(plaintext)


def test_a_batch_wipes_its_column(kms: libkms.Kms) -> None:
    with kms.generate_data_keys(KEY, 100) as keys:
        column = keys.plaintexts
        item = keys[7]
        assert any(column)
    assert not any(column)
    assert any(item.plaintext)  # its own
    with pytest.raises(libkms.ClosedError):
        _ = keys.plaintexts
    with pytest.raises(libkms.ClosedError):
        keys[0]
    assert len(keys.ciphertexts) == 100 * 128


def test_a_plaintext_outlives_the_result_it_came_from(kms: libkms.Kms) -> None:
    key = kms.generate_data_key(KEY)
    # The Decrypted is freed as soon as its plaintext was read. A wipe then would leave a key of zeros.
    plaintext = kms.decrypt(key.ciphertext).plaintext
    gc.collect()
    assert plaintext == key.plaintext
    assert any(plaintext)


def test_frames_keep_no_plaintext(kms: libkms.Kms) -> None:
    ciphertext = kms.generate_data_key(KEY, number_of_bytes=1024).ciphertext
    (frame,) = kms._handle.idle
    assert frame.plaintext_memory.raw == bytes(1024)
    assert any(kms.decrypt(ciphertext).plaintext)
    assert frame.plaintext_memory.raw == bytes(1024)
    assert kms._handle.idle == [frame]


def test_an_interrupted_call_leaves_no_plaintext(kms: libkms.Kms, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        assert any(frame.plaintext_memory.raw)
        raise KeyboardInterrupt

    ciphertext = kms.generate_data_key(KEY).ciphertext
    (frame,) = kms._handle.idle
    monkeypatch.setattr("libkms._data.SecretBytes", interrupted)
    for call in (lambda: kms.generate_data_key(KEY), lambda: kms.decrypt(ciphertext)):
        with pytest.raises(KeyboardInterrupt):
            call()
        assert kms._handle.idle == [frame]
        assert frame.plaintext_memory.raw == bytes(1024)


def test_no_repr_shows_a_secret(kms: libkms.Kms, store: object) -> None:
    texts = [repr(kms), repr(libkms.open("memory:", root_key=b"R" * 32, create=True))]
    secrets = [b"R" * 32]
    results: list[object] = [*opened(kms), kms.generate_data_keys(KEY, 2), kms.generate_random(32)]
    for result in results:
        for secret in (
            getattr(result, "plaintext", None),
            getattr(result, "plaintexts", None),
            result if isinstance(result, bytearray) else None,
        ):
            if secret is not None:
                secrets.append(bytes(secret))
                texts += [repr(secret), str(secret), f"{secret}", f"{secret!r}"]
        texts += [repr(result), str(result), f"{result}", repr([result])]
    shown = "\n".join(texts)
    assert "orders-1" in shown
    for secret in secrets:
        for start in range(0, min(len(secret), 32), 8):
            part = secret[start : start + 8]
            assert repr(part)[2:-1] not in shown
            assert part.hex() not in shown


def test_what_holds_a_secret_is_not_pickled_or_copied(kms: libkms.Kms) -> None:
    holders: list[object] = [kms, *opened(kms), kms.generate_data_keys(KEY, 2), kms.generate_random(32)]
    for holder in holders:
        for take in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError, match="pickled or copied"):
                take(holder)
    sealed = kms.encrypt(KEY, b"payload")
    assert copy.copy(sealed).ciphertext == pickle.loads(pickle.dumps(sealed)).ciphertext == sealed.ciphertext


def test_exceptions_do_not_quote_arguments_that_are_secret() -> None:
    with pytest.raises(libkms.InvalidArgumentError) as short:
        libkms.open("memory:", root_key=b"0123456789", create=True)
    assert "0123456789" not in str(short.value)
    with pytest.raises(TypeError) as kind:
        libkms.open("memory:", root_key="0123456789", create=True)  # type: ignore[arg-type]
    assert "0123456789" not in str(kind.value)
