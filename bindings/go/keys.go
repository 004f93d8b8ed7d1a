package kms

// #include "crossing.h"
// #cgo noescape kmsgo_create_key
// #cgo nocallback kmsgo_create_key
// #cgo noescape kmsgo_describe_key
// #cgo nocallback kmsgo_describe_key
// #cgo noescape kmsgo_list_keys
// #cgo nocallback kmsgo_list_keys
import "C"

import (
	"iter"
	"time"
	"unsafe"
)

// KeyState says whether a key can be used.
type KeyState uint32

const (
	KeyStateEnabled         KeyState = C.KMS_KEY_STATE_ENABLED
	KeyStateDisabled        KeyState = C.KMS_KEY_STATE_DISABLED
	KeyStatePendingDeletion KeyState = C.KMS_KEY_STATE_PENDING_DELETION
	KeyStatePendingImport   KeyState = C.KMS_KEY_STATE_PENDING_IMPORT
)

// Origin says where a key's material comes from.
type Origin uint32

const (
	// OriginKMS: the library generates it.
	OriginKMS Origin = C.KMS_ORIGIN_KMS
	// OriginExternal: the caller imports it.
	OriginExternal Origin = C.KMS_ORIGIN_EXTERNAL
)

// CreateKeyRequest is a KMS key to create.
type CreateKeyRequest struct {
	// KeyID is the caller's own id, 1..64 of A-Z a-z 0-9 - _ ; empty: a new UUID.
	KeyID string
	// Description has at most 8192 bytes.
	Description string
	// Alias is "alias/NAME", to create with the key; empty: none.
	Alias string
	// RotationPeriod is after how long the key rotates by itself, in whole seconds, rounded up; 0: never.
	RotationPeriod time.Duration
	Origin         Origin
	// RotateAfterUses is after how many data keys and payloads under one version the key rotates by itself; 0: never. It
	// is exact within a process; what other processes did since they last wrote their counts is not seen.
	RotateAfterUses uint64
	// Tags are at most MaxTags.
	Tags map[string]string
	// KeyUUID, with OriginExternal only, is the 16 bytes that stand in the key's ciphertexts, so that material brought
	// back opens its old ones; empty: new random ones.
	KeyUUID []byte
	// Policy is as in PutKeyPolicyRequest; empty: the default one.
	Policy string
	// BypassPolicyLockoutCheck is as in PutKeyPolicyRequest.
	BypassPolicyLockoutCheck bool
	// DryRun checks everything and does nothing; see ErrDryRunOK.
	DryRun bool
}

// KeyInfo is what there is to know of a key.
type KeyInfo struct {
	KeyID            string
	State            KeyState
	PrimaryVersionID string
	// PrimaryVersionNumber counts from 1; 0 while no version has material.
	PrimaryVersionNumber uint32
	// Versions is how many the key has ever had.
	Versions uint32
	// CreatedAt is in whole seconds.
	CreatedAt time.Time
	Origin    Origin
	// RotationPeriod is 0 if the key does not rotate by itself after a time.
	RotationPeriod time.Duration
	// NextRotationAt is when the key rotates by itself, in whole seconds; zero: at no set time.
	NextRotationAt time.Time
	// RotateAfterUses is 0 if the key does not rotate by itself after a number of uses.
	RotateAfterUses uint64
	// UsesSealed counts the data keys and payloads made under all versions, UsesOpened the ciphertexts opened. They and
	// LastUsedAt are exact when all handles of the store are closed, else behind by at most one batch (65,536 uses, 60 s)
	// for each.
	UsesSealed, UsesOpened uint64
	// LastUsedAt is in whole seconds; zero: never used.
	LastUsedAt time.Time
	// DeletionAt is when a key that is pending deletion is gone, in whole seconds; zero: it is not pending.
	DeletionAt time.Time
	// MaterialExpiresAt is when imported material expires, in whole seconds; zero: it does not.
	MaterialExpiresAt time.Time
	// KeyUUID is the 16 bytes that stand in the key's ciphertexts.
	KeyUUID     [16]byte
	Description string
}

// keyInfo converts what the library filled; strings are its text buffer.
func keyInfo(info *C.kms_key_info_t, strings []byte) KeyInfo {
	return KeyInfo{
		KeyID:                string(chars(info.key_id[:])),
		State:                KeyState(info.state),
		PrimaryVersionID:     string(chars(info.primary_version_id[:])),
		PrimaryVersionNumber: uint32(info.primary_version_number),
		Versions:             uint32(info.versions_len),
		CreatedAt:            time.Unix(int64(info.created_at), 0),
		Origin:               Origin(info.origin),
		RotationPeriod:       time.Duration(info.rotation_period_s) * time.Second,
		NextRotationAt:       moment(info.next_rotation_at),
		RotateAfterUses:      uint64(info.rotate_after_uses),
		UsesSealed:           uint64(info.uses_sealed),
		UsesOpened:           uint64(info.uses_opened),
		LastUsedAt:           moment(info.last_used_at),
		DeletionAt:           moment(info.deletion_at),
		MaterialExpiresAt:    moment(info.material_expires_at),
		KeyUUID:              *(*[16]byte)(unsafe.Pointer(&info.key_uuid)),
		Description:          span(info.description, strings),
	}
}

// CreateKey creates a KMS key with its first version; with OriginExternal one that waits for ImportKeyMaterial. It is
// durable when CreateKey returns.
func (k *KMS) CreateKey(request CreateKeyRequest) (*KeyInfo, error) {
	period, err := units("request.rotation_period_s", request.RotationPeriod, time.Second)
	if err != nil {
		return nil, err
	}
	text := text{}
	text = text.put(fieldKeyID, request.KeyID)
	text = text.put(fieldDescription, request.Description)
	text = text.put(fieldAlias, request.Alias)
	text = text.put(fieldPolicy, request.Policy)
	text = text.putPairs(fieldTagKey, fieldTagValue, request.Tags)
	if err := text.check(); err != nil {
		return nil, err
	}
	call := C.kmsgo_create_key_t{
		tags_len:          C.size_t(len(request.Tags)),
		key_uuid_len:      C.size_t(len(request.KeyUUID)),
		rotate_after_uses: C.uint64_t(request.RotateAfterUses),
		rotation_period_s: period,
		origin:            C.uint32_t(request.Origin),
		flags:             policyFlags(request.BypassPolicyLockoutCheck, request.DryRun),
	}
	var info C.kms_key_info_t
	err = k.with(func(h C.kmsgo_handle_t) *C.kms_error_t {
		return C.kmsgo_create_key(h, call, text.pointer(), pointer(request.KeyUUID), &info)
	})
	if err != nil {
		return nil, err
	}
	key := keyInfo(&info, nil)
	key.Description = request.Description // this call has no text buffer
	return &key, nil
}

// KeyRequest is an operation on one key that needs nothing more.
type KeyRequest struct {
	// KeyID is the key's id, "alias/NAME", or an ARN of either.
	KeyID       string
	GrantTokens []string
	// DryRun checks everything and does nothing; see ErrDryRunOK.
	DryRun bool
}

func (r *KeyRequest) cross() (text, C.kmsgo_key_t, error) {
	return keyCall(r.KeyID, "", r.GrantTokens, r.DryRun)
}

// DescribeKey describes a key.
func (k *KMS) DescribeKey(request KeyRequest) (*KeyInfo, error) {
	text, call, err := request.cross()
	if err != nil {
		return nil, err
	}
	var info C.kms_key_info_t
	strings := make([]byte, C.KMS_LIST_MIN_TEXT)
	err = k.with(func(h C.kmsgo_handle_t) *C.kms_error_t {
		return C.kmsgo_describe_key(h, text.pointer(), call, &info, pointer(strings), C.size_t(len(strings)))
	})
	if err != nil {
		return nil, err
	}
	key := keyInfo(&info, strings)
	return &key, nil
}

// ListKeysRequest says which keys to list: all of them, so far.
type ListKeysRequest struct {
	// DryRun checks everything and does nothing; see ErrDryRunOK.
	DryRun bool
}

// ListKeys lists keys, in an order that is stable but has no meaning. It reads page by page: a key that is created or
// deleted meanwhile may be seen or not. An error ends the list.
func (k *KMS) ListKeys(request ListKeysRequest) iter.Seq2[KeyInfo, error] {
	return func(yield func(KeyInfo, error) bool) {
		strings := make([]byte, C.KMS_LIST_MIN_TEXT)
		pages(k, yield, func(h C.kmsgo_handle_t, page *C.kms_page_t, items []C.kms_key_info_t) *C.kms_error_t {
			return C.kmsgo_list_keys(h, flag(request.DryRun, C.KMS_DRY_RUN), page, &items[0], C.size_t(len(items)), pointer(strings), C.size_t(len(strings)))
		}, func(item *C.kms_key_info_t) KeyInfo { return keyInfo(item, strings) })
	}
}

// pages lists items page by page. Between pages, and so whenever the caller's loop runs, the KMS is not held.
func pages[Item, Info any](k *KMS, yield func(Info, error) bool,
	list func(C.kmsgo_handle_t, *C.kms_page_t, []Item) *C.kms_error_t, convert func(*Item) Info) {
	var page C.kms_page_t
	items := make([]Item, 100)
	for more := true; more; more = page.more != 0 {
		err := k.with(func(h C.kmsgo_handle_t) *C.kms_error_t { return list(h, &page, items) })
		if err != nil {
			var none Info
			yield(none, err)
			return
		}
		for i := range items[:page.items_len] {
			if !yield(convert(&items[i]), nil) {
				return
			}
		}
	}
}
