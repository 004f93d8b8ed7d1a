package kms

// #include "crossing.h"
// #cgo noescape kmsgo_re_encrypt
// #cgo nocallback kmsgo_re_encrypt
import "C"

// ReEncryptRequest is a ciphertext to re-encrypt.
type ReEncryptRequest struct {
	Ciphertext []byte
	// SourceIV may be empty; if given it must be the ciphertext's own.
	SourceIV []byte
	// SourceKeyID, if given, is the key under which the ciphertext must have been made, else ErrIncorrectKey.
	SourceKeyID string
	// SourceAAD and SourceContext are what was given when it was encrypted.
	SourceAAD     []byte
	SourceContext map[string]string
	// DestinationKeyID is the id of the KMS key, "alias/NAME", or an ARN of either.
	DestinationKeyID string
	// DestinationVersionID is a version of the key; empty: the primary one.
	DestinationVersionID string
	// DestinationAAD is additional authenticated data, at most 8192 bytes. This or DestinationContext, not both.
	DestinationAAD []byte
	// DestinationContext is AAD in pairs, at most 2048 and 32768 bytes in all; keys are not empty.
	DestinationContext map[string]string
	GrantTokens        []string
	// InitialVersion takes the destination's first version, not its primary one.
	InitialVersion bool
	// DryRun checks everything, the ciphertext included, and gives nothing; see ErrDryRunOK.
	DryRun bool
}

// ReEncrypted is the new ciphertext.
type ReEncrypted struct {
	Ciphertext []byte
	// IV is the ciphertext's, IVSize bytes. Ciphertext holds it as well.
	IV []byte
	// Source is key and version of the old ciphertext.
	Source DataKeyInfo
	DataKeyInfo
}

// ReEncrypt decrypts a ciphertext and encrypts what was in it anew, under another key, version, AAD or context. The
// plaintext never leaves the library.
func (k *KMS) ReEncrypt(request ReEncryptRequest) (*ReEncrypted, error) {
	var space [textSpace]byte
	text := text{bytes: space[:0]}
	text = text.put(fieldSourceKeyID, request.SourceKeyID)
	text = text.put(fieldDestinationKeyID, request.DestinationKeyID)
	text = text.put(fieldDestinationVersionID, request.DestinationVersionID)
	text = text.putAll(fieldGrantToken, request.GrantTokens)
	text = text.putPairs(fieldSourceContextKey, fieldSourceContextValue, request.SourceContext)
	text = text.putPairs(fieldDestinationContextKey, fieldDestinationContextValue, request.DestinationContext)
	if err := text.check(); err != nil {
		return nil, err
	}
	size := min(len(request.Ciphertext), MaxPayloadSize+CiphertextOverhead)
	kept := make([]byte, size+IVSize)
	result := &ReEncrypted{
		Ciphertext:  kept[:size:size],
		IV:          kept[size:],
		Source:      DataKeyInfo{KeyID: request.SourceKeyID},
		DataKeyInfo: DataKeyInfo{KeyID: request.DestinationKeyID, VersionID: request.DestinationVersionID},
	}
	call := C.kmsgo_re_encrypt_t{
		source_len:              C.size_t(len(request.Ciphertext)),
		source_iv_len:           C.size_t(len(request.SourceIV)),
		source_aad_len:          C.size_t(len(request.SourceAAD)),
		source_context_len:      C.size_t(len(request.SourceContext)),
		destination_aad_len:     C.size_t(len(request.DestinationAAD)),
		destination_context_len: C.size_t(len(request.DestinationContext)),
		grant_tokens_len:        C.size_t(len(request.GrantTokens)),
		ciphertext_len:          C.size_t(len(result.Ciphertext)),
		iv_len:                  C.size_t(len(result.IV)),
		flags:                   flag(request.InitialVersion, C.KMS_INITIAL_VERSION) | flag(request.DryRun, C.KMS_DRY_RUN),
	}
	err := k.with(func(h C.kmsgo_handle_t) *C.kms_error_t {
		return C.kmsgo_re_encrypt(h, &call, text.pointer(), pointer(request.SourceAAD), pointer(request.DestinationAAD),
			pointer(request.Ciphertext), pointer(request.SourceIV), pointer(result.Ciphertext), pointer(result.IV))
	})
	if err != nil {
		return nil, err
	}
	result.Ciphertext = result.Ciphertext[:call.ciphertext_len]
	result.IV = result.IV[:call.iv_len]
	result.Source.set(&call.source_info)
	result.set(&call.info)
	return result, nil
}
