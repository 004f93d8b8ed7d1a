"""Data keys, one and many: sizes, AAD and context, flags, and what does not open them."""

from __future__ import annotations

import array
import mmap
import os
from collections import UserDict
from collections.abc import Callable
from typing import Any

import pytest

import libkms
from libkms import KeySpec

KEY = "alias/orders"


@pytest.mark.parametrize(
    ("spec", "size"),
    [
        (None, 32),
        (KeySpec.UNSPECIFIED, 32),
        (KeySpec.AES_128, 16),
        (KeySpec.AES_192, 24),
        (KeySpec.AES_256, 32),
        (1, 16),
    ],
)
def test_key_specs(kms: libkms.Kms, spec: KeySpec | int | None, size: int) -> None:
    key = kms.generate_data_key(KEY, key_spec=spec)
    assert (len(key.plaintext), len(key.ciphertext), len(key.iv)) == (size, size + 96, 12)
    assert kms.decrypt(key.ciphertext).plaintext == key.plaintext
    keys = kms.generate_data_keys(KEY, 2, key_spec=spec)
    assert (keys.plaintext_size, keys.ciphertext_size, keys.iv_size) == (size, size + 96, 12)
    assert kms.decrypt(keys[1].ciphertext).plaintext == keys[1].plaintext


@pytest.mark.parametrize("size", [1, 31, 32, 33, 1023, 1024])
def test_number_of_bytes(kms: libkms.Kms, size: int) -> None:
    key = kms.generate_data_key(KEY, number_of_bytes=size)
    assert (len(key.plaintext), len(key.ciphertext)) == (size, size + 96)
    assert kms.decrypt(key.ciphertext).plaintext == key.plaintext
    keys = kms.generate_data_keys(KEY, 2, number_of_bytes=size)
    assert (keys.plaintext_size, keys.ciphertext_size) == (size, size + 96)
    assert kms.decrypt(keys[1].ciphertext).plaintext == keys[1].plaintext


def test_sizes_out_of_range(kms: libkms.Kms) -> None:
    for size in (0, 1025, 2**32 - 1):
        with pytest.raises(libkms.InvalidArgumentError, match="number_of_bytes"):
            kms.generate_data_key(KEY, number_of_bytes=size)
        with pytest.raises(libkms.InvalidArgumentError, match="number_of_bytes"):
            kms.generate_data_keys(KEY, 2, number_of_bytes=size)
    for spec in (5, 2**32 - 1):
        with pytest.raises(libkms.InvalidArgumentError, match="key_spec"):
            kms.generate_data_key(KEY, key_spec=spec)
        with pytest.raises(libkms.InvalidArgumentError, match="key_spec"):
            kms.generate_data_keys(KEY, 2, key_spec=spec)
    with pytest.raises(libkms.InvalidArgumentError):
        kms.generate_data_key(KEY, key_spec=KeySpec.AES_256, number_of_bytes=32)
    with pytest.raises(libkms.InvalidKeyUsageError):
        kms.generate_data_key(KEY, key_spec=KeySpec.AES_256_HSM)
    # The next call starts from nothing.
    assert len(kms.generate_data_key(KEY).plaintext) == 32


def test_every_data_key_is_fresh(kms: libkms.Kms) -> None:
    keys = [kms.generate_data_key(KEY) for _ in range(2000)] + list(kms.generate_data_keys(KEY, 2000))
    assert len({bytes(key.plaintext) for key in keys}) == 4000
    assert len({key.iv for key in keys}) == 4000
    assert len({key.ciphertext for key in keys}) == 4000


def test_context_is_bound(kms: libkms.Kms) -> None:
    key = kms.generate_data_key(KEY, context={"a": "bc", "d": ""})
    assert kms.decrypt(key.ciphertext, context={"d": "", "a": "bc"}).plaintext == key.plaintext
    for context in (None, {}, {"a": "bc"}, {"ab": "c", "d": ""}, {"a": "bc", "d": "", "e": ""}, {"a": "BC", "d": ""}):
        with pytest.raises(libkms.InvalidCiphertextError):
            kms.decrypt(key.ciphertext, context=context)
    with pytest.raises(libkms.InvalidCiphertextError):
        kms.decrypt(key.ciphertext, aad=b"abcd")
    assert kms.decrypt(key.ciphertext, context=UserDict({"a": "bc", "d": ""})).plaintext == key.plaintext


def test_pairs_do_not_run_together(kms: libkms.Kms) -> None:
    one, other = {"a": "bc"}, {"ab": "c"}
    made: dict[str, Callable[[dict[str, str]], bytes]] = {
        "generate_data_key": lambda context: kms.generate_data_key(KEY, context=context).ciphertext,
        "generate_data_keys": lambda context: kms.generate_data_keys(KEY, 1, context=context)[0].ciphertext,
        "encrypt": lambda context: kms.encrypt(KEY, b"payload", context=context).ciphertext,
    }
    for make in made.values():
        for mine, wrong in ((one, other), (other, one)):
            ciphertext = make(mine)
            kms.decrypt(ciphertext, context=mine)
            with pytest.raises(libkms.InvalidCiphertextError):
                kms.decrypt(ciphertext, context=wrong)


def test_strings_of_a_context_are_exact(kms: libkms.Kms) -> None:
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    key = kms.generate_data_key(KEY, context={composed: "\U0001f511"})
    assert kms.decrypt(key.ciphertext, context={composed: "\U0001f511"}).plaintext == key.plaintext
    with pytest.raises(libkms.InvalidCiphertextError):
        kms.decrypt(key.ciphertext, context={decomposed: "\U0001f511"})


def test_a_context_that_changes_between_calls(kms: libkms.Kms) -> None:
    # The request keeps the last context: of the caller's dict it must have a copy.
    context = {"tenant": "7"}
    seven = kms.generate_data_key(KEY, context=context).ciphertext
    context["tenant"] = "8"
    eight = kms.generate_data_key(KEY, context=context).ciphertext
    with pytest.raises(libkms.InvalidCiphertextError):
        kms.decrypt(eight, context={"tenant": "7"})
    with pytest.raises(libkms.InvalidCiphertextError):
        kms.decrypt(seven, context=context)
    kms.decrypt(eight, context=context)
    context["tenant"] = "7"
    kms.decrypt(seven, context=context)


def test_an_aad_that_changes_between_calls(kms: libkms.Kms) -> None:
    aad = bytearray(b"one")
    one = kms.generate_data_key(KEY, aad=aad).ciphertext
    aad[:] = b"two"
    two = kms.generate_data_key(KEY, aad=aad).ciphertext
    kms.decrypt(two, aad=aad)
    kms.decrypt(one, aad=b"one")
    for ciphertext in (one, two):
        with pytest.raises(libkms.InvalidCiphertextError):
            kms.decrypt(ciphertext)
    # It is not lent any more, so it may move; the next call must not look where it was.
    aad.extend(bytes(100_000))
    del aad[8:]
    three = kms.generate_data_key(KEY, aad=aad).ciphertext
    kms.decrypt(three, aad=b"two" + bytes(5))


def test_nothing_is_left_over_for_the_next_call(kms: libkms.Kms) -> None:
    kms.create_key(key_id="other")
    first = kms.describe_key("orders-1").primary_version_id
    # Each call sets something else; a failed one in between must not leave its own behind.
    kms.generate_data_key("other", aad=b"aad")
    with pytest.raises(TypeError):
        kms.generate_data_key(KEY, context={"a": 1})  # type: ignore[dict-item]
    with pytest.raises(libkms.NotFoundError):
        kms.generate_data_key(KEY, version_id="none")
    kms.decrypt(kms.generate_data_key(KEY, context={"a": "b"}).ciphertext, context={"a": "b"})
    for call in (
        lambda: kms.generate_data_key(KEY, context={"c": "\0"}),
        lambda: kms.decrypt(b"", context={"c": "\0"}),
    ):
        with pytest.raises(libkms.InvalidArgumentError, match="context value"):
            call()
    kms.decrypt(kms.generate_data_key(KEY, context={"a": "b"}).ciphertext, context={"a": "b"})
    kms.generate_data_key(KEY, version_id=first, skip_plaintext=True, number_of_bytes=7)
    kms.generate_data_key(KEY, initial_version=True, dry_run=True)
    with pytest.raises(libkms.InvalidGrantTokenError):
        kms.generate_data_key(KEY, grant_tokens=["token"])
    plain = kms.generate_data_key(KEY)
    assert len(plain.plaintext) == 32
    assert plain.key_id == "orders-1"

    kms.decrypt(plain.ciphertext, iv=plain.iv, key_id=KEY, dry_run=True)
    with pytest.raises(libkms.InvalidCiphertextError):
        kms.decrypt(plain.ciphertext, aad=b"aad", key_id=KEY)
    with pytest.raises(libkms.InvalidCiphertextError):
        kms.decrypt(plain.ciphertext, iv=bytes(12))
    with pytest.raises(libkms.InvalidGrantTokenError):
        kms.decrypt(plain.ciphertext, grant_tokens=("token",))
    other = kms.generate_data_key("other").ciphertext
    assert kms.decrypt(other).key_id == "other"


@pytest.mark.parametrize(
    "kind",
    [
        bytes,
        bytearray,
        memoryview,
        lambda data: memoryview(bytearray(data)),
        lambda data: memoryview(b"x" + data + b"x")[1:-1],
        lambda data: memoryview(bytearray(b"x" + data))[1:],
        lambda data: memoryview(bytes(byte for one in data for byte in (one, 0)))[::2],
        lambda data: memoryview(bytearray(byte for one in data for byte in (one, 0)))[::2],
        lambda data: array.array("B", data),
        lambda data: memoryview(data).cast("H") if len(data) % 2 == 0 else data,
    ],
    ids=["bytes", "bytearray", "view", "writable", "slice", "offset", "strided", "writable strided", "array", "words"],
)
def test_anything_that_holds_bytes(kms: libkms.Kms, kind: Callable[[bytes], libkms.Buffer]) -> None:
    aad, payload = os.urandom(64), os.urandom(2000)
    sealed = kms.encrypt(KEY, kind(payload), aad=kind(aad))
    assert kms.decrypt(kind(sealed.ciphertext), iv=kind(sealed.iv), aad=aad).plaintext == payload
    key = kms.generate_data_key(KEY, aad=kind(aad))
    assert kms.decrypt(kind(key.ciphertext), aad=kind(aad)).plaintext == key.plaintext
    keys = kms.generate_data_keys(KEY, 1, aad=kind(aad))
    assert kms.decrypt(keys[0].ciphertext, aad=aad).plaintext == keys[0].plaintext


def test_a_mapped_file(kms: libkms.Kms) -> None:
    with mmap.mmap(-1, 4096) as memory:
        memory[:7] = b"payload"
        with memoryview(memory) as view:
            sealed = kms.encrypt(KEY, view[:7])
    assert kms.decrypt(sealed.ciphertext).plaintext == b"payload"


def test_skip_plaintext(kms: libkms.Kms) -> None:
    key = kms.generate_data_key(KEY, skip_plaintext=True)
    assert key.plaintext == b""
    assert len(kms.decrypt(key.ciphertext).plaintext) == 32
    keys = kms.generate_data_keys(KEY, 3, skip_plaintext=True)
    assert keys.plaintexts == b""
    assert [len(item.plaintext) for item in keys] == [0, 0, 0]
    assert [len(kms.decrypt(item.ciphertext).plaintext) for item in keys] == [32, 32, 32]


def test_versions(kms: libkms.Kms) -> None:
    version = kms.describe_key(KEY).primary_version_id
    for made in (
        kms.generate_data_key(KEY, version_id=version),
        kms.generate_data_key(KEY, initial_version=True),
        kms.generate_data_keys(KEY, 2, version_id=version),
        kms.generate_data_keys(KEY, 2, initial_version=True),
        kms.encrypt(KEY, b"", version_id=version),
        kms.encrypt(KEY, b"", initial_version=True),
    ):
        assert made.version_id == version
    with pytest.raises(libkms.InvalidArgumentError, match="version"):
        kms.generate_data_key(KEY, version_id=version, initial_version=True)
    with pytest.raises(libkms.NotFoundError) as caught:
        kms.generate_data_key(KEY, version_id="0" * 36)
    assert caught.value.detail is libkms.Detail.VERSION


def test_dry_runs(kms: libkms.Kms) -> None:
    key = kms.generate_data_key(KEY, aad=b"aad")
    before = kms.stats()
    assert kms.generate_data_key(KEY, dry_run=True) is None
    assert kms.generate_data_keys(KEY, 65536, dry_run=True) is None
    assert kms.encrypt(KEY, b"payload", dry_run=True) is None
    assert kms.decrypt(key.ciphertext, aad=b"aad", dry_run=True) is None
    assert kms.generate_random(32, dry_run=True) is None
    after = kms.stats()
    assert after.data_keys_generated == before.data_keys_generated
    assert after.payloads_encrypted == before.payloads_encrypted
    assert after.ciphertexts_decrypted == before.ciphertexts_decrypted
    with pytest.raises(libkms.NotFoundError):
        kms.generate_data_key("nobody", dry_run=True)
    with pytest.raises(libkms.NotFoundError):
        kms.generate_data_keys("nobody", 2, dry_run=True)
    with pytest.raises(libkms.InvalidCiphertextError):
        kms.decrypt(key.ciphertext, aad=b"AAD", dry_run=True)
    payload = kms.encrypt(KEY, bytes(2000)).ciphertext
    assert kms.decrypt(payload, dry_run=True) is None


def test_a_batch_is_a_sequence(kms: libkms.Kms) -> None:
    keys = kms.generate_data_keys(KEY, 1000, context={"a": "b"})
    assert len(keys) == 1000
    assert (keys.key_id, keys.version_number, keys.algorithm) == ("orders-1", 1, "XAES_256_GCM")
    assert len(keys.plaintexts) == 1000 * keys.plaintext_size
    assert len(keys.ciphertexts) == 1000 * keys.ciphertext_size
    assert len(keys.ivs) == 1000 * keys.iv_size
    for i, key in enumerate(keys):
        assert key.plaintext == keys.plaintexts[32 * i : 32 * (i + 1)]
        assert key.ciphertext == keys.ciphertexts[128 * i : 128 * (i + 1)]
        assert key.iv == keys.ivs[12 * i : 12 * (i + 1)] == key.ciphertext[68:80]
        assert key.request_id == keys.request_id
    for i in (0, 499, 999, -1, -1000):
        assert kms.decrypt(keys[i].ciphertext, context={"a": "b"}).plaintext == keys[i].plaintext
    assert [key.iv for key in keys[10:13]] == [keys[10].iv, keys[11].iv, keys[12].iv]
    for i in (1000, -1001):
        with pytest.raises(IndexError):
            keys[i]


def test_the_count_of_a_batch(kms: libkms.Kms) -> None:
    assert len(kms.generate_data_keys(KEY, 1)) == 1
    assert len(kms.generate_data_keys(KEY, 65536, number_of_bytes=1)) == 65536
    for count in (0, 65537, 2**64 - 1):
        with pytest.raises(libkms.InvalidArgumentError, match="count"):
            kms.generate_data_keys(KEY, count)


def test_what_does_not_open(kms: libkms.Kms) -> None:
    kms.create_key(key_id="other")
    key = kms.generate_data_key(KEY, number_of_bytes=16)
    with pytest.raises(libkms.IncorrectKeyError):
        kms.decrypt(key.ciphertext, key_id="other")
    with pytest.raises(libkms.NotFoundError):
        kms.decrypt(key.ciphertext, key_id="nobody")
    with pytest.raises(libkms.InvalidCiphertextError):
        kms.decrypt(key.ciphertext, iv=bytes(12))
    for bit in range(8 * 24, 8 * len(key.ciphertext)):  # from the commitment on; what is before it names format and key
        altered = bytearray(key.ciphertext)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises(libkms.InvalidCiphertextError):
            kms.decrypt(altered)
    for length in range(len(key.ciphertext)):
        with pytest.raises(libkms.KmsError) as caught:
            kms.decrypt(key.ciphertext[:length])
        assert caught.value.status in (libkms.Status.INVALID_CIPHERTEXT, libkms.Status.UNSUPPORTED)
    with pytest.raises(libkms.InvalidCiphertextError):
        kms.decrypt(key.ciphertext + b"\0")
    with pytest.raises(libkms.UnsupportedError):
        kms.decrypt(key.ciphertext[:2] + b"\2" + key.ciphertext[3:])
    with pytest.raises(libkms.KmsError):
        kms.decrypt(bytes(10_000_000))


def test_nothing_of_a_call_is_left_for_the_next(kms: libkms.Kms) -> None:
    """A request stays filled in between calls: whatever the order, each call does what it says and no more."""
    contexts: list[dict[str, str] | None] = [
        None,
        {"a": "b"},
        {"clé": "värde" * 300, "b": ""},
        {},
        {"a": "b", "c": "d"},
    ]
    options: list[dict[str, Any]] = [
        {},
        {"number_of_bytes": 48},
        {"key_spec": libkms.KeySpec.AES_128},
        {"skip_plaintext": True},
        {"dry_run": True},
    ]
    for first in options:
        for context in contexts:
            kms.generate_data_key(KEY, context={"x": "y"}, **first)
            key = kms.generate_data_key(KEY, context=context)
            assert len(key.plaintext) == 32
            assert len(key.ciphertext) == 128
            assert key.iv == key.ciphertext[68:80]
            assert kms.decrypt(key.ciphertext, iv=key.iv, context=context).plaintext == key.plaintext
            if context:
                with pytest.raises(libkms.InvalidCiphertextError):
                    kms.decrypt(key.ciphertext)
            assert kms.decrypt(key.ciphertext, context=context).plaintext == key.plaintext


def test_ciphertexts_of_any_length_in_turn(kms: libkms.Kms) -> None:
    sealed = [kms.encrypt(KEY, bytes(size)).ciphertext for size in (0, 32, 1024, 1025, 32, 65536, 33)]
    for ciphertext in sealed + sealed[::-1]:
        for form in (bytes, bytearray, memoryview):
            assert kms.decrypt(form(ciphertext)).plaintext == bytes(len(ciphertext) - 96)


def test_an_argument_that_there_is_not(kms: libkms.Kms) -> None:
    key = kms.generate_data_key(KEY)
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        kms.generate_data_key(KEY, number_of_byte=48)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="unexpected keyword argument"):
        kms.decrypt(key.ciphertext, version_id="1")  # type: ignore[call-overload]
    assert kms.decrypt(key.ciphertext).plaintext == key.plaintext
