package kms

// #include "crossing.h"
// #cgo noescape kmsgo_create_alias
// #cgo nocallback kmsgo_create_alias
// #cgo noescape kmsgo_update_alias
// #cgo nocallback kmsgo_update_alias
// #cgo noescape kmsgo_delete_alias
// #cgo nocallback kmsgo_delete_alias
// #cgo noescape kmsgo_list_aliases
// #cgo nocallback kmsgo_list_aliases
import "C"

import (
	"iter"
	"time"
)

// CreateAliasRequest is a further name for a key.
type CreateAliasRequest struct {
	// Alias is "alias/" and 1..250 of A-Z a-z 0-9 - _ /
	Alias string
	// KeyID is the id or ARN of the key it shall name.
	KeyID string
	// DryRun checks everything and does nothing; see ErrDryRunOK.
	DryRun bool
}

// CreateAlias gives a key a further name.
func (k *KMS) CreateAlias(request CreateAliasRequest) error {
	text := text{}
	text = text.put(fieldAlias, request.Alias)
	text = text.put(fieldKeyID, request.KeyID)
	if err := text.check(); err != nil {
		return err
	}
	return k.with(func(h C.kmsgo_handle_t) *C.kms_error_t {
		return C.kmsgo_create_alias(h, text.pointer(), flag(request.DryRun, C.KMS_DRY_RUN))
	})
}

// UpdateAliasRequest is an alias and the key it shall name from now on.
type UpdateAliasRequest struct {
	Alias string
	// KeyID is the id or ARN of the key.
	KeyID string
	// DryRun checks everything and does nothing; see ErrDryRunOK.
	DryRun bool
}

// UpdateAlias lets an alias name another key.
func (k *KMS) UpdateAlias(request UpdateAliasRequest) error {
	text := text{}.put(fieldAlias, request.Alias).put(fieldKeyID, request.KeyID)
	if err := text.check(); err != nil {
		return err
	}
	return k.with(func(h C.kmsgo_handle_t) *C.kms_error_t {
		return C.kmsgo_update_alias(h, text.pointer(), flag(request.DryRun, C.KMS_DRY_RUN))
	})
}

// DeleteAliasRequest is an alias to delete.
type DeleteAliasRequest struct {
	Alias string
	// DryRun checks everything and does nothing; see ErrDryRunOK.
	DryRun bool
}

// DeleteAlias deletes an alias; the key stays.
func (k *KMS) DeleteAlias(request DeleteAliasRequest) error {
	text := text{}.put(fieldAlias, request.Alias)
	if err := text.check(); err != nil {
		return err
	}
	return k.with(func(h C.kmsgo_handle_t) *C.kms_error_t {
		return C.kmsgo_delete_alias(h, text.pointer(), flag(request.DryRun, C.KMS_DRY_RUN))
	})
}

// ListAliasesRequest says which aliases to list.
type ListAliasesRequest struct {
	// KeyID restricts the list to this key's; empty: all.
	KeyID string
	// DryRun checks everything and does nothing; see ErrDryRunOK.
	DryRun bool
}

// AliasInfo is an alias and the key it names.
type AliasInfo struct {
	Alias string
	KeyID string
	// CreatedAt is in whole seconds.
	CreatedAt time.Time
}

// ListAliases lists aliases as ListKeys does keys.
func (k *KMS) ListAliases(request ListAliasesRequest) iter.Seq2[AliasInfo, error] {
	return func(yield func(AliasInfo, error) bool) {
		text := text{}
		text = text.put(fieldKeyID, request.KeyID)
		if err := text.check(); err != nil {
			yield(AliasInfo{}, err)
			return
		}
		pages(k, yield, func(h C.kmsgo_handle_t, page *C.kms_page_t, items []C.kms_alias_info_t) *C.kms_error_t {
			return C.kmsgo_list_aliases(h, text.pointer(), flag(request.DryRun, C.KMS_DRY_RUN), page, &items[0], C.size_t(len(items)))
		}, func(item *C.kms_alias_info_t) AliasInfo {
			return AliasInfo{
				Alias:     string(chars(item.alias[:])),
				KeyID:     string(chars(item.key_id[:])),
				CreatedAt: time.Unix(int64(item.created_at), 0),
			}
		})
	}
}
