package kms

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// testRootKey is the root key of the stores that the tests make.
var testRootKey = bytes.Repeat([]byte{0x5A}, RootKeySize)

func openWith(t testing.TB, options Options) *KMS {
	t.Helper()
	if options.RootKey == nil && options.Passphrase == nil && options.RootKeyURI == "" {
		options.RootKey = testRootKey
	}
	k, err := Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return k
}

// openFile opens a new store in a file.
func openFile(t testing.TB) *KMS {
	t.Helper()
	return openWith(t, Options{Store: fileStore(t), Create: true})
}

func fileStore(t testing.TB) string {
	return "sqlite:" + filepath.Join(t.TempDir(), "keys.db")
}

// createKey creates a key whose id is given.
func createKey(t testing.TB, k *KMS, id string) {
	t.Helper()
	if _, err := k.CreateKey(CreateKeyRequest{KeyID: id}); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got error %v, expected %v", what, err, want)
	}
}

func TestStory(t *testing.T) {
	store := fileStore(t)
	k := openWith(t, Options{Store: store, Create: true})
	before := time.Now().Truncate(time.Second)
	created, err := k.CreateKey(CreateKeyRequest{KeyID: "orders-2026", Alias: "alias/orders", Description: "für Bestellungen"})
	if err != nil {
		t.Fatal(err)
	}
	if created.KeyID != "orders-2026" || created.State != KeyStateEnabled || created.Description != "für Bestellungen" ||
		created.PrimaryVersionNumber != 1 || created.Versions != 1 || created.Origin != OriginKMS ||
		created.RotationPeriod != 0 || created.PrimaryVersionID == "" ||
		created.CreatedAt.Before(before) || created.CreatedAt.After(time.Now()) {
		t.Errorf("created %+v", created)
	}
	if err := k.CreateAlias(CreateAliasRequest{Alias: "alias/bestellungen", KeyID: "orders-2026"}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"orders-2026", "alias/orders", "alias/bestellungen"} {
		described, err := k.DescribeKey(KeyRequest{KeyID: name})
		if err != nil {
			t.Fatal(err)
		}
		if *described != *created {
			t.Errorf("%s is described as %+v, created was %+v", name, described, created)
		}
	}

	context := map[string]string{"tenant": "7", "purpose": "test", "empty": "", "Größe": "1 µm"}
	key, err := k.GenerateDataKey(DataKeyRequest{KeyID: "alias/orders", Context: context})
	if err != nil {
		t.Fatal(err)
	}
	if len(key.Plaintext) != 32 || len(key.Ciphertext) != 32+CiphertextOverhead || len(key.IV) != IVSize {
		t.Errorf("lengths %d, %d, %d", len(key.Plaintext), len(key.Ciphertext), len(key.IV))
	}
	if key.KeyID != "orders-2026" || key.VersionID != created.PrimaryVersionID || key.VersionNumber != 1 ||
		key.Algorithm != AlgorithmXAES256GCM || len(key.RequestID.String()) != 36 {
		t.Errorf("info %+v", key.DataKeyInfo)
	}
	if !bytes.Contains(key.Ciphertext, key.IV) {
		t.Error("the ciphertext does not hold the IV")
	}
	payload, err := k.Encrypt(EncryptRequest{KeyID: "alias/orders", Plaintext: []byte("a card number"), AAD: []byte("row 7")})
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Flush(); err != nil {
		t.Error(err)
	}
	if err := k.Close(); err != nil {
		t.Error(err)
	}

	k = openWith(t, Options{Store: store, ReadOnly: true})
	opened, err := k.Decrypt(DecryptRequest{Ciphertext: key.Ciphertext, IV: key.IV, KeyID: "alias/bestellungen", Context: context})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(opened.Plaintext, key.Plaintext) {
		t.Error("another data key came back")
	}
	if opened.KeyID != key.KeyID || opened.VersionID != key.VersionID || opened.VersionNumber != 1 ||
		opened.Algorithm != AlgorithmXAES256GCM || opened.RequestID == key.RequestID || opened.RequestID == (RequestID{}) {
		t.Errorf("info %+v", opened.DataKeyInfo)
	}
	text, err := k.Decrypt(DecryptRequest{Ciphertext: payload.Ciphertext, AAD: []byte("row 7")})
	if err != nil {
		t.Fatal(err)
	}
	if string(text.Plaintext) != "a card number" || text.KeyID != "orders-2026" {
		t.Errorf("opened %q under %s", text.Plaintext, text.KeyID)
	}
	_, err = k.CreateKey(CreateKeyRequest{})
	expect(t, "a key through a read-only handle", err, ErrReadOnly)
}

func TestStats(t *testing.T) {
	k := openFile(t)
	createKey(t, k, "k")
	sealed, err := k.Encrypt(EncryptRequest{KeyID: "k"})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := k.GenerateDataKey(DataKeyRequest{KeyID: "k"}); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if _, err := k.Decrypt(DecryptRequest{Ciphertext: sealed.Ciphertext}); err != nil {
			t.Fatal(err)
		}
	}
	_, err = k.Decrypt(DecryptRequest{Ciphertext: sealed.Ciphertext, AAD: []byte("not this")})
	expect(t, "a wrong AAD", err, ErrInvalidCiphertext)
	stats, err := k.Stats(StatsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if stats.DataKeysGenerated != 3 || stats.PayloadsEncrypted != 1 || stats.CiphertextsDecrypted != 2 || stats.CallsFailed != 1 {
		t.Errorf("counts: %+v", stats)
	}
	if len(stats.StoreID) != 36 || stats.SecretBytes == 0 || stats.StoreRevision == 0 || stats.Lanes == 0 ||
		stats.KeysCached != 1 || stats.GeneratorSeeds == 0 || stats.SubkeysDerived == 0 {
		t.Errorf("stats: %+v", stats)
	}
	if locked := stats.MemoryProtection&MemoryLocked != 0; locked != (stats.SecretBytesUnlocked == 0) {
		t.Errorf("protection %b with %d bytes unlocked", stats.MemoryProtection, stats.SecretBytesUnlocked)
	}
}

func TestDataKeySizes(t *testing.T) {
	k := openFile(t)
	createKey(t, k, "k")
	for size, request := range map[int]DataKeyRequest{
		16:             {KeySpec: KeySpecAES128},
		24:             {KeySpec: KeySpecAES192},
		32:             {KeySpec: KeySpecAES256},
		1:              {NumberOfBytes: 1},
		33:             {NumberOfBytes: 33},
		MaxDataKeySize: {NumberOfBytes: MaxDataKeySize},
	} {
		request.KeyID = "k"
		key, err := k.GenerateDataKey(request)
		if err != nil {
			t.Fatal(err)
		}
		if len(key.Plaintext) != size || len(key.Ciphertext) != size+CiphertextOverhead {
			t.Errorf("%d bytes: got %d and %d", size, len(key.Plaintext), len(key.Ciphertext))
		}
		opened, err := k.Decrypt(DecryptRequest{Ciphertext: key.Ciphertext, KeyID: "k"})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(opened.Plaintext, key.Plaintext) {
			t.Errorf("%d bytes: another data key came back", size)
		}
	}
}

func TestSkipPlaintext(t *testing.T) {
	k := openFile(t)
	createKey(t, k, "k")
	key, err := k.GenerateDataKey(DataKeyRequest{KeyID: "k", SkipPlaintext: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(key.Plaintext) != 0 {
		t.Errorf("%d bytes of plaintext", len(key.Plaintext))
	}
	keys, err := k.GenerateDataKeys(DataKeyRequest{KeyID: "k", SkipPlaintext: true}, 3)
	if err != nil {
		t.Fatal(err)
	}
	if len(keys.Plaintexts) != 0 || keys.PlaintextSize != 0 || keys.Len() != 3 {
		t.Errorf("%d bytes of plaintext, %d keys", len(keys.Plaintexts), keys.Len())
	}
	for _, sealed := range [][]byte{key.Ciphertext, keys.Ciphertext(2)} {
		opened, err := k.Decrypt(DecryptRequest{Ciphertext: sealed})
		if err != nil {
			t.Fatal(err)
		}
		if len(opened.Plaintext) != 32 {
			t.Errorf("opened to %d bytes", len(opened.Plaintext))
		}
	}
}

func TestVersions(t *testing.T) {
	k := openFile(t)
	created, err := k.CreateKey(CreateKeyRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, request := range []DataKeyRequest{{VersionID: created.PrimaryVersionID}, {InitialVersion: true}} {
		request.KeyID = created.KeyID
		key, err := k.GenerateDataKey(request)
		if err != nil {
			t.Fatal(err)
		}
		if key.VersionID != created.PrimaryVersionID {
			t.Errorf("made under version %s, expected %s", key.VersionID, created.PrimaryVersionID)
		}
	}
	_, err = k.GenerateDataKey(DataKeyRequest{KeyID: created.KeyID, VersionID: created.PrimaryVersionID, InitialVersion: true})
	expect(t, "a version named twice", err, ErrInvalidArgument)
	_, err = k.Encrypt(EncryptRequest{KeyID: created.KeyID, VersionID: created.PrimaryVersionID, InitialVersion: true})
	expect(t, "a version named twice", err, ErrInvalidArgument)
}

func TestGenerateDataKeyInto(t *testing.T) {
	k := openFile(t)
	createKey(t, k, "k")
	// Buffers out of one array, larger than needed: what lies behind each must not change.
	memory := bytes.Repeat([]byte{0xEE}, 300)
	key := DataKey{Plaintext: memory[0:40], Ciphertext: memory[50:200], IV: memory[210:230]}
	if err := k.GenerateDataKeyInto(DataKeyRequest{KeyID: "k"}, &key); err != nil {
		t.Fatal(err)
	}
	if len(key.Plaintext) != 32 || len(key.Ciphertext) != 32+CiphertextOverhead || len(key.IV) != IVSize {
		t.Errorf("lengths %d, %d, %d", len(key.Plaintext), len(key.Ciphertext), len(key.IV))
	}
	for _, gap := range [][]byte{memory[32:50], memory[50+32+CiphertextOverhead : 210], memory[210+IVSize:]} {
		if len(bytes.Trim(gap, "\xEE")) != 0 {
			t.Errorf("a gap was written: %x", gap)
		}
	}
	opened := Decrypted{Plaintext: memory[0:32]}
	want := bytes.Clone(key.Plaintext)
	Wipe(key.Plaintext)
	if err := k.DecryptInto(DecryptRequest{Ciphertext: key.Ciphertext}, &opened); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(memory[0:32], want) {
		t.Error("another data key came back")
	}

	noIV := DataKey{Plaintext: make([]byte, 32), Ciphertext: make([]byte, 128)}
	if err := k.GenerateDataKeyInto(DataKeyRequest{KeyID: "k"}, &noIV); err != nil {
		t.Fatal(err)
	}
	if noIV.IV != nil {
		t.Errorf("an IV that was not wanted: %x", noIV.IV)
	}
}

func TestFailedCallsLeaveOutputs(t *testing.T) {
	k := openFile(t)
	createKey(t, k, "k")
	sealed, err := k.GenerateDataKey(DataKeyRequest{KeyID: "k"})
	if err != nil {
		t.Fatal(err)
	}
	full := func(n int) []byte { return bytes.Repeat([]byte{0xEE}, n) }
	untouched := func(what string, buffers ...[]byte) {
		t.Helper()
		for _, b := range buffers {
			if len(bytes.Trim(b, "\xEE")) != 0 {
				t.Errorf("%s: a buffer was written: %x", what, b)
			}
		}
	}
	for what, sizes := range map[string][3]int{
		"plaintext": {31, 128, 12}, "no plaintext": {0, 128, 12}, "ciphertext": {32, 127, 12}, "iv": {32, 128, 11},
	} {
		key := DataKey{Plaintext: full(sizes[0]), Ciphertext: full(sizes[1]), IV: full(sizes[2])}
		expect(t, what, k.GenerateDataKeyInto(DataKeyRequest{KeyID: "k"}, &key), ErrBufferTooSmall)
		untouched(what, key.Plaintext, key.Ciphertext, key.IV)
		if len(key.Plaintext) != sizes[0] || len(key.Ciphertext) != sizes[1] || len(key.IV) != sizes[2] || key.KeyID != "" {
			t.Errorf("%s: the data key was changed: %v", what, key)
		}
		keys := DataKeys{Plaintexts: full(2*sizes[0] + 1), Ciphertexts: full(2*sizes[1] + 1), IVs: full(2*sizes[2] + 1)}
		expect(t, what, k.GenerateDataKeysInto(DataKeyRequest{KeyID: "k"}, 2, &keys), ErrBufferTooSmall)
		untouched(what, keys.Plaintexts, keys.Ciphertexts, keys.IVs)
	}
	opened := Decrypted{Plaintext: full(31)}
	expect(t, "decrypt", k.DecryptInto(DecryptRequest{Ciphertext: sealed.Ciphertext}, &opened), ErrBufferTooSmall)
	untouched("decrypt", opened.Plaintext)
	opened = Decrypted{Plaintext: full(32)}
	err = k.DecryptInto(DecryptRequest{Ciphertext: sealed.Ciphertext, AAD: []byte("no")}, &opened)
	expect(t, "decrypt", err, ErrInvalidCiphertext)
	untouched("decrypt", opened.Plaintext)

	memory := make([]byte, 200)
	overlap := DataKey{Plaintext: memory[0:32], Ciphertext: memory[31:159]}
	expect(t, "overlapping buffers", k.GenerateDataKeyInto(DataKeyRequest{KeyID: "k"}, &overlap), ErrInvalidArgument)
}

func TestGenerateDataKeys(t *testing.T) {
	k := openFile(t)
	createKey(t, k, "k")
	const count = 1500 // more than one subkey serves
	request := DataKeyRequest{KeyID: "k", KeySpec: KeySpecAES128, Context: map[string]string{"tenant": "7"}}
	keys, err := k.GenerateDataKeys(request, count)
	if err != nil {
		t.Fatal(err)
	}
	if keys.Len() != count || keys.PlaintextSize != 16 || keys.CiphertextSize != 16+CiphertextOverhead ||
		len(keys.Plaintexts) != count*16 || len(keys.IVs) != count*IVSize || keys.KeyID != "k" {
		t.Fatalf("got %v", keys)
	}
	seen := map[string]bool{}
	for i := range count {
		opened, err := k.Decrypt(DecryptRequest{Ciphertext: keys.Ciphertext(i), IV: keys.IV(i), Context: request.Context})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(opened.Plaintext, keys.Plaintext(i)) {
			t.Fatalf("data key %d: another came back", i)
		}
		for _, fresh := range [][]byte{keys.Plaintext(i), keys.IV(i)} {
			if seen[string(fresh)] {
				t.Fatalf("data key %d: a key or IV for the second time", i)
			}
			seen[string(fresh)] = true
		}
	}
}

func TestPayloadSizes(t *testing.T) {
	k := openFile(t)
	createKey(t, k, "k")
	for _, size := range []int{0, 1, 4096, MaxPayloadSize} {
		payload := bytes.Repeat([]byte{7}, size)
		sealed, err := k.Encrypt(EncryptRequest{KeyID: "k", Plaintext: payload})
		if err != nil {
			t.Fatal(err)
		}
		if len(sealed.Ciphertext) != size+CiphertextOverhead || len(sealed.IV) != IVSize {
			t.Errorf("%d bytes: got %d and %d", size, len(sealed.Ciphertext), len(sealed.IV))
		}
		opened, err := k.Decrypt(DecryptRequest{Ciphertext: sealed.Ciphertext, IV: sealed.IV})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(opened.Plaintext, payload) {
			t.Errorf("%d bytes: another payload came back", size)
		}
	}
}

func TestContext(t *testing.T) {
	k := openFile(t)
	createKey(t, k, "k")
	large := map[string]string{} // more pairs than lie on C's stack
	for i := range 500 {
		large[fmt.Sprintf("name %d", i)] = strings.Repeat("v", i%40)
	}
	open := func(sealed []byte, request DecryptRequest) error {
		request.Ciphertext = sealed
		_, err := k.Decrypt(request)
		return err
	}
	for what, context := range map[string]map[string]string{"none": nil, "empty": {}, "one": {"a": "bc"}, "large": large} {
		sealed, err := k.Encrypt(EncryptRequest{KeyID: "k", Context: context})
		if err != nil {
			t.Fatal(err)
		}
		for range 5 { // a map gives its pairs in another order each time
			if err := open(sealed.Ciphertext, DecryptRequest{Context: context}); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
		expect(t, what, open(sealed.Ciphertext, DecryptRequest{Context: map[string]string{"ab": "c"}}), ErrInvalidCiphertext)
		expect(t, what, open(sealed.Ciphertext, DecryptRequest{AAD: []byte("abc")}), ErrInvalidCiphertext)
	}
	empty, err := k.Encrypt(EncryptRequest{KeyID: "k", Context: map[string]string{}})
	if err != nil {
		t.Fatal(err)
	}
	if err := open(empty.Ciphertext, DecryptRequest{AAD: []byte{}}); err != nil {
		t.Errorf("an empty context is no context: %v", err)
	}
	_, err = k.Encrypt(EncryptRequest{KeyID: "k", AAD: []byte("a"), Context: map[string]string{"a": "b"}})
	expect(t, "AAD and context", err, ErrInvalidArgument)
	_, err = k.Encrypt(EncryptRequest{KeyID: "k", Context: map[string]string{"": "b"}})
	expect(t, "an empty context key", err, ErrInvalidArgument)
}

func TestLists(t *testing.T) {
	k := openFile(t)
	var ids, aliases []string
	for i := range 250 { // pages hold 100
		id, alias := fmt.Sprintf("key-%03d", i), fmt.Sprintf("alias/%03d-%s", i, strings.Repeat("x", 246))
		description := strings.Repeat("é", i*16) // two bytes each, so fewer than 100 fit a page's text
		if _, err := k.CreateKey(CreateKeyRequest{KeyID: id, Alias: alias, Description: description}); err != nil {
			t.Fatal(err)
		}
		ids, aliases = append(ids, id), append(aliases, alias)
	}
	var listed []string
	for key, err := range k.ListKeys(ListKeysRequest{}) {
		if err != nil {
			t.Fatal(err)
		}
		described, err := k.DescribeKey(KeyRequest{KeyID: key.KeyID}) // the KMS is not held meanwhile
		if err != nil {
			t.Fatal(err)
		}
		if key != *described {
			t.Errorf("listed %+v, described %+v", key, described)
		}
		listed = append(listed, key.KeyID)
	}
	if slices.Sort(listed); !slices.Equal(listed, ids) {
		t.Errorf("listed %d keys: %q", len(listed), listed)
	}
	listed = nil
	for alias, err := range k.ListAliases(ListAliasesRequest{}) {
		if err != nil {
			t.Fatal(err)
		}
		if alias.KeyID != "key-"+alias.Alias[6:9] || alias.CreatedAt.IsZero() {
			t.Errorf("listed %+v", alias)
		}
		listed = append(listed, alias.Alias)
	}
	if slices.Sort(listed); !slices.Equal(listed, aliases) {
		t.Errorf("listed %d aliases: %q", len(listed), listed)
	}
	listed = nil
	for alias, err := range k.ListAliases(ListAliasesRequest{KeyID: "key-042"}) {
		if err != nil {
			t.Fatal(err)
		}
		listed = append(listed, alias.Alias)
	}
	if !slices.Equal(listed, aliases[42:43]) {
		t.Errorf("key-042 has aliases %q", listed)
	}
	for range k.ListKeys(ListKeysRequest{}) {
		break // a loop that ends early ends the list
	}
	for _, err := range k.ListAliases(ListAliasesRequest{KeyID: "nobody"}) {
		expect(t, "aliases of a key that is not there", err, ErrNotFound)
	}
}

func TestGenerateRandom(t *testing.T) {
	k := openFile(t)
	seen := map[string]bool{}
	for range 1000 {
		random, err := k.GenerateRandom(RandomRequest{NumberOfBytes: 16})
		if err != nil {
			t.Fatal(err)
		}
		if len(random) != 16 || seen[string(random)] {
			t.Fatalf("%d bytes, seen before: %v", len(random), seen[string(random)])
		}
		seen[string(random)] = true
	}
	if random, err := k.GenerateRandom(RandomRequest{NumberOfBytes: MaxRandomSize}); err != nil || len(random) != MaxRandomSize {
		t.Errorf("%d bytes, %v", len(random), err)
	}
}

func TestRootKeys(t *testing.T) {
	store := fileStore(t)
	openWith(t, Options{Store: store, Create: true, Passphrase: []byte("correct horse")})
	openWith(t, Options{Store: store, Passphrase: []byte("correct horse")})
	_, err := Open(Options{Store: store, Passphrase: []byte("battery staple")})
	expect(t, "a wrong passphrase", err, ErrWrongRootKey)
	_, err = Open(Options{Store: store, RootKey: testRootKey})
	expect(t, "a raw key for a passphrase", err, ErrWrongRootKey)

	t.Setenv("KMS_GO_TEST_ROOT_KEY", strings.Repeat("5a", RootKeySize))
	store = fileStore(t)
	openWith(t, Options{Store: store, Create: true, RootKeyURI: "env:KMS_GO_TEST_ROOT_KEY"})
	openWith(t, Options{Store: store, RootKey: testRootKey})
}

// seededByVolume is whether the generator took seeds less than 3 ms apart while random bytes were generated: it does so
// after every MiB, and by the clock alone every 6 ms only. On a busy machine it may go unseen, but it is never seen where
// it is not so.
func seededByVolume(t *testing.T, k *KMS) bool {
	runtime.LockOSThread() // whose generator it is
	defer runtime.UnlockOSThread()
	var last time.Time
	var seeds uint64
	for range 100 {
		before := time.Now()
		if _, err := k.GenerateRandom(RandomRequest{NumberOfBytes: MaxRandomSize}); err != nil {
			t.Fatal(err)
		}
		stats, err := k.Stats(StatsRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if stats.GeneratorSeeds == seeds {
			continue
		}
		if !last.IsZero() && time.Since(last) < 3*time.Millisecond {
			return true
		}
		last, seeds = before, stats.GeneratorSeeds
	}
	return false
}

func TestOptions(t *testing.T) {
	store := fileStore(t)
	k := openWith(t, Options{Store: store, Create: true, AccountID: "123456789012", Region: "eu-1"})
	createKey(t, k, "k")
	for arn, want := range map[string]error{
		"arn:aws:kms:eu-1:123456789012:key/k": nil,
		"arn:aws:kms:eu-2:123456789012:key/k": ErrNotFound,
		"arn:aws:kms:eu-1:210987654321:key/k": ErrNotFound,
	} {
		_, err := k.DescribeKey(KeyRequest{KeyID: arn})
		expect(t, arn, err, want)
	}
	_, err := Open(Options{Store: store, RootKey: testRootKey, AccountID: "210987654321"})
	expect(t, "another account", err, ErrInvalidArgument)

	deadline := time.Now().Add(time.Minute)
	for k := openWith(t, Options{Store: "memory:", Create: true}); !seededByVolume(t, k); {
		if time.Now().After(deadline) {
			t.Fatal("random bytes do not use the generator up")
		}
	}
	if seededByVolume(t, openWith(t, Options{Store: "memory:", Create: true, SystemRNG: true})) {
		t.Error("with SystemRNG random bytes use the generator up")
	}

	// Left at its default of a second, five refreshes would take four at least.
	k = openWith(t, Options{Store: store, MaxStaleness: 1})
	start := time.Now()
	for refreshes := uint64(0); refreshes < 5; {
		if _, err := k.GenerateDataKey(DataKeyRequest{KeyID: "k"}); err != nil {
			t.Fatal(err)
		}
		stats, err := k.Stats(StatsRequest{})
		if err != nil {
			t.Fatal(err)
		}
		refreshes = stats.StoreRefreshes
	}
	if waited := time.Since(start); waited > 4*time.Second {
		t.Errorf("with a staleness of 1 ms five refreshes took %v", waited)
	}
}

func TestVersion(t *testing.T) {
	if strings.Count(Version(), ".") != 2 {
		t.Errorf("version %q", Version())
	}
	if AlgorithmXAES256GCM.String() != "XAES_256_GCM" {
		t.Errorf("algorithm %v", AlgorithmXAES256GCM)
	}
	if err := checkABI(7, 7); err != nil {
		t.Errorf("the same ABI: %v", err)
	}
	expect(t, "another ABI", checkABI(8, 7), ErrUnsupported)
}

func TestTheCacheIsBoundedAsOpenIsTold(t *testing.T) {
	const most = 3
	k := openWith(t, Options{Store: "memory:", Create: true, MaxCachedKeys: most})
	for number := range 10 {
		id := fmt.Sprintf("key-%d", number)
		if _, err := k.CreateKey(CreateKeyRequest{KeyID: id}); err != nil {
			t.Fatal(err)
		}
		made, err := k.GenerateDataKey(DataKeyRequest{KeyID: id})
		if err != nil {
			t.Fatal(err)
		}
		opened, err := k.Decrypt(DecryptRequest{Ciphertext: made.Ciphertext})
		if err != nil || !bytes.Equal(opened.Plaintext, made.Plaintext) {
			t.Errorf("%s: %v", id, err)
		}
	}
	stats, err := k.Stats(StatsRequest{})
	if err != nil || stats.KeysCached < 1 || stats.KeysCached > most {
		t.Errorf("%d keys are cached, %v", stats.KeysCached, err)
	}
}
