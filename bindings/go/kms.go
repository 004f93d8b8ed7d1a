// Package kms is libkms for Go: a key management service inside the process.
//
// It keeps KMS keys in an encrypted store, and gives out data keys: fresh random bytes to encrypt with, and the same
// bytes wrapped under a KMS key, to be kept beside the data. A KMS key never leaves the library in plaintext.
//
// Every method may be called by any number of goroutines at once, Close included. A request's zero value, and the zero
// value of each of its fields, means the default. Strings are UTF-8 without NUL characters.
package kms

// #include "crossing.h"
// #cgo noescape kmsgo_flush
// #cgo nocallback kmsgo_flush
// #cgo noescape kmsgo_stats
// #cgo nocallback kmsgo_stats
// #cgo noescape kms_wipe
// #cgo nocallback kms_wipe
import "C"

import (
	"fmt"
	"runtime"
	"sync"
	"time"
)

// Options say what to open and with which root key. Exactly one of RootKey, Passphrase and RootKeyURI is given.
type Options struct {
	// Store is "memory:" or "sqlite:PATH".
	Store string
	// RootKey is 32 raw bytes. Open copies it into protected memory; the caller may Wipe its own.
	RootKey []byte `json:"-"`
	// Passphrase is stretched with Argon2id. Open copies it; the caller may Wipe its own.
	Passphrase []byte `json:"-"`
	// RootKeyURI is "file:PATH" (32 raw bytes, or hex or base64 text; only the owner may have access) or "env:NAME".
	RootKeyURI string
	// AccountID is 12 digits, used in ARNs; empty: the store's own.
	AccountID string
	// Region is used in ARNs; empty: "local".
	Region string
	// Create makes the store if it is not there.
	Create bool
	// ReadOnly refuses every change with ErrReadOnly.
	ReadOnly bool
	// RequireLockedMemory refuses to work with secrets in memory that cannot be locked.
	RequireLockedMemory bool
	// SystemRNG takes data keys and IVs from the kernel's generator at every call.
	SystemRNG bool
	// MaxStaleness is how long another process's change may go unseen, in whole milliseconds, rounded up; 0: 1 s.
	MaxStaleness time.Duration
	// Timeout is the longest that any call waits for the store, in whole milliseconds, rounded up; 0: 5 s.
	Timeout time.Duration
	// MaxCachedKeys is how many keys are kept in memory at most; 0: 16384.
	MaxCachedKeys uint32
	// AuditLog is the file of an audit log, which is begun if it is not there; empty: none. Changes are always on record.
	AuditLog string
	// AuditData says which operations on data are on record; 0: AuditDataAll.
	AuditData AuditData
	// AuditContextValues records the values of encryption contexts, not only their keys.
	AuditContextValues bool
	// AuditGoOnWhenFull goes on when the log cannot be written, and counts the lost records in Stats, instead of refusing
	// operations.
	AuditGoOnWhenFull bool
	// AuditMaxKiB is after how many KiB a new file of the log is begun; 0: 65536, at least 4.
	AuditMaxKiB uint32
}

// AuditData says which operations on data an audit log has a record of.
type AuditData uint32

const (
	// AuditDataAll: a record for each.
	AuditDataAll AuditData = C.KMS_AUDIT_DATA_ALL
	// AuditDataRefused: for those that failed.
	AuditDataRefused AuditData = C.KMS_AUDIT_DATA_REFUSED
	// AuditDataCounted: one record a minute, with how many there were, by principal, action, key, version and outcome.
	AuditDataCounted AuditData = C.KMS_AUDIT_DATA_COUNTED
)

// KMS is an open key store. It is closed by Close, or some time after it has become unreachable.
type KMS struct {
	handle  *handle
	cleanup runtime.Cleanup
}

// handle is what a KMS holds of the library. It is apart from KMS so that the cleanup of a KMS can reach it.
type handle struct {
	kms   C.kmsgo_handle_t
	calls gate
	names names
	once  sync.Once
	err   error
}

// Open opens a key store.
func Open(options Options) (*KMS, error) {
	if err := checkABI(uint32(C.kms_abi_version()), C.KMS_ABI_VERSION); err != nil {
		return nil, err
	}
	staleness, err := units("options.max_staleness_ms", options.MaxStaleness, time.Millisecond)
	if err != nil {
		return nil, err
	}
	timeout, err := units("options.timeout_ms", options.Timeout, time.Millisecond)
	if err != nil {
		return nil, err
	}
	text := text{}
	text = text.put(fieldStore, options.Store)
	text = text.put(fieldRootKeyURI, options.RootKeyURI)
	text = text.put(fieldAccountID, options.AccountID)
	text = text.put(fieldRegion, options.Region)
	text = text.put(fieldAuditLog, options.AuditLog)
	if err := text.check(); err != nil {
		return nil, err
	}
	call := C.kmsgo_open_t{
		root_key_len:     C.size_t(len(options.RootKey)),
		passphrase_len:   C.size_t(len(options.Passphrase)),
		max_staleness_ms: staleness,
		timeout_ms:       timeout,
		max_cached_keys:  C.uint32_t(options.MaxCachedKeys),
		audit_data:       C.uint32_t(options.AuditData),
		audit_flags: flag(options.AuditContextValues, C.KMS_AUDIT_CONTEXT_VALUES) |
			flag(options.AuditGoOnWhenFull, C.KMS_AUDIT_GO_ON_WHEN_FULL),
		audit_max_kib: C.uint32_t(options.AuditMaxKiB),
		flags: flag(options.Create, C.KMS_OPEN_CREATE) |
			flag(options.ReadOnly, C.KMS_OPEN_READ_ONLY) |
			flag(options.RequireLockedMemory, C.KMS_OPEN_REQUIRE_LOCKED_MEMORY) |
			flag(options.SystemRNG, C.KMS_OPEN_SYSTEM_RNG),
	}
	h := &handle{calls: newGate(runtime.GOMAXPROCS(0))}
	if err := failure(C.kmsgo_open(call, text.pointer(), pointer(options.RootKey), pointer(options.Passphrase), &h.kms)); err != nil {
		return nil, err
	}
	return newKMS(h), nil
}

func newKMS(h *handle) *KMS {
	k := &KMS{handle: h}
	// In a goroutine of its own: cleanups wait for each other, and flushing waits for the store.
	k.cleanup = runtime.AddCleanup(k, func(h *handle) { go h.close() }, h)
	return k
}

// checkABI refuses a library whose structs may not be those that this package was compiled with.
func checkABI(loaded, compiled uint32) error {
	if loaded == compiled {
		return nil
	}
	return &Error{Status: ErrUnsupported, Message: fmt.Sprintf(
		"libkms %s has ABI version %d; this program was compiled for %d", Version(), loaded, compiled)}
}

// Close writes what is buffered to the store, closes it and wipes its secrets. It waits for the calls that are under
// way; calls that come later return ErrClosed. What it returns is what could not be written. Closing again does
// nothing and returns the same.
func (k *KMS) Close() error {
	if k == nil || k.handle == nil {
		return nil
	}
	k.cleanup.Stop()
	err := k.handle.close()
	runtime.KeepAlive(k)
	return err
}

func (h *handle) close() error {
	h.once.Do(func() {
		h.calls.shut()
		h.err = failure(C.kmsgo_flush(h.kms))
		C.kmsgo_close(h.kms)
		h.kms = 0
	})
	return h.err
}

// with runs one crossing on the open handle. It is the only way to the handle: it refuses a closed one, keeps Close
// waiting and the KMS reachable until the crossing is back, and turns what the crossing returns into an error.
func (k *KMS) with(cross func(C.kmsgo_handle_t) *C.kms_error_t) error {
	if k == nil || k.handle == nil {
		return ErrClosed
	}
	stripe := k.handle.calls.enter()
	if stripe == nil {
		return ErrClosed
	}
	failed := cross(k.handle.kms)
	k.handle.calls.leave(stripe)
	runtime.KeepAlive(k)
	if failed == nil {
		return nil
	}
	return failure(failed)
}

// Flush writes what is buffered (use counts) to the store.
func (k *KMS) Flush() error {
	return k.with(func(h C.kmsgo_handle_t) *C.kms_error_t { return C.kmsgo_flush(h) })
}

// MemoryProtection says how the library's secrets are kept. It is a set of flags.
type MemoryProtection uint32

const (
	// MemoryLocked: all secrets lie in locked pages.
	MemoryLocked MemoryProtection = C.KMS_MEMORY_LOCKED
	// MemoryNotDumped: secrets are left out of core dumps.
	MemoryNotDumped MemoryProtection = C.KMS_MEMORY_NOT_DUMPED
	// MemoryGuarded: secrets lie between inaccessible pages.
	MemoryGuarded MemoryProtection = C.KMS_MEMORY_GUARDED
	// MemoryWipedOnFork: generator state and cached keys are erased in children of fork.
	MemoryWipedOnFork MemoryProtection = C.KMS_MEMORY_WIPED_ON_FORK
)

// Stats are counts since the store was opened, and how its secrets are protected.
type Stats struct {
	DataKeysGenerated    uint64
	PayloadsEncrypted    uint64
	CiphertextsDecrypted uint64
	// CallsFailed counts calls on keys that failed: not dry runs, nor calls that only asked for sizes.
	CallsFailed uint64
	// KeyLoads counts keys read from the store.
	KeyLoads uint64
	// StoreRefreshes counts the times that the store was asked for its revision.
	StoreRefreshes uint64
	// SubkeysDerived counts XAES subkeys.
	SubkeysDerived uint64
	// GeneratorSeeds counts the times that a generator took a fresh seed from the kernel.
	GeneratorSeeds uint64
	// KeysCached is the number of keys in the cache now.
	KeysCached uint64
	// Lanes is the number of lanes (generator and subkeys of one running thread) now.
	Lanes uint64
	// SecretBytes is the protected memory of this process, all handles together.
	SecretBytes uint64
	// SecretBytesUnlocked is how many of them could not be locked (RLIMIT_MEMLOCK).
	SecretBytesUnlocked uint64
	// StoreRevision is the newest revision of the store that this handle has seen.
	StoreRevision    uint64
	MemoryProtection MemoryProtection
	// StoreID is the UUID of the store.
	StoreID string
	// AuditRecords counts the records that this process has written to the audit log, AuditRecordsLost those that could
	// not be written and were passed over (Options.AuditGoOnWhenFull).
	AuditRecords, AuditRecordsLost uint64
}

// StatsRequest says what statistics are wanted: all of them, so far.
type StatsRequest struct {
	// DryRun checks everything and does nothing; see ErrDryRunOK.
	DryRun bool
}

// Stats gives statistics of the open store.
func (k *KMS) Stats(request StatsRequest) (Stats, error) {
	var s C.kms_stats_t
	err := k.with(func(h C.kmsgo_handle_t) *C.kms_error_t {
		return C.kmsgo_stats(h, flag(request.DryRun, C.KMS_DRY_RUN), &s)
	})
	if err != nil {
		return Stats{}, err
	}
	return Stats{
		DataKeysGenerated:    uint64(s.data_keys_generated),
		PayloadsEncrypted:    uint64(s.payloads_encrypted),
		CiphertextsDecrypted: uint64(s.ciphertexts_decrypted),
		CallsFailed:          uint64(s.calls_failed),
		KeyLoads:             uint64(s.key_loads),
		StoreRefreshes:       uint64(s.store_refreshes),
		SubkeysDerived:       uint64(s.subkeys_derived),
		GeneratorSeeds:       uint64(s.generator_seeds),
		KeysCached:           uint64(s.keys_cached),
		Lanes:                uint64(s.lanes),
		SecretBytes:          uint64(s.secret_bytes),
		SecretBytesUnlocked:  uint64(s.secret_bytes_unlocked),
		StoreRevision:        uint64(s.store_revision),
		MemoryProtection:     MemoryProtection(s.memory_protection),
		StoreID:              string(chars(s.store_id[:])),
		AuditRecords:         uint64(s.audit_records),
		AuditRecordsLost:     uint64(s.audit_records_lost),
	}, nil
}

// Version is the version of the loaded library, e.g. "0.1.0".
func Version() string {
	return C.GoString(C.kms_version())
}

// Wipe overwrites secret bytes with zeros.
func Wipe(secret []byte) {
	if len(secret) > 0 {
		C.kms_wipe(pointer(secret), C.size_t(len(secret)))
	}
}
