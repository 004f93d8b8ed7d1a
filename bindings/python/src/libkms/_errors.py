"""The exceptions: one class per status of the library, all of them a KmsError."""

from __future__ import annotations

from ._enums import Detail, Status
from ._structs import (
    KMS_ERROR_POISONED,
    KMS_ERROR_RETRYABLE,
    kms_error_t,
)


class KmsError(Exception):
    """A call that failed.

    `detail` says what the status is about; `native_code` is the code of what lies below (SQLite, errno), 0 if none;
    `retryable`: the same call may succeed later; `poisoned`: the handle is of no more use; `request_id` is the
    failed request's, for logs ("" if the call never reached the library).
    """

    status: Status = Status.INTERNAL

    def __init__(
        self,
        message: str,
        *,
        detail: Detail = Detail.NONE,
        native_code: int = 0,
        retryable: bool = False,
        poisoned: bool = False,
        request_id: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.detail = detail
        self.native_code = native_code
        self.retryable = retryable
        self.poisoned = poisoned
        self.request_id = request_id


class InvalidArgumentError(KmsError, ValueError):
    """A limit or a bad combination; the message names the argument."""

    status = Status.INVALID_ARGUMENT


class BufferTooSmallError(KmsError):
    """Cannot happen through this package, which sizes its buffers itself."""

    status = Status.BUFFER_TOO_SMALL


class NotFoundError(KmsError):
    """The key, alias, version, grant or store is not there."""

    status = Status.NOT_FOUND


class AlreadyExistsError(KmsError):
    """The id or alias is taken."""

    status = Status.ALREADY_EXISTS


class DisabledError(KmsError):
    """The key is disabled."""

    status = Status.DISABLED


class InvalidStateError(KmsError):
    """Pending deletion, pending import, or the version is destroyed or scheduled to be; see `detail`."""

    status = Status.INVALID_STATE


class InvalidKeyUsageError(KmsError):
    """The key cannot do this, e.g. KeySpec.AES_256_HSM under a software key."""

    status = Status.INVALID_KEY_USAGE


class InvalidGrantTokenError(KmsError):
    """A grant token that this store never issued, or whose grant is gone."""

    status = Status.INVALID_GRANT_TOKEN


class AccessDeniedError(KmsError):
    """Policy and grants do not allow it."""

    status = Status.ACCESS_DENIED


class InvalidCiphertextError(KmsError):
    """Altered, truncated, wrong AAD or context, or wrong IV: one status and one message for all of them."""

    status = Status.INVALID_CIPHERTEXT


class IncorrectKeyError(KmsError):
    """`key_id` was given, and the ciphertext was made under another key; or imported material is not the former."""

    status = Status.INCORRECT_KEY


class LimitExceededError(KmsError):
    """A quota of the store is used up."""

    status = Status.LIMIT_EXCEEDED


class KeyUnavailableError(KmsError):
    """The key material cannot be had now."""

    status = Status.KEY_UNAVAILABLE


class DependencyTimeoutError(KmsError):
    """Store or HSM did not answer within `timeout_ms`."""

    status = Status.DEPENDENCY_TIMEOUT


class StoreError(KmsError):
    """Input or output of the store failed; `native_code` is the store engine's own code."""

    status = Status.STORE_ERROR


class CorruptStoreError(KmsError):
    """A seal or digest of the store failed: it was damaged or tampered with."""

    status = Status.CORRUPT_STORE


class WrongRootKeyError(KmsError):
    """The root key is not the one that the store was made with."""

    status = Status.WRONG_ROOT_KEY


class UnsupportedError(KmsError):
    """Not built in, or a newer format than the library knows."""

    status = Status.UNSUPPORTED


class OutOfMemoryError(KmsError):
    """Memory could not be had, or not be locked where that was required."""

    status = Status.OUT_OF_MEMORY


class InternalError(KmsError):
    """A bug in the library."""

    status = Status.INTERNAL


class ReadOnlyError(KmsError):
    """A change through a handle that was opened read-only."""

    status = Status.READ_ONLY


class ClosedError(KmsError):
    """A call on a Kms, or a read of a plaintext, after close()."""

    status = Status.INVALID_ARGUMENT  # what the library says of a handle that is none


BY_STATUS: dict[Status, type[KmsError]] = {
    error.status: error for error in KmsError.__subclasses__() if error is not ClosedError
}


def failure(error: kms_error_t) -> KmsError:
    """The exception for what the library wrote into a kms_error_t."""
    status = Status(error.status)
    raised = BY_STATUS.get(status, KmsError)(
        error.message.decode("utf-8", "replace"),
        detail=Detail(error.detail),
        native_code=error.native_code,
        retryable=bool(error.flags & KMS_ERROR_RETRYABLE),
        poisoned=bool(error.flags & KMS_ERROR_POISONED),
        request_id=error.request_id.decode("ascii", "replace"),
    )
    raised.status = status
    return raised
