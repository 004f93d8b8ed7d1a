package kms_test

import (
	"bytes"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	kms "github.com/libkms/libkms/bindings/go"
)

// rootKey stands for 32 secret bytes that the application keeps elsewhere.
var rootKey = bytes.Repeat([]byte{1}, kms.RootKeySize)

func openExample() *kms.KMS {
	k, err := kms.Open(kms.Options{Store: "memory:", RootKey: rootKey, Create: true})
	if err != nil {
		log.Fatal(err)
	}
	if _, err := k.CreateKey(kms.CreateKeyRequest{KeyID: "orders", Alias: "alias/current"}); err != nil {
		log.Fatal(err)
	}
	return k
}

func encrypt([]byte) {}

func ExampleOpen() {
	dir, err := os.MkdirTemp("", "kms")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	k, err := kms.Open(kms.Options{
		Store:        "sqlite:" + dir + "/keys.db",
		RootKey:      rootKey,
		Create:       true,
		MaxStaleness: 200 * time.Millisecond, // how long another process's change may go unseen
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(k.Close())
	// Output: <nil>
}

func ExampleError() {
	k := openExample()
	defer k.Close()
	_, err := k.GenerateDataKey(kms.DataKeyRequest{KeyID: "alias/nobody"})
	if errors.Is(err, kms.ErrNotFound) {
		fmt.Println(err)
	}
	var e *kms.Error
	if errors.As(err, &e) && e.Detail == kms.DetailAlias {
		fmt.Println("it is the alias that is not there; the same call may succeed later:", e.Retryable)
	}
	// Output:
	// kms: alias "alias/nobody" was not found (KMS_NOT_FOUND)
	// it is the alias that is not there; the same call may succeed later: false
}

func ExampleKMS_AsPrincipal() {
	k := openExample()
	defer k.Close()
	shop, err := k.AsPrincipal(kms.PrincipalRequest{Principal: "shop"})
	if err != nil {
		log.Fatal(err)
	}
	defer shop.Close()
	if _, err := shop.GenerateDataKey(kms.DataKeyRequest{KeyID: "orders"}); !errors.Is(err, kms.ErrAccessDenied) {
		log.Fatal("it may do that already: ", err)
	}
	grant, err := k.CreateGrant(kms.CreateGrantRequest{
		KeyID: "orders", GranteePrincipal: "shop", Operations: kms.GrantGenerateDataKey | kms.GrantDecrypt,
	})
	if err != nil {
		log.Fatal(err)
	}
	tokens := []string{grant.GrantToken} // work at once, in every process
	if _, err := shop.GenerateDataKey(kms.DataKeyRequest{KeyID: "orders", GrantTokens: tokens}); err != nil {
		log.Fatal(err)
	}
	fmt.Println("served")
	// Output: served
}

func ExampleKMS_Encrypt() {
	k := openExample()
	defer k.Close()
	context := map[string]string{"tenant": "7", "column": "iban"}
	sealed, err := k.Encrypt(kms.EncryptRequest{KeyID: "orders", Plaintext: []byte("DE02 1203"), Context: context})
	if err != nil {
		log.Fatal(err)
	}
	opened, err := k.Decrypt(kms.DecryptRequest{Ciphertext: sealed.Ciphertext, Context: context})
	if err != nil {
		log.Fatal(err)
	}
	defer opened.Wipe()
	fmt.Printf("%s\n", opened.Plaintext)
	// Output: DE02 1203
}

func ExampleKMS_GenerateDataKeyInto() {
	k := openExample()
	defer k.Close()
	request := kms.DataKeyRequest{KeyID: "orders", AAD: []byte("table 7")}
	key := kms.DataKey{
		Plaintext:  make([]byte, 32),
		Ciphertext: make([]byte, 32+kms.CiphertextOverhead),
		IV:         make([]byte, kms.IVSize),
	}
	for range 1000 {
		if err := k.GenerateDataKeyInto(request, &key); err != nil {
			log.Fatal(err)
		}
		encrypt(key.Plaintext)
	}
	kms.Wipe(key.Plaintext)
	fmt.Println(key.KeyID, len(key.Plaintext))
	// Output: orders 32
}

func ExampleKMS_GenerateDataKeys() {
	k := openExample()
	defer k.Close()
	keys, err := k.GenerateDataKeys(kms.DataKeyRequest{KeyID: "orders"}, 1000)
	if err != nil {
		log.Fatal(err)
	}
	defer keys.Wipe()
	for i := range keys.Len() {
		encrypt(keys.Plaintext(i)) // and keep keys.Ciphertext(i)
	}
	fmt.Println(keys.Len())
	// Output: 1000
}

func ExampleKMS_ListKeys() {
	k := openExample()
	defer k.Close()
	for key, err := range k.ListKeys(kms.ListKeysRequest{}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(key.KeyID, key.PrimaryVersionNumber)
	}
	// Output: orders 1
}

func ExampleDataKeyRequest_dryRun() {
	k := openExample()
	defer k.Close()
	_, err := k.GenerateDataKey(kms.DataKeyRequest{KeyID: "orders", DryRun: true})
	fmt.Println(errors.Is(err, kms.ErrDryRunOK))
	// Output: true
}

func ExampleKMS_RotateKey() {
	k := openExample()
	defer k.Close()
	version, err := k.RotateKey(kms.KeyRequest{KeyID: "orders"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("new data keys are made under version", version.VersionNumber) // old ones go on opening
	// Output: new data keys are made under version 2
}

func ExampleKMS_Verify() {
	k := openExample()
	defer k.Close()
	for damage, err := range k.Verify(kms.VerifyRequest{}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(damage.KeyID, damage.Problem)
	}
	// Output:
}

func ExampleKMS_Exchange() {
	k := openExample()
	defer k.Close()
	answer, err := k.Exchange(kms.ExchangeRequest{
		Dialect: kms.DialectAWS,
		Target:  "/",
		Header:  http.Header{"X-Amz-Target": {"TrentService.ListKeys"}},
		Body:    []byte("{}"),
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer.HTTPStatus, len(answer.Body) > 0)
	// Output: 200 true
}
