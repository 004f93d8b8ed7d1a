package kms

// #include "crossing.h"
// #cgo noescape kmsgo_generate_data_key
// #cgo nocallback kmsgo_generate_data_key
// #cgo noescape kmsgo_generate_data_keys
// #cgo nocallback kmsgo_generate_data_keys
// #cgo noescape kmsgo_encrypt
// #cgo nocallback kmsgo_encrypt
// #cgo noescape kmsgo_decrypt
// #cgo nocallback kmsgo_decrypt
// #cgo noescape kmsgo_generate_random
// #cgo nocallback kmsgo_generate_random
import "C"

import "unsafe"

const (
	// RootKeySize is the length of a raw root key, in bytes.
	RootKeySize = C.KMS_ROOT_KEY_SIZE
	// IVSize is the length of an IV, in bytes.
	IVSize = C.KMS_IV_SIZE
	// CiphertextOverhead is how many bytes a ciphertext is longer than its plaintext.
	CiphertextOverhead = C.KMS_CIPHERTEXT_OVERHEAD
	// MaxDataKeySize is the most bytes of a data key.
	MaxDataKeySize = C.KMS_MAX_DATA_KEY_SIZE
	// MaxDataKeys is the most data keys of one GenerateDataKeys call.
	MaxDataKeys = C.KMS_MAX_DATA_KEYS
	// MaxPayloadSize is the most bytes that Encrypt takes.
	MaxPayloadSize = C.KMS_MAX_PAYLOAD_SIZE
	// MaxRandomSize is the most bytes of one GenerateRandom call.
	MaxRandomSize = C.KMS_MAX_RANDOM_SIZE
)

// KeySpec is the length of a data key by name.
type KeySpec uint32

const (
	KeySpecAES128 KeySpec = C.KMS_KEY_SPEC_AES_128
	KeySpecAES192 KeySpec = C.KMS_KEY_SPEC_AES_192
	KeySpecAES256 KeySpec = C.KMS_KEY_SPEC_AES_256
	// KeySpecAES256HSM is a data key that an HSM generates: ErrInvalidKeyUsage under a software key.
	KeySpecAES256HSM KeySpec = C.KMS_KEY_SPEC_AES_256_HSM
)

// Algorithm is how a ciphertext is made.
type Algorithm uint32

// AlgorithmXAES256GCM is XAES-256-GCM with key commitment.
const AlgorithmXAES256GCM Algorithm = C.KMS_ALGORITHM_XAES_256_GCM

// String gives the algorithm its name in the C library, e.g. "XAES_256_GCM".
func (a Algorithm) String() string {
	return C.GoString(C.kms_algorithm_name(C.uint32_t(a)))
}

// RequestID is the id of a request in its text form, a UUID. It is an array so that a call need not allocate it.
type RequestID [C.KMS_REQUEST_ID_SIZE - 1]byte

func (r RequestID) String() string { return string(r[:]) }

// MarshalText gives the same as String.
func (r RequestID) MarshalText() ([]byte, error) { return r[:], nil }

// DataKeyInfo says which key, version and algorithm served a request.
type DataKeyInfo struct {
	// KeyID is the resolved id, never the alias.
	KeyID     string
	VersionID string
	// VersionNumber counts from 1.
	VersionNumber uint32
	Algorithm     Algorithm
	RequestID     RequestID
}

func (i *DataKeyInfo) set(info *C.kms_data_key_info_t) {
	i.KeyID = same(i.KeyID, info.key_id[:])
	i.VersionID = same(i.VersionID, info.version_id[:])
	i.VersionNumber = uint32(info.version_number)
	i.Algorithm = Algorithm(info.algorithm)
	i.RequestID = *(*RequestID)(unsafe.Pointer(&info.request_id)) // a UUID: it has one length
}

// DataKeyRequest is a data key to generate.
type DataKeyRequest struct {
	// KeyID is the id of the KMS key, "alias/NAME", or an ARN of either.
	KeyID string
	// VersionID is a version of the key; empty: the primary one.
	VersionID string
	// KeySpec is the length of the data key by name. This or NumberOfBytes; neither: KeySpecAES256.
	KeySpec KeySpec
	// NumberOfBytes is the length of the data key, 1..MaxDataKeySize, or 0.
	NumberOfBytes int
	// AAD is additional authenticated data, at most 8192 bytes. This or Context, not both.
	AAD []byte
	// Context is AAD in pairs, at most 2048 and 32768 bytes in all; keys are not empty.
	Context     map[string]string
	GrantTokens []string
	// InitialVersion takes the key's first version, not its primary one.
	InitialVersion bool
	// SkipPlaintext gives no plaintext.
	SkipPlaintext bool
	// DryRun checks everything and does nothing; see ErrDryRunOK.
	DryRun bool
}

// DataKey is a data key: use Plaintext to encrypt, then Wipe it; keep Ciphertext beside the data for Decrypt.
// Printed, it shows no key.
type DataKey struct {
	Plaintext  []byte `json:"-"`
	Ciphertext []byte
	// IV is the ciphertext's, IVSize bytes. Ciphertext holds it as well.
	IV []byte
	DataKeyInfo
}

// Wipe overwrites the plaintext with zeros and lets go of it, so that nothing is encrypted with zeros by mistake.
func (d *DataKey) Wipe() {
	Wipe(d.Plaintext)
	d.Plaintext = nil
}

// usualDataKey is a data key of 32 bytes with the memory of what is kept of it: one allocation for all.
type usualDataKey struct {
	DataKey
	kept [32 + CiphertextOverhead + IVSize]byte
}

// newDataKey has memory for a data key of so many bytes. Its plaintext is apart from what is kept, so that whoever keeps
// a ciphertext does not keep it too.
func newDataKey(size int) *DataKey {
	var key *DataKey
	var kept []byte
	if size == 32 {
		usual := new(usualDataKey)
		key, kept = &usual.DataKey, usual.kept[:]
	} else {
		key, kept = new(DataKey), make([]byte, size+CiphertextOverhead+IVSize)
	}
	key.Ciphertext = kept[: size+CiphertextOverhead : size+CiphertextOverhead]
	key.IV = kept[size+CiphertextOverhead:]
	return key
}

// GenerateDataKey generates a data key: random bytes in plaintext, and wrapped under a KMS key.
func (k *KMS) GenerateDataKey(request DataKeyRequest) (*DataKey, error) {
	size := request.size()
	key := newDataKey(size)
	if !request.SkipPlaintext {
		key.Plaintext = make([]byte, size)
	}
	expected := k.expected(request.KeyID, request.VersionID)
	key.DataKeyInfo = expected
	if err := k.GenerateDataKeyInto(request, key); err != nil {
		return nil, err
	}
	k.learn(request.KeyID, &expected, &key.DataKeyInfo)
	return key, nil
}

// GenerateDataKeyInto generates a data key into the caller's memory, without allocating any: Plaintext, Ciphertext and
// IV of key are written, up to their lengths, and cut to what was written. ErrBufferTooSmall: one of them is shorter
// than the data key, CiphertextOverhead more, and IVSize. An IV of nil is not wanted; Plaintext may be nil with
// SkipPlaintext only. If the call fails key is as it was.
//
// KeyID and VersionID are kept if they are right already. So a key that is used again and again costs no allocation;
// a first use costs two, and a Context of more than some 200 bytes one or more.
func (k *KMS) GenerateDataKeyInto(request DataKeyRequest, key *DataKey) error {
	var space [textSpace]byte
	var call C.kmsgo_data_t
	text, err := request.cross(&call, space[:0])
	if err != nil {
		return err
	}
	call.plaintext_len = C.size_t(len(key.Plaintext))
	call.ciphertext_len = C.size_t(len(key.Ciphertext))
	call.iv_len = C.size_t(len(key.IV))
	err = k.with(func(h C.kmsgo_handle_t) *C.kms_error_t {
		return C.kmsgo_generate_data_key(h, &call, text.pointer(), pointer(request.AAD),
			pointer(key.Plaintext), pointer(key.Ciphertext), pointer(key.IV))
	})
	if err != nil {
		return err
	}
	key.Plaintext = key.Plaintext[:call.plaintext_len]
	key.Ciphertext = key.Ciphertext[:call.ciphertext_len]
	key.IV = key.IV[:call.iv_len]
	key.set(&call.info)
	return nil
}

// textSpace holds the strings of most requests without allocating.
const textSpace = 256

// cross puts the request in the form in which it crosses; its text goes to space if it fits.
func (r *DataKeyRequest) cross(call *C.kmsgo_data_t, space []byte) (text, error) {
	text := text{bytes: space}.put(fieldKeyID, r.KeyID).put(fieldVersionID, r.VersionID)
	text = text.putAll(fieldGrantToken, r.GrantTokens)
	text = text.putContext(r.Context)
	if err := text.check(); err != nil {
		return text, err
	}
	bytes, err := size32("request.number_of_bytes", r.NumberOfBytes)
	call.aad_len = C.size_t(len(r.AAD))
	call.context_len = C.size_t(len(r.Context))
	call.grant_tokens_len = C.size_t(len(r.GrantTokens))
	call.key_spec = C.uint32_t(r.KeySpec)
	call.number_of_bytes = bytes
	call.flags = flag(r.SkipPlaintext, C.KMS_SKIP_PLAINTEXT) |
		flag(r.InitialVersion, C.KMS_INITIAL_VERSION) |
		flag(r.DryRun, C.KMS_DRY_RUN)
	return text, err
}

// size is the length of the data key that is asked for; for one that the library will refuse, any.
func (r *DataKeyRequest) size() int {
	switch {
	case r.NumberOfBytes != 0:
		return min(max(r.NumberOfBytes, 0), MaxDataKeySize)
	case r.KeySpec == KeySpecAES128:
		return 16
	case r.KeySpec == KeySpecAES192:
		return 24
	default:
		return 32
	}
}

// DataKeys are data keys under one version of one KMS key. Printed, they show no key.
type DataKeys struct {
	// Plaintexts, Ciphertexts and IVs hold the keys one after the other, without gaps.
	Plaintexts  []byte `json:"-"`
	Ciphertexts []byte
	IVs         []byte
	// PlaintextSize is the length of each plaintext in bytes; 0 with SkipPlaintext.
	PlaintextSize int
	// CiphertextSize is the length of each ciphertext in bytes.
	CiphertextSize int
	// DataKeyInfo is that of all of them: they share one request id.
	DataKeyInfo
}

// Len is the number of data keys.
func (d *DataKeys) Len() int {
	if d.CiphertextSize == 0 {
		return 0
	}
	return len(d.Ciphertexts) / d.CiphertextSize
}

// Plaintext is data key i in plaintext.
func (d *DataKeys) Plaintext(i int) []byte { return item(d.Plaintexts, i, d.PlaintextSize) }

// Ciphertext is data key i, wrapped.
func (d *DataKeys) Ciphertext(i int) []byte { return item(d.Ciphertexts, i, d.CiphertextSize) }

// IV is the IV of ciphertext i.
func (d *DataKeys) IV(i int) []byte { return item(d.IVs, i, IVSize) }

func item(column []byte, i, size int) []byte {
	return column[i*size : (i+1)*size : (i+1)*size]
}

// Wipe overwrites all plaintexts with zeros and lets go of them.
func (d *DataKeys) Wipe() {
	Wipe(d.Plaintexts)
	d.Plaintexts = nil
	d.PlaintextSize = 0
}

// GenerateDataKeys generates count data keys, 1..MaxDataKeys, in one crossing: all, or none.
func (k *KMS) GenerateDataKeys(request DataKeyRequest, count int) (*DataKeys, error) {
	size := request.size()
	// What is outside the limits is the library's to refuse, but no reason to allocate it first.
	items := min(max(count, 0), MaxDataKeys)
	expected := k.expected(request.KeyID, request.VersionID)
	keys := &DataKeys{
		Ciphertexts: make([]byte, items*(size+CiphertextOverhead)),
		IVs:         make([]byte, items*IVSize),
		DataKeyInfo: expected,
	}
	if !request.SkipPlaintext {
		keys.Plaintexts = make([]byte, items*size)
	}
	if err := k.GenerateDataKeysInto(request, count, keys); err != nil {
		return nil, err
	}
	k.learn(request.KeyID, &expected, &keys.DataKeyInfo)
	return keys, nil
}

// GenerateDataKeysInto is to GenerateDataKeys what GenerateDataKeyInto is to GenerateDataKey.
func (k *KMS) GenerateDataKeysInto(request DataKeyRequest, count int, keys *DataKeys) error {
	var space [textSpace]byte
	var call C.kmsgo_data_t
	text, err := request.cross(&call, space[:0])
	if err != nil {
		return err
	}
	number, err := size32("count", count)
	if err != nil {
		return err
	}
	call.plaintext_len = C.size_t(len(keys.Plaintexts))
	call.ciphertext_len = C.size_t(len(keys.Ciphertexts))
	call.iv_len = C.size_t(len(keys.IVs))
	err = k.with(func(h C.kmsgo_handle_t) *C.kms_error_t {
		return C.kmsgo_generate_data_keys(h, &call, text.pointer(), pointer(request.AAD), C.size_t(number),
			pointer(keys.Plaintexts), pointer(keys.Ciphertexts), pointer(keys.IVs))
	})
	if err != nil {
		return err
	}
	keys.PlaintextSize = int(call.plaintext_len)
	keys.CiphertextSize = int(call.ciphertext_len)
	keys.Plaintexts = keys.Plaintexts[:count*keys.PlaintextSize]
	keys.Ciphertexts = keys.Ciphertexts[:count*keys.CiphertextSize]
	keys.IVs = keys.IVs[:count*int(call.iv_len)]
	keys.set(&call.info)
	return nil
}
