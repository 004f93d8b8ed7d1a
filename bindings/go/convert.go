package kms

// #include "crossing.h"
import "C"

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"time"
	"unsafe"
)

// text is the strings of a request as crossing.h takes them: one after the other, each ended by a NUL. It is passed by
// value, for what a pointer receiver stores would have to lie on the heap, and is small enough to stay in registers.
type text struct {
	bytes []byte
	// fault is the first field with a NUL of its own, at which C would cut it.
	fault field
}

// field is a field of a request that is a string, as the C library names it in its messages.
type field uint8

const (
	fieldNone field = iota
	fieldStore
	fieldRootKeyURI
	fieldAccountID
	fieldRegion
	fieldKeyID
	fieldVersionID
	fieldDescription
	fieldAlias
	fieldGrantToken
	fieldContextKey
	fieldContextValue
	fieldTagKey
	fieldTagValue
	fieldSourceKeyID
	fieldSourceContextKey
	fieldSourceContextValue
	fieldDestinationKeyID
	fieldDestinationVersionID
	fieldDestinationContextKey
	fieldDestinationContextValue
	fieldNewRootKeyURI
	fieldPath
	fieldAuditLog
	fieldPrincipal
	fieldPolicy
	fieldGranteePrincipal
	fieldRetiringPrincipal
	fieldGrantName
	fieldGrantID
	fieldOneGrantToken
	fieldMethod
	fieldTarget
)

var fieldNames = [...]string{
	fieldStore:                   "options.store",
	fieldRootKeyURI:              "options.root_key_uri",
	fieldAccountID:               "options.account_id",
	fieldRegion:                  "options.region",
	fieldKeyID:                   "request.key_id",
	fieldVersionID:               "request.version_id",
	fieldDescription:             "request.description",
	fieldAlias:                   "request.alias",
	fieldGrantToken:              "request.grant_tokens[]",
	fieldContextKey:              "request.context[].key",
	fieldContextValue:            "request.context[].value",
	fieldTagKey:                  "request.tags[].key",
	fieldTagValue:                "request.tags[].value",
	fieldSourceKeyID:             "request.source_key_id",
	fieldSourceContextKey:        "request.source_context[].key",
	fieldSourceContextValue:      "request.source_context[].value",
	fieldDestinationKeyID:        "request.destination_key_id",
	fieldDestinationVersionID:    "request.destination_version_id",
	fieldDestinationContextKey:   "request.destination_context[].key",
	fieldDestinationContextValue: "request.destination_context[].value",
	fieldNewRootKeyURI:           "request.root_key_uri",
	fieldPath:                    "request.path",
	fieldAuditLog:                "options.audit_log",
	fieldPrincipal:               "options.principal",
	fieldPolicy:                  "request.policy",
	fieldGranteePrincipal:        "request.grantee_principal",
	fieldRetiringPrincipal:       "request.retiring_principal",
	fieldGrantName:               "request.name",
	fieldGrantID:                 "request.grant_id",
	fieldOneGrantToken:           "request.grant_token",
	fieldMethod:                  "request.method",
	fieldTarget:                  "request.target",
}

func (t text) put(f field, s string) text {
	if strings.IndexByte(s, 0) >= 0 && t.fault == fieldNone {
		t.fault = f
	}
	t.bytes = append(append(t.bytes, s...), 0)
	return t
}

func (t text) putAll(f field, all []string) text {
	for _, s := range all {
		t = t.put(f, s)
	}
	return t
}

func (t text) putPairs(keys, values field, pairs map[string]string) text {
	if len(pairs) == 0 { // to begin a walk through a map costs something even if it is empty
		return t
	}
	for key, value := range pairs {
		t = t.put(keys, key).put(values, value)
	}
	return t
}

func (t text) putContext(context map[string]string) text {
	return t.putPairs(fieldContextKey, fieldContextValue, context)
}

func (t text) check() error {
	if t.fault == fieldNone {
		return nil
	}
	return invalid(fieldNames[t.fault] + ": has a NUL character, which no string may have")
}

func (t text) pointer() *C.uint8_t {
	return pointer(t.bytes)
}

// pointer is for C; nil for nil. Typed, because cgo looks through what an untyped pointer points to at every call.
func pointer(b []byte) *C.uint8_t {
	return (*C.uint8_t)(unsafe.SliceData(b))
}

// chars is the text in an array of a C struct, without its NUL. It is the array's memory.
func chars(array []C.char) []byte {
	b := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(array))), len(array))
	if end := bytes.IndexByte(b, 0); end >= 0 {
		b = b[:end]
	}
	return b
}

// same is the text in an array of a C struct as a string: the old one if it says the same, for what seldom changes
// from call to call need not be allocated at each.
func same(old string, array []C.char) string {
	b := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(array))), len(array))
	if len(old) < len(b) && b[len(old)] == 0 && string(b[:len(old)]) == old {
		return old
	}
	return string(chars(array))
}

// span is a string of a text buffer that the library filled.
func span(s C.kms_span_t, buffer []byte) string {
	return string(buffer[s.offset:][:s.len])
}

func flag(on bool, bit C.uint32_t) C.uint32_t {
	if on {
		return bit
	}
	return 0
}

// size32 is a Go int for a field of 32 bits.
func size32(field string, n int) (C.uint32_t, error) {
	if n < 0 || uint64(n) > math.MaxUint32 {
		return 0, invalid(fmt.Sprintf("%s: is %d, which is no size", field, n))
	}
	return C.uint32_t(n), nil
}

// units is a duration for a field of 32 bits, rounded up so that only zero becomes 0, the default.
func units(field string, d, unit time.Duration) (C.uint32_t, error) {
	n := d / unit
	if d%unit > 0 {
		n++
	}
	if d < 0 || n > math.MaxUint32 {
		return 0, invalid(fmt.Sprintf("%s: is %v, expected 0 to %d times %v", field, d, uint32(math.MaxUint32), unit))
	}
	return C.uint32_t(n), nil
}

// moment is a Unix time in seconds of the library; its 0, which says that there is none, is the zero Time.
func moment(seconds C.int64_t) time.Time {
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0)
}

// keyCall is a request on a key, or on a version of one, in the form in which it crosses.
func keyCall(keyID, versionID string, grantTokens []string, dryRun bool) (text, C.kmsgo_key_t, error) {
	text := text{}.put(fieldKeyID, keyID).put(fieldVersionID, versionID).putAll(fieldGrantToken, grantTokens)
	return text, C.kmsgo_key_t{
		grant_tokens_len: C.size_t(len(grantTokens)),
		flags:            flag(dryRun, C.KMS_DRY_RUN),
	}, text.check()
}

// scheduleCall is keyCall with days to wait.
func scheduleCall(keyID, versionID string, waitingDays int, grantTokens []string, dryRun bool) (text, C.kmsgo_key_t, error) {
	text, call, err := keyCall(keyID, versionID, grantTokens, dryRun)
	if err == nil {
		call.waiting_days, err = size32("request.waiting_days", waitingDays)
	}
	return text, call, err
}
