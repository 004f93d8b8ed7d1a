package go_sdk

import (
	"bytes"
	"encoding/base64"
	"errors"
	"testing"

	tencent "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	sdkerrors "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/errors"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"
	tencentkms "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/kms/v20190118"

	"github.com/libkms/libkms/bindings/go"
)

const tencentKey = "kms-345sdfk"

// tencentClient is Tencent's SDK, unmodified, on a store: what it sends by this method and signs so.
func tencentClient(t *testing.T, k *kms.KMS, method, sign string) *tencentkms.Client {
	t.Helper()
	sends := profile.NewClientProfile()
	sends.HttpProfile.ReqMethod, sends.SignMethod = method, sign
	client, err := tencentkms.NewClient(tencent.NewCredential("any", "any"), "local", sends)
	must(t, err)
	client.WithHttpTransport(kms.RoundTripper(k, kms.DialectTencentV3))
	return client
}

// tencentRefused expects a failure with this code, as the SDK has it.
func tencentRefused(t *testing.T, expected string, err error) {
	t.Helper()
	var failure *sdkerrors.TencentCloudSDKError
	if !errors.As(err, &failure) || failure.Code != expected || len(failure.RequestId) != 36 {
		t.Errorf("got %v, expected %s", err, expected)
	}
}

func TestTencent(t *testing.T) {
	for _, way := range [][2]string{
		{"POST", "TC3-HMAC-SHA256"}, {"GET", "TC3-HMAC-SHA256"}, {"POST", "HmacSHA256"}, {"GET", "HmacSHA1"},
	} {
		t.Run(way[0]+" "+way[1], func(t *testing.T) {
			k, err := kms.Open(kms.Options{Store: "memory:", RootKey: bytes.Repeat([]byte{1}, kms.RootKeySize), Create: true})
			must(t, err)
			t.Cleanup(func() { must(t, k.Close()) })
			_, err = k.CreateKey(kms.CreateKeyRequest{KeyID: tencentKey, Alias: "alias/orders"})
			must(t, err)
			tencentStory(t, k, tencentClient(t, k, way[0], way[1]))

			alice, err := k.AsPrincipal(kms.PrincipalRequest{Principal: "arn:aws:iam::000000000000:user/alice"})
			must(t, err)
			t.Cleanup(func() { must(t, alice.Close()) })
			generate := tencentkms.NewGenerateDataKeyRequest()
			generate.KeyId, generate.NumberOfBytes = tencent.StringPtr(tencentKey), tencent.Uint64Ptr(32)
			_, err = tencentClient(t, alice, way[0], way[1]).GenerateDataKey(generate)
			tencentRefused(t, "UnauthorizedOperation", err)
		})
	}
}

func tencentStory(t *testing.T, k *kms.KMS, client *tencentkms.Client) {
	generate := tencentkms.NewGenerateDataKeyRequest()
	generate.KeyId, generate.KeySpec = tencent.StringPtr("alias/orders"), tencent.StringPtr("AES_256")
	generate.EncryptionContext = tencent.StringPtr(`{"tenant":"7 +&=%","б":"\"\\"}`)
	made, err := client.GenerateDataKey(generate)
	must(t, err)
	plaintext, err := base64.StdEncoding.DecodeString(*made.Response.Plaintext)
	must(t, err)
	if *made.Response.KeyId != tencentKey || len(plaintext) != 32 {
		t.Errorf("%d bytes under %q", len(plaintext), *made.Response.KeyId)
	}
	decrypt := tencentkms.NewDecryptRequest()
	decrypt.CiphertextBlob, decrypt.EncryptionContext = made.Response.CiphertextBlob, generate.EncryptionContext
	opened, err := client.Decrypt(decrypt)
	must(t, err)
	if *opened.Response.Plaintext != *made.Response.Plaintext {
		t.Error("another plaintext")
	}
	ciphertext, err := base64.StdEncoding.DecodeString(*made.Response.CiphertextBlob)
	must(t, err)
	native, err := k.Decrypt(kms.DecryptRequest{
		Ciphertext: ciphertext,
		Context:    map[string]string{"tenant": "7 +&=%", "б": `"\`},
	})
	must(t, err)
	if !bytes.Equal(native.Plaintext, plaintext) {
		t.Error("another plaintext natively")
	}

	decrypt.EncryptionContext = tencent.StringPtr(`{"tenant":"8"}`)
	_, err = client.Decrypt(decrypt)
	tencentRefused(t, "InvalidParameterValue.InvalidCiphertext", err)
	for _, number := range []uint64{0, 1025} {
		generate.NumberOfBytes = tencent.Uint64Ptr(number)
		_, err = client.GenerateDataKey(generate)
		tencentRefused(t, "InvalidParameter", err)
	}
	generate.NumberOfBytes = tencent.Uint64Ptr(1024)
	_, err = client.GenerateDataKey(generate)
	must(t, err)
	generate.KeyId = tencent.StringPtr("missing")
	_, err = client.GenerateDataKey(generate)
	tencentRefused(t, "ResourceUnavailable.CmkNotFound", err)
	generate.KeyId = tencent.StringPtr(tencentKey)
	must(t, k.DisableKey(kms.KeyRequest{KeyID: tencentKey}))
	_, err = client.GenerateDataKey(generate)
	tencentRefused(t, "ResourceUnavailable.CmkDisabled", err)
	must(t, k.EnableKey(kms.KeyRequest{KeyID: tencentKey}))
}
