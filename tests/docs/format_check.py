"""Opens what libkms makes with the programs of docs/format.md, which tests/docs.rs saves where Python finds them.

Run in an empty directory. Everything goes through public doors: the store file, the root key, the ciphertexts.
"""

import os
import sqlite3

from cryptography.exceptions import InvalidTag
from open_blob import open_blob
from read_store import read_store

import libkms

ROOT_KEY = bytes(range(32))
#: The order of keys in UTF-8 is another than that of code points in UTF-16, and than that of the letters.
CONTEXTS = [
    {"tenant": "7"},
    {"b": "", "a": "x", "ab": "y", "aa": "\u00e9", "B": "z"},
    {"\uffff": "1", "\U00010000": "2", "\u00e9": "3", "e\u0301": "4"},
    {f"key {number}": "v" * number for number in range(200)},
]
AADS = [{}, {"aad": b"raw"}, {"aad": b"\0" * 8192}, *({"context": context} for context in CONTEXTS)]
SIZES = [0, 1, 15, 16, 17, 32, 1024, 65536]


def refused(call):
    try:
        call()
    except (ValueError, InvalidTag):
        return True
    return False


def make(kms):
    """Ciphertexts, what they bind and what is in them."""
    for number in range(3):
        kms.create_key(key_id=f"key-{number}", alias=f"alias/{number}", description="d" * 100 * number)
        kms.create_alias(f"alias/further/{number}", f"key-{number}")
        for grantee in range(20 * number):
            kms.create_grant(f"key-{number}", f"tenant-{grantee % 15}", libkms.GrantOperation.DECRYPT)
    for number, bound in enumerate(AADS):
        key_id = f"key-{number % 3}"
        for size in SIZES:
            payload = os.urandom(size)
            yield kms.encrypt(key_id, payload, **bound).ciphertext, bound, payload
        with kms.generate_data_key(key_id, number_of_bytes=number + 1, **bound) as key:
            yield key.ciphertext, bound, bytes(key.plaintext)
    with kms.generate_data_keys("alias/1", 2000, **AADS[-2]) as keys:
        for key in keys:
            yield key.ciphertext, AADS[-2], bytes(key.plaintext)


def check(path, **root):
    with libkms.open(f"sqlite:{path}", create=True, **root) as kms:
        made = list(make(kms))
    versions = read_store(path, **root)
    assert {key_id for key_id, _ in versions.values()} == {"key-0", "key-1", "key-2"}
    materials = {version: material for version, (_, material) in versions.items()}
    for blob, bound, plaintext in made:
        material = materials[blob[4:20], int.from_bytes(blob[20:24], "big")]
        assert open_blob(blob, material, **bound) == plaintext
    for blob, bound, _ in made[:: len(SIZES)][:8]:
        material = materials[blob[4:20], int.from_bytes(blob[20:24], "big")]
        for place in range(len(blob) if len(blob) < 200 else 200):
            flipped = blob[:place] + bytes([blob[place] ^ 1]) + blob[place + 1 :]
            assert refused(lambda: open_blob(flipped, material, **bound)), place
        assert refused(lambda: open_blob(blob[:-1], material, **bound))
        assert refused(lambda: open_blob(blob, bytes(32), **bound))
        assert refused(lambda: open_blob(blob, material, aad=b"another"))
    return len(made)


def check_tampering(path, sql):
    """One change in the file is noticed, as the document says that it is."""
    copy = f"tampered-{path}"
    with open(path, "rb") as original, open(copy, "wb") as target:
        target.write(original.read())
    db = sqlite3.connect(copy)
    changed = db.execute(sql).rowcount
    db.commit()
    db.close()
    assert changed == 1, sql
    try:
        read_store(copy, root_key=ROOT_KEY)
    except (AssertionError, InvalidTag, KeyError, ValueError):
        return
    raise SystemExit(f"{sql} went unnoticed")


def main():
    opened = check("raw.db", root_key=ROOT_KEY)
    for sql in [
        "UPDATE row SET revision = revision + 1 WHERE kind = 4 AND id = (SELECT min(id) FROM row WHERE kind = 4)",
        "UPDATE row SET owner = zeroblob(32) WHERE kind = 4 AND id = (SELECT min(id) FROM row WHERE kind = 4)",
        "DELETE FROM row WHERE kind = 2 AND id = (SELECT min(id) FROM row WHERE kind = 2)",
        "DELETE FROM row WHERE kind = 6 AND id = (SELECT min(id) FROM row WHERE kind = 6)",
        "UPDATE header SET bytes = zeroblob(110)",
    ]:
        check_tampering("raw.db", sql)
    opened += check("passphrase.db", passphrase=b"correct horse")
    print(f"docs/format.md opened {opened} ciphertexts of 2 stores")


main()
