package kms

// #include "crossing.h"
// #cgo noescape kmsgo_rekey
// #cgo nocallback kmsgo_rekey
// #cgo noescape kmsgo_backup
// #cgo nocallback kmsgo_backup
// #cgo noescape kmsgo_verify
// #cgo nocallback kmsgo_verify
// #cgo noescape kmsgo_verify_audit_log
// #cgo nocallback kmsgo_verify_audit_log
import "C"

import "iter"

// RekeyRequest is the new root key of a store. Exactly one of RootKey, Passphrase and RootKeyURI is given, as in Options.
type RekeyRequest struct {
	// RootKey is RootKeySize raw bytes. Rekey copies it into protected memory; the caller may Wipe its own.
	RootKey []byte `json:"-"`
	// Passphrase is stretched with Argon2id. Rekey copies it; the caller may Wipe its own.
	Passphrase []byte `json:"-"`
	// RootKeyURI is "file:PATH" or "env:NAME".
	RootKeyURI string
	// DryRun checks everything and does nothing; see ErrDryRunOK.
	DryRun bool
}

// Rekey reseals the whole store under a new root key: a crash leaves it under the old or the new one. This KMS goes on
// working. Those of other processes get ErrWrongRootKey within their Options.MaxStaleness and have to open the store
// anew. A backup made before still needs the old root key.
func (k *KMS) Rekey(request RekeyRequest) error {
	text := text{}.put(fieldNewRootKeyURI, request.RootKeyURI)
	if err := text.check(); err != nil {
		return err
	}
	call := C.kmsgo_rekey_t{
		root_key_len:   C.size_t(len(request.RootKey)),
		passphrase_len: C.size_t(len(request.Passphrase)),
		flags:          flag(request.DryRun, C.KMS_DRY_RUN),
	}
	return k.with(func(h C.kmsgo_handle_t) *C.kms_error_t {
		return C.kmsgo_rekey(h, call, text.pointer(), pointer(request.RootKey), pointer(request.Passphrase))
	})
}

// BackupRequest says where to write a backup.
type BackupRequest struct {
	// Path is a file that is not there yet.
	Path string
	// DryRun checks everything and does nothing; see ErrDryRunOK.
	DryRun bool
}

// Backup writes a consistent copy of the store while it is in use; it opens with the same root key.
func (k *KMS) Backup(request BackupRequest) error {
	text := text{}.put(fieldPath, request.Path)
	if err := text.check(); err != nil {
		return err
	}
	return k.with(func(h C.kmsgo_handle_t) *C.kms_error_t {
		return C.kmsgo_backup(h, text.pointer(), flag(request.DryRun, C.KMS_DRY_RUN))
	})
}

// VerifyRequest says what to verify: the whole store, so far.
type VerifyRequest struct {
	// DryRun checks everything and does nothing; see ErrDryRunOK.
	DryRun bool
}

// Damage is one that Verify found.
type Damage struct {
	// RowKind is the row's kind as in docs/format.md; 0: the store as a whole.
	RowKind uint32
	// RowID is the row's id in hex; empty: it is about no one row.
	RowID string
	// KeyID is the key that the row belongs to, if it is known.
	KeyID string
	// Problem is what is wrong, for people.
	Problem string
}

// Verify checks the store step by step, every seal, every sum, every reference, and lists the damages: a loop that runs
// to its end without any means that the store is whole. An error, which is no damage, ends the list. Between steps the
// KMS is not held.
func (k *KMS) Verify(request VerifyRequest) iter.Seq2[Damage, error] {
	return func(yield func(Damage, error) bool) {
		strings := make([]byte, C.KMS_LIST_MIN_TEXT)
		pages(k, yield, func(h C.kmsgo_handle_t, page *C.kms_page_t, items []C.kms_damage_info_t) *C.kms_error_t {
			return C.kmsgo_verify(h, flag(request.DryRun, C.KMS_DRY_RUN), page, &items[0], C.size_t(len(items)), pointer(strings), C.size_t(len(strings)))
		}, func(item *C.kms_damage_info_t) Damage {
			return Damage{
				RowKind: uint32(item.row_kind),
				RowID:   string(chars(item.row_id[:])),
				KeyID:   string(chars(item.key_id[:])),
				Problem: span(item.problem, strings),
			}
		})
	}
}

// VerifyAuditLogRequest says which audit log to verify.
type VerifyAuditLogRequest struct {
	// Path is the file that Options.AuditLog named; the log's other files are found by it.
	Path string
	// DryRun checks everything and does nothing; see ErrDryRunOK.
	DryRun bool
}

// LogDamage is one that VerifyAuditLog found.
type LogDamage struct {
	// FileNumber is the number at the end of the file's name; 0: the file without one.
	FileNumber uint64
	// Line counts from 1; 0: the file or the log as a whole.
	Line uint64
	// Problem is what is wrong, for people.
	Problem string
}

// VerifyAuditLog verifies an audit log of this store, as Verify does the store: it finds records that were changed, left
// out, moved or cut off the end. The log may be in use.
func (k *KMS) VerifyAuditLog(request VerifyAuditLogRequest) iter.Seq2[LogDamage, error] {
	return func(yield func(LogDamage, error) bool) {
		text := text{}.put(fieldPath, request.Path)
		if err := text.check(); err != nil {
			yield(LogDamage{}, err)
			return
		}
		strings := make([]byte, C.KMS_LIST_MIN_TEXT)
		pages(k, yield, func(h C.kmsgo_handle_t, page *C.kms_page_t, items []C.kms_log_damage_info_t) *C.kms_error_t {
			return C.kmsgo_verify_audit_log(h, text.pointer(), flag(request.DryRun, C.KMS_DRY_RUN), page, &items[0],
				C.size_t(len(items)), pointer(strings), C.size_t(len(strings)))
		}, func(item *C.kms_log_damage_info_t) LogDamage {
			return LogDamage{FileNumber: uint64(item.file_number), Line: uint64(item.line), Problem: span(item.problem, strings)}
		})
	}
}
