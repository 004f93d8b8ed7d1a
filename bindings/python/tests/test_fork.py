"""Children: a Kms goes on working after fork; a spawned process opens the store itself."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections.abc import Callable
from typing import Any

import pytest

import libkms

from .conftest import Store

KEY = "alias/orders"

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system"),
    # Newer Pythons warn of what is tested here: a fork while other threads run.
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]


def in_child(work: Callable[[], object], seconds: int = 60) -> Any:
    """Runs `work` in a forked child and returns its result; a child that hangs is ended by its alarm."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            signal.alarm(seconds)
            os.close(reader)
            with os.fdopen(writer, "wb") as pipe:
                pickle.dump(work(), pipe)
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        sent = pipe.read()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    return pickle.loads(sent)


def test_in_child_sees_a_child_that_hangs() -> None:
    with pytest.raises(AssertionError):
        in_child(signal.pause, seconds=1)


def use(kms: libkms.Kms, ciphertext: bytes, context: dict[str, str]) -> tuple[bytes, bytes, bytes]:
    """The parent's data key, and a new one with its ciphertext."""
    theirs = bytes(kms.decrypt(ciphertext, context=context).plaintext)
    key = kms.generate_data_key(KEY, context=context)
    return theirs, bytes(key.plaintext), key.ciphertext


def check(kms: libkms.Kms, key: libkms.DataKey, used: tuple[bytes, bytes, bytes], context: dict[str, str]) -> None:
    assert used[0] == key.plaintext
    assert used[1] != key.plaintext
    assert kms.decrypt(used[2], context=context).plaintext == used[1]


def test_fork(kms: libkms.Kms) -> None:
    context = {"tenant": "7"}
    key = kms.generate_data_key(KEY, context=context)
    check(kms, key, in_child(lambda: use(kms, key.ciphertext, context)), context)
    check(kms, key, in_child(lambda: in_child(lambda: use(kms, key.ciphertext, context))), context)


def test_parent_and_child_draw_different_keys(kms: libkms.Kms) -> None:
    kms.generate_data_key(KEY)

    def draw() -> list[tuple[bytes, bytes]]:
        return [(bytes(key.plaintext), key.iv) for key in kms.generate_data_keys(KEY, 20)] + [
            (bytes(key.plaintext), key.iv) for key in (kms.generate_data_key(KEY) for _ in range(20))
        ]

    drawn = [pair for _ in range(20) for pair in in_child(draw)] + draw()
    assert len({plaintext for plaintext, _ in drawn}) == len(drawn) == 21 * 40
    assert len({iv for _, iv in drawn}) == len(drawn)


def test_a_child_changes_the_store(kms: libkms.Kms) -> None:
    in_child(lambda: kms.create_key(key_id="from-the-child").key_id)
    assert kms.describe_key("from-the-child").key_id == "from-the-child"


def test_close_in_a_child_is_the_childs_alone(kms: libkms.Kms) -> None:
    def close() -> str:
        kms.close()
        with pytest.raises(libkms.ClosedError):
            kms.generate_data_key(KEY)
        return repr(kms)

    assert in_child(close) == "<libkms.Kms, closed>"
    assert kms.generate_data_key(KEY).key_id == "orders-1"
    assert kms.create_key(key_id="later").key_id == "later"


def test_fork_while_threads_call(kms: libkms.Kms) -> None:
    stop = threading.Event()
    errors: list[BaseException] = []

    def hammer(call: Callable[[], object]) -> None:
        try:
            while not stop.is_set():
                call()
        except BaseException as error:
            errors.append(error)

    calls: list[Callable[[], object]] = [
        lambda: kms.generate_data_key(KEY),
        lambda: kms.generate_data_keys(KEY, 1000),
        lambda: kms.create_key(),
        lambda: list(kms.list_keys()),
    ]
    threads = [threading.Thread(target=hammer, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    try:
        context = {"tenant": "7"}
        key = kms.generate_data_key(KEY, context=context)
        for number in range(20):

            def child(number: int = number) -> tuple[bytes, bytes, bytes]:
                used = use(kms, key.ciphertext, context)
                kms.create_key(key_id=f"child-{number}")
                assert kms.describe_key(f"child-{number}").versions_len == 1
                kms.close()
                return used

            check(kms, key, in_child(child), context)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert errors == []


def inherit(kms: libkms.Kms, ciphertext: bytes, context: dict[str, str], pipe: Any) -> None:
    pipe.send(use(kms, ciphertext, context))


def reopen(store: Store, ciphertext: bytes, context: dict[str, str], pipe: Any) -> None:
    with store.open() as kms:
        pipe.send(use(kms, ciphertext, context))


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_multiprocessing(kms: libkms.Kms, store: Store, method: str) -> None:
    context = {"tenant": "7"}
    key = kms.generate_data_key(KEY, context=context)
    processes = multiprocessing.get_context(method)
    ours, theirs = processes.Pipe()
    target, first = (inherit, kms) if method == "fork" else (reopen, store)
    process = processes.Process(target=target, args=(first, key.ciphertext, context, theirs))  # type: ignore[attr-defined]
    process.start()
    assert ours.poll(60)
    check(kms, key, ours.recv(), context)
    process.join(60)
    assert process.exitcode == 0
    ours.close()
    theirs.close()


def test_a_kms_is_not_sent_to_a_spawned_process(kms: libkms.Kms) -> None:
    process = multiprocessing.get_context("spawn").Process(target=inherit, args=(kms, b"", {}, None))
    with pytest.raises(TypeError, match="a spawned process opens the store itself"):
        process.start()
