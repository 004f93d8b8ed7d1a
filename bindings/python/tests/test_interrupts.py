"""A KeyboardInterrupt on any line of the package: the next call does what it is asked, and nothing is left behind.

A signal handler runs between two instructions of Python code. Here a trace function raises in its place, before the
first line, then before the second, until the call gets through.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import libkms

PACKAGE = str(Path(libkms.__file__).parent)
# A finalizer has no caller to raise to; Python prints what is raised there, and goes on.
FINALIZERS = str(Path(PACKAGE, "_secret.py"))

KEY = "alias/orders"


def interrupted_before(line: int, call: Callable[[], object]) -> bool:
    """Whether `call` was interrupted before its line-th line, in the order of execution."""
    count = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal count
        name = frame.f_code.co_filename
        if not name.startswith(PACKAGE) or name == FINALIZERS:
            return None
        if event == "line":
            count += 1
            if count == line:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


@pytest.mark.parametrize("name", ["generate_data_key", "generate_data_keys", "encrypt", "decrypt", "describe_key"])
def test_interrupts_on_every_line(kms: libkms.Kms, name: str) -> None:
    kms.create_key(key_id="other")
    other = kms.generate_data_key("other", context={"c": "d"})
    mine = kms.generate_data_key(KEY, aad=b"aad", number_of_bytes=48)
    calls: dict[str, Callable[[], object]] = {
        "generate_data_key": lambda: kms.generate_data_key("other", context={"c": "d"}, key_spec=1, dry_run=False),
        "generate_data_keys": lambda: kms.generate_data_keys("other", 3, context={"c": "d"}),
        "encrypt": lambda: kms.encrypt("other", b"payload", context={"c": "d"}),
        "decrypt": lambda: kms.decrypt(other.ciphertext, key_id="other", iv=other.iv, context={"c": "d"}),
        "describe_key": lambda: kms.describe_key("other"),
    }
    line = 1
    while interrupted_before(line, calls[name]):
        line += 1
        for frame in kms._handle.idle:
            assert frame.plaintext_memory.raw == bytes(1024)
        # Twice, as the interrupted call's frame may be the second one.
        for _ in range(2):
            key = kms.generate_data_key(KEY, aad=b"aad", number_of_bytes=48)
            assert (key.key_id, len(key.plaintext)) == ("orders-1", 48)
            again = kms.decrypt(key.ciphertext, key_id=KEY, iv=key.iv, aad=b"aad")
            assert again.plaintext == key.plaintext
            assert kms.decrypt(mine.ciphertext, aad=b"aad").plaintext == mine.plaintext
    assert line > 10
    kms.close()
    with pytest.raises(libkms.ClosedError):
        kms.stats()
