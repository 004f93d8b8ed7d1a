package kms

// #include "crossing.h"
// #cgo noescape kmsgo_enable_key
// #cgo nocallback kmsgo_enable_key
// #cgo noescape kmsgo_disable_key
// #cgo nocallback kmsgo_disable_key
// #cgo noescape kmsgo_schedule_key_deletion
// #cgo nocallback kmsgo_schedule_key_deletion
// #cgo noescape kmsgo_cancel_key_deletion
// #cgo nocallback kmsgo_cancel_key_deletion
// #cgo noescape kmsgo_set_key_rotation
// #cgo nocallback kmsgo_set_key_rotation
// #cgo noescape kmsgo_update_key_description
// #cgo nocallback kmsgo_update_key_description
// #cgo noescape kmsgo_tag_key
// #cgo nocallback kmsgo_tag_key
// #cgo noescape kmsgo_untag_key
// #cgo nocallback kmsgo_untag_key
// #cgo noescape kmsgo_list_key_tags
// #cgo nocallback kmsgo_list_key_tags
import "C"

import (
	"iter"
	"time"
)

const (
	// MaxDescriptionSize is the most bytes of a key's description.
	MaxDescriptionSize = C.KMS_MAX_DESCRIPTION_SIZE
	// MaxTags is the most tags of a key.
	MaxTags = C.KMS_MAX_TAGS
	// MaxTagKey is the most characters of a tag's key.
	MaxTagKey = C.KMS_MAX_TAG_KEY
	// MaxTagValue is the most characters of a tag's value.
	MaxTagValue = C.KMS_MAX_TAG_VALUE
	// MinDeletionDays is the fewest days before a key is deleted.
	MinDeletionDays = C.KMS_MIN_DELETION_DAYS
	// MinDestructionDays is the fewest days before a version's material is destroyed.
	MinDestructionDays = C.KMS_MIN_DESTRUCTION_DAYS
	// MaxWaitingDays is the most days of either, and the default.
	MaxWaitingDays = C.KMS_MAX_WAITING_DAYS
)

// EnableKey lets a disabled key work again. A key that is enabled stays so.
func (k *KMS) EnableKey(request KeyRequest) error {
	text, call, err := request.cross()
	if err != nil {
		return err
	}
	return k.with(func(h C.kmsgo_handle_t) *C.kms_error_t { return C.kmsgo_enable_key(h, text.pointer(), call) })
}

// DisableKey stops a key: every use of it is ErrDisabled, at once in this process and within Options.MaxStaleness in
// others.
func (k *KMS) DisableKey(request KeyRequest) error {
	text, call, err := request.cross()
	if err != nil {
		return err
	}
	return k.with(func(h C.kmsgo_handle_t) *C.kms_error_t { return C.kmsgo_disable_key(h, text.pointer(), call) })
}

// ScheduleKeyDeletionRequest says which key to delete, and when.
type ScheduleKeyDeletionRequest struct {
	// KeyID is the key's id, "alias/NAME", or an ARN of either.
	KeyID string
	// WaitingDays is MinDeletionDays..MaxWaitingDays; 0: MaxWaitingDays.
	WaitingDays int
	GrantTokens []string
	// DryRun checks everything and does nothing; see ErrDryRunOK.
	DryRun bool
}

// ScheduleKeyDeletion schedules a key's deletion. Until then it cannot be used, and CancelKeyDeletion keeps it;
// afterwards key, material and aliases are gone, and nothing that was encrypted under it can be decrypted. The result
// says when, in DeletionAt; its Description is empty.
func (k *KMS) ScheduleKeyDeletion(request ScheduleKeyDeletionRequest) (*KeyInfo, error) {
	text, call, err := scheduleCall(request.KeyID, "", request.WaitingDays, request.GrantTokens, request.DryRun)
	if err != nil {
		return nil, err
	}
	var info C.kms_key_info_t
	err = k.with(func(h C.kmsgo_handle_t) *C.kms_error_t {
		return C.kmsgo_schedule_key_deletion(h, text.pointer(), call, &info)
	})
	if err != nil {
		return nil, err
	}
	key := keyInfo(&info, nil)
	return &key, nil
}

// CancelKeyDeletion cancels a key's deletion. The key is disabled then; EnableKey lets it work again.
func (k *KMS) CancelKeyDeletion(request KeyRequest) error {
	text, call, err := request.cross()
	if err != nil {
		return err
	}
	return k.with(func(h C.kmsgo_handle_t) *C.kms_error_t { return C.kmsgo_cancel_key_deletion(h, text.pointer(), call) })
}

// SetKeyRotationRequest says when a key rotates by itself.
type SetKeyRotationRequest struct {
	// KeyID is the key's id, "alias/NAME", or an ARN of either.
	KeyID string
	// RotationPeriod counts from the last rotation, in whole seconds, rounded up; 0: never.
	RotationPeriod time.Duration
	// RotateAfterUses counts data keys and payloads under one version; 0: no limit.
	RotateAfterUses uint64
	GrantTokens     []string
	// DryRun checks everything and does nothing; see ErrDryRunOK.
	DryRun bool
}

// SetKeyRotation says when a key rotates by itself: after a time, after a number of uses, or never. The call that is
// past either rotates the key; in however many goroutines and processes, once.
func (k *KMS) SetKeyRotation(request SetKeyRotationRequest) error {
	period, err := units("request.rotation_period_s", request.RotationPeriod, time.Second)
	if err != nil {
		return err
	}
	text := text{}.put(fieldKeyID, request.KeyID).putAll(fieldGrantToken, request.GrantTokens)
	if err := text.check(); err != nil {
		return err
	}
	return k.with(func(h C.kmsgo_handle_t) *C.kms_error_t {
		return C.kmsgo_set_key_rotation(h, text.pointer(), C.size_t(len(request.GrantTokens)), period,
			C.uint64_t(request.RotateAfterUses), flag(request.DryRun, C.KMS_DRY_RUN))
	})
}

// UpdateKeyDescriptionRequest is a key's new description.
type UpdateKeyDescriptionRequest struct {
	// KeyID is the key's id, "alias/NAME", or an ARN of either.
	KeyID string
	// Description has at most MaxDescriptionSize bytes; empty: none.
	Description string
	// DryRun checks everything and does nothing; see ErrDryRunOK.
	DryRun bool
}

// UpdateKeyDescription replaces a key's description.
func (k *KMS) UpdateKeyDescription(request UpdateKeyDescriptionRequest) error {
	text := text{}.put(fieldKeyID, request.KeyID).put(fieldDescription, request.Description)
	if err := text.check(); err != nil {
		return err
	}
	return k.with(func(h C.kmsgo_handle_t) *C.kms_error_t {
		return C.kmsgo_update_key_description(h, text.pointer(), flag(request.DryRun, C.KMS_DRY_RUN))
	})
}

// TagKeyRequest is tags to set on a key.
type TagKeyRequest struct {
	// KeyID is the key's id, "alias/NAME", or an ARN of either.
	KeyID string
	// Tags have keys of 1..MaxTagKey characters, and values of at most MaxTagValue.
	Tags map[string]string
	// DryRun checks everything and does nothing; see ErrDryRunOK.
	DryRun bool
}

// TagKey sets tags on a key; a tag with the same key gets the new value. ErrLimitExceeded: it would have more than
// MaxTags.
func (k *KMS) TagKey(request TagKeyRequest) error {
	text := text{}.put(fieldKeyID, request.KeyID).putPairs(fieldTagKey, fieldTagValue, request.Tags)
	if err := text.check(); err != nil {
		return err
	}
	return k.with(func(h C.kmsgo_handle_t) *C.kms_error_t {
		return C.kmsgo_tag_key(h, text.pointer(), C.size_t(len(request.Tags)), flag(request.DryRun, C.KMS_DRY_RUN))
	})
}

// UntagKeyRequest is tags to take away from a key.
type UntagKeyRequest struct {
	// KeyID is the key's id, "alias/NAME", or an ARN of either.
	KeyID string
	// TagKeys are the keys of the tags.
	TagKeys []string
	// DryRun checks everything and does nothing; see ErrDryRunOK.
	DryRun bool
}

// UntagKey takes tags away from a key. A tag that is not there is no error.
func (k *KMS) UntagKey(request UntagKeyRequest) error {
	text := text{}.put(fieldKeyID, request.KeyID)
	for _, key := range request.TagKeys {
		text = text.put(fieldTagKey, key).put(fieldTagValue, "")
	}
	if err := text.check(); err != nil {
		return err
	}
	return k.with(func(h C.kmsgo_handle_t) *C.kms_error_t {
		return C.kmsgo_untag_key(h, text.pointer(), C.size_t(len(request.TagKeys)), flag(request.DryRun, C.KMS_DRY_RUN))
	})
}

// Tag is a tag of a key.
type Tag struct {
	Key, Value string
}

// ListKeyTags lists a key's tags, in the order of their keys, as ListKeys does keys.
func (k *KMS) ListKeyTags(request KeyRequest) iter.Seq2[Tag, error] {
	return func(yield func(Tag, error) bool) {
		text, call, err := request.cross()
		if err != nil {
			yield(Tag{}, err)
			return
		}
		strings := make([]byte, C.KMS_LIST_MIN_TEXT)
		pages(k, yield, func(h C.kmsgo_handle_t, page *C.kms_page_t, items []C.kms_tag_info_t) *C.kms_error_t {
			return C.kmsgo_list_key_tags(h, text.pointer(), call, page, &items[0], C.size_t(len(items)),
				pointer(strings), C.size_t(len(strings)))
		}, func(item *C.kms_tag_info_t) Tag {
			return Tag{Key: span(item.key, strings), Value: span(item.value, strings)}
		})
	}
}
