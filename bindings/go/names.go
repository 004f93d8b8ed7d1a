package kms

import (
	"hash/maphash"
	"sync/atomic"
)

// names remembers what the keys of requests were last resolved to, so that the ids in a result, which are the same from
// call to call, are seldom allocated. Nothing relies on it: what the library answers is compared with it.
type names [64]atomic.Pointer[resolved]

type resolved struct {
	keyID, versionID string
}

var namesSeed = maphash.MakeSeed()

// of is the place of what a request calls a key; others may share it.
func (n *names) of(keyID string) *atomic.Pointer[resolved] {
	return &n[maphash.String(namesSeed, keyID)%uint64(len(n))]
}

// expected is an info with the ids that a request for a key will most likely be answered with.
func (k *KMS) expected(keyID, versionID string) DataKeyInfo {
	expected := DataKeyInfo{KeyID: keyID, VersionID: versionID}
	if k == nil || k.handle == nil {
		return expected
	}
	if last := k.handle.names.of(keyID).Load(); last != nil {
		expected.KeyID = last.keyID
		if versionID == "" {
			expected.VersionID = last.versionID
		}
	}
	return expected
}

// learn keeps what expected did not know.
func (k *KMS) learn(keyID string, expected, got *DataKeyInfo) {
	if got.KeyID != expected.KeyID || got.VersionID != expected.VersionID {
		k.handle.names.of(keyID).Store(&resolved{got.KeyID, got.VersionID})
	}
}
