"""A new root key, backups, and what verify() finds."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

import pytest

import libkms

from .conftest import Store


def test_rekey(store: Store) -> None:
    with store.open(create=True) as kms:
        kms.create_key(key_id="orders-1")
        key = kms.generate_data_key("orders-1")
        renewed = Store(store.path, os.urandom(32))
        kms.rekey(root_key=renewed.root_key, dry_run=True)
        store.open().close()
        kms.rekey(root_key=bytearray(renewed.root_key))
        assert kms.decrypt(key.ciphertext).plaintext == key.plaintext
        with pytest.raises(libkms.WrongRootKeyError):
            store.open()
        with renewed.open() as other:
            assert other.decrypt(key.ciphertext).plaintext == key.plaintext
        for sources in ({}, {"root_key": renewed.root_key, "passphrase": b"both"}, {"root_key": bytes(31)}):
            with pytest.raises(libkms.InvalidArgumentError, match="root"):
                kms.rekey(**sources)  # type: ignore[arg-type]
    with renewed.open() as kms:
        kms.rekey(passphrase=b"correct horse")
    with libkms.open(store.name, passphrase=b"correct horse") as kms:
        assert kms.decrypt(key.ciphertext).plaintext == key.plaintext


def test_backup(kms: libkms.Kms, store: Store, tmp_path: Path) -> None:
    key = kms.generate_data_key("orders-1")
    backups = [tmp_path / "as-path.db", tmp_path / "as-text.db"]
    kms.backup(backups[0])
    kms.backup(str(backups[1]))
    kms.disable_key("orders-1")
    for backup in backups:
        with Store(backup, store.root_key).open() as restored:
            assert restored.decrypt(key.ciphertext).plaintext == key.plaintext
            assert list(restored.verify()) == []
    with pytest.raises(libkms.AlreadyExistsError):
        kms.backup(backups[0])
    with (
        libkms.open("memory:", root_key=store.root_key, create=True) as memory,
        pytest.raises(libkms.UnsupportedError),
    ):
        memory.backup(tmp_path / "memory.db")


def test_verify_goes_through_the_whole_store(store: Store, tmp_path: Path) -> None:
    with store.open(create=True) as kms:
        for number in range(1100):
            kms.create_key(key_id=f"key-{number}")
        assert list(kms.verify()) == []
        copy = tmp_path / "copy.db"
        kms.backup(copy)
        # Some versions' rows lose their last bit, in a copy that no handle has open yet.
        with contextlib.closing(sqlite3.connect(copy)) as database, database:
            database.create_function("flip", 1, lambda value: value[:-1] + bytes([value[-1] ^ 1]))
            rows = [row for (row,) in database.execute("SELECT id FROM row WHERE kind = 5 ORDER BY id")]
            changed = rows[::40]
            for row in changed:
                database.execute("UPDATE row SET sealed = flip(sealed) WHERE kind = 5 AND id = ?", (row,))
        assert len(changed) == 28
        assert list(kms.verify()) == []
    # More than 4,096 rows: the open does not look at all of them, verify() does.
    with Store(copy, store.root_key).open() as kms:
        damages = list(kms.verify())
        assert {damage.row_id for damage in damages if damage.row_kind == 5} == {row.hex() for row in changed}
        assert all(damage.problem for damage in damages)
        with pytest.raises(libkms.CorruptStoreError):
            kms.generate_data_key(damages[0].key_id)
    # Each step of verify() has more damages now than one call gives, and every one is told once.
    with contextlib.closing(sqlite3.connect(copy)) as database, database:
        database.execute("UPDATE row SET sealed = zeroblob(length(sealed)) WHERE kind = 5")
    with Store(copy, store.root_key).open() as kms:
        found = [damage.row_id for damage in kms.verify() if damage.row_kind == 5]
        assert sorted(found) == [row.hex() for row in rows]
