package kms

/*
#include "crossing.h"

static kms_error_t *measure(kmsgo_handle_t kms, const uint8_t *text, size_t batch, size_t times,
                            uint8_t *plaintexts, uint8_t *ciphertexts, uint8_t *ivs) {
  static const uint8_t aad[64];
  kmsgo_data_t call = {.aad_len = sizeof aad};
  kms_error_t *failed = NULL;
  for (; failed == NULL && times > 0; times--) {
    call.plaintext_len = batch * 32;
    call.ciphertext_len = batch * 128;
    call.iv_len = batch * 12;
    failed = batch > 1 ? kmsgo_generate_data_keys(kms, &call, text, aad, batch, plaintexts, ciphertexts, ivs)
                       : kmsgo_generate_data_key(kms, &call, text, aad, plaintexts, ciphertexts, ivs);
  }
  return failed;
}
*/
import "C"

// measureC is what the benchmarks compare with: the same calls made from C, all in one crossing, so that what they cost
// is C's part alone. Each makes batch data keys of 32 bytes under 64 bytes of AAD.
func (k *KMS) measureC(keyID string, batch, times int) error {
	text := text{}.put(fieldKeyID, keyID).put(fieldVersionID, "")
	plaintexts, ciphertexts, ivs := make([]byte, 32*batch), make([]byte, 128*batch), make([]byte, 12*batch)
	return k.with(func(h C.kmsgo_handle_t) *C.kms_error_t {
		return C.measure(h, text.pointer(), C.size_t(batch), C.size_t(times),
			pointer(plaintexts), pointer(ciphertexts), pointer(ivs))
	})
}
