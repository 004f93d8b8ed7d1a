// Package go_sdk has the story of a data key through aws-sdk-go-v2 and tencentcloud-sdk-go, unmodified, over
// kms.RoundTripper, and the SDKs' own typed errors. It is a module of its own, so that the bindings need no SDK.
package go_sdk

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"github.com/libkms/libkms/bindings/go"
)

const account = "111122223333"

var ctx = context.Background()

// forEachDialect runs a test in both dialects that the SDK speaks, each on a store of its own.
func forEachDialect(t *testing.T, test func(t *testing.T, client *awskms.Client, start string, k *kms.KMS)) {
	for dialect, start := range map[kms.Dialect]string{
		kms.DialectQKMS: "arn:verenc:" + account + ":key/",
		kms.DialectAWS:  "arn:aws:kms:us-east-1:" + account + ":key/",
	} {
		t.Run(strings.Split(start, ":")[1], func(t *testing.T) {
			k, err := kms.Open(kms.Options{
				Store:     "sqlite:" + filepath.Join(t.TempDir(), "keys.db"),
				RootKey:   bytes.Repeat([]byte{1}, kms.RootKeySize),
				AccountID: account,
				Region:    "us-east-1",
				Create:    true,
			})
			must(t, err)
			t.Cleanup(func() { must(t, k.Close()) })
			client := awskms.New(awskms.Options{
				Region:           "us-east-1",
				HTTPClient:       &http.Client{Transport: kms.RoundTripper(k, dialect)},
				Credentials:      aws.AnonymousCredentials{},
				RetryMaxAttempts: 1,
			})
			test(t, client, start, k)
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func createKey(t *testing.T, client *awskms.Client) string {
	t.Helper()
	made, err := client.CreateKey(ctx, &awskms.CreateKeyInput{})
	must(t, err)
	return *made.KeyMetadata.KeyId
}

// refused expects an error of the SDK's type E.
func refused[E error](t *testing.T, what string, err error) {
	t.Helper()
	var typed E
	if !errors.As(err, &typed) {
		t.Errorf("%s: got %v", what, err)
	}
}

func code(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode()
	}
	return ""
}

func TestStory(t *testing.T) {
	forEachDialect(t, func(t *testing.T, client *awskms.Client, start string, k *kms.KMS) {
		key := createKey(t, client)
		_, err := client.CreateAlias(ctx, &awskms.CreateAliasInput{AliasName: aws.String("alias/orders"), TargetKeyId: &key})
		must(t, err)
		generate := &awskms.GenerateDataKeyInput{
			KeyId:             aws.String("alias/orders"),
			KeySpec:           types.DataKeySpecAes256,
			EncryptionContext: map[string]string{"tenant": "7", "\u0431": "\"\\"},
		}
		made, err := client.GenerateDataKey(ctx, generate)
		must(t, err)
		if *made.KeyId != start+key || len(made.Plaintext) != 32 {
			t.Errorf("%d bytes under %q", len(made.Plaintext), *made.KeyId)
		}
		decrypt := &awskms.DecryptInput{CiphertextBlob: made.CiphertextBlob, EncryptionContext: generate.EncryptionContext}
		opened, err := client.Decrypt(ctx, decrypt)
		must(t, err)
		if !bytes.Equal(opened.Plaintext, made.Plaintext) {
			t.Error("another plaintext")
		}
		native, err := k.Decrypt(kms.DecryptRequest{Ciphertext: made.CiphertextBlob, Context: generate.EncryptionContext})
		must(t, err)
		if !bytes.Equal(native.Plaintext, made.Plaintext) {
			t.Error("another plaintext natively")
		}

		decrypt.EncryptionContext = map[string]string{"tenant": "8"}
		_, err = client.Decrypt(ctx, decrypt)
		refused[*types.InvalidCiphertextException](t, "a wrong context", err)
		decrypt.KeyId = aws.String(createKey(t, client))
		_, err = client.Decrypt(ctx, decrypt)
		refused[*types.IncorrectKeyException](t, "another key", err)
		generate.DryRun = aws.Bool(true)
		_, err = client.GenerateDataKey(ctx, generate)
		refused[*types.DryRunOperationException](t, "a dry run", err)
		generate.DryRun = nil
		generate.KeyId = aws.String("missing")
		_, err = client.GenerateDataKey(ctx, generate)
		refused[*types.NotFoundException](t, "a missing key", err)
		generate.KeyId = &key
		generate.GrantTokens = []string{"never-issued"}
		_, err = client.GenerateDataKey(ctx, generate)
		refused[*types.InvalidGrantTokenException](t, "a grant token", err)
		generate.GrantTokens = nil
		_, err = client.DisableKey(ctx, &awskms.DisableKeyInput{KeyId: &key})
		must(t, err)
		_, err = client.GenerateDataKey(ctx, generate)
		refused[*types.DisabledException](t, "a disabled key", err)
		_, err = client.ScheduleKeyDeletion(ctx, &awskms.ScheduleKeyDeletionInput{KeyId: &key})
		must(t, err)
		_, err = client.Encrypt(ctx, &awskms.EncryptInput{KeyId: &key, Plaintext: []byte("x")})
		refused[*types.KMSInvalidStateException](t, "a key pending deletion", err)
	})
}

func TestLimits(t *testing.T) {
	forEachDialect(t, func(t *testing.T, client *awskms.Client, _ string, _ *kms.KMS) {
		key := createKey(t, client)
		for number, fits := range map[int32]bool{-1: false, 0: false, 1: true, 1024: true, 1025: false} {
			made, err := client.GenerateDataKey(ctx, &awskms.GenerateDataKeyInput{KeyId: &key, NumberOfBytes: &number})
			if fits && (err != nil || len(made.Plaintext) != int(number)) || !fits && code(err) != "ValidationException" {
				t.Errorf("%d bytes: %v", number, err)
			}
			random, err := client.GenerateRandom(ctx, &awskms.GenerateRandomInput{NumberOfBytes: &number})
			if fits && (err != nil || len(random.Plaintext) != int(number)) || !fits && code(err) != "ValidationException" {
				t.Errorf("%d random bytes: %v", number, err)
			}
		}
		for size, fits := range map[int]bool{1: true, 4096: true, 4097: false} {
			_, err := client.Encrypt(ctx, &awskms.EncryptInput{KeyId: &key, Plaintext: make([]byte, size)})
			if fits && err != nil || !fits && code(err) != "ValidationException" {
				t.Errorf("a payload of %d bytes: %v", size, err)
			}
		}
		both := &awskms.GenerateDataKeyInput{KeyId: &key, NumberOfBytes: aws.Int32(32), KeySpec: types.DataKeySpecAes256}
		for _, input := range []*awskms.GenerateDataKeyInput{both, {KeyId: &key}} {
			_, err := client.GenerateDataKey(ctx, input)
			if code(err) != "ValidationException" || !strings.Contains(err.Error(), "either number of bytes or key spec") {
				t.Errorf("both or neither: %v", err)
			}
		}
	})
}

func TestManagement(t *testing.T) {
	forEachDialect(t, func(t *testing.T, client *awskms.Client, start string, _ *kms.KMS) {
		keys := []string{createKey(t, client), createKey(t, client), createKey(t, client)}
		pages := awskms.NewListKeysPaginator(client, &awskms.ListKeysInput{Limit: aws.Int32(2)})
		var listed []string
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			must(t, err)
			for _, key := range page.Keys {
				listed = append(listed, *key.KeyId)
			}
		}
		slices.Sort(keys)
		slices.Sort(listed)
		if !slices.Equal(keys, listed) {
			t.Errorf("listed %v of %v", listed, keys)
		}
		key := &keys[0]
		described, err := client.DescribeKey(ctx, &awskms.DescribeKeyInput{KeyId: key})
		must(t, err)
		data := described.KeyMetadata
		if *data.Arn != start+*key || *data.AWSAccountId != account || data.KeyState != types.KeyStateEnabled ||
			data.CreationDate.Year() < 2024 || data.KeySpec != types.KeySpecSymmetricDefault {
			t.Errorf("got %+v", data)
		}
		_, err = client.EnableKeyRotation(ctx, &awskms.EnableKeyRotationInput{KeyId: key, RotationPeriodInDays: aws.Int32(90)})
		must(t, err)
		status, err := client.GetKeyRotationStatus(ctx, &awskms.GetKeyRotationStatusInput{KeyId: key})
		must(t, err)
		if !status.KeyRotationEnabled || *status.RotationPeriodInDays != 90 || status.NextRotationDate == nil {
			t.Errorf("got %+v", status)
		}
		_, err = client.RotateKeyOnDemand(ctx, &awskms.RotateKeyOnDemandInput{KeyId: key})
		must(t, err)
		tags := []types.Tag{{TagKey: aws.String("team"), TagValue: aws.String("a")}}
		_, err = client.TagResource(ctx, &awskms.TagResourceInput{KeyId: key, Tags: tags})
		must(t, err)
		_, err = client.TagResource(ctx, &awskms.TagResourceInput{KeyId: key, Tags: append(tags, tags...)})
		refused[*types.TagException](t, "a tag twice", err)
		_, err = client.Sign(ctx, &awskms.SignInput{
			KeyId: key, Message: []byte("m"), SigningAlgorithm: types.SigningAlgorithmSpecEcdsaSha256,
		})
		refused[*types.UnsupportedOperationException](t, "a signature", err)
		_, err = client.ListKeys(ctx, &awskms.ListKeysInput{Marker: aws.String("none")})
		refused[*types.InvalidMarkerException](t, "a marker", err)
	})
}
