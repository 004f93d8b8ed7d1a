package kms

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestWipe(t *testing.T) {
	secret := bytes.Repeat([]byte{7}, 100)
	Wipe(secret[10:90])
	want := append(append(bytes.Repeat([]byte{7}, 10), make([]byte, 80)...), bytes.Repeat([]byte{7}, 10)...)
	if !bytes.Equal(secret, want) {
		t.Errorf("wiped to %x", secret)
	}
	Wipe(nil)
	Wipe([]byte{})

	k := openFile(t)
	createKey(t, k, "k")
	key, err := k.GenerateDataKey(DataKeyRequest{KeyID: "k"})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := k.GenerateDataKeys(DataKeyRequest{KeyID: "k"}, 50)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := k.Decrypt(DecryptRequest{Ciphertext: key.Ciphertext})
	if err != nil {
		t.Fatal(err)
	}
	k.Close() // wiping needs no open store
	secrets := map[string][]byte{"DataKey": key.Plaintext, "DataKeys": keys.Plaintexts, "Decrypted": opened.Plaintext}
	for what, secret := range secrets {
		if len(bytes.Trim(secret, "\x00")) == 0 {
			t.Errorf("%s: no secret before it was wiped", what)
		}
	}
	key.Wipe()
	keys.Wipe()
	opened.Wipe()
	for what, secret := range secrets {
		if len(bytes.Trim(secret, "\x00")) != 0 {
			t.Errorf("%s: still %x", what, secret)
		}
	}
	if key.Plaintext != nil || keys.Plaintexts != nil || opened.Plaintext != nil {
		t.Error("zeros are left for someone to encrypt with")
	}
	key.Wipe()
	keys.Wipe()
	opened.Wipe()
}

// No way of printing gives a secret away.
func TestPrinting(t *testing.T) {
	secret := []byte("correct horse battery staple 32b")
	printed := map[string]any{
		"Options":        Options{Store: "memory:", RootKey: secret, Passphrase: secret},
		"DataKey":        DataKey{Plaintext: secret, Ciphertext: []byte{1}},
		"DataKeys":       DataKeys{Plaintexts: secret, PlaintextSize: 32},
		"EncryptRequest": EncryptRequest{Plaintext: secret},
		"Decrypted":      Decrypted{Plaintext: secret},
		"Import":         ImportKeyMaterialRequest{Material: secret},
		"Rekey":          RekeyRequest{RootKey: secret, Passphrase: secret},
		"*Import":        &ImportKeyMaterialRequest{Material: secret},
		"*Rekey":         &RekeyRequest{RootKey: secret, Passphrase: secret},
		"*Options":       &Options{Store: "memory:", RootKey: secret, Passphrase: secret},
		"*DataKey":       &DataKey{Plaintext: secret, Ciphertext: []byte{1}},
		"*DataKeys":      &DataKeys{Plaintexts: secret, PlaintextSize: 32},
		"*Decrypted":     &Decrypted{Plaintext: secret},
	}
	var decimal []string
	for _, b := range secret[:8] {
		decimal = append(decimal, fmt.Sprint(b))
	}
	shown := func(text string) bool {
		for _, form := range []string{
			string(secret[:8]), hex.EncodeToString(secret[:8]), strings.ToUpper(hex.EncodeToString(secret[:8])),
			base64.StdEncoding.EncodeToString(secret[:6]), strings.Join(decimal, " "), strings.Join(decimal, ","), "0x63, 0x6f",
		} {
			if strings.Contains(text, form) {
				return true
			}
		}
		return false
	}
	texts := func(value any) []string {
		var all []string
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			all = append(all, fmt.Sprintf(verb, value), fmt.Sprintf(verb, []any{value}))
		}
		marshalled, err := json.Marshal(value)
		if err != nil {
			t.Error(err)
		}
		var log strings.Builder
		slog.New(slog.NewTextHandler(&log, nil)).Info("m", "value", value)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "value", value)
		return append(all, string(marshalled), log.String())
	}
	for what, value := range printed {
		for _, text := range texts(value) {
			if shown(text) {
				t.Errorf("%s shows its secret: %s", what, text)
			}
		}
		if text := fmt.Sprint(value); !strings.Contains(text, "[32 bytes]") {
			t.Errorf("%s does not say how long its secret is: %s", what, text)
		}
	}
	// The same search must find a secret that is shown.
	for _, text := range texts(struct{ Plaintext []byte }{secret}) {
		if !shown(text) {
			t.Errorf("not found in %s", text)
		}
	}
}
