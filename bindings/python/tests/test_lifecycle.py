"""Keys that live: their versions, states, rotation, aliases and tags, in a store on disk."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from typing import Any

import pytest

import libkms
from libkms import Detail, KeyState, VersionState

from .conftest import Store

DAY = 86_400
KEY = "orders-1"


def versions(kms: libkms.Kms, key_id: str = KEY) -> list[tuple[int, VersionState, bool]]:
    return [(info.version_number, info.state, info.is_primary) for info in kms.list_key_versions(key_id)]


def test_a_key_rotates_and_loses_a_version(store: Store) -> None:
    with store.open(create=True) as kms:
        kms.create_key(key_id=KEY, alias="alias/orders")
        old = kms.generate_data_key(KEY, context={"tenant": "7"})
        first = kms.describe_key_version(KEY)
        second = kms.rotate_key("alias/orders")
        assert (first.version_number, first.is_primary, first.algorithm) == (1, True, "XAES_256_GCM")
        assert (second.version_number, second.is_primary, second.key_id) == (2, True, KEY)
        assert abs(second.created_at - time.time()) < 60
        assert kms.describe_key(KEY).primary_version_id == second.version_id == kms.generate_data_key(KEY).version_id
        assert kms.generate_data_key(KEY, initial_version=True).version_id == first.version_id
        assert kms.generate_data_key(KEY, version_id=first.version_id).version_number == 1

        kms.set_primary_version(KEY, first.version_id)
        assert kms.encrypt(KEY, b"").version_number == 1
        kms.set_primary_version(KEY, second.version_id)
        with pytest.raises(libkms.InvalidStateError):
            kms.schedule_version_destruction(KEY, second.version_id)

        doomed = kms.schedule_version_destruction(KEY, first.version_id, waiting_days=1)
        assert doomed.state is VersionState.PENDING_DESTRUCTION
        assert abs(doomed.destruction_at - time.time() - DAY) < 60
        for use in (
            lambda: kms.decrypt(old.ciphertext, context={"tenant": "7"}),
            lambda: kms.generate_data_key(KEY, version_id=first.version_id),
            lambda: kms.set_primary_version(KEY, first.version_id),
        ):
            with pytest.raises(libkms.InvalidStateError) as caught:
                use()
            assert caught.value.detail is Detail.VERSION_PENDING_DESTRUCTION

    with store.open() as kms:
        assert versions(kms) == [(1, VersionState.PENDING_DESTRUCTION, False), (2, VersionState.ENABLED, True)]
        kms.cancel_version_destruction(KEY, first.version_id)
        assert versions(kms) == [(1, VersionState.ENABLED, False), (2, VersionState.ENABLED, True)]
        assert kms.decrypt(old.ciphertext, context={"tenant": "7"}).plaintext == old.plaintext
        with pytest.raises(libkms.InvalidStateError):
            kms.cancel_version_destruction(KEY, first.version_id)
        with pytest.raises(libkms.NotFoundError) as nobody:
            kms.describe_key_version(KEY, "00000000-0000-4000-8000-000000000000")
        assert nobody.value.detail is Detail.VERSION


def test_versions_are_listed_page_by_page(kms: libkms.Kms) -> None:
    made = [kms.describe_key_version(KEY).version_id] + [kms.rotate_key(KEY).version_id for _ in range(99)]
    assert [info.version_id for info in kms.list_key_versions(KEY)] == made


def test_uses_are_counted(store: Store) -> None:
    with store.open(create=True) as kms:
        kms.create_key(key_id=KEY)
        ciphertext = kms.generate_data_key(KEY).ciphertext
        kms.rotate_key(KEY)
        kms.generate_data_keys(KEY, 10)
        kms.encrypt(KEY, b"payload")
        kms.decrypt(ciphertext)
    with store.open() as kms:
        counts = [(info.uses_sealed, info.uses_opened) for info in kms.list_key_versions(KEY)]
        assert counts == [(1, 1), (11, 0)]
        assert all(abs(info.last_used_at - time.time()) < 60 for info in kms.list_key_versions(KEY))
        info = kms.describe_key(KEY)
        assert (info.uses_sealed, info.uses_opened) == (12, 1)


def test_a_key_rotates_by_itself(kms: libkms.Kms) -> None:
    created = kms.create_key(key_id="busy", rotate_after_uses=3, rotation_period_s=DAY)
    assert (created.rotate_after_uses, created.rotation_period_s) == (3, DAY)
    assert created.next_rotation_at == created.created_at + DAY
    assert [kms.generate_data_key("busy").version_number for _ in range(7)] == [1, 1, 1, 2, 2, 2, 3]

    kms.set_key_rotation("busy")
    info = kms.describe_key("busy")
    assert (info.rotate_after_uses, info.rotation_period_s, info.next_rotation_at) == (0, 0, 0)
    assert {kms.generate_data_key("busy").version_number for _ in range(10)} == {3}
    kms.set_key_rotation("busy", rotation_period_s=7 * DAY, rotate_after_uses=2**64 - 1)
    info = kms.describe_key("busy")
    assert (info.rotate_after_uses, info.rotation_period_s) == (2**64 - 1, 7 * DAY)


def uses(kms: libkms.Kms, ciphertext: bytes) -> list[Callable[[], object]]:
    return [
        lambda: kms.generate_data_key(KEY),
        lambda: kms.generate_data_keys(KEY, 2),
        lambda: kms.encrypt(KEY, b"payload"),
        lambda: kms.decrypt(ciphertext),
        lambda: kms.re_encrypt(ciphertext, "other"),
        lambda: kms.rotate_key(KEY),
    ]


def test_states(kms: libkms.Kms) -> None:
    kms.create_key(key_id="other")
    key = kms.generate_data_key(KEY)
    kms.disable_key("alias/orders")
    assert kms.describe_key(KEY).state is KeyState.DISABLED
    for use in uses(kms, key.ciphertext):
        with pytest.raises(libkms.DisabledError) as disabled:
            use()
        assert disabled.value.status is libkms.Status.DISABLED
    kms.enable_key(KEY)
    for use in uses(kms, key.ciphertext):
        use()

    scheduled = kms.schedule_key_deletion(KEY, waiting_days=7)
    assert scheduled.state is KeyState.PENDING_DELETION
    assert abs(scheduled.deletion_at - time.time() - 7 * DAY) < 60
    more: list[Callable[[], object]] = [
        lambda: kms.enable_key(KEY),
        lambda: kms.disable_key(KEY),
        lambda: kms.schedule_key_deletion(KEY),
        lambda: kms.create_alias("alias/new", KEY),
        lambda: kms.tag_key(KEY, {"a": "b"}),
    ]
    for use in [*uses(kms, key.ciphertext), *more]:
        with pytest.raises(libkms.InvalidStateError) as pending:
            use()
        assert pending.value.detail is Detail.PENDING_DELETION
    kms.cancel_key_deletion(KEY)
    info = kms.describe_key(KEY)
    assert (info.state, info.deletion_at) == (KeyState.DISABLED, 0)
    with pytest.raises(libkms.InvalidStateError):
        kms.cancel_key_deletion(KEY)
    kms.enable_key(KEY)
    assert kms.decrypt(key.ciphertext).plaintext == key.plaintext
    assert abs(kms.schedule_key_deletion(KEY).deletion_at - time.time() - 30 * DAY) < 60

    for days in (6, 31):
        with pytest.raises(libkms.InvalidArgumentError, match="waiting_days"):
            kms.schedule_key_deletion("other", waiting_days=days)


def test_aliases_move_and_go(kms: libkms.Kms) -> None:
    kms.create_key(key_id="other")
    kms.update_alias("alias/orders", "other")
    assert kms.generate_data_key("alias/orders").key_id == "other"
    kms.delete_alias("alias/orders", dry_run=True)
    assert [alias.alias for alias in kms.list_aliases("other")] == ["alias/orders"]
    kms.delete_alias("alias/orders")
    assert list(kms.list_aliases()) == []
    refused: list[Callable[[], object]] = [
        lambda: kms.delete_alias("alias/orders"),
        lambda: kms.update_alias("alias/orders", "other"),
    ]
    for gone in refused:
        with pytest.raises(libkms.NotFoundError) as caught:
            gone()
        assert caught.value.detail is Detail.ALIAS


def test_description_and_tags(store: Store) -> None:
    with store.open(create=True) as kms:
        kms.create_key(key_id=KEY, description="old", tags={"team": "a", "übrig": ""})
        kms.update_key_description(KEY, "neu für Köln")
        kms.tag_key(KEY, {"team": "b", "cost": "7"})
    with store.open() as kms:
        assert kms.describe_key(KEY).description == "neu für Köln"
        assert list(kms.list_key_tags(KEY).items()) == [("cost", "7"), ("team", "b"), ("übrig", "")]
        kms.untag_key(KEY, ["cost", "übrig", "nobody"])
        assert kms.list_key_tags(KEY) == {"team": "b"}
        kms.update_key_description(KEY, "")
        assert kms.describe_key(KEY).description == ""

        # The longest of them are more than the text of one page.
        longest = {f"{number:02}" + "é" * 126: "𝄞" * 256 for number in range(50)}
        kms.create_key(key_id="full", tags=longest)
        assert kms.list_key_tags("full") == longest
        with pytest.raises(libkms.LimitExceededError):
            kms.tag_key("full", {"one more": ""})
        assert kms.list_key_tags("full") == longest


def test_re_encrypt(kms: libkms.Kms) -> None:
    kms.create_key(key_id="other")
    initial = kms.describe_key_version("other").version_id
    kms.rotate_key("other")
    key = kms.generate_data_key(KEY, context={"tenant": "7"})
    moved = kms.re_encrypt(
        bytearray(key.ciphertext),
        "other",
        source_key_id=KEY,
        source_iv=key.iv,
        source_context={"tenant": "7"},
        destination_aad=b"new",
    )
    assert (moved.key_id, moved.version_number, moved.source.key_id, moved.source.version_number) == (
        "other",
        2,
        KEY,
        1,
    )
    assert moved.ciphertext[68:80] == moved.iv
    assert kms.decrypt(moved.ciphertext, aad=b"new").plaintext == key.plaintext
    back = kms.re_encrypt(moved.ciphertext, "alias/orders", source_aad=b"new", destination_context={"a": "b"})
    assert kms.decrypt(back.ciphertext, key_id=KEY, context={"a": "b"}).plaintext == key.plaintext
    assert kms.re_encrypt(key.ciphertext, "other", source_context={"tenant": "7"}, dry_run=True) is None
    for named in ({"initial_version": True}, {"destination_version_id": initial}):
        again = kms.re_encrypt(key.ciphertext, "other", source_context={"tenant": "7"}, **named)
        assert again.version_id == initial
    with pytest.raises(libkms.InvalidCiphertextError):
        kms.re_encrypt(key.ciphertext, "other", source_context={"tenant": "8"})
    with pytest.raises(libkms.IncorrectKeyError):
        kms.re_encrypt(key.ciphertext, "other", source_key_id="other", source_context={"tenant": "7"})
    payload = kms.encrypt(KEY, bytes(65_536))
    assert kms.decrypt(kms.re_encrypt(payload.ciphertext, "other").ciphertext).plaintext == bytes(65_536)


def test_dry_runs_change_nothing(kms: libkms.Kms) -> None:
    version = kms.describe_key_version(KEY).version_id
    kms.rotate_key(KEY)
    before = kms.describe_key(KEY), versions(kms), kms.stats().store_revision
    assert kms.rotate_key(KEY, dry_run=True) is None
    assert kms.schedule_key_deletion(KEY, dry_run=True) is None
    assert kms.schedule_version_destruction(KEY, version, dry_run=True) is None
    assert kms.describe_key_version(KEY, dry_run=True) is None
    kms.set_primary_version(KEY, version, dry_run=True)
    kms.disable_key(KEY, dry_run=True)
    kms.set_key_rotation(KEY, rotation_period_s=DAY, dry_run=True)
    kms.update_key_description(KEY, "new", dry_run=True)
    kms.tag_key(KEY, {"a": "b"}, dry_run=True)
    assert (kms.describe_key(KEY), versions(kms), kms.stats().store_revision) == before
    assert kms.list_key_tags(KEY) == {}


def rotate(kms: libkms.Kms, pipe: Any) -> None:
    pipe.send((kms.rotate_key(KEY).version_number, kms.generate_data_key(KEY).ciphertext))


def reopen_and_rotate(store: Store, pipe: Any) -> None:
    with store.open() as kms:
        rotate(kms, pipe)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_that_rotate(kms: libkms.Kms, store: Store, method: str) -> None:
    kms.generate_data_key(KEY)
    processes = multiprocessing.get_context(method)
    target, first = (rotate, kms) if method == "fork" else (reopen_and_rotate, store)
    children = []
    for _ in range(4):
        ours, theirs = processes.Pipe()
        child = processes.Process(target=target, args=(first, theirs))  # type: ignore[attr-defined]
        child.start()
        theirs.close()
        children.append((child, ours))
    results = []
    for child, ours in children:
        assert ours.poll(60)
        results.append(ours.recv())
        child.join(60)
        assert child.exitcode == 0
        ours.close()
    assert sorted(number for number, _ in results) == [2, 3, 4, 5]
    with store.open() as fresh:
        assert [number for number, *_ in versions(fresh)] == [1, 2, 3, 4, 5]
        for _, ciphertext in results:
            assert len(fresh.decrypt(ciphertext).plaintext) == 32


def disable(kms: libkms.Kms) -> None:
    kms.disable_key(KEY)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_key_that_another_process_disables(store: Store) -> None:
    staleness_ms = 50
    with libkms.open(store.name, root_key=store.root_key, create=True, max_staleness_ms=staleness_ms) as kms:
        kms.create_key(key_id=KEY)
        kms.generate_data_key(KEY)
        child = multiprocessing.get_context("fork").Process(target=disable, args=(kms,))
        child.start()
        child.join(60)
        assert child.exitcode == 0
        until = time.monotonic() + staleness_ms / 1000
        while time.monotonic() <= until:  # the bound, after which no call may succeed
            time.sleep(0.01)
        with pytest.raises(libkms.DisabledError):
            kms.generate_data_key(KEY)
