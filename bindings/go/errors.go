package kms

// #include "crossing.h"
import "C"

import "errors"

// ErrClosed is what every method returns once the KMS is closed.
var ErrClosed = errors.New("kms: the key store is closed")

// Status says what kind of error an Error is. errors.Is(err, kms.ErrNotFound) asks for one.
type Status int32

const (
	// ErrInvalidArgument: a limit or a bad combination; the message names the field.
	ErrInvalidArgument Status = C.KMS_INVALID_ARGUMENT
	// ErrBufferTooSmall: a caller's buffer is too short; nothing was done.
	ErrBufferTooSmall Status = C.KMS_BUFFER_TOO_SMALL
	// ErrNotFound: the key, alias, version, grant or store is not there.
	ErrNotFound Status = C.KMS_NOT_FOUND
	// ErrAlreadyExists: the id or alias is taken.
	ErrAlreadyExists Status = C.KMS_ALREADY_EXISTS
	// ErrDisabled: the key is disabled.
	ErrDisabled Status = C.KMS_DISABLED
	// ErrInvalidState: pending deletion, pending import, or the version is destroyed or scheduled to be.
	ErrInvalidState Status = C.KMS_INVALID_STATE
	// ErrInvalidKeyUsage: the key cannot do this, e.g. KeySpecAES256HSM under a software key.
	ErrInvalidKeyUsage Status = C.KMS_INVALID_KEY_USAGE
	// ErrInvalidGrantToken: a grant token that this store never issued, or whose grant is gone.
	ErrInvalidGrantToken Status = C.KMS_INVALID_GRANT_TOKEN
	// ErrAccessDenied: policy and grants do not allow it.
	ErrAccessDenied Status = C.KMS_ACCESS_DENIED
	// ErrInvalidCiphertext: altered, truncated, wrong AAD or context, or wrong IV.
	ErrInvalidCiphertext Status = C.KMS_INVALID_CIPHERTEXT
	// ErrIncorrectKey: KeyID was given, and the ciphertext was made under another key.
	ErrIncorrectKey Status = C.KMS_INCORRECT_KEY
	// ErrLimitExceeded: a quota of the store is used up.
	ErrLimitExceeded Status = C.KMS_LIMIT_EXCEEDED
	// ErrKeyUnavailable: the key material cannot be had now.
	ErrKeyUnavailable Status = C.KMS_KEY_UNAVAILABLE
	// ErrDependencyTimeout: store or HSM did not answer within Options.Timeout.
	ErrDependencyTimeout Status = C.KMS_DEPENDENCY_TIMEOUT
	// ErrStore: input or output of the store failed; NativeCode carries the store engine's own code.
	ErrStore Status = C.KMS_STORE_ERROR
	// ErrCorruptStore: a seal or digest of the store failed; it was damaged or tampered with.
	ErrCorruptStore Status = C.KMS_CORRUPT_STORE
	// ErrWrongRootKey: the root key is not the one that the store was made with.
	ErrWrongRootKey Status = C.KMS_WRONG_ROOT_KEY
	// ErrUnsupported: not built in, or a newer format than this library knows.
	ErrUnsupported Status = C.KMS_UNSUPPORTED
	// ErrOutOfMemory: memory could not be had, or not be locked where that was required.
	ErrOutOfMemory Status = C.KMS_OUT_OF_MEMORY
	// ErrInternal: a bug in the library.
	ErrInternal Status = C.KMS_INTERNAL
	// ErrDryRunOK: a dry run (DryRun) would have succeeded. It is an error so that no result can be taken for real:
	// a dry run always returns a nil result and an error, and any other error is why the call would fail.
	ErrDryRunOK Status = C.KMS_DRY_RUN_OK
	// ErrReadOnly: a change through a KMS that was opened read-only.
	ErrReadOnly Status = C.KMS_READ_ONLY
)

// Error gives the status its name in the C library, e.g. "KMS_NOT_FOUND".
func (s Status) Error() string {
	return C.GoString(C.kms_status_name(C.kms_status_t(s)))
}

// Detail says what the status is about.
type Detail uint32

const (
	DetailNone                      Detail = C.KMS_DETAIL_NONE
	DetailKey                       Detail = C.KMS_DETAIL_KEY
	DetailAlias                     Detail = C.KMS_DETAIL_ALIAS
	DetailVersion                   Detail = C.KMS_DETAIL_VERSION
	DetailGrant                     Detail = C.KMS_DETAIL_GRANT
	DetailPendingDeletion           Detail = C.KMS_DETAIL_PENDING_DELETION
	DetailPendingImport             Detail = C.KMS_DETAIL_PENDING_IMPORT
	DetailVersionDestroyed          Detail = C.KMS_DETAIL_VERSION_DESTROYED
	DetailVersionPendingDestruction Detail = C.KMS_DETAIL_VERSION_PENDING_DESTRUCTION
	DetailMaterialExpired           Detail = C.KMS_DETAIL_MATERIAL_EXPIRED
)

// Error is what the library says when a call fails. Every error of this package is one, but for ErrClosed.
type Error struct {
	Status Status
	Detail Detail
	// NativeCode is the code of what lies below (SQLite, errno); 0 if none.
	NativeCode int64
	// Retryable: the same call may succeed later.
	Retryable bool
	// Poisoned: the KMS is of no more use; close it.
	Poisoned bool
	// RequestID is the id of the failed request, for logs; empty if the library was not asked.
	RequestID string
	// Message is for people. It names the argument at fault as the C library does, and holds no secret.
	Message string
}

func (e *Error) Error() string {
	return "kms: " + e.Message + " (" + e.Status.Error() + ")"
}

// Unwrap gives the Status, so that errors.Is finds it.
func (e *Error) Unwrap() error {
	return e.Status
}

// failure takes over what a crossing returned: nil if it succeeded.
func failure(failed *C.kms_error_t) error {
	if failed == nil {
		return nil
	}
	defer C.kmsgo_error_free(failed)
	return &Error{
		Status:     Status(failed.status),
		Detail:     Detail(failed.detail),
		NativeCode: int64(failed.native_code),
		Retryable:  failed.flags&C.KMS_ERROR_RETRYABLE != 0,
		Poisoned:   failed.flags&C.KMS_ERROR_POISONED != 0,
		RequestID:  string(chars(failed.request_id[:])),
		Message:    string(chars(failed.message[:])),
	}
}

// invalid is the error of an argument that cannot be shown to the library. It is worded as the library's own.
func invalid(message string) error {
	return &Error{Status: ErrInvalidArgument, Message: message}
}
