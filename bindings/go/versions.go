package kms

// #include "crossing.h"
// #cgo noescape kmsgo_rotate_key
// #cgo nocallback kmsgo_rotate_key
// #cgo noescape kmsgo_set_primary_version
// #cgo nocallback kmsgo_set_primary_version
// #cgo noescape kmsgo_describe_key_version
// #cgo nocallback kmsgo_describe_key_version
// #cgo noescape kmsgo_list_key_versions
// #cgo nocallback kmsgo_list_key_versions
// #cgo noescape kmsgo_schedule_version_destruction
// #cgo nocallback kmsgo_schedule_version_destruction
// #cgo noescape kmsgo_cancel_version_destruction
// #cgo nocallback kmsgo_cancel_version_destruction
// #cgo noescape kmsgo_import_key_material
// #cgo nocallback kmsgo_import_key_material
// #cgo noescape kmsgo_delete_imported_key_material
// #cgo nocallback kmsgo_delete_imported_key_material
import "C"

import (
	"iter"
	"time"
)

// KeyMaterialSize is the length of a key's material, in bytes.
const KeyMaterialSize = 32

// VersionState says whether a version can be used.
type VersionState uint32

const (
	VersionStateEnabled            VersionState = C.KMS_VERSION_STATE_ENABLED
	VersionStatePendingDestruction VersionState = C.KMS_VERSION_STATE_PENDING_DESTRUCTION
	VersionStateDestroyed          VersionState = C.KMS_VERSION_STATE_DESTROYED
)

// VersionInfo is what there is to know of a key version.
type VersionInfo struct {
	KeyID     string
	VersionID string
	// VersionNumber counts from 1.
	VersionNumber uint32
	State         VersionState
	Algorithm     Algorithm
	// Primary: it is the key's primary version.
	Primary bool
	// CreatedAt is in whole seconds.
	CreatedAt time.Time
	// DestructionAt is when its material is destroyed, in whole seconds; zero: not scheduled.
	DestructionAt time.Time
	// UsesSealed counts the data keys and payloads made under it, UsesOpened the ciphertexts opened. They and LastUsedAt
	// are as exact as those of KeyInfo.
	UsesSealed, UsesOpened uint64
	// LastUsedAt is in whole seconds; zero: never used.
	LastUsedAt time.Time
}

func versionInfo(info *C.kms_version_info_t) VersionInfo {
	return VersionInfo{
		KeyID:         string(chars(info.key_id[:])),
		VersionID:     string(chars(info.version_id[:])),
		VersionNumber: uint32(info.version_number),
		State:         VersionState(info.state),
		Algorithm:     Algorithm(info.algorithm),
		Primary:       info.is_primary != 0,
		CreatedAt:     moment(info.created_at),
		DestructionAt: moment(info.destruction_at),
		UsesSealed:    uint64(info.uses_sealed),
		UsesOpened:    uint64(info.uses_opened),
		LastUsedAt:    moment(info.last_used_at),
	}
}

// version runs a crossing that describes a version.
func (k *KMS) version(cross func(C.kmsgo_handle_t, *C.kms_version_info_t) *C.kms_error_t) (*VersionInfo, error) {
	var info C.kms_version_info_t
	if err := k.with(func(h C.kmsgo_handle_t) *C.kms_error_t { return cross(h, &info) }); err != nil {
		return nil, err
	}
	version := versionInfo(&info)
	return &version, nil
}

// RotateKey gives a key a new version with fresh material and makes it the primary one. Older versions go on
// decrypting. The result is the new version.
func (k *KMS) RotateKey(request KeyRequest) (*VersionInfo, error) {
	text, call, err := request.cross()
	if err != nil {
		return nil, err
	}
	return k.version(func(h C.kmsgo_handle_t, info *C.kms_version_info_t) *C.kms_error_t {
		return C.kmsgo_rotate_key(h, text.pointer(), call, info)
	})
}

// VersionRequest is an operation on one version of a key that needs nothing more.
type VersionRequest struct {
	// KeyID is the key's id, "alias/NAME", or an ARN of either.
	KeyID       string
	VersionID   string
	GrantTokens []string
	// DryRun checks everything and does nothing; see ErrDryRunOK.
	DryRun bool
}

func (r *VersionRequest) cross() (text, C.kmsgo_key_t, error) {
	return keyCall(r.KeyID, r.VersionID, r.GrantTokens, r.DryRun)
}

// SetPrimaryVersion makes another version the primary one.
func (k *KMS) SetPrimaryVersion(request VersionRequest) error {
	text, call, err := request.cross()
	if err != nil {
		return err
	}
	return k.with(func(h C.kmsgo_handle_t) *C.kms_error_t { return C.kmsgo_set_primary_version(h, text.pointer(), call) })
}

// DescribeKeyVersion describes a version; VersionID empty: the primary one.
func (k *KMS) DescribeKeyVersion(request VersionRequest) (*VersionInfo, error) {
	text, call, err := request.cross()
	if err != nil {
		return nil, err
	}
	return k.version(func(h C.kmsgo_handle_t, info *C.kms_version_info_t) *C.kms_error_t {
		return C.kmsgo_describe_key_version(h, text.pointer(), call, info)
	})
}

// ListKeyVersions lists a key's versions, in the order of their numbers, as ListKeys does keys.
func (k *KMS) ListKeyVersions(request KeyRequest) iter.Seq2[VersionInfo, error] {
	return func(yield func(VersionInfo, error) bool) {
		text, call, err := request.cross()
		if err != nil {
			yield(VersionInfo{}, err)
			return
		}
		pages(k, yield, func(h C.kmsgo_handle_t, page *C.kms_page_t, items []C.kms_version_info_t) *C.kms_error_t {
			return C.kmsgo_list_key_versions(h, text.pointer(), call, page, &items[0], C.size_t(len(items)))
		}, versionInfo)
	}
}

// ScheduleVersionDestructionRequest says which version's material to destroy, and when.
type ScheduleVersionDestructionRequest struct {
	// KeyID is the key's id, "alias/NAME", or an ARN of either.
	KeyID     string
	VersionID string
	// WaitingDays is MinDestructionDays..MaxWaitingDays; 0: MaxWaitingDays.
	WaitingDays int
	GrantTokens []string
	// DryRun checks everything and does nothing; see ErrDryRunOK.
	DryRun bool
}

// ScheduleVersionDestruction schedules the destruction of a version's material. The version cannot be used from now on;
// afterwards its material is erased from the store, and nothing that was encrypted under it can be decrypted. Not for
// the primary version.
func (k *KMS) ScheduleVersionDestruction(request ScheduleVersionDestructionRequest) (*VersionInfo, error) {
	text, call, err := scheduleCall(request.KeyID, request.VersionID, request.WaitingDays, request.GrantTokens, request.DryRun)
	if err != nil {
		return nil, err
	}
	return k.version(func(h C.kmsgo_handle_t, info *C.kms_version_info_t) *C.kms_error_t {
		return C.kmsgo_schedule_version_destruction(h, text.pointer(), call, info)
	})
}

// CancelVersionDestruction cancels the destruction of a version, which can be used again at once.
func (k *KMS) CancelVersionDestruction(request VersionRequest) error {
	text, call, err := request.cross()
	if err != nil {
		return err
	}
	return k.with(func(h C.kmsgo_handle_t) *C.kms_error_t {
		return C.kmsgo_cancel_version_destruction(h, text.pointer(), call)
	})
}

// ImportKeyMaterialRequest is material to import into a key that was created with OriginExternal.
type ImportKeyMaterialRequest struct {
	// KeyID is the key's id, "alias/NAME", or an ARN of either.
	KeyID string
	// Material is KeyMaterialSize bytes, fit to be a key. It is copied into protected memory; the caller may Wipe its own.
	Material []byte `json:"-"`
	// ExpiresAt is when the library deletes the material, in whole seconds, rounded down; zero: never.
	ExpiresAt time.Time
	// VersionNumber stands in the ciphertexts; 0: 1. Later imports must give the same, or 0.
	VersionNumber uint32
	GrantTokens   []string
	// DryRun checks everything and does nothing; see ErrDryRunOK.
	DryRun bool
}

// ImportKeyMaterial imports a key's material: the key is enabled then. Importing again, after deletion or expiry or to
// change the expiry, takes the same material only: other material is ErrIncorrectKey.
func (k *KMS) ImportKeyMaterial(request ImportKeyMaterialRequest) (*VersionInfo, error) {
	text := text{}.put(fieldKeyID, request.KeyID).putAll(fieldGrantToken, request.GrantTokens)
	if err := text.check(); err != nil {
		return nil, err
	}
	call := C.kmsgo_import_t{
		grant_tokens_len: C.size_t(len(request.GrantTokens)),
		material_len:     C.size_t(len(request.Material)),
		version_number:   C.uint32_t(request.VersionNumber),
		flags:            flag(request.DryRun, C.KMS_DRY_RUN),
	}
	if !request.ExpiresAt.IsZero() {
		call.expires_at = C.int64_t(request.ExpiresAt.Unix())
		if call.expires_at == 0 { // which would be never
			return nil, invalid("request.expires_at: is in the past")
		}
	}
	return k.version(func(h C.kmsgo_handle_t, info *C.kms_version_info_t) *C.kms_error_t {
		return C.kmsgo_import_key_material(h, call, text.pointer(), pointer(request.Material), info)
	})
}

// DeleteImportedKeyMaterial erases imported material from the store: the key is pending import then.
func (k *KMS) DeleteImportedKeyMaterial(request KeyRequest) error {
	text, call, err := request.cross()
	if err != nil {
		return err
	}
	return k.with(func(h C.kmsgo_handle_t) *C.kms_error_t {
		return C.kmsgo_delete_imported_key_material(h, text.pointer(), call)
	})
}
