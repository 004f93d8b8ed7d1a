package kms

// #include "crossing.h"
import "C"

// EncryptRequest is a payload to encrypt under a KMS key, without a data key.
type EncryptRequest struct {
	// KeyID is the id of the KMS key, "alias/NAME", or an ARN of either.
	KeyID string
	// VersionID is a version of the key; empty: the primary one.
	VersionID string
	// Plaintext is 0..MaxPayloadSize bytes.
	Plaintext []byte `json:"-"`
	// AAD is additional authenticated data, at most 8192 bytes. This or Context, not both.
	AAD []byte
	// Context is AAD in pairs, at most 2048 and 32768 bytes in all; keys are not empty.
	Context     map[string]string
	GrantTokens []string
	// InitialVersion takes the key's first version, not its primary one.
	InitialVersion bool
	// DryRun checks everything and does nothing; see ErrDryRunOK.
	DryRun bool
}

// Encrypted is an encrypted payload: keep Ciphertext for Decrypt.
type Encrypted struct {
	Ciphertext []byte
	// IV is the ciphertext's, IVSize bytes. Ciphertext holds it as well.
	IV []byte
	DataKeyInfo
}

// Encrypt encrypts up to MaxPayloadSize bytes under a KMS key. For more, or for speed, use a data key.
func (k *KMS) Encrypt(request EncryptRequest) (*Encrypted, error) {
	var space [textSpace]byte
	text := text{bytes: space[:0]}
	text = text.put(fieldKeyID, request.KeyID)
	text = text.put(fieldVersionID, request.VersionID)
	text = text.putAll(fieldGrantToken, request.GrantTokens)
	text = text.putContext(request.Context)
	if err := text.check(); err != nil {
		return nil, err
	}
	size := min(len(request.Plaintext), MaxPayloadSize) + CiphertextOverhead
	kept := make([]byte, size+IVSize)
	expected := k.expected(request.KeyID, request.VersionID)
	result := &Encrypted{
		Ciphertext:  kept[:size:size],
		IV:          kept[size:],
		DataKeyInfo: expected,
	}
	call := C.kmsgo_data_t{
		aad_len:          C.size_t(len(request.AAD)),
		context_len:      C.size_t(len(request.Context)),
		grant_tokens_len: C.size_t(len(request.GrantTokens)),
		plaintext_len:    C.size_t(len(request.Plaintext)),
		ciphertext_len:   C.size_t(len(result.Ciphertext)),
		iv_len:           C.size_t(len(result.IV)),
		flags:            flag(request.InitialVersion, C.KMS_INITIAL_VERSION) | flag(request.DryRun, C.KMS_DRY_RUN),
	}
	err := k.with(func(h C.kmsgo_handle_t) *C.kms_error_t {
		return C.kmsgo_encrypt(h, &call, text.pointer(), pointer(request.AAD),
			pointer(request.Plaintext), pointer(result.Ciphertext), pointer(result.IV))
	})
	if err != nil {
		return nil, err
	}
	result.Ciphertext = result.Ciphertext[:call.ciphertext_len]
	result.IV = result.IV[:call.iv_len]
	result.set(&call.info)
	k.learn(request.KeyID, &expected, &result.DataKeyInfo)
	return result, nil
}

// DecryptRequest is a ciphertext to open: a wrapped data key or an encrypted payload.
type DecryptRequest struct {
	Ciphertext []byte
	// IV may be empty; if given it must be the ciphertext's own.
	IV []byte
	// KeyID, if given, is the key under which the ciphertext must have been made, else ErrIncorrectKey.
	KeyID string
	// AAD and Context are what was given when it was encrypted.
	AAD         []byte
	Context     map[string]string
	GrantTokens []string
	// DryRun checks everything, the ciphertext included, and gives nothing; see ErrDryRunOK.
	DryRun bool
}

// Decrypted is what was in a ciphertext. Printed, it shows no plaintext.
type Decrypted struct {
	Plaintext []byte `json:"-"`
	DataKeyInfo
}

// Wipe overwrites the plaintext with zeros and lets go of it.
func (d *Decrypted) Wipe() {
	Wipe(d.Plaintext)
	d.Plaintext = nil
}

// Decrypt opens a ciphertext. If a bit of it was changed, or AAD, Context or IV are not those of its encryption, the
// error is ErrInvalidCiphertext.
func (k *KMS) Decrypt(request DecryptRequest) (*Decrypted, error) {
	expected := k.expected(request.KeyID, "")
	result := &Decrypted{
		Plaintext:   make([]byte, max(len(request.Ciphertext)-CiphertextOverhead, 0)),
		DataKeyInfo: expected,
	}
	if err := k.DecryptInto(request, result); err != nil {
		return nil, err
	}
	k.learn(request.KeyID, &expected, &result.DataKeyInfo)
	return result, nil
}

// DecryptInto opens a ciphertext into the caller's memory: Plaintext of result is written, up to its length, and cut
// to what was written. What GenerateDataKeyInto says of allocations holds here too. If the call fails result is as it
// was. ErrBufferTooSmall: Plaintext is shorter than the ciphertext less CiphertextOverhead.
func (k *KMS) DecryptInto(request DecryptRequest, result *Decrypted) error {
	var space [textSpace]byte
	text := text{bytes: space[:0]}
	text = text.put(fieldKeyID, request.KeyID)
	text = text.putAll(fieldGrantToken, request.GrantTokens)
	text = text.putContext(request.Context)
	if err := text.check(); err != nil {
		return err
	}
	call := C.kmsgo_data_t{
		aad_len:          C.size_t(len(request.AAD)),
		context_len:      C.size_t(len(request.Context)),
		grant_tokens_len: C.size_t(len(request.GrantTokens)),
		plaintext_len:    C.size_t(len(result.Plaintext)),
		ciphertext_len:   C.size_t(len(request.Ciphertext)),
		iv_len:           C.size_t(len(request.IV)),
		flags:            flag(request.DryRun, C.KMS_DRY_RUN),
	}
	err := k.with(func(h C.kmsgo_handle_t) *C.kms_error_t {
		return C.kmsgo_decrypt(h, &call, text.pointer(), pointer(request.AAD),
			pointer(request.Ciphertext), pointer(request.IV), pointer(result.Plaintext))
	})
	if err != nil {
		return err
	}
	result.Plaintext = result.Plaintext[:call.plaintext_len]
	result.set(&call.info)
	return nil
}

// RandomRequest is random bytes to generate.
type RandomRequest struct {
	// NumberOfBytes is 1..MaxRandomSize.
	NumberOfBytes int
	// DryRun checks everything and does nothing; see ErrDryRunOK.
	DryRun bool
}

// GenerateRandom generates random bytes fit for keys, from the same generator as data keys.
func (k *KMS) GenerateRandom(request RandomRequest) ([]byte, error) {
	number, err := size32("request.number_of_bytes", request.NumberOfBytes)
	if err != nil {
		return nil, err
	}
	random := make([]byte, min(request.NumberOfBytes, MaxRandomSize))
	err = k.with(func(h C.kmsgo_handle_t) *C.kms_error_t {
		return C.kmsgo_generate_random(h, number, flag(request.DryRun, C.KMS_DRY_RUN), pointer(random), C.size_t(len(random)))
	})
	if err != nil {
		return nil, err
	}
	return random, nil
}
