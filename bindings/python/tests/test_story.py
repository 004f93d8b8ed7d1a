"""From an empty directory to data that comes back, as an application lives it."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import libkms

from .conftest import Store


def test_a_data_key_out_of_a_store_on_disk(store: Store) -> None:
    report = os.urandom(100_000)
    with store.open(create=True) as kms:
        created = kms.create_key(alias="alias/orders", description="Bestellungen für Köln")
        with kms.generate_data_key("alias/orders", context={"tenant": "7"}) as key:
            nonce = os.urandom(12)
            sealed = nonce + AESGCM(key.plaintext).encrypt(nonce, report, None)
            wrapped = key.ciphertext
            assert key.key_id == created.key_id
            assert key.version_id == created.primary_version_id
            assert key.version_number == 1
            assert key.algorithm == "XAES_256_GCM"
            assert key.iv in wrapped
            assert len(key.request_id) == 36
        kms.flush()

    assert report[:64] not in store.path.read_bytes()
    with store.open() as kms:
        described = kms.describe_key("alias/orders")
        assert (described.uses_sealed, described.uses_opened) == (1, 0)
        assert abs(described.last_used_at - time.time()) < 60
        assert replace(described, uses_sealed=0, last_used_at=0) == created
        assert described.description == "Bestellungen für Köln"
        with kms.decrypt(wrapped, context={"tenant": "7"}) as key_again:
            assert AESGCM(key_again.plaintext).decrypt(sealed[:12], sealed[12:], None) == report
            assert key_again.key_id == created.key_id
            assert key_again.version_id == created.primary_version_id
        with pytest.raises(libkms.InvalidCiphertextError):
            kms.decrypt(wrapped, context={"tenant": "8"})


def test_a_store_by_passphrase(store: Store) -> None:
    with libkms.open(store.name, passphrase=b"correct horse", create=True) as kms:
        kms.create_key(alias="alias/orders")
        wrapped = kms.generate_data_key("alias/orders").ciphertext
    with libkms.open(store.name, passphrase=bytearray(b"correct horse")) as kms:
        assert len(kms.decrypt(wrapped).plaintext) == 32
    with pytest.raises(libkms.WrongRootKeyError):
        libkms.open(store.name, passphrase=b"wrong horse")


def test_a_store_by_root_key_file(store: Store, tmp_path: Path) -> None:
    key_file = tmp_path / "root.key"
    key_file.touch(mode=0o600)
    key_file.write_bytes(store.root_key)
    with libkms.open(store.name, root_key_uri=f"file:{key_file}", create=True) as kms:
        kms.create_key(alias="alias/orders")
        wrapped = kms.generate_data_key("alias/orders").ciphertext
    with store.open() as kms:
        assert len(kms.decrypt(wrapped).plaintext) == 32


def test_payloads(kms: libkms.Kms) -> None:
    for size in (0, 1, 32, 1024, 1025, 65536):
        payload = os.urandom(size)
        sealed = kms.encrypt("alias/orders", payload, context={"a": "b"})
        assert len(sealed.ciphertext) == size + 96
        assert sealed.ciphertext[68:80] == sealed.iv
        assert sealed.key_id == "orders-1"
        assert sealed.algorithm == "XAES_256_GCM"
        assert kms.decrypt(sealed.ciphertext, key_id="orders-1", iv=sealed.iv, context={"a": "b"}).plaintext == payload


def test_stats_count(kms: libkms.Kms) -> None:
    before = kms.stats()
    key = kms.generate_data_key("orders-1")
    kms.generate_data_keys("orders-1", 10)
    kms.encrypt("orders-1", b"payload")
    kms.decrypt(key.ciphertext)
    with pytest.raises(libkms.NotFoundError):
        kms.generate_data_key("nobody")
    after = kms.stats()
    assert after.data_keys_generated - before.data_keys_generated == 11
    assert after.payloads_encrypted - before.payloads_encrypted == 1
    assert after.ciphertexts_decrypted - before.ciphertexts_decrypted == 1
    assert after.calls_failed - before.calls_failed == 1
    assert after.store_revision >= 1
    assert after.keys_cached >= 1
    assert len(after.store_id) == 36
    assert after.secret_bytes > 0
    unlocked = libkms.MemoryProtection.LOCKED not in after.memory_protection
    assert unlocked == (after.secret_bytes_unlocked > 0)


def test_random(kms: libkms.Kms) -> None:
    assert len(kms.generate_random(1)) == 1
    assert len(kms.generate_random(65536)) == 65536
    assert kms.generate_random(32) != kms.generate_random(32)
    assert isinstance(kms.generate_random(16), bytearray)
