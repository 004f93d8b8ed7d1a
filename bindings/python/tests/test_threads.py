"""Many threads on one Kms, and close() in the middle of them."""

from __future__ import annotations

import gc
import itertools
import os
import threading
import weakref
from collections.abc import Callable

import pytest

import libkms
from libkms import _ffi

from .conftest import Store

KEY = "alias/orders"


def operations(kms: libkms.Kms, store: Store) -> dict[str, Callable[[], object]]:
    """Every operation of a Kms but close()."""
    ciphertext = kms.generate_data_key(KEY).ciphertext
    payload = kms.encrypt(KEY, bytes(60_000)).ciphertext
    kms.create_key(key_id="two")
    first, second = (kms.describe_key_version("two").version_id, kms.rotate_key("two").version_id)
    kms.set_primary_version("two", first)
    kms.create_key(key_id="scheduled")
    third = kms.describe_key_version("scheduled").version_id
    kms.rotate_key("scheduled")
    kms.schedule_version_destruction("scheduled", third)
    kms.create_key(key_id="doomed")
    kms.schedule_key_deletion("doomed")
    kms.create_key(key_id="theirs", origin=libkms.Origin.EXTERNAL)
    material = os.urandom(32)
    granted = kms.create_grant(KEY, "tenant", libkms.GrantOperation.DECRYPT)
    numbers = itertools.count()
    return {
        "generate_data_key": lambda: kms.generate_data_key(KEY),
        "generate_data_keys": lambda: kms.generate_data_keys(KEY, 100),
        "encrypt": lambda: kms.encrypt(KEY, b"payload"),
        "decrypt": lambda: kms.decrypt(ciphertext),
        "decrypt of a payload": lambda: kms.decrypt(payload),
        "generate_random": lambda: kms.generate_random(32),
        "create_key": lambda: kms.create_key(),
        "create_alias": lambda: kms.create_alias("alias/new", "orders-1", dry_run=True),
        "describe_key": lambda: kms.describe_key(KEY),
        "list_keys": lambda: list(kms.list_keys()),
        "list_aliases": lambda: list(kms.list_aliases()),
        "re_encrypt": lambda: kms.re_encrypt(ciphertext, KEY),
        "update_alias": lambda: kms.update_alias(KEY, "orders-1"),
        "delete_alias": lambda: kms.delete_alias(KEY, dry_run=True),
        "enable_key": lambda: kms.enable_key(KEY),
        "disable_key": lambda: kms.disable_key(KEY, dry_run=True),
        "schedule_key_deletion": lambda: kms.schedule_key_deletion(KEY, dry_run=True),
        "cancel_key_deletion": lambda: kms.cancel_key_deletion("doomed", dry_run=True),
        "set_key_rotation": lambda: kms.set_key_rotation(KEY, rotation_period_s=86400),
        "update_key_description": lambda: kms.update_key_description(KEY, "new"),
        "tag_key": lambda: kms.tag_key(KEY, {"team": "a"}),
        "untag_key": lambda: kms.untag_key(KEY, ["team"]),
        "list_key_tags": lambda: kms.list_key_tags(KEY),
        "rotate_key": lambda: kms.rotate_key(KEY),
        "set_primary_version": lambda: kms.set_primary_version("two", first),
        "describe_key_version": lambda: kms.describe_key_version(KEY),
        "list_key_versions": lambda: list(kms.list_key_versions(KEY)),
        "schedule_version_destruction": lambda: kms.schedule_version_destruction("two", second, dry_run=True),
        "cancel_version_destruction": lambda: kms.cancel_version_destruction("scheduled", third, dry_run=True),
        "import_key_material": lambda: kms.import_key_material("theirs", material),
        "delete_imported_key_material": lambda: kms.delete_imported_key_material("theirs", dry_run=True),
        "rekey": lambda: kms.rekey(root_key=bytes(range(32)), dry_run=True),
        "backup": lambda: kms.backup(store.path.with_name(f"backup-{next(numbers)}")),
        "verify": lambda: list(kms.verify()),
        "exchange": lambda: kms.exchange(libkms.Dialect.AWS, "POST", "/", {}, b""),
        "as_principal": lambda: kms.as_principal("tenant").close(),
        "put_key_policy": lambda: kms.put_key_policy(KEY, kms.get_key_policy(KEY)),
        "get_key_policy": lambda: kms.get_key_policy(KEY),
        "create_grant": lambda: kms.create_grant(KEY, "tenant", libkms.GrantOperation.DECRYPT, name="the same"),
        "list_grants": lambda: list(kms.list_grants(KEY)),
        "list_retirable_grants": lambda: list(kms.list_retirable_grants("tenant")),
        "retire_grant": lambda: kms.retire_grant(grant_token=granted.grant_token, dry_run=True),
        "revoke_grant": lambda: kms.revoke_grant(KEY, granted.grant_id, dry_run=True),
        "verify_audit_log": lambda: list(kms.verify_audit_log("no-such-log", dry_run=True)),
        "stats": kms.stats,
        "flush": kms.flush,
    }


class Closes:
    """Counts kms_close(), and notes whether it came while a call was in flight."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.addresses: list[int] = []
        close = _ffi.lib.kms_close

        def counted(address: int) -> None:
            self.addresses.append(address)
            close(address)

        monkeypatch.setattr(_ffi.lib, "kms_close", counted)


@pytest.fixture
def closes(monkeypatch: pytest.MonkeyPatch) -> Closes:
    return Closes(monkeypatch)


def test_every_operation_is_in_the_table(kms: libkms.Kms, store: Store) -> None:
    named = {name.split()[0] for name in operations(kms, store)} | {"close"}
    assert named == {name for name in dir(kms) if not name.startswith("_")}


def test_after_close_every_operation_is_a_closed_error(kms: libkms.Kms, store: Store) -> None:
    table = operations(kms, store)
    pages = kms.list_keys()
    kms.close()
    kms.close()
    for name, operation in table.items():
        with pytest.raises(libkms.ClosedError) as caught:
            operation()
        assert caught.value.status is libkms.Status.INVALID_ARGUMENT, name
    assert "orders-1" in [key.key_id for key in pages]  # a page that was read stays read
    assert repr(kms) == "<libkms.Kms, closed>"
    with pytest.raises(libkms.ClosedError), kms as entered:
        entered.stats()


def test_a_list_in_progress_ends_with_closed_error(store: Store) -> None:
    with store.open(create=True) as kms:
        for number in range(100):
            kms.create_key(key_id=f"key-{number}")
        pages = kms.list_keys()
        next(pages)
        kms.close()
        with pytest.raises(libkms.ClosedError):
            list(pages)


def test_close_waits_for_calls_in_flight(kms: libkms.Kms, closes: Closes) -> None:
    handle = kms._handle
    frames = [handle.borrow(), handle.borrow()]
    kms.close()
    with pytest.raises(libkms.ClosedError):
        kms.stats()
    assert closes.addresses == []
    handle.give_back(frames[0])
    assert closes.addresses == []
    handle.give_back(frames[1])
    assert len(closes.addresses) == 1
    kms.close()
    assert len(closes.addresses) == 1


def test_a_call_may_close_what_it_runs_on(kms: libkms.Kms, closes: Closes, monkeypatch: pytest.MonkeyPatch) -> None:
    # As a signal handler or a finalizer may, in the middle of a call.
    describe = _ffi.lib.kms_describe_key

    def closing(*arguments: object) -> int:
        kms.close()
        assert closes.addresses == []
        status: int = describe(*arguments)
        return status

    monkeypatch.setattr(_ffi.lib, "kms_describe_key", closing)
    assert kms.describe_key(KEY).key_id == "orders-1"
    assert len(closes.addresses) == 1


def test_a_dropped_kms_is_closed(store: Store, closes: Closes) -> None:
    kms = store.open(create=True)
    gone = weakref.ref(kms)
    del kms
    gc.collect()
    assert gone() is None
    assert len(closes.addresses) == 1


@pytest.mark.parametrize("attempt", range(10))
def test_close_under_load(store: Store, closes: Closes, attempt: int) -> None:
    kms = store.open(create=True)
    (address,) = kms._handle._address
    kms.create_key(key_id="orders-1", alias=KEY)
    table = operations(kms, store)
    started = threading.Barrier(len(table) + 1)
    counts = dict.fromkeys(table, 0)
    ends: dict[str, BaseException] = {}

    def loop(name: str, operation: Callable[[], object]) -> None:
        started.wait()
        try:
            while True:
                operation()
                counts[name] += 1
        except BaseException as error:
            ends[name] = error

    threads = [threading.Thread(target=loop, args=item) for item in table.items()]
    for thread in threads:
        thread.start()
    started.wait()
    while sum(counts.values()) < 200 * (attempt + 1):
        kms.stats()
    kms.close()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert {name: type(error) for name, error in ends.items()} == dict.fromkeys(table, libkms.ClosedError)
    # The others are those of as_principal().
    assert closes.addresses.count(address) == 1
    assert len(closes.addresses) == 1 + counts["as_principal"]


def test_threads_share_a_kms(kms: libkms.Kms) -> None:
    results: list[list[tuple[str, libkms.DataKey]]] = []

    def work(tenant: str) -> None:
        mine = [(tenant, kms.generate_data_key(KEY, context={"tenant": tenant})) for _ in range(500)]
        for _, key in mine:
            assert kms.decrypt(key.ciphertext, context={"tenant": tenant}).plaintext == key.plaintext
        results.append(mine)

    threads = [threading.Thread(target=work, args=(str(number),)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything = [pair for mine in results for pair in mine]
    assert len(everything) == 4000
    assert len({bytes(key.plaintext) for _, key in everything}) == 4000
    for tenant, key in everything[::97]:
        assert kms.decrypt(key.ciphertext, context={"tenant": tenant}).plaintext == key.plaintext
