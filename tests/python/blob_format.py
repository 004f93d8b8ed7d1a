"""The ciphertext blob, format 1, written from its description (docs/format.md) and Python's `cryptography` alone.

Nothing here knows libkms: whoever has the material of a key version opens its ciphertexts with this page.
"""

import os
import struct
import sys

try:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.ciphers.algorithms import AES
    from cryptography.hazmat.primitives.cmac import CMAC
except ImportError as error:
    sys.exit(
        f"{sys.executable} has no `cryptography` ({error}). scripts/setup.sh makes an environment that has it; "
        "or: python3 -m pip install cryptography"
    )

MAGIC = b"KM"
FORMAT = 1
XAES_256_GCM = 1
HEADER = struct.Struct(">2sBB16sI32s")  # magic, format, algorithm, key UUID, version number, commitment
OVERHEAD = HEADER.size + 12 + 12 + 16
COMMITMENT_LABEL = 0x43
SUBKEY_LABEL = 0x58


def kbkdf(key: bytes, label: int, context: bytes) -> bytes:
    """32 bytes of the counter mode KBKDF with CMAC-AES256 (NIST SP 800-108r1 clause 4.1), as XAES-256-GCM uses it."""
    output = b""
    for counter in (1, 2):
        cmac = CMAC(AES(key))
        cmac.update(bytes([0, counter, label, 0]) + context)
        output += cmac.finalize()
    return output


def commitment(material: bytes) -> bytes:
    return kbkdf(material, COMMITMENT_LABEL, bytes(12))


def encode(aad: bytes, context: dict[str, str]) -> bytes:
    """Raw AAD or an encryption context; not both."""
    if aad and context:
        raise ValueError("both AAD and a context")
    if aad:
        return b"\x01" + aad
    if not context:
        return b"\x00"
    pairs = sorted((key.encode(), value.encode()) for key, value in context.items())
    lengths_and_texts = (struct.pack(">I", len(text)) + text for pair in pairs for text in pair)
    return b"\x02" + b"".join(lengths_and_texts)


def open_blob(material: bytes, blob: bytes, aad: bytes, context: dict[str, str]) -> bytes:
    if len(blob) < OVERHEAD:
        raise ValueError(f"{len(blob)} bytes are no ciphertext")
    magic, form, algorithm, _key, version, committed = HEADER.unpack_from(blob)
    if (magic, form, algorithm) != (MAGIC, FORMAT, XAES_256_GCM) or version == 0:
        raise ValueError("not a ciphertext of format 1")
    if committed != commitment(material):
        raise ValueError("not the commitment to this material")
    header, n1, iv, sealed = blob[:56], blob[56:68], blob[68:80], blob[80:]
    subkey = kbkdf(material, SUBKEY_LABEL, n1)
    try:
        return AESGCM(subkey).decrypt(iv, sealed, header + encode(aad, context))
    except InvalidTag:
        raise ValueError("the tag is wrong") from None


def make_blob(
    material: bytes,
    key: bytes,
    version: int,
    plaintext: bytes,
    aad: bytes,
    context: dict[str, str],
    nonces: bytes | None = None,
) -> bytes:
    """The nonces, N1 and IV, are chosen for test vectors only."""
    header = HEADER.pack(MAGIC, FORMAT, XAES_256_GCM, key, version, commitment(material))
    nonces = os.urandom(24) if nonces is None else nonces
    n1, iv = nonces[:12], nonces[12:]
    subkey = kbkdf(material, SUBKEY_LABEL, n1)
    return header + nonces + AESGCM(subkey).encrypt(iv, plaintext, header + encode(aad, context))
