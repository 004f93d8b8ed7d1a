package kms

import (
	"bytes"
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha3"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"
)

// The vectors that all languages share (tests/vectors): through the library, and with Go's standard library alone.

// hexBytes are written in hex in JSON.
type hexBytes []byte

func (b *hexBytes) UnmarshalText(text []byte) error {
	decoded, err := hex.DecodeString(string(text))
	*b = decoded
	return err
}

type blobCase struct {
	Name                                  string
	Status                                string
	Key                                   *int
	N1, IV, AAD, Encoded, Plaintext, Blob hexBytes
	Context                               [][2]string
}

func (c blobCase) pairs() map[string]string {
	pairs := map[string]string{}
	for _, pair := range c.Context {
		pairs[pair[0]] = pair[1]
	}
	return pairs
}

func (c blobCase) keyID() string {
	if c.Key == nil {
		return ""
	}
	return fmt.Sprintf("key-%d", *c.Key)
}

type blobVectors struct {
	Keys []struct {
		Material hexBytes
		KeyUUID  hexBytes `json:"key_uuid"`
		Version  uint32
	}
	Cases, Refusals []blobCase
}

func readVectors[T any](t *testing.T, name string) T {
	t.Helper()
	var vectors T
	text := need[[]byte](t)(os.ReadFile("../../tests/vectors/" + name))
	check(t, name, json.Unmarshal(text, &vectors))
	return vectors
}

func TestVectors(t *testing.T) {
	vectors := readVectors[blobVectors](t, "blob_format_1.json")
	if len(vectors.Cases) < 40 || len(vectors.Refusals) < 40 {
		t.Fatalf("%d cases, %d refusals", len(vectors.Cases), len(vectors.Refusals))
	}
	k := openWith(t, Options{Store: "memory:", Create: true})
	for i, key := range vectors.Keys {
		id := fmt.Sprintf("key-%d", i)
		need[*KeyInfo](t)(k.CreateKey(CreateKeyRequest{KeyID: id, Origin: OriginExternal, KeyUUID: key.KeyUUID}))
		need[*VersionInfo](t)(k.ImportKeyMaterial(ImportKeyMaterialRequest{KeyID: id, Material: key.Material, VersionNumber: key.Version}))
	}
	for _, c := range vectors.Cases {
		key := vectors.Keys[*c.Key]
		for _, request := range []DecryptRequest{{}, {KeyID: c.keyID(), IV: c.IV}} {
			request.Ciphertext, request.AAD, request.Context = c.Blob, c.AAD, c.pairs()
			opened, err := k.Decrypt(request)
			if err != nil {
				t.Errorf("%s: %v", c.Name, err)
			} else if !bytes.Equal(opened.Plaintext, c.Plaintext) || opened.KeyID != c.keyID() || opened.VersionNumber != key.Version {
				t.Errorf("%s: opens to something else", c.Name)
			}
		}
		if !bytes.Equal(encode(c.AAD, c.pairs()), c.Encoded) {
			t.Errorf("%s: its AAD is encoded otherwise", c.Name)
		}
		if made := makeBlob(key.Material, key.KeyUUID, key.Version, slices.Concat(c.N1, c.IV), c.Encoded, c.Plaintext); !bytes.Equal(made, c.Blob) {
			t.Errorf("%s: made without the library it is another", c.Name)
		}
	}
	for _, c := range vectors.Refusals {
		_, err := k.Decrypt(DecryptRequest{Ciphertext: c.Blob, KeyID: c.keyID(), IV: c.IV, AAD: c.AAD, Context: c.pairs()})
		var e *Error
		if !errors.As(err, &e) || e.Status != sentinels[c.Status] {
			t.Errorf("%s: got %v, expected %s", c.Name, err, c.Status)
		}
	}
}

func TestXAESVectors(t *testing.T) {
	vectors := readVectors[struct {
		Cases []struct {
			Key, Nonce, Plaintext, AAD, Ciphertext hexBytes
			DerivedKey                             hexBytes `json:"derived_key"`
		}
		Accumulated map[string]string
	}](t, "xaes_256_gcm.json")
	for i, c := range vectors.Cases {
		if !bytes.Equal(kbkdf(c.Key, 0x58, c.Nonce[:12]), c.DerivedKey) {
			t.Errorf("case %d: another derived key", i)
		}
		if !bytes.Equal(xaesSeal(c.Key, c.Nonce, c.AAD, c.Plaintext), c.Ciphertext) {
			t.Errorf("case %d: another ciphertext", i)
		}
	}
	if len(vectors.Cases) != 2 {
		t.Errorf("%d cases", len(vectors.Cases))
	}
	inputs, hash := sha3.NewSHAKE128(), sha3.NewSHAKE128()
	read := func(count byte) []byte {
		taken := make([]byte, count)
		inputs.Read(taken)
		return taken
	}
	for range 10_000 {
		key, nonce := read(32), read(24)
		plaintext := read(read(1)[0])
		aad := read(read(1)[0])
		hash.Write(xaesSeal(key, nonce, aad, plaintext))
	}
	digest := make([]byte, 32)
	hash.Read(digest)
	if hex.EncodeToString(digest) != vectors.Accumulated["10000"] {
		t.Error("another hash of 10,000 steps")
	}
}

// kbkdf is the KBKDF in counter mode with CMAC-AES256 (NIST SP 800-108r1 clause 4.1), 32 bytes. Its messages are one
// whole block, so CMAC needs its first subkey only.
func kbkdf(key []byte, label byte, context []byte) []byte {
	block := needBlock(key)
	var subkey [16]byte
	block.Encrypt(subkey[:], subkey[:])
	high, low := binary.BigEndian.Uint64(subkey[:8]), binary.BigEndian.Uint64(subkey[8:])
	carry := high >> 63
	binary.BigEndian.PutUint64(subkey[:8], high<<1|low>>63)
	binary.BigEndian.PutUint64(subkey[8:], low<<1^carry*0x87)
	var output []byte
	for counter := byte(1); counter <= 2; counter++ {
		message := slices.Concat([]byte{0, counter, label, 0}, context)
		for i := range message {
			message[i] ^= subkey[i]
		}
		block.Encrypt(message, message)
		output = append(output, message...)
	}
	return output
}

func needBlock(key []byte) cipher.Block {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	return block
}

func xaesSeal(key, nonce, aad, plaintext []byte) []byte {
	gcm, err := cipher.NewGCM(needBlock(kbkdf(key, 0x58, nonce[:12])))
	if err != nil {
		panic(err)
	}
	return gcm.Seal(nil, nonce[12:], plaintext, aad)
}

// encode is of docs/format.md: raw AAD, or a context.
func encode(aad []byte, context map[string]string) []byte {
	if len(aad) > 0 {
		return append([]byte{1}, aad...)
	}
	if len(context) == 0 {
		return []byte{0}
	}
	keys := make([]string, 0, len(context))
	for key := range context {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, cmp.Compare[string])
	encoded := []byte{2}
	for _, key := range keys {
		for _, text := range []string{key, context[key]} {
			encoded = append(binary.BigEndian.AppendUint32(encoded, uint32(len(text))), text...)
		}
	}
	return encoded
}

// makeBlob makes a ciphertext of format 1 with nonces, N1 and IV, of the caller's choice.
func makeBlob(material, uuid []byte, version uint32, nonces, encoded, plaintext []byte) []byte {
	header := binary.BigEndian.AppendUint32(append([]byte("KM\x01\x01"), uuid...), version)
	header = append(header, kbkdf(material, 0x43, make([]byte, 12))...)
	return slices.Concat(header, nonces, xaesSeal(material, nonces, slices.Concat(header, encoded), plaintext))
}
