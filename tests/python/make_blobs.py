"""Makes ciphertexts with the material of a key version: one JSON object per line of standard input, one hex line each.

Each line has material, key (the internal UUID), aad and plaintext in hex, version as a number, context as an object.
"""

import json
import sys

from blob_format import make_blob


def main() -> None:
    for line in sys.stdin:
        case = json.loads(line)
        material, key, aad, plaintext = (bytes.fromhex(case[name]) for name in ("material", "key", "aad", "plaintext"))
        print(make_blob(material, key, case["version"], plaintext, aad, case["context"]).hex())


main()
