"""The bytearray that holds a plaintext: it wipes itself and does not show itself."""

from __future__ import annotations

from typing import NoReturn

# A bytearray takes its new content from another bytearray without a copy.
_ZEROS = bytearray(32)


class SecretBytes(bytearray):
    """A bytearray that is overwritten with zeros when it is freed, and that no repr, pickle or copy gives away.

    `bytes(secret)` and slices are ordinary copies that nobody wipes. Growing a bytearray may move it and leave the
    old bytes behind; change it in place or not at all.
    """

    __slots__ = ()

    def wipe(self) -> None:
        """Overwrites the content with zeros, in place."""
        self[:] = _ZEROS if len(self) == 32 else bytearray(len(self))

    # The one place where __del__ is right and weakref.finalize is not: a finalizer cannot reach the object whose
    # death it reports, and one on the owner would wipe the bytes under whoever still holds them:
    # AESGCM(kms.decrypt(blob).plaintext) would run with a key of zeros.
    __del__ = wipe

    def __repr__(self) -> str:
        return f"<SecretBytes, {len(self)} bytes>"

    __str__ = __repr__

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("SecretBytes cannot be pickled or copied; bytes(secret) makes a copy that is yours to protect")
