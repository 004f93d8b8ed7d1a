package kms

import "fmt"

// What holds a secret prints how long it is, whatever the verb: a %v in a log line must not give a key away.

// Format shows neither root key nor passphrase.
func (o Options) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "kms.Options{Store:%q RootKey:%s Passphrase:%s RootKeyURI:%q AccountID:%q Region:%q}",
		o.Store, length(o.RootKey), length(o.Passphrase), o.RootKeyURI, o.AccountID, o.Region)
}

// Format shows no key.
func (d DataKey) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "kms.DataKey{Plaintext:%s Ciphertext:%x %v}", length(d.Plaintext), d.Ciphertext, d.DataKeyInfo)
}

// Format shows no key.
func (d DataKeys) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "kms.DataKeys{Len:%d Plaintexts:%s %v}", d.Len(), length(d.Plaintexts), d.DataKeyInfo)
}

// Format shows no plaintext.
func (r EncryptRequest) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "kms.EncryptRequest{KeyID:%q VersionID:%q Plaintext:%s Context:%q}",
		r.KeyID, r.VersionID, length(r.Plaintext), r.Context)
}

// Format shows no plaintext.
func (d Decrypted) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "kms.Decrypted{Plaintext:%s %v}", length(d.Plaintext), d.DataKeyInfo)
}

// Format shows no material.
func (r ImportKeyMaterialRequest) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "kms.ImportKeyMaterialRequest{KeyID:%q Material:%s ExpiresAt:%v VersionNumber:%d}",
		r.KeyID, length(r.Material), r.ExpiresAt, r.VersionNumber)
}

// Format shows neither root key nor passphrase.
func (r RekeyRequest) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "kms.RekeyRequest{RootKey:%s Passphrase:%s RootKeyURI:%q}",
		length(r.RootKey), length(r.Passphrase), r.RootKeyURI)
}

// Format shows no token.
func (g Grant) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "kms.Grant{GrantID:%q GrantToken:[%d bytes]}", g.GrantID, len(g.GrantToken))
}

func length(secret []byte) string {
	return fmt.Sprintf("[%d bytes]", len(secret))
}
