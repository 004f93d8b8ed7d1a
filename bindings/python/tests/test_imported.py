"""Imported material: what it seals opens with Python's cryptography, and the other way round; docs/format.md."""

from __future__ import annotations

import hmac
import os
import struct
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFCMAC, CounterLocation, Mode

import libkms
from libkms import Detail, KeyState, Origin

from .conftest import Store


def kbkdf(material: bytes, label: bytes, context: bytes) -> bytes:
    return KBKDFCMAC(
        algorithms.AES,
        Mode.CounterMode,
        length=32,
        rlen=2,
        llen=None,
        location=CounterLocation.BeforeFixed,
        label=None,
        context=None,
        fixed=label + b"\0" + context,
    ).derive(material)


def encode_aad(aad: bytes, context: dict[str, str]) -> bytes:
    if context:
        pairs = sorted((key.encode(), value.encode()) for key, value in context.items())
        return b"\x02" + b"".join(struct.pack(">I", len(text)) + text for pair in pairs for text in pair)
    return b"\x01" + aad if aad else b"\0"


def seal(material: bytes, key_uuid: bytes, number: int, plaintext: bytes, authenticated: bytes) -> bytes:
    start = b"KM\x01\x01" + key_uuid + struct.pack(">I", number) + kbkdf(material, b"C", bytes(12))
    n1, iv = os.urandom(12), os.urandom(12)
    return start + n1 + iv + AESGCM(kbkdf(material, b"X", n1)).encrypt(iv, plaintext, start + authenticated)


def unseal(material: bytes, blob: bytes, authenticated: bytes) -> bytes:
    assert hmac.compare_digest(blob[24:56], kbkdf(material, b"C", bytes(12)))
    return AESGCM(kbkdf(material, b"X", blob[56:68])).decrypt(blob[68:80], blob[80:], blob[:56] + authenticated)


AUTHENTICATED: list[tuple[bytes, dict[str, str]]] = [
    (b"", {}),
    (b"raw", {}),
    (b"", {"tenant": "7", "ä": "", "Z": "ü"}),
]


@pytest.fixture
def material() -> bytes:
    return os.urandom(32)


@pytest.mark.parametrize(("aad", "context"), AUTHENTICATED)
@pytest.mark.parametrize("number", [1, 7])
def test_inside_and_outside(kms: libkms.Kms, material: bytes, aad: bytes, context: dict[str, str], number: int) -> None:
    key_uuid = os.urandom(16)
    created = kms.create_key(key_id="theirs", origin=Origin.EXTERNAL, key_uuid=key_uuid)
    assert (created.state, created.origin, created.key_uuid) == (KeyState.PENDING_IMPORT, Origin.EXTERNAL, key_uuid)
    imported = kms.import_key_material("theirs", bytearray(material), version_number=number)
    assert (imported.version_number, imported.is_primary) == (number, True)
    assert kms.describe_key("theirs").state is KeyState.ENABLED

    given: dict[str, Any] = {"aad": aad or None, "context": context or None}
    authenticated = encode_aad(aad, context)
    key = kms.generate_data_key("theirs", **given)
    assert unseal(material, key.ciphertext, authenticated) == key.plaintext
    for one in kms.generate_data_keys("theirs", 3, **given):
        assert unseal(material, one.ciphertext, authenticated) == one.plaintext
    for payload in (b"", b"payload", os.urandom(65_536)):
        inside = kms.encrypt("theirs", payload, **given)
        assert unseal(material, inside.ciphertext, authenticated) == payload
        outside = seal(material, key_uuid, number, payload, authenticated)
        opened = kms.decrypt(outside, **given)
        assert opened.plaintext == payload
        assert (opened.key_id, opened.version_number) == ("theirs", number)
        moved = kms.re_encrypt(outside, "orders-1", source_aad=given["aad"], source_context=given["context"])
        assert kms.decrypt(moved.ciphertext, key_id="orders-1").plaintext == payload

    good = bytearray(seal(material, key_uuid, number, b"payload", authenticated))
    for at in (24, 56, 68, 80, len(good) - 1):
        good[at] ^= 1
        with pytest.raises(libkms.InvalidCiphertextError):
            kms.decrypt(good, **given)
        good[at] ^= 1
    assert kms.decrypt(good, **given).plaintext == b"payload"


def test_material_goes_and_comes_back(kms: libkms.Kms, material: bytes) -> None:
    kms.create_key(key_id="theirs", origin=Origin.EXTERNAL)
    assert kms.import_key_material("theirs", material, dry_run=True) is None
    assert kms.describe_key("theirs").state is KeyState.PENDING_IMPORT
    kms.import_key_material("theirs", material)
    key = kms.generate_data_key("theirs")
    kms.delete_imported_key_material("theirs")
    with pytest.raises(libkms.InvalidStateError) as caught:
        kms.decrypt(key.ciphertext)
    assert caught.value.detail is Detail.PENDING_IMPORT
    with pytest.raises(libkms.IncorrectKeyError):
        kms.import_key_material("theirs", os.urandom(32))
    kms.import_key_material("theirs", memoryview(material))
    assert kms.decrypt(key.ciphertext).plaintext == key.plaintext


def test_material_in_another_store(kms: libkms.Kms, material: bytes, store: Store) -> None:
    key_uuid = kms.create_key(key_id="theirs", origin=Origin.EXTERNAL).key_uuid
    kms.import_key_material("theirs", material)
    key = kms.generate_data_key("theirs")
    with Store(store.path.with_name("other.db"), os.urandom(32)).open(create=True) as other:
        other.create_key(key_id="back", origin=Origin.EXTERNAL, key_uuid=key_uuid)
        other.import_key_material("back", material)
        assert other.decrypt(key.ciphertext, key_id="back").plaintext == key.plaintext


def test_material_that_expires(kms: libkms.Kms, material: bytes) -> None:
    kms.create_key(key_id="theirs", origin=Origin.EXTERNAL)
    expires_at = int(time.time()) + 3  # whole seconds: with 2, a slow machine would find it in the past
    kms.import_key_material("theirs", material, expires_at=expires_at)
    assert kms.describe_key("theirs").material_expires_at == expires_at
    while time.time() < expires_at + 2:  # a handle looks at the clock within max_staleness_ms, here 1000
        time.sleep(0.05)
    with pytest.raises(libkms.InvalidStateError) as caught:
        kms.generate_data_key("theirs")
    assert caught.value.detail in (Detail.MATERIAL_EXPIRED, Detail.PENDING_IMPORT)
    kms.import_key_material("theirs", material)
    assert kms.describe_key("theirs").material_expires_at == 0
    assert kms.generate_data_key("theirs").version_number == 1


def test_what_imported_keys_refuse(kms: libkms.Kms, material: bytes) -> None:
    kms.create_key(key_id="theirs", origin=Origin.EXTERNAL)
    for size in (0, 31, 33):
        with pytest.raises(libkms.InvalidArgumentError, match="material"):
            kms.import_key_material("theirs", bytes(size))
    with pytest.raises(libkms.InvalidArgumentError, match="expires_at"):
        kms.import_key_material("theirs", material, expires_at=1)
    kms.import_key_material("theirs", material)
    for refused in (
        lambda: kms.rotate_key("theirs"),
        lambda: kms.set_key_rotation("theirs", rotate_after_uses=1),
        lambda: kms.import_key_material("orders-1", material),
        lambda: kms.delete_imported_key_material("orders-1"),
    ):
        with pytest.raises(libkms.InvalidKeyUsageError):
            refused()
