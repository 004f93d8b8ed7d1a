#!/usr/bin/env python3
"""filecrypt: encrypts and decrypts a file of any size with a data key from libkms.

Each file has a data key of its own. The plain data key lives in memory while the file is worked on; the file carries
it wrapped under the KMS key. The file layout is in examples/README.md.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import struct
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import libkms

MAGIC = b"KMSF"
VERSION = 1
FIXED = struct.Struct(">4sB7sIHH")  # magic, version, nonce prefix, chunk size, lengths of wrapped key and context
CHUNK_SIZE = 65536
# The header is not authenticated until the first chunk is: a planted one must not eat the memory.
MAX_CHUNK_SIZE = 1 << 20
MAX_WRAPPED = 1120
TAG_SIZE = 16
KEY_SIZE = 32


class Refused(Exception):
    """The file is not one of ours, or not as it was made."""


def pack_context(context: dict[str, str]) -> bytes:
    return b"".join(text.encode() + b"\0" for pair in context.items() for text in pair)


def unpack_context(packed: bytes) -> dict[str, str]:
    if packed and packed[-1]:
        raise Refused("the header's context does not end with a NUL")
    try:
        texts = [text.decode() for text in packed.split(b"\0")[:-1]]
    except UnicodeDecodeError:
        raise Refused("the header's context is not UTF-8") from None
    context = dict(zip(texts[::2], texts[1::2], strict=False))
    if 2 * len(context) != len(texts):
        raise Refused("the header's context is not pairs, or names one twice")
    return context


class Header:
    """What comes before the chunks. `packed`, the whole of it, is the AAD of every chunk."""

    def __init__(self, prefix: bytes, chunk_size: int, wrapped: bytes, context: bytes) -> None:
        fixed = FIXED.pack(MAGIC, VERSION, prefix, chunk_size, len(wrapped), len(context))
        self.prefix, self.chunk_size = prefix, chunk_size
        self.wrapped, self.context = wrapped, unpack_context(context)
        self.packed = fixed + wrapped + context

    @classmethod
    def read(cls, source: BinaryIO) -> Header:
        fixed = source.read(FIXED.size)
        if len(fixed) != FIXED.size:
            raise Refused("not a sealed file: it is too short")
        magic, version, prefix, chunk_size, wrapped_len, context_len = FIXED.unpack(fixed)
        if magic != MAGIC or version != VERSION:
            raise Refused("not a sealed file, or of a newer version")
        if not 1 <= chunk_size <= MAX_CHUNK_SIZE:
            raise Refused("the header's chunk size is out of range")
        if not 1 <= wrapped_len <= MAX_WRAPPED:
            raise Refused("the header's wrapped key has an impossible length")
        rest = source.read(wrapped_len + context_len)
        if len(rest) != wrapped_len + context_len:
            raise Refused("the header is cut short")
        return cls(prefix, chunk_size, rest[:wrapped_len], rest[wrapped_len:])


def chunks(source: BinaryIO, size: int) -> Iterator[tuple[bytes, bool]]:
    """The source in pieces of `size`, each with whether it is the last. An empty source has one, empty piece."""
    chunk = source.read(size)
    while following := source.read(size):
        yield chunk, False
        chunk = following
    yield chunk, True


def nonces(header: Header) -> Iterator[tuple[bytes, bytes]]:
    """For each chunk its nonce as an inner and as the last chunk: so a chunk opens nowhere but in its place."""
    for counter in range(1 << 32):
        start = header.prefix + struct.pack(">I", counter)
        yield start + b"\0", start + b"\1"
    raise Refused("too long: more than 2^32 chunks")


def encrypt_stream(cipher: AESGCM, header: Header, source: BinaryIO, target: BinaryIO) -> None:
    target.write(header.packed)
    places = nonces(header)
    for chunk, last in chunks(source, header.chunk_size):
        target.write(cipher.encrypt(next(places)[last], chunk, header.packed))


def decrypt_stream(cipher: AESGCM, header: Header, source: BinaryIO, target: BinaryIO) -> None:
    places = nonces(header)
    for chunk, last in chunks(source, header.chunk_size + TAG_SIZE):
        try:
            target.write(cipher.decrypt(next(places)[last], chunk, header.packed))
        except InvalidTag:
            raise Refused("it was altered, cut or reordered") from None


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A new file, its owner's alone, that takes its name only when the block ends well: no refused half stays."""
    fd, temp = tempfile.mkstemp(prefix=path.name + ".", dir=path.parent)
    try:
        with os.fdopen(fd, "wb") as target:
            yield target
            target.flush()
            os.fsync(fd)
        os.replace(temp, path)
    except BaseException:
        os.unlink(temp)
        raise


def encrypt(kms: libkms.Kms, args: argparse.Namespace) -> None:
    context = dict(args.context)
    if len(context) != len(args.context):
        raise Refused("--context names one twice")
    # AESGCM keeps a copy of the key that Python cannot wipe; our own goes with the `with`.
    with args.input.open("rb") as source, kms.generate_data_key(args.key, context=context) as key:
        header = Header(bytes(kms.generate_random(7)), CHUNK_SIZE, bytes(key.ciphertext), pack_context(context))
        with replacing(args.output) as target:
            encrypt_stream(AESGCM(key.plaintext), header, source, target)


def decrypt(kms: libkms.Kms, args: argparse.Namespace) -> None:
    with args.input.open("rb") as source:
        header = Header.read(source)
        # The file says which context it was encrypted with, and the KMS verifies that; the caller says what it
        # expects of it, which only the caller can: otherwise one tenant's file would pass for another's.
        if not set(args.context) <= header.context.items():
            raise Refused("it was encrypted with another context")
        with kms.decrypt(header.wrapped, key_id=args.key, context=header.context) as key:
            if len(key.plaintext) != KEY_SIZE:
                raise Refused("its data key is not AES-256")
            with replacing(args.output) as target:
                decrypt_stream(AESGCM(key.plaintext), header, source, target)


def create_key(kms: libkms.Kms, key: str) -> None:
    """Makes the KMS key if it is not there: "alias/NAME" gets a new id and that alias, anything else is the id."""
    with contextlib.suppress(libkms.AlreadyExistsError):
        if key.startswith("alias/"):
            kms.create_key(alias=key)
        else:
            kms.create_key(key_id=key)


def pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError("NAME=VALUE is expected")
    return name, value


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="filecrypt", description=__doc__.splitlines()[0] if __doc__ else None)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, run in ("encrypt", encrypt), ("decrypt", decrypt):
        command = commands.add_parser(name)
        command.add_argument("--store", required=True, help="e.g. sqlite:keys.db")
        command.add_argument("--root-key-uri", required=True, help="e.g. file:root.key")
        command.add_argument("--key", required=name == "encrypt", help="id or alias/NAME of the KMS key")
        command.add_argument("--context", action="append", type=pair, default=[], metavar="NAME=VALUE")
        if name == "encrypt":
            command.add_argument("--create", action="store_true", help="make store and key if they are not there")
        command.add_argument("input", type=Path)
        command.add_argument("output", type=Path)
        command.set_defaults(run=run, create=False)
    return parser.parse_args()


def main() -> int:
    args = parse_arguments()
    try:
        with libkms.open(args.store, root_key_uri=args.root_key_uri, create=args.create) as kms:
            if args.create:
                create_key(kms, args.key)
            args.run(kms, args)
    except libkms.KmsError as error:
        print(f"filecrypt: {error} (KMS_{error.status.name})", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"filecrypt: {error}", file=sys.stderr)
        return 1
    except Refused as error:
        print(f"filecrypt: {args.input}: refused: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
