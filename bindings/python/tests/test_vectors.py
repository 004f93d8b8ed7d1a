"""The vectors that all languages share (tests/vectors): through the library, and with `cryptography` alone."""

from __future__ import annotations

import hashlib
import json
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import libkms
from libkms import Origin

TESTS = Path(__file__).parents[3] / "tests"
# The format, written from its description: it knows nothing of libkms.
FORMAT = runpy.run_path(str(TESTS / "python" / "blob_format.py"))
BLOBS = json.loads((TESTS / "vectors" / "blob_format_1.json").read_text("utf-8"))
XAES = json.loads((TESTS / "vectors" / "xaes_256_gcm.json").read_text("utf-8"))

Case = dict[str, Any]


def named(cases: list[Case]) -> list[Any]:
    return [pytest.param(case, id=case["name"]) for case in cases]


def raw(case: Case, field: str) -> bytes:
    return bytes.fromhex(case[field])


def context(case: Case) -> dict[str, str] | None:
    return dict(case["context"]) or None


@pytest.fixture(scope="module")
def vectors() -> Iterator[libkms.Kms]:
    """A store with the keys of the vectors."""
    with libkms.open("memory:", root_key=bytes(range(32)), create=True) as kms:
        for number, key in enumerate(BLOBS["keys"]):
            kms.create_key(key_id=f"key-{number}", origin=Origin.EXTERNAL, key_uuid=raw(key, "key_uuid"))
            kms.import_key_material(f"key-{number}", raw(key, "material"), version_number=key["version"])
        yield kms


@pytest.mark.parametrize("case", named(BLOBS["cases"]))
def test_a_ciphertext_opens(vectors: libkms.Kms, case: Case) -> None:
    key = BLOBS["keys"][case["key"]]
    bound: dict[str, Any] = {"aad": raw(case, "aad") or None, "context": context(case)}
    opened = vectors.decrypt(raw(case, "blob"), **bound)
    assert opened.plaintext == raw(case, "plaintext")
    assert (opened.key_id, opened.version_number) == (f"key-{case['key']}", key["version"])
    again = vectors.decrypt(raw(case, "blob"), key_id=f"key-{case['key']}", iv=raw(case, "iv"), **bound)
    assert again.plaintext == raw(case, "plaintext")


@pytest.mark.parametrize("case", named(BLOBS["refusals"]))
def test_a_ciphertext_is_refused(vectors: libkms.Kms, case: Case) -> None:
    with pytest.raises(libkms.KmsError) as caught:
        vectors.decrypt(
            raw(case, "blob"),
            key_id=None if case["key"] is None else f"key-{case['key']}",
            iv=raw(case, "iv") or None,
            aad=raw(case, "aad") or None,
            context=context(case),
        )
    assert f"KMS_{caught.value.status.name}" == case["status"]


@pytest.mark.parametrize("case", named(BLOBS["cases"]))
def test_without_the_library(case: Case) -> None:
    key = BLOBS["keys"][case["key"]]
    pairs = context(case) or {}
    assert FORMAT["encode"](raw(case, "aad"), pairs) == raw(case, "encoded")
    opened = FORMAT["open_blob"](raw(key, "material"), raw(case, "blob"), raw(case, "aad"), pairs)
    assert opened == raw(case, "plaintext")
    made = FORMAT["make_blob"](
        raw(key, "material"),
        raw(key, "key_uuid"),
        key["version"],
        raw(case, "plaintext"),
        raw(case, "aad"),
        pairs,
        raw(case, "n1") + raw(case, "iv"),
    )
    assert made == raw(case, "blob")


def seal(key: bytes, nonce: bytes, aad: bytes, plaintext: bytes) -> bytes:
    subkey = FORMAT["kbkdf"](key, FORMAT["SUBKEY_LABEL"], nonce[:12])
    return AESGCM(subkey).encrypt(nonce[12:], plaintext, aad)


@pytest.mark.parametrize("number", range(len(XAES["cases"])))
def test_xaes(number: int) -> None:
    case = XAES["cases"][number]
    key, nonce = raw(case, "key"), raw(case, "nonce")
    assert FORMAT["kbkdf"](key, FORMAT["SUBKEY_LABEL"], nonce[:12]) == raw(case, "derived_key")
    assert seal(key, nonce, raw(case, "aad"), raw(case, "plaintext")) == raw(case, "ciphertext")


def test_10_000_steps_of_xaes() -> None:
    steps = 10_000
    inputs = memoryview(hashlib.shake_128().digest(steps * (32 + 24 + 2 * 256)))
    hashed = hashlib.shake_128()

    def take(count: int) -> bytes:
        nonlocal inputs
        taken, inputs = bytes(inputs[:count]), inputs[count:]
        return taken

    for _ in range(steps):
        key, nonce = take(32), take(24)
        plaintext = take(take(1)[0])
        aad = take(take(1)[0])
        hashed.update(seal(key, nonce, aad, plaintext))
    assert hashed.hexdigest(32) == XAES["accumulated"]["10000"]
