"""Each status has its exception; those that can be had now are had from the library."""

from __future__ import annotations

import contextlib
import errno
import os
import pickle
import sqlite3
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import libkms
from libkms import Detail, Status, _errors
from libkms._structs import kms_error_t

from .conftest import Store

FAILURES = [status for status in Status if status not in (Status.OK, Status.DRY_RUN_OK)]


def test_one_class_for_each_status() -> None:
    assert _errors.BY_STATUS.keys() == set(FAILURES)
    for status, error in _errors.BY_STATUS.items():
        name = "".join(word.capitalize() for word in status.name.split("_")).removesuffix("Error") + "Error"
        assert error.__name__ == name
        assert getattr(libkms, name) is error
        assert name in libkms.__all__
        assert issubclass(error, libkms.KmsError)


@pytest.mark.parametrize("status", FAILURES)
def test_what_the_library_wrote_is_in_the_exception(status: Status) -> None:
    error = libkms._errors.failure(
        kms_error_t(
            status=status,
            detail=Detail.ALIAS,
            native_code=-(2**40),
            flags=3,
            request_id=b"6f6f1a3c-5b4b-4c1e-8f3a-2a0a4e6f0b11",
            message="Schlüssel fehlt".encode(),
        )
    )
    assert type(error) is _errors.BY_STATUS[status]
    assert error.status is status
    assert error.detail is Detail.ALIAS
    assert error.native_code == -(2**40)
    assert error.retryable
    assert error.poisoned
    assert error.request_id == "6f6f1a3c-5b4b-4c1e-8f3a-2a0a4e6f0b11"
    assert error.message == str(error) == "Schlüssel fehlt"


def test_a_status_of_a_newer_library() -> None:
    error = libkms._errors.failure(kms_error_t(status=99, detail=98, message=b"later"))
    assert type(error) is libkms.KmsError
    assert (error.status, error.status.name) == (99, "UNKNOWN_99")
    assert (error.detail, error.detail.name) == (98, "UNKNOWN_98")
    assert not error.retryable
    assert not error.poisoned


def test_exceptions_travel_between_processes(kms: libkms.Kms) -> None:
    with pytest.raises(libkms.NotFoundError) as caught:
        kms.generate_data_key("alias/nobody")
    error = caught.value
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is libkms.NotFoundError
    assert vars(copy) == vars(error)
    assert copy.args == error.args


def test_not_found(kms: libkms.Kms, store: Store) -> None:
    with pytest.raises(libkms.NotFoundError, match="alias/nobody") as alias:
        kms.generate_data_key("alias/nobody")
    assert alias.value.status is Status.NOT_FOUND
    assert alias.value.detail is Detail.ALIAS
    assert len(alias.value.request_id) == 36
    assert alias.value.native_code == 0
    assert not alias.value.retryable
    with pytest.raises(libkms.NotFoundError) as key:
        kms.describe_key("nobody")
    assert key.value.detail is Detail.KEY
    with pytest.raises(libkms.NotFoundError):
        Store(store.path.with_name("nothing.db"), store.root_key).open()


def test_invalid_argument_is_a_value_error(kms: libkms.Kms) -> None:
    with pytest.raises(ValueError, match="number_of_bytes") as caught:
        kms.generate_random(0)
    assert type(caught.value) is libkms.InvalidArgumentError


def test_unsupported(kms: libkms.Kms) -> None:
    with pytest.raises(libkms.KmsError) as caught:
        kms.create_key(origin=17)
    assert caught.value.status in (Status.UNSUPPORTED, Status.INVALID_ARGUMENT)
    ciphertext = bytearray(kms.generate_data_key("orders-1").ciphertext)
    ciphertext[2] = 2
    with pytest.raises(libkms.UnsupportedError):
        kms.decrypt(ciphertext)


def test_invalid_state(kms: libkms.Kms) -> None:
    kms.create_key(key_id="theirs", origin=libkms.Origin.EXTERNAL)
    with pytest.raises(libkms.InvalidStateError) as caught:
        kms.generate_data_key("theirs")
    assert caught.value.detail is Detail.PENDING_IMPORT


def test_wrong_root_key(kms: libkms.Kms, store: Store) -> None:
    with pytest.raises(libkms.WrongRootKeyError):
        Store(store.path, os.urandom(32)).open()


def test_read_only(kms: libkms.Kms, store: Store) -> None:
    with store.open(read_only=True) as reader:
        key = reader.generate_data_key("alias/orders")
        assert reader.decrypt(key.ciphertext).plaintext == key.plaintext
        with pytest.raises(libkms.ReadOnlyError):
            reader.create_key()
        with pytest.raises(libkms.ReadOnlyError):
            reader.create_alias("alias/new", "orders-1")


def test_store_error(store: Store) -> None:
    nowhere = Store(store.path / "nowhere" / "keys.db", store.root_key)
    with pytest.raises(libkms.StoreError) as caught:
        nowhere.open(create=True)
    assert caught.value.native_code == errno.ENOENT
    store.path.mkdir()
    with pytest.raises(libkms.StoreError):
        store.open(create=True)


def test_not_a_store(store: Store) -> None:
    store.path.write_bytes(b"this is no key store" * 1000)
    with pytest.raises(libkms.KmsError) as caught:
        store.open()
    assert caught.value.status is Status.STORE_ERROR


def in_another_process(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *arguments],
        env=os.environ | {"PYTHONPATH": str(Path(libkms.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_corrupt_store(store: Store) -> None:
    with store.open(create=True) as kms:
        kms.create_key(key_id="orders-1")
    # Every sealed row loses its last bit. The store is closed, so this process may use SQLite itself.
    with contextlib.closing(sqlite3.connect(store.path)) as database, database:
        database.create_function("flip", 1, lambda value: value[:-1] + bytes([value[-1] ^ 1]))
        assert database.execute("UPDATE row SET sealed = flip(sealed)").rowcount > 0
    with pytest.raises(libkms.CorruptStoreError), store.open() as kms:
        kms.generate_data_key("orders-1")


def test_dependency_timeout(store: Store) -> None:
    with store.open(create=True, timeout_ms=50) as kms:
        kms.create_key(key_id="orders-1")
        holder = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "import sqlite3, sys; d = sqlite3.connect(sys.argv[1]); d.execute('BEGIN IMMEDIATE');"
                "print('locked', flush=True); sys.stdin.read()",
                store.path,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with holder:
            assert holder.stdout is not None
            assert holder.stdin is not None
            assert holder.stdout.readline() == "locked\n"
            with pytest.raises(libkms.DependencyTimeoutError) as caught:
                kms.create_key(key_id="late")
            assert caught.value.retryable
            holder.stdin.close()
        kms.create_key(key_id="late")


def test_memory_that_cannot_be_locked() -> None:
    code = """
        import os, resource
        import libkms

        resource.setrlimit(resource.RLIMIT_MEMLOCK, (0, 0))
        if os.geteuid() == 0:  # root may lock memory past the limit
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
        try:
            libkms.open("memory:", root_key=bytes(32), create=True, require_locked_memory=True)
        except libkms.OutOfMemoryError:
            print("refused")
        stats = libkms.open("memory:", root_key=bytes(32), create=True).stats()
        print(libkms.MemoryProtection.LOCKED in stats.memory_protection, stats.secret_bytes_unlocked > 0)
    """
    assert in_another_process(code).split() == ["refused", "False", "True"]
