"""Opens ciphertexts with the material of their key version: one JSON object per line of standard input.

Each line has material, blob, aad and plaintext in hex, and context as an object. Every line must open to its
plaintext, and must not with the last bit of the blob changed. Prints how many did.
"""

import json
import sys

from blob_format import open_blob


def main() -> None:
    opened = 0
    for number, line in enumerate(sys.stdin, 1):
        case = json.loads(line)
        material, blob, aad, plaintext = (
            bytes.fromhex(case[name]) for name in ("material", "blob", "aad", "plaintext")
        )
        try:
            found = open_blob(material, blob, aad, case["context"])
        except ValueError as error:
            sys.exit(f"line {number}: {error}")
        if found != plaintext:
            sys.exit(f"line {number}: opens to something else")
        try:
            open_blob(material, blob[:-1] + bytes([blob[-1] ^ 1]), aad, case["context"])
        except ValueError:
            opened += 1
        else:
            sys.exit(f"line {number}: opens although a bit was changed")
    print(opened)


main()
