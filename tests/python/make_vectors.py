"""Writes tests/vectors/blob_format_1.json to standard output: ciphertexts of known material, key, version and nonces.

Everything in it follows from this page: a test runs it and compares. It is made with `blob_format` and Python's
`cryptography`, not with libkms, so libkms is tested by it and not the other way round.
"""

import hashlib
import json

from blob_format import commitment, encode, make_blob

LENGTHS = (0, 1, 16, 32, 1024)
CONTEXTS: tuple[tuple[str, list[tuple[str, str]]], ...] = (
    ("one pair", [("tenant", "7")]),
    ("an empty value", [("tenant", "")]),
    ("sorted by bytes, not as given", [("b", "2"), ("a", "1"), ("B", "3")]),
    ("a shorter prefix first", [("ab", "1"), ("a", "2"), ("abc", "3"), ("aB", "4")]),
    ("the order of UTF-8, which is not that of UTF-16", [("\U00010000", "2"), ("\ue000", "1"), ("\u00e9", "0")]),
    ("strings that run together", [("a", "bc"), ("ab", "c"), ("abc", "")]),
    ("composed", [("caf\u00e9", "\u00e9")]),
    ("decomposed: never normalised", [("cafe\u0301", "e\u0301")]),
    ("control characters, quotes and spaces", [("\t", "\x01\x7f"), (' "k" ', "\\\\ \n")]),
    ("ten pairs", [(f"key {number}", str(number)) for number in range(9, -1, -1)]),
    ("a long value", [("long", "0123456789abcdef" * 64)]),
)
INVALID = "KMS_INVALID_CIPHERTEXT"


def known(name: str, size: int) -> bytes:
    """Bytes that nobody chose."""
    return hashlib.shake_128(b"libkms test vectors: " + name.encode()).digest(size)


class Vectors:
    """Two keys, one of them at a high version number, and what is made with them."""

    def __init__(self) -> None:
        self.keys = [
            {"material": known(f"material {number}", 32), "key_uuid": known(f"key {number}", 16), "version": version}
            for number, version in enumerate((1, 0xFFFFFFFE))
        ]
        self.cases: list[dict[str, object]] = []
        self.refusals: list[dict[str, object]] = []

    def blob(self, name: str, key: int, plaintext: bytes, aad: bytes, context: list[tuple[str, str]]) -> bytes:
        made_with = self.keys[key]
        return make_blob(
            made_with["material"],
            made_with["key_uuid"],
            made_with["version"],
            plaintext,
            aad,
            dict(context),
            known(f"nonces of {name}", 24),
        )

    def add(self, name: str, key: int, plaintext: bytes, aad: bytes, context: list[tuple[str, str]]) -> bytes:
        blob = self.blob(name, key, plaintext, aad, context)
        self.cases.append(
            {
                "name": name,
                "key": key,
                "n1": blob[56:68],
                "iv": blob[68:80],
                "aad": aad,
                "context": context,
                "encoded": encode(aad, dict(context)),
                "plaintext": plaintext,
                "blob": blob,
            }
        )
        return blob

    def refuse(
        self,
        name: str,
        status: str,
        blob: bytes,
        aad: bytes = b"",
        context: tuple[tuple[str, str], ...] = (),
        iv: bytes = b"",
        named: int | None = None,
    ) -> None:
        self.refusals.append(
            {"name": name, "status": status, "aad": aad, "context": context, "iv": iv, "key": named, "blob": blob}
        )


def add_cases(vectors: Vectors) -> None:
    for number in (0, 1):
        for length in LENGTHS:
            name = f"{length} bytes, key {number}"
            vectors.add(name + ", no AAD", number, known(name, length), b"", [])
            vectors.add(name + ", raw AAD", number, known(name, length), known(name + ", AAD", 20), [])
            vectors.add(name + ", a context", number, known(name, length), b"", [("tenant", "7"), ("purpose", "x")])
    for name, context in CONTEXTS:
        vectors.add("context: " + name, 0, known(name, 32), b"", context)
    # Raw AAD that looks like an encoding, or like none.
    for aad in (b"\0", b"\x01", b"\x02", encode(b"", {"tenant": "7"}), known("long AAD", 8192)):
        vectors.add(f"raw AAD of {len(aad)} bytes that starts with {aad[0]}", 0, known("plain", 32), aad, [])


def add_refusals(vectors: Vectors) -> None:
    context = [("tenant", "7")]
    pairs = tuple(context)
    plaintext = known("refused", 32)
    blob = vectors.add("the one that the refusals change", 0, plaintext, b"", context)

    def changed(offset: int, bits: int = 1) -> bytes:
        return blob[:offset] + bytes([blob[offset] ^ bits]) + blob[offset + 1 :]

    refuse = vectors.refuse
    for what, offset in (
        ("magic", 0),
        ("magic", 1),
        ("version number", 23),
        ("version number", 20),
        ("commitment", 24),
        ("commitment", 55),
        ("N1", 56),
        ("N1", 67),
        ("IV", 68),
        ("IV", 79),
        ("ciphertext", 80),
        ("ciphertext", 111),
        ("tag", 112),
        ("tag", 127),
    ):
        refuse(f"{what} changed at {offset}", INVALID, changed(offset), context=pairs)
    refuse("the next format", "KMS_UNSUPPORTED", blob[:2] + b"\x02" + blob[3:], context=pairs)
    refuse("format 0", "KMS_UNSUPPORTED", blob[:2] + b"\x00" + blob[3:], context=pairs)
    refuse("another algorithm", "KMS_UNSUPPORTED", blob[:3] + b"\x02" + blob[4:], context=pairs)
    refuse("version number 0", INVALID, blob[:20] + bytes(4) + blob[24:], context=pairs)
    refuse("a key that is not there", "KMS_NOT_FOUND", changed(4, 0x80), context=pairs)
    refuse("another key is named", "KMS_INCORRECT_KEY", blob, context=pairs, named=1)
    for length in (0, 1, 2, 55, 56, 79, 80, 95, 96, 127):
        refuse(f"cut to {length} bytes", INVALID, blob[:length], context=pairs)
    refuse("a byte more", INVALID, blob + b"\0", context=pairs)
    refuse("a byte less at its start", INVALID, blob[1:], context=pairs)
    refuse("no context", INVALID, blob)
    refuse("another value", INVALID, blob, context=(("tenant", "8"),))
    refuse("another name", INVALID, blob, context=(("Tenant", "7"),))
    refuse("a pair more", INVALID, blob, context=(("tenant", "7"), ("x", "")))
    refuse("its encoding as raw AAD", INVALID, blob, aad=encode(b"", dict(context)))
    refuse("its encoding without the kind as raw AAD", INVALID, blob, aad=encode(b"", dict(context))[1:])
    refuse("another IV given", INVALID, blob, context=pairs, iv=bytes([blob[68] ^ 1]) + blob[69:80])
    refuse("a shorter IV given", INVALID, blob, context=pairs, iv=blob[68:79])
    refuse("a longer IV given", INVALID, blob, context=pairs, iv=blob[68:80] + b"\0")

    # Sealed as they should be, but for one thing each.
    key, other = vectors.keys
    made_of = (plaintext, b"", dict(context), blob[56:80])
    refuse("other material", INVALID, make_blob(other["material"], key["key_uuid"], 1, *made_of), context=pairs)
    refuse("another version", INVALID, make_blob(key["material"], key["key_uuid"], 2, *made_of), context=pairs)
    refuse(
        "a commitment to other material", INVALID, blob[:24] + commitment(other["material"]) + blob[56:], context=pairs
    )


def as_json(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(type(value))


def main() -> None:
    vectors = Vectors()
    add_cases(vectors)
    add_refusals(vectors)
    parts = {"keys": vectors.keys, "cases": vectors.cases, "refusals": vectors.refusals}
    print('{\n"source": "tests/python/make_vectors.py, from docs/format.md and Python\'s cryptography alone",')
    for last, (name, values) in enumerate(parts.items(), 1 - len(parts)):
        lines = ",\n".join(json.dumps(value, default=as_json) for value in values)
        print(f'"{name}": [\n{lines}\n]{"," if last else ""}')
    print("}")


main()
