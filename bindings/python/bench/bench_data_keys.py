"""What a data key costs from Python, as ratios to what a user would write instead.

The measure of all is a 32-byte key and a 12-byte IV from os.urandom, and AES-256-GCM of `cryptography` over the key
with 64 bytes of AAD: no key management at all. All candidates are timed in turns, so that a machine that drifts does
so for all of them alike; the figure is the median of the turns' ratios.

    LIBKMS_PATH=../../target/release/libkms.so python bench/bench_data_keys.py
"""

from __future__ import annotations

import itertools
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

import libkms
from libkms import _ffi

KEY = "alias/orders"
AAD = os.urandom(64)
CONTEXT = {"tenant": "7"}
BATCH = 1000
TURNS = 60


def timed(work: Callable[[], object], repeat: int, clock: Callable[[], float] = time.perf_counter) -> float:
    start = clock()
    for _ in range(repeat):
        work()
    return (clock() - start) / repeat


def table(title: str, candidates: dict[str, tuple[Callable[[], object], int]], repeat: int, tsv: bool) -> None:
    """Prints each candidate's cost as a ratio to the first one's. The number says how many items its work makes.

    It is processor time, so that what else runs on the machine weighs less.
    """
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(TURNS):
        for name, (work, items) in candidates.items():
            times[name].append(timed(work, max(1, repeat // items), time.thread_time) / items)
    base = next(iter(times.values()))
    print("" if tsv else f"\n{title}")
    for name, own in times.items():
        ratio = statistics.median(mine / theirs for mine, theirs in zip(own, base, strict=True))
        ns = statistics.median(own) * 1e9
        print(f"{name}\t{ns:.0f}\t{ratio:.3f}" if tsv else f"  {name:56}{ratio:6.2f}   ({ns:6.0f} ns)")


def single(kms: libkms.Kms, tsv: bool) -> None:
    gcm = AESGCM(os.urandom(32))
    tenants = itertools.cycle([f"{tenant:04}" for tenant in range(1000)])

    def instead() -> tuple[bytes, bytes, bytes]:
        key, iv = os.urandom(32), os.urandom(12)
        return key, iv, gcm.encrypt(iv, key, AAD)

    def each() -> None:
        for key in kms.generate_data_keys(KEY, BATCH, aad=AAD):
            _ = key.plaintext

    _, iv, sealed = instead()
    blob = kms.generate_data_key(KEY, aad=AAD).ciphertext
    table(
        "one data key, per key",
        {
            "cryptography: AESGCM + os.urandom": (instead, 1),
            "generate_data_key, 64 bytes of AAD": (lambda: kms.generate_data_key(KEY, aad=AAD).plaintext, 1),
            "generate_data_key": (lambda: kms.generate_data_key(KEY).plaintext, 1),
            "generate_data_key, a context": (lambda: kms.generate_data_key(KEY, context=CONTEXT).plaintext, 1),
            "generate_data_key, a context that changes": (
                lambda: kms.generate_data_key(KEY, context={"tenant": next(tenants)}).plaintext,
                1,
            ),
            "generate_data_keys, each of 1,000": (lambda: kms.generate_data_keys(KEY, BATCH, aad=AAD), BATCH),
            "generate_data_keys, each of 1,000 as a DataKey": (each, BATCH),
        },
        1000,
        tsv,
    )
    table(
        "opening it again",
        {
            "cryptography: AESGCM, opening": (lambda: gcm.decrypt(iv, sealed, AAD), 1),
            "decrypt": (lambda: kms.decrypt(blob, aad=AAD).plaintext, 1),
        },
        1000,
        tsv,
    )


def spread(work: Callable[[], object], threads: int, repeat: int) -> float:
    """Seconds for one call when so many threads make theirs at once."""
    gate = threading.Barrier(threads + 1)

    def loop() -> None:
        gate.wait()
        for _ in range(repeat):
            work()
        gate.wait()

    pool = [threading.Thread(target=loop) for _ in range(threads)]
    for thread in pool:
        thread.start()
    gate.wait()
    start = time.perf_counter()
    gate.wait()
    took = time.perf_counter() - start
    for thread in pool:
        thread.join()
    return took / (threads * repeat)


def beside_a_busy_thread(work: Callable[[], object], repeat: int) -> float:
    """Seconds for one call while another thread runs Python code and never waits."""
    stop = threading.Event()

    def busy() -> None:
        while not stop.is_set():
            sum(range(100))

    thread = threading.Thread(target=busy)
    thread.start()
    try:
        return timed(work, repeat)
    finally:
        stop.set()
        thread.join()


OPERATIONS: dict[str, tuple[str, Callable[[libkms.Kms], object], int]] = {
    "generate_data_key": ("kms_generate_data_key", lambda kms: kms.generate_data_key(KEY), 2000),
    "generate_data_keys, 10": ("kms_generate_data_keys", lambda kms: kms.generate_data_keys(KEY, 10), 1000),
    "generate_data_keys, 1000": ("kms_generate_data_keys", lambda kms: kms.generate_data_keys(KEY, 1000), 50),
    "encrypt, 32 bytes": ("kms_encrypt", lambda kms: kms.encrypt(KEY, bytes(32)), 1000),
    "encrypt, 65,536 bytes": ("kms_encrypt", lambda kms: kms.encrypt(KEY, bytes(65536)), 200),
    "generate_random, 32 bytes": ("kms_generate_random", lambda kms: kms.generate_random(32), 2000),
    "describe_key": ("kms_describe_key", lambda kms: kms.describe_key(KEY), 200),
    "create_key": ("kms_create_key", lambda kms: kms.create_key(), 20),
}


def interpreter_lock(directory: str) -> None:
    """Each operation with both kinds of call. A call that lets go lets other threads run, and has to wait for them."""
    print("\nletting go of the interpreter lock (CDLL), as a ratio to keeping it (PyDLL)")
    print(f"  {'':30}{'alone':>10}{'2 threads':>12}{'busy thread':>14}")
    for title, (name, work, repeat) in OPERATIONS.items():
        _, *rest = _ffi.PROTOTYPES[name]
        stores = []
        for kind in (_ffi.HOLDS_GIL, _ffi.RELEASES_GIL):
            _ffi.PROTOTYPES[name] = (kind, *rest)
            setattr(_ffi.lib, name, _ffi.lib._function(name, convert=True))
            kms = libkms.open(f"sqlite:{directory}/{len(os.listdir(directory))}.db", root_key=bytes(32), create=True)
            kms.create_key(alias=KEY)
            kms.generate_data_key(KEY)  # makes the frame, with this kind of call
            stores.append((kms, getattr(_ffi.lib, name)))
        ratios: list[list[float]] = [[], [], []]
        for _ in range(9):
            pairs = []
            for kms, function in stores:
                setattr(_ffi.lib, name, function)
                call = partial(work, kms)
                pairs.append(
                    (timed(call, repeat), spread(call, 2, repeat), beside_a_busy_thread(call, max(repeat // 20, 5)))
                )
            for ratio, held, released in zip(ratios, *pairs, strict=True):
                ratio.append(released / held)
        alone, both, busy = (statistics.median(ratio) for ratio in ratios)
        print(f"  {title:30}{alone:10.2f}{both:12.2f}{busy:14.2f}")
        for kms, _ in stores:
            kms.close()


def main() -> None:
    """--tsv: data keys only, for benches/report.py: name, ns and ratio between TABs, tables between empty lines."""
    tsv = "--tsv" in sys.argv[1:]
    with libkms.open("memory:", root_key=os.urandom(32), create=True) as kms:
        kms.create_key(alias=KEY)
        if not tsv:
            print(f"libkms {libkms.version()}, Python {sys.version.split()[0]}; ratios, less is faster")
        single(kms, tsv)
    if not tsv:
        with tempfile.TemporaryDirectory() as directory:
            interpreter_lock(directory)


if __name__ == "__main__":
    main()
