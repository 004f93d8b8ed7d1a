package kms

import (
	"errors"
	"iter"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"
)

var sentinels = map[string]Status{
	"KMS_INVALID_ARGUMENT":    ErrInvalidArgument,
	"KMS_BUFFER_TOO_SMALL":    ErrBufferTooSmall,
	"KMS_NOT_FOUND":           ErrNotFound,
	"KMS_ALREADY_EXISTS":      ErrAlreadyExists,
	"KMS_DISABLED":            ErrDisabled,
	"KMS_INVALID_STATE":       ErrInvalidState,
	"KMS_INVALID_KEY_USAGE":   ErrInvalidKeyUsage,
	"KMS_INVALID_GRANT_TOKEN": ErrInvalidGrantToken,
	"KMS_ACCESS_DENIED":       ErrAccessDenied,
	"KMS_INVALID_CIPHERTEXT":  ErrInvalidCiphertext,
	"KMS_INCORRECT_KEY":       ErrIncorrectKey,
	"KMS_LIMIT_EXCEEDED":      ErrLimitExceeded,
	"KMS_KEY_UNAVAILABLE":     ErrKeyUnavailable,
	"KMS_DEPENDENCY_TIMEOUT":  ErrDependencyTimeout,
	"KMS_STORE_ERROR":         ErrStore,
	"KMS_CORRUPT_STORE":       ErrCorruptStore,
	"KMS_WRONG_ROOT_KEY":      ErrWrongRootKey,
	"KMS_UNSUPPORTED":         ErrUnsupported,
	"KMS_OUT_OF_MEMORY":       ErrOutOfMemory,
	"KMS_INTERNAL":            ErrInternal,
	"KMS_DRY_RUN_OK":          ErrDryRunOK,
	"KMS_READ_ONLY":           ErrReadOnly,
}

// A status that the library has and this package has not must not go unnoticed.
func TestEveryStatusHasItsSentinel(t *testing.T) {
	known := 0
	for status := Status(1); status.Error() != "KMS_UNKNOWN_STATUS"; status++ {
		known++
		sentinel, ok := sentinels[status.Error()]
		if !ok || sentinel != status {
			t.Errorf("status %d is %s in the library, %d here", status, status.Error(), sentinel)
		}
		err := error(&Error{Status: status})
		for name, other := range sentinels {
			if errors.Is(err, other) != (other == status) {
				t.Errorf("errors.Is(%v, %s) is %v", status, name, other != status)
			}
		}
	}
	if known != len(sentinels) {
		t.Errorf("the library has %d statuses, this package %d", known, len(sentinels))
	}
}

func TestErrors(t *testing.T) {
	store := fileStore(t)
	path := strings.TrimPrefix(store, "sqlite:")
	k := openWith(t, Options{Store: store, Create: true})
	createKey(t, k, "k")
	createKey(t, k, "other")
	sealed, err := k.Encrypt(EncryptRequest{KeyID: "k", Plaintext: []byte("x")})
	if err != nil {
		t.Fatal(err)
	}
	open := func(options Options) error {
		if options.RootKey == nil {
			options.RootKey = testRootKey
		}
		opened, err := Open(options)
		if opened != nil {
			t.Errorf("%v was opened", options)
			opened.Close()
		}
		return err
	}
	generate := func(request DataKeyRequest) error {
		key, err := k.GenerateDataKey(request)
		if key != nil {
			t.Errorf("%+v gave a data key", request)
		}
		return err
	}
	decrypt := func(request DecryptRequest) error {
		opened, err := k.Decrypt(request)
		if opened != nil {
			t.Errorf("%+v gave a plaintext", request)
		}
		return err
	}
	create := func(request CreateKeyRequest) error {
		key, err := k.CreateKey(request)
		if key != nil {
			t.Errorf("%+v gave a key", request)
		}
		return err
	}
	alias := func(name, key string) error { return k.CreateAlias(CreateAliasRequest{Alias: name, KeyID: key}) }
	describe := func(request KeyRequest) error {
		key, err := k.DescribeKey(request)
		if key != nil {
			t.Errorf("%+v gave a key", request)
		}
		return err
	}
	flipped := append([]byte(nil), sealed.Ciphertext...)
	flipped[len(flipped)-1] ^= 1
	newer := append([]byte(nil), sealed.Ciphertext...)
	newer[2] = 2
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("not a store\n", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}

	for _, c := range []struct {
		what   string
		err    error
		status Status
		detail Detail
	}{
		{"no store there", open(Options{Store: store + ".no"}), ErrNotFound, DetailNone},
		{"no such directory", open(Options{Store: "sqlite:" + text + "/keys.db", Create: true}), ErrStore, DetailNone},
		{"a wrong root key", open(Options{Store: store, RootKey: make([]byte, RootKeySize)}), ErrWrongRootKey, DetailNone},
		{"a short root key", open(Options{Store: store, RootKey: make([]byte, 31)}), ErrInvalidArgument, DetailNone},
		{"two root keys", open(Options{Store: store, Passphrase: []byte("p")}), ErrInvalidArgument, DetailNone},
		{"an unknown scheme", open(Options{Store: "redis:x"}), ErrInvalidArgument, DetailNone},
		{"no store", open(Options{}), ErrInvalidArgument, DetailNone},
		{"an account with letters", open(Options{Store: store, AccountID: "12345678901x"}), ErrInvalidArgument, DetailNone},

		{"a taken id", create(CreateKeyRequest{KeyID: "k"}), ErrAlreadyExists, DetailKey},
		{"a bad id", create(CreateKeyRequest{KeyID: "k k"}), ErrInvalidArgument, DetailNone},
		{"an unknown origin", create(CreateKeyRequest{Origin: 2}), ErrInvalidArgument, DetailNone},
		{"an alias", alias("alias/a", "k"), 0, DetailNone},
		{"a taken alias", alias("alias/a", "other"), ErrAlreadyExists, DetailAlias},
		{"an alias of nobody", alias("alias/b", "nobody"), ErrNotFound, DetailKey},
		{"an alias without alias/", alias("b", "k"), ErrInvalidArgument, DetailNone},
		{"an empty alias", alias("", "k"), ErrInvalidArgument, DetailNone},
		{"nobody described", describe(KeyRequest{KeyID: "nobody"}), ErrNotFound, DetailKey},
		{"no alias described", describe(KeyRequest{KeyID: "alias/nobody"}), ErrNotFound, DetailAlias},
		{"no key described", describe(KeyRequest{}), ErrInvalidArgument, DetailNone},
		{"a grant token", describe(KeyRequest{KeyID: "k", GrantTokens: []string{"t"}}), ErrInvalidGrantToken, DetailGrant},

		{"no such key", generate(DataKeyRequest{KeyID: "nobody"}), ErrNotFound, DetailKey},
		{"no such alias", generate(DataKeyRequest{KeyID: "alias/nobody"}), ErrNotFound, DetailAlias},
		{"no such version", generate(DataKeyRequest{KeyID: "k", VersionID: "nobody"}), ErrNotFound, DetailVersion},
		{"no key", generate(DataKeyRequest{}), ErrInvalidArgument, DetailNone},
		{"size given twice", generate(DataKeyRequest{KeyID: "k", KeySpec: KeySpecAES256, NumberOfBytes: 32}), ErrInvalidArgument, DetailNone},
		{"an unknown spec", generate(DataKeyRequest{KeyID: "k", KeySpec: 5}), ErrInvalidArgument, DetailNone},
		{"an HSM's data key", generate(DataKeyRequest{KeyID: "k", KeySpec: KeySpecAES256HSM}), ErrInvalidKeyUsage, DetailNone},
		{"a grant token", generate(DataKeyRequest{KeyID: "k", GrantTokens: []string{"t", "u"}}), ErrInvalidGrantToken, DetailGrant},

		{"a flipped bit", decrypt(DecryptRequest{Ciphertext: flipped}), ErrInvalidCiphertext, DetailNone},
		{"a cut ciphertext", decrypt(DecryptRequest{Ciphertext: flipped[:len(flipped)-1]}), ErrInvalidCiphertext, DetailNone},
		{"a stump", decrypt(DecryptRequest{Ciphertext: sealed.Ciphertext[:5]}), ErrInvalidCiphertext, DetailNone},
		{"no ciphertext", decrypt(DecryptRequest{}), ErrInvalidCiphertext, DetailNone},
		{"a wrong IV", decrypt(DecryptRequest{Ciphertext: sealed.Ciphertext, IV: make([]byte, IVSize)}), ErrInvalidCiphertext, DetailNone},
		{"a newer format", decrypt(DecryptRequest{Ciphertext: newer}), ErrUnsupported, DetailNone},
		{"another key", decrypt(DecryptRequest{Ciphertext: sealed.Ciphertext, KeyID: "other"}), ErrIncorrectKey, DetailKey},
		{"a grant token", decrypt(DecryptRequest{Ciphertext: sealed.Ciphertext, GrantTokens: []string{"t"}}), ErrInvalidGrantToken, DetailGrant},
	} {
		if c.status == 0 {
			if c.err != nil {
				t.Errorf("%s: %v", c.what, c.err)
			}
			continue
		}
		var e *Error
		if !errors.As(c.err, &e) {
			t.Errorf("%s: got %v, expected an *Error", c.what, c.err)
			continue
		}
		if e.Status != c.status || e.Detail != c.detail {
			t.Errorf("%s: got status %v, detail %d (%s); expected %v, %d", c.what, e.Status, e.Detail, e.Message, c.status, c.detail)
		}
		if e.Message == "" || len(e.RequestID) != 36 || e.Poisoned {
			t.Errorf("%s: %#v", c.what, e)
		}
		if want := "kms: " + e.Message + " (" + c.status.Error() + ")"; e.Error() != want {
			t.Errorf("%s: reads %q, expected %q", c.what, e, want)
		}
	}

	if err := k.Close(); err != nil {
		t.Error(err)
	}
	reader := openWith(t, Options{Store: store, ReadOnly: true})
	_, err = reader.CreateKey(CreateKeyRequest{})
	expect(t, "a key through a reader", err, ErrReadOnly)
	expect(t, "an alias through a reader", reader.CreateAlias(CreateAliasRequest{Alias: "alias/r", KeyID: "k"}), ErrReadOnly)
	reader.Close()

	var e *Error
	if err := open(Options{Store: "sqlite:" + path + "/keys.db", Create: true}); !errors.As(err, &e) || e.NativeCode != int64(syscall.ENOTDIR) {
		t.Errorf("a store in what is no directory: %#v", err)
	}
	if !corrupted(t, path) {
		t.Error("no flipped byte of the store made it ErrCorruptStore")
	}
}

// corrupted flips one byte of the store after the other until one is found where a seal is.
func corrupted(t *testing.T, path string) bool {
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	use := func() error {
		k, err := Open(Options{Store: "sqlite:" + path, RootKey: testRootKey})
		if err != nil {
			return err
		}
		defer k.Close()
		_, err = k.GenerateDataKey(DataKeyRequest{KeyID: "k"})
		return err
	}
	if err := use(); err != nil {
		t.Fatal(err)
	}
	for offset := len(good) - 1; offset >= 0; offset -= 97 {
		bad := append([]byte(nil), good...)
		bad[offset] ^= 1
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if errors.Is(use(), ErrCorruptStore) {
			return true
		}
	}
	return false
}

func TestDryRun(t *testing.T) {
	k := openFile(t)
	first := need[*KeyInfo](t)(k.CreateKey(CreateKeyRequest{KeyID: "k", Alias: "alias/old", Tags: map[string]string{"old": ""}}))
	need[*VersionInfo](t)(k.RotateKey(KeyRequest{KeyID: "k"}))
	createKey(t, k, "other")
	need[*KeyInfo](t)(k.CreateKey(CreateKeyRequest{KeyID: "external", Origin: OriginExternal}))
	sealed, err := k.Encrypt(EncryptRequest{KeyID: "k", Plaintext: []byte("x")})
	if err != nil {
		t.Fatal(err)
	}
	grant := need[*Grant](t)(k.CreateGrant(CreateGrantRequest{KeyID: "k", GranteePrincipal: "tenant", Operations: GrantDecrypt}))
	path := t.TempDir()
	before, err := k.Stats(StatsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for what, try := range map[string]func() (bool, error){
		"CreateKey": func() (bool, error) {
			r, err := k.CreateKey(CreateKeyRequest{KeyID: "new", DryRun: true})
			return r == nil, err
		},
		"DescribeKey": func() (bool, error) {
			r, err := k.DescribeKey(KeyRequest{KeyID: "k", DryRun: true})
			return r == nil, err
		},
		"CreateAlias": func() (bool, error) {
			return true, k.CreateAlias(CreateAliasRequest{Alias: "alias/new", KeyID: "k", DryRun: true})
		},
		"GenerateDataKey": func() (bool, error) {
			r, err := k.GenerateDataKey(DataKeyRequest{KeyID: "k", DryRun: true})
			return r == nil, err
		},
		"GenerateDataKeys": func() (bool, error) {
			r, err := k.GenerateDataKeys(DataKeyRequest{KeyID: "k", DryRun: true}, 3)
			return r == nil, err
		},
		"Encrypt": func() (bool, error) {
			r, err := k.Encrypt(EncryptRequest{KeyID: "k", DryRun: true})
			return r == nil, err
		},
		"Decrypt": func() (bool, error) {
			r, err := k.Decrypt(DecryptRequest{Ciphertext: sealed.Ciphertext, DryRun: true})
			return r == nil, err
		},
		"UpdateAlias": func() (bool, error) {
			return true, k.UpdateAlias(UpdateAliasRequest{Alias: "alias/old", KeyID: "other", DryRun: true})
		},
		"DeleteAlias": func() (bool, error) { return true, k.DeleteAlias(DeleteAliasRequest{Alias: "alias/old", DryRun: true}) },
		"EnableKey":   func() (bool, error) { return true, k.EnableKey(KeyRequest{KeyID: "k", DryRun: true}) },
		"DisableKey":  func() (bool, error) { return true, k.DisableKey(KeyRequest{KeyID: "k", DryRun: true}) },
		"ScheduleKeyDeletion": func() (bool, error) {
			r, err := k.ScheduleKeyDeletion(ScheduleKeyDeletionRequest{KeyID: "k", DryRun: true})
			return r == nil, err
		},
		"SetKeyRotation": func() (bool, error) {
			return true, k.SetKeyRotation(SetKeyRotationRequest{KeyID: "k", RotateAfterUses: 1, DryRun: true})
		},
		"UpdateKeyDescription": func() (bool, error) {
			return true, k.UpdateKeyDescription(UpdateKeyDescriptionRequest{KeyID: "k", Description: "new", DryRun: true})
		},
		"TagKey": func() (bool, error) {
			return true, k.TagKey(TagKeyRequest{KeyID: "k", Tags: map[string]string{"new": ""}, DryRun: true})
		},
		"UntagKey": func() (bool, error) {
			return true, k.UntagKey(UntagKeyRequest{KeyID: "k", TagKeys: []string{"old"}, DryRun: true})
		},
		"ListKeyTags":     func() (bool, error) { return true, last(k.ListKeyTags(KeyRequest{KeyID: "k", DryRun: true})) },
		"ListKeyVersions": func() (bool, error) { return true, last(k.ListKeyVersions(KeyRequest{KeyID: "k", DryRun: true})) },
		"RotateKey": func() (bool, error) {
			r, err := k.RotateKey(KeyRequest{KeyID: "k", DryRun: true})
			return r == nil, err
		},
		"SetPrimaryVersion": func() (bool, error) {
			return true, k.SetPrimaryVersion(VersionRequest{KeyID: "k", VersionID: first.PrimaryVersionID, DryRun: true})
		},
		"DescribeKeyVersion": func() (bool, error) {
			r, err := k.DescribeKeyVersion(VersionRequest{KeyID: "k", DryRun: true})
			return r == nil, err
		},
		"ScheduleVersionDestruction": func() (bool, error) {
			r, err := k.ScheduleVersionDestruction(
				ScheduleVersionDestructionRequest{KeyID: "k", VersionID: first.PrimaryVersionID, DryRun: true})
			return r == nil, err
		},
		"ImportKeyMaterial": func() (bool, error) {
			r, err := k.ImportKeyMaterial(ImportKeyMaterialRequest{KeyID: "external", Material: []byte("0123456789abcdef0123456789ABCDEF"), DryRun: true})
			return r == nil, err
		},
		"DeleteImportedKeyMaterial": func() (bool, error) {
			return true, k.DeleteImportedKeyMaterial(KeyRequest{KeyID: "external", DryRun: true})
		},
		"Rekey": func() (bool, error) {
			return true, k.Rekey(RekeyRequest{RootKey: make([]byte, RootKeySize), DryRun: true})
		},
		"ListKeys":    func() (bool, error) { return true, last(k.ListKeys(ListKeysRequest{DryRun: true})) },
		"ListAliases": func() (bool, error) { return true, last(k.ListAliases(ListAliasesRequest{DryRun: true})) },
		"ListAliases of a key": func() (bool, error) {
			return true, last(k.ListAliases(ListAliasesRequest{KeyID: "k", DryRun: true}))
		},
		"Backup": func() (bool, error) { return true, k.Backup(BackupRequest{Path: path + "/backup.db", DryRun: true}) },
		"Verify": func() (bool, error) { return true, last(k.Verify(VerifyRequest{DryRun: true})) },
		"VerifyAuditLog": func() (bool, error) {
			return true, last(k.VerifyAuditLog(VerifyAuditLogRequest{Path: path + "/audit.log", DryRun: true}))
		},
		"Stats": func() (bool, error) {
			r, err := k.Stats(StatsRequest{DryRun: true})
			return r == Stats{}, err
		},
		"AsPrincipal": func() (bool, error) {
			r, err := k.AsPrincipal(PrincipalRequest{Principal: "tenant", DryRun: true})
			return r == nil, err
		},
		"PutKeyPolicy": func() (bool, error) {
			return true, k.PutKeyPolicy(PutKeyPolicyRequest{KeyID: "k", Policy: alicesPolicy, DryRun: true})
		},
		"GetKeyPolicy": func() (bool, error) {
			r, err := k.GetKeyPolicy(KeyRequest{KeyID: "k", DryRun: true})
			return r == "", err
		},
		"CreateGrant": func() (bool, error) {
			r, err := k.CreateGrant(CreateGrantRequest{KeyID: "k", GranteePrincipal: "new", Operations: GrantDecrypt, DryRun: true})
			return r == nil, err
		},
		"ListGrants": func() (bool, error) { return true, last(k.ListGrants(ListGrantsRequest{KeyID: "k", DryRun: true})) },
		"ListRetirableGrants": func() (bool, error) {
			return true, last(k.ListRetirableGrants(ListRetirableGrantsRequest{RetiringPrincipal: "x", DryRun: true}))
		},
		"RetireGrant": func() (bool, error) {
			return true, k.RetireGrant(GrantRequest{GrantToken: grant.GrantToken, DryRun: true})
		},
		"RevokeGrant": func() (bool, error) {
			return true, k.RevokeGrant(GrantRequest{KeyID: "k", GrantID: grant.GrantID, DryRun: true})
		},
		"GenerateRandom": func() (bool, error) {
			r, err := k.GenerateRandom(RandomRequest{NumberOfBytes: 1, DryRun: true})
			return r == nil, err
		},
	} {
		nothing, err := try()
		expect(t, what, err, ErrDryRunOK)
		if !nothing {
			t.Errorf("%s: a dry run gave a result", what)
		}
	}
	_, err = k.Decrypt(DecryptRequest{Ciphertext: sealed.Ciphertext, AAD: []byte("no"), DryRun: true})
	expect(t, "a dry run of what would fail", err, ErrInvalidCiphertext)
	after, err := k.Stats(StatsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if after.StoreRevision != before.StoreRevision || after.DataKeysGenerated != 0 {
		t.Errorf("dry runs went from %+v to %+v", before, after)
	}
	for _, name := range []string{"new", "alias/new"} {
		_, err = k.DescribeKey(KeyRequest{KeyID: name})
		expect(t, name, err, ErrNotFound)
	}
}

func second[T any](_ T, err error) error { return err }

// last is the error that a list ends with.
func last[T any](list iter.Seq2[T, error]) (err error) {
	for _, err = range list {
	}
	return err
}

// Every string that crosses is shown to have no NUL, where C would cut it.
func TestNULs(t *testing.T) {
	k := openFile(t)
	createKey(t, k, "k")
	const bad = "k\x00x"
	list := []string{"t", bad}
	generate := func(r DataKeyRequest) error { _, err := k.GenerateDataKey(r); return err }
	batch := func(r DataKeyRequest) error { _, err := k.GenerateDataKeys(r, 2); return err }
	encrypt := func(r EncryptRequest) error { _, err := k.Encrypt(r); return err }
	decrypt := func(r DecryptRequest) error { _, err := k.Decrypt(r); return err }
	create := func(r CreateKeyRequest) error { _, err := k.CreateKey(r); return err }
	describe := func(r KeyRequest) error { _, err := k.DescribeKey(r); return err }
	open := func(o Options) error { o.RootKey = testRootKey; _, err := Open(o); return err }
	for _, c := range []struct {
		field string
		err   error
	}{
		{"options.store", open(Options{Store: "memory:\x00"})},
		{"options.root_key_uri", open(Options{Store: "memory:", RootKeyURI: bad})},
		{"options.account_id", open(Options{Store: "memory:", AccountID: bad})},
		{"options.region", open(Options{Store: "memory:", Region: bad})},
		{"options.audit_log", open(Options{Store: "memory:", AuditLog: bad})},
		{"options.principal", second(k.AsPrincipal(PrincipalRequest{Principal: bad}))},
		{"request.policy", create(CreateKeyRequest{Policy: bad})},
		{"request.key_id", k.PutKeyPolicy(PutKeyPolicyRequest{KeyID: bad})},
		{"request.policy", k.PutKeyPolicy(PutKeyPolicyRequest{KeyID: "k", Policy: bad})},
		{"request.grant_tokens[]", k.PutKeyPolicy(PutKeyPolicyRequest{KeyID: "k", GrantTokens: list})},
		{"request.key_id", second(k.GetKeyPolicy(KeyRequest{KeyID: bad}))},
		{"request.key_id", second(k.CreateGrant(CreateGrantRequest{KeyID: bad}))},
		{"request.grantee_principal", second(k.CreateGrant(CreateGrantRequest{GranteePrincipal: bad}))},
		{"request.retiring_principal", second(k.CreateGrant(CreateGrantRequest{RetiringPrincipal: bad}))},
		{"request.name", second(k.CreateGrant(CreateGrantRequest{Name: bad}))},
		{"request.grant_tokens[]", second(k.CreateGrant(CreateGrantRequest{GrantTokens: list}))},
		{"request.context[].key", second(k.CreateGrant(CreateGrantRequest{Context: map[string]string{bad: ""}}))},
		{"request.context[].value", second(k.CreateGrant(CreateGrantRequest{Context: map[string]string{"n": bad}}))},
		{"request.key_id", last(k.ListGrants(ListGrantsRequest{KeyID: bad}))},
		{"request.grant_id", last(k.ListGrants(ListGrantsRequest{GrantID: bad}))},
		{"request.grantee_principal", last(k.ListGrants(ListGrantsRequest{GranteePrincipal: bad}))},
		{"request.grant_tokens[]", last(k.ListGrants(ListGrantsRequest{GrantTokens: list}))},
		{"request.retiring_principal", last(k.ListRetirableGrants(ListRetirableGrantsRequest{RetiringPrincipal: bad}))},
		{"request.key_id", k.RetireGrant(GrantRequest{KeyID: bad})},
		{"request.grant_id", k.RevokeGrant(GrantRequest{GrantID: bad})},
		{"request.grant_token", k.RetireGrant(GrantRequest{GrantToken: bad})},
		{"request.path", last(k.VerifyAuditLog(VerifyAuditLogRequest{Path: bad}))},
		{"request.key_id", create(CreateKeyRequest{KeyID: bad})},
		{"request.description", create(CreateKeyRequest{Description: bad})},
		{"request.alias", create(CreateKeyRequest{Alias: "alias/\x00"})},
		{"request.key_id", describe(KeyRequest{KeyID: bad})},
		{"request.grant_tokens[]", describe(KeyRequest{KeyID: "k", GrantTokens: list})},
		{"request.alias", k.CreateAlias(CreateAliasRequest{Alias: "alias/a\x00", KeyID: "k"})},
		{"request.key_id", k.CreateAlias(CreateAliasRequest{Alias: "alias/a", KeyID: bad})},
		{"request.key_id", last(k.ListAliases(ListAliasesRequest{KeyID: bad}))},
		{"request.key_id", generate(DataKeyRequest{KeyID: bad})},
		{"request.key_id", generate(DataKeyRequest{KeyID: "k\x00"})},
		{"request.version_id", generate(DataKeyRequest{KeyID: "k", VersionID: bad})},
		{"request.grant_tokens[]", generate(DataKeyRequest{KeyID: "k", GrantTokens: list})},
		{"request.context[].key", generate(DataKeyRequest{KeyID: "k", Context: map[string]string{bad: "v"}})},
		{"request.context[].value", generate(DataKeyRequest{KeyID: "k", Context: map[string]string{"n": bad}})},
		{"request.context[].value", batch(DataKeyRequest{KeyID: "k", Context: map[string]string{"n": "\x00"}})},
		{"request.key_id", encrypt(EncryptRequest{KeyID: bad})},
		{"request.version_id", encrypt(EncryptRequest{KeyID: "k", VersionID: bad})},
		{"request.grant_tokens[]", encrypt(EncryptRequest{KeyID: "k", GrantTokens: list})},
		{"request.context[].key", encrypt(EncryptRequest{KeyID: "k", Context: map[string]string{"\x00": "v"}})},
		{"request.key_id", decrypt(DecryptRequest{KeyID: bad})},
		{"request.grant_tokens[]", decrypt(DecryptRequest{GrantTokens: list})},
		{"request.context[].value", decrypt(DecryptRequest{Context: map[string]string{"n": bad}})},
		{"request.tags[].key", create(CreateKeyRequest{Tags: map[string]string{bad: "v"}})},
		{"request.tags[].value", create(CreateKeyRequest{Tags: map[string]string{"t": bad}})},
		{"request.alias", k.UpdateAlias(UpdateAliasRequest{Alias: bad, KeyID: "k"})},
		{"request.key_id", k.UpdateAlias(UpdateAliasRequest{Alias: "alias/a", KeyID: bad})},
		{"request.alias", k.DeleteAlias(DeleteAliasRequest{Alias: bad})},
		{"request.key_id", k.EnableKey(KeyRequest{KeyID: bad})},
		{"request.grant_tokens[]", k.DisableKey(KeyRequest{KeyID: "k", GrantTokens: list})},
		{"request.key_id", k.CancelKeyDeletion(KeyRequest{KeyID: bad})},
		{"request.key_id", second(k.ScheduleKeyDeletion(ScheduleKeyDeletionRequest{KeyID: bad}))},
		{"request.grant_tokens[]", k.SetKeyRotation(SetKeyRotationRequest{KeyID: "k", GrantTokens: list})},
		{"request.key_id", k.UpdateKeyDescription(UpdateKeyDescriptionRequest{KeyID: bad})},
		{"request.description", k.UpdateKeyDescription(UpdateKeyDescriptionRequest{KeyID: "k", Description: bad})},
		{"request.key_id", k.TagKey(TagKeyRequest{KeyID: bad})},
		{"request.tags[].value", k.TagKey(TagKeyRequest{KeyID: "k", Tags: map[string]string{"t": bad}})},
		{"request.tags[].key", k.UntagKey(UntagKeyRequest{KeyID: "k", TagKeys: list})},
		{"request.key_id", last(k.ListKeyTags(KeyRequest{KeyID: bad}))},
		{"request.key_id", last(k.ListKeyVersions(KeyRequest{KeyID: bad}))},
		{"request.key_id", second(k.RotateKey(KeyRequest{KeyID: bad}))},
		{"request.version_id", k.SetPrimaryVersion(VersionRequest{KeyID: "k", VersionID: bad})},
		{"request.version_id", second(k.DescribeKeyVersion(VersionRequest{KeyID: "k", VersionID: bad}))},
		{"request.version_id", second(k.ScheduleVersionDestruction(ScheduleVersionDestructionRequest{KeyID: "k", VersionID: bad}))},
		{"request.version_id", k.CancelVersionDestruction(VersionRequest{KeyID: "k", VersionID: bad})},
		{"request.key_id", second(k.ImportKeyMaterial(ImportKeyMaterialRequest{KeyID: bad}))},
		{"request.key_id", k.DeleteImportedKeyMaterial(KeyRequest{KeyID: bad})},
		{"request.source_key_id", second(k.ReEncrypt(ReEncryptRequest{SourceKeyID: bad}))},
		{"request.destination_key_id", second(k.ReEncrypt(ReEncryptRequest{DestinationKeyID: bad}))},
		{"request.destination_version_id", second(k.ReEncrypt(ReEncryptRequest{DestinationVersionID: bad}))},
		{"request.source_context[].key", second(k.ReEncrypt(ReEncryptRequest{SourceContext: map[string]string{bad: ""}}))},
		{"request.destination_context[].value", second(k.ReEncrypt(ReEncryptRequest{DestinationContext: map[string]string{"n": bad}}))},
		{"request.root_key_uri", k.Rekey(RekeyRequest{RootKeyURI: bad})},
		{"request.path", k.Backup(BackupRequest{Path: bad})},
		{"request.method", second(k.Exchange(ExchangeRequest{Dialect: DialectAWS, Method: bad, Target: "/"}))},
		{"request.target", second(k.Exchange(ExchangeRequest{Dialect: DialectAWS, Target: bad}))},
	} {
		var e *Error
		if !errors.As(c.err, &e) || e.Status != ErrInvalidArgument || !strings.HasPrefix(e.Message, c.field+": has a NUL") {
			t.Errorf("%s: got %v", c.field, c.err)
		}
	}
}

func TestBounds(t *testing.T) {
	k := openFile(t)
	createKey(t, k, "k")
	pairs := func(n int) map[string]string {
		context := map[string]string{}
		for i := range n {
			context[string(rune('a'+i%26))+strings.Repeat("x", i/26)] = ""
		}
		return context
	}
	generate := func(r DataKeyRequest) error { r.KeyID = "k"; _, err := k.GenerateDataKey(r); return err }
	batch := func(n int) error { _, err := k.GenerateDataKeys(DataKeyRequest{KeyID: "k"}, n); return err }
	encrypt := func(n int) error {
		_, err := k.Encrypt(EncryptRequest{KeyID: "k", Plaintext: make([]byte, n)})
		return err
	}
	random := func(n int) error { _, err := k.GenerateRandom(RandomRequest{NumberOfBytes: n}); return err }
	create := func(r CreateKeyRequest) error { _, err := k.CreateKey(r); return err }
	open := func(o Options) error {
		o.Store, o.RootKey, o.Create = "memory:", testRootKey, true
		opened, err := Open(o)
		opened.Close()
		return err
	}
	schedule := func(days int) error {
		_, err := k.ScheduleKeyDeletion(ScheduleKeyDeletionRequest{KeyID: "k", WaitingDays: days, DryRun: true})
		if errors.Is(err, ErrDryRunOK) {
			err = nil
		}
		return err
	}
	rotation := func(period time.Duration) error {
		return k.SetKeyRotation(SetKeyRotationRequest{KeyID: "k", RotationPeriod: period})
	}
	tag := func(key, value string) error {
		return k.TagKey(TagKeyRequest{KeyID: "k", Tags: map[string]string{key: value}})
	}
	huge := math.MaxInt
	wraps := math.MaxInt // where an int is longer than the C field, what would be 33 in it
	if strconv.IntSize > 32 {
		wraps = 33 + int(int64(1)<<32)
	}
	for what, c := range map[string]struct{ good, bad []error }{
		"number of bytes": {
			[]error{generate(DataKeyRequest{NumberOfBytes: 1}), generate(DataKeyRequest{NumberOfBytes: MaxDataKeySize})},
			[]error{generate(DataKeyRequest{NumberOfBytes: -1}), generate(DataKeyRequest{NumberOfBytes: MaxDataKeySize + 1}),
				generate(DataKeyRequest{NumberOfBytes: huge}), generate(DataKeyRequest{NumberOfBytes: wraps})},
		},
		"count": {
			[]error{batch(1), batch(MaxDataKeys)},
			[]error{batch(0), batch(-1), batch(MaxDataKeys + 1), batch(huge), batch(wraps)},
		},
		"payload": {[]error{encrypt(0), encrypt(MaxPayloadSize)}, []error{encrypt(MaxPayloadSize + 1), encrypt(1 << 24)}},
		"random": {
			[]error{random(1), random(MaxRandomSize)},
			[]error{random(0), random(-1), random(MaxRandomSize + 1), random(huge), random(wraps)},
		},
		"AAD": {
			[]error{generate(DataKeyRequest{AAD: make([]byte, 8192)})},
			[]error{generate(DataKeyRequest{AAD: make([]byte, 8193)})},
		},
		"context": {
			[]error{generate(DataKeyRequest{Context: map[string]string{"a": strings.Repeat("v", 32767)}}),
				generate(DataKeyRequest{Context: pairs(500)})},
			[]error{generate(DataKeyRequest{Context: map[string]string{"a": strings.Repeat("v", 32768)}}),
				generate(DataKeyRequest{Context: pairs(2049)})},
		},
		"grant tokens": {nil, []error{generate(DataKeyRequest{GrantTokens: make([]string, 11)})}},
		"id":           {[]error{create(CreateKeyRequest{KeyID: strings.Repeat("i", 64)})}, []error{create(CreateKeyRequest{KeyID: strings.Repeat("i", 65)})}},
		"description": {
			[]error{create(CreateKeyRequest{Description: strings.Repeat("d", 8192)})},
			[]error{create(CreateKeyRequest{Description: strings.Repeat("d", 8193)})},
		},
		"alias": {
			[]error{create(CreateKeyRequest{Alias: "alias/" + strings.Repeat("a", 250)})},
			[]error{create(CreateKeyRequest{Alias: "alias/" + strings.Repeat("a", 251)}), create(CreateKeyRequest{Alias: "alias/"})},
		},
		"rotation period": {nil, []error{create(CreateKeyRequest{RotationPeriod: -1}), create(CreateKeyRequest{RotationPeriod: 150 * 365 * 24 * time.Hour})}},
		"waiting days": {
			[]error{schedule(MinDeletionDays), schedule(MaxWaitingDays), schedule(0)},
			[]error{schedule(MinDeletionDays - 1), schedule(MaxWaitingDays + 1), schedule(-1), schedule(huge), schedule(wraps)},
		},
		"setting a rotation period": {
			[]error{rotation(0), rotation(1), rotation((1<<32 - 1) * time.Second)},
			[]error{rotation(-1), rotation(1 << 32 * time.Second)},
		},
		"tags": {
			[]error{tag(strings.Repeat("é", MaxTagKey), strings.Repeat("é", MaxTagValue))},
			[]error{tag("", ""), tag(strings.Repeat("k", MaxTagKey+1), ""), tag("k", strings.Repeat("v", MaxTagValue+1))},
		},
		"key UUID": {
			[]error{create(CreateKeyRequest{Origin: OriginExternal, KeyUUID: make([]byte, 16)})},
			[]error{create(CreateKeyRequest{Origin: OriginExternal, KeyUUID: make([]byte, 15)}), create(CreateKeyRequest{KeyUUID: []byte("0123456789abcdef")})},
		},
		"durations": {
			[]error{open(Options{Timeout: 1, MaxStaleness: 1, MaxCachedKeys: 1<<32 - 1}), open(Options{Timeout: (1<<32 - 1) * time.Millisecond})},
			[]error{open(Options{Timeout: -1}), open(Options{Timeout: 1 << 32 * time.Millisecond}), open(Options{MaxStaleness: -time.Hour})},
		},
		"text": {
			[]error{create(CreateKeyRequest{Description: "ä€😀"})},
			[]error{create(CreateKeyRequest{Description: "\xff"}), generate(DataKeyRequest{Context: map[string]string{"a": "\xc3"}})},
		},
	} {
		for _, err := range c.good {
			if err != nil {
				t.Errorf("%s, at a bound: %v", what, err)
			}
		}
		for _, err := range c.bad {
			var e *Error
			if !errors.As(err, &e) || e.Status != ErrInvalidArgument {
				t.Errorf("%s, past a bound: %v", what, err)
			} else if end := strings.IndexByte(e.Message, ':'); end < 1 || strings.IndexFunc(e.Message[:end], unicode.IsSpace) >= 0 {
				t.Errorf("%s, past a bound: the message does not start with an argument: %q", what, e.Message)
			}
		}
	}
}

// A duration that is not zero must not become zero, which means the default.
func TestUnits(t *testing.T) {
	for d, want := range map[time.Duration]uint32{
		0: 0, 1: 1, time.Millisecond: 1, time.Millisecond + 1: 2, 1500 * time.Microsecond: 2, time.Second: 1000,
	} {
		if got, err := units("field", d, time.Millisecond); err != nil || uint32(got) != want {
			t.Errorf("%v: %d ms, %v; expected %d", d, got, err, want)
		}
	}
}
