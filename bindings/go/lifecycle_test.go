package kms

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

// need takes the result of a call that must succeed.
func need[T any](t *testing.T) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func check(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// expectDetail expects a status, and what it is about.
func expectDetail(t *testing.T, what string, err error, status Status, detail Detail) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Status != status || e.Detail != detail {
		t.Errorf("%s: got %#v, expected %v with detail %d", what, err, status, detail)
	}
}

// whole expects that Verify finds nothing.
func whole(t *testing.T, k *KMS) {
	t.Helper()
	for damage, err := range k.Verify(VerifyRequest{}) {
		t.Errorf("verified: %+v, %v", damage, err)
	}
}

func versionsOf(t *testing.T, k *KMS, key string) []VersionInfo {
	t.Helper()
	var versions []VersionInfo
	for version, err := range k.ListKeyVersions(KeyRequest{KeyID: key}) {
		check(t, "ListKeyVersions", err)
		versions = append(versions, version)
	}
	return versions
}

func tagsOf(t *testing.T, k *KMS, key string) (tags []Tag) {
	t.Helper()
	for tag, err := range k.ListKeyTags(KeyRequest{KeyID: key}) {
		check(t, "ListKeyTags", err)
		tags = append(tags, tag)
	}
	return tags
}

// opens says whether a data key comes back.
func opens(t *testing.T, k *KMS, key *DataKey) {
	t.Helper()
	opened, err := k.Decrypt(DecryptRequest{Ciphertext: key.Ciphertext})
	if err != nil {
		t.Errorf("a data key of version %d: %v", key.VersionNumber, err)
	} else if !bytes.Equal(opened.Plaintext, key.Plaintext) {
		t.Errorf("a data key of version %d: another came back", key.VersionNumber)
	}
}

func TestRotation(t *testing.T) {
	store := fileStore(t)
	k := openWith(t, Options{Store: store, Create: true})
	before := time.Now().Truncate(time.Second)
	generate := func(request DataKeyRequest) *DataKey {
		t.Helper()
		request.KeyID = "alias/k"
		return need[*DataKey](t)(k.GenerateDataKey(request))
	}
	created := need[*KeyInfo](t)(k.CreateKey(CreateKeyRequest{KeyID: "k", Alias: "alias/k"}))
	first := generate(DataKeyRequest{})
	rotated := need[*VersionInfo](t)(k.RotateKey(KeyRequest{KeyID: "alias/k"}))
	if rotated.KeyID != "k" || rotated.VersionNumber != 2 || rotated.VersionID == created.PrimaryVersionID ||
		rotated.State != VersionStateEnabled || rotated.Algorithm != AlgorithmXAES256GCM || !rotated.Primary ||
		rotated.CreatedAt.Before(before) || rotated.CreatedAt.After(time.Now()) || !rotated.DestructionAt.IsZero() ||
		rotated.UsesSealed != 0 || rotated.UsesOpened != 0 || !rotated.LastUsedAt.IsZero() {
		t.Errorf("rotated to %+v", rotated)
	}
	second := generate(DataKeyRequest{})
	for what, c := range map[string]struct {
		key    *DataKey
		id     string
		number uint32
	}{
		"before":          {first, created.PrimaryVersionID, 1},
		"after":           {second, rotated.VersionID, 2},
		"initial version": {generate(DataKeyRequest{InitialVersion: true}), created.PrimaryVersionID, 1},
		"named version":   {generate(DataKeyRequest{VersionID: created.PrimaryVersionID}), created.PrimaryVersionID, 1},
	} {
		if c.key.VersionID != c.id || c.key.VersionNumber != c.number {
			t.Errorf("%s: made under version %d, expected %d", what, c.key.VersionNumber, c.number)
		}
		opens(t, k, c.key)
	}
	initial := need[*Encrypted](t)(k.Encrypt(EncryptRequest{KeyID: "k", InitialVersion: true}))
	if initial.VersionNumber != 1 {
		t.Errorf("encrypted under version %d", initial.VersionNumber)
	}

	check(t, "SetPrimaryVersion", k.SetPrimaryVersion(VersionRequest{KeyID: "k", VersionID: created.PrimaryVersionID}))
	if key := generate(DataKeyRequest{}); key.VersionNumber != 1 {
		t.Errorf("after a way back made under version %d", key.VersionNumber)
	}
	primary := need[*VersionInfo](t)(k.DescribeKeyVersion(VersionRequest{KeyID: "k"}))
	if primary.VersionNumber != 1 || !primary.Primary {
		t.Errorf("the primary version is %+v", primary)
	}

	scheduled := need[*VersionInfo](t)(k.ScheduleVersionDestruction(
		ScheduleVersionDestructionRequest{KeyID: "k", VersionID: rotated.VersionID, WaitingDays: 3}))
	due := time.Until(scheduled.DestructionAt)
	if scheduled.State != VersionStatePendingDestruction || scheduled.Primary || due > 72*time.Hour || due < 71*time.Hour {
		t.Errorf("scheduled %+v", scheduled)
	}
	_, err := k.Decrypt(DecryptRequest{Ciphertext: second.Ciphertext})
	expectDetail(t, "under a scheduled version", err, ErrInvalidState, DetailVersionPendingDestruction)
	err = k.SetPrimaryVersion(VersionRequest{KeyID: "k", VersionID: rotated.VersionID})
	expectDetail(t, "a scheduled version as primary", err, ErrInvalidState, DetailVersionPendingDestruction)
	_, err = k.ScheduleVersionDestruction(ScheduleVersionDestructionRequest{KeyID: "k", VersionID: created.PrimaryVersionID})
	expect(t, "destruction of the primary version", err, ErrInvalidState)
	check(t, "CancelVersionDestruction", k.CancelVersionDestruction(VersionRequest{KeyID: "k", VersionID: rotated.VersionID}))
	opens(t, k, second)

	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	k = openWith(t, Options{Store: store})
	versions := versionsOf(t, k, "alias/k")
	if len(versions) != 2 || versions[0].VersionNumber != 1 || !versions[0].Primary || versions[1].Primary {
		t.Fatalf("versions %+v", versions)
	}
	for _, version := range versions {
		described := need[*VersionInfo](t)(k.DescribeKeyVersion(VersionRequest{KeyID: "k", VersionID: version.VersionID}))
		if *described != version {
			t.Errorf("listed %+v, described %+v", version, described)
		}
	}
	// Exact, since the handle is closed: under version 1 four data keys and a payload.
	if versions[0].UsesSealed != 5 || versions[1].UsesSealed != 1 || versions[0].UsesOpened != 3 || versions[1].UsesOpened != 2 {
		t.Errorf("uses: %+v", versions)
	}
	described := need[*KeyInfo](t)(k.DescribeKey(KeyRequest{KeyID: "k"}))
	if described.UsesSealed != 6 || described.UsesOpened != 5 || described.LastUsedAt.Before(before) ||
		described.LastUsedAt.After(time.Now()) || described.Versions != 2 || described.PrimaryVersionNumber != 1 {
		t.Errorf("described %+v", described)
	}
	if !bytes.Contains(first.Ciphertext, described.KeyUUID[:]) {
		t.Error("the ciphertext does not hold the key's UUID")
	}
	whole(t, k)
}

func TestManyVersions(t *testing.T) {
	k := openFile(t)
	createKey(t, k, "k")
	for range 120 { // pages hold 100
		need[*VersionInfo](t)(k.RotateKey(KeyRequest{KeyID: "k"}))
	}
	for i, version := range versionsOf(t, k, "k") {
		if int(version.VersionNumber) != i+1 || version.Primary != (i == 120) {
			t.Errorf("version %d is %+v", i, version)
		}
	}
	for range k.ListKeyVersions(KeyRequest{KeyID: "k"}) {
		break // a loop that ends early ends the list
	}
}

func TestRotationByItself(t *testing.T) {
	k := openFile(t)
	numbers := func(key string, count int) (made []uint32) {
		for range count {
			made = append(made, need[*DataKey](t)(k.GenerateDataKey(DataKeyRequest{KeyID: key})).VersionNumber)
		}
		return made
	}
	uses := need[*KeyInfo](t)(k.CreateKey(CreateKeyRequest{KeyID: "uses", RotateAfterUses: 3}))
	if uses.RotateAfterUses != 3 {
		t.Errorf("created %+v", uses)
	}
	if made := numbers("uses", 7); !slices.Equal(made, []uint32{1, 1, 1, 2, 2, 2, 3}) {
		t.Errorf("versions %v", made)
	}
	check(t, "SetKeyRotation", k.SetKeyRotation(SetKeyRotationRequest{KeyID: "uses", RotationPeriod: 36 * time.Hour}))
	if made := numbers("uses", 5); !slices.Equal(made, []uint32{3, 3, 3, 3, 3}) {
		t.Errorf("without a limit versions %v", made)
	}
	described := need[*KeyInfo](t)(k.DescribeKey(KeyRequest{KeyID: "uses"}))
	next := time.Until(described.NextRotationAt)
	if described.RotationPeriod != 36*time.Hour || described.RotateAfterUses != 0 || next > 36*time.Hour || next < 35*time.Hour {
		t.Errorf("described %+v", described)
	}
	check(t, "SetKeyRotation", k.SetKeyRotation(SetKeyRotationRequest{KeyID: "uses", RotateAfterUses: 1 << 40}))
	described = need[*KeyInfo](t)(k.DescribeKey(KeyRequest{KeyID: "uses"}))
	if described.RotateAfterUses != 1<<40 || described.RotationPeriod != 0 || !described.NextRotationAt.IsZero() {
		t.Errorf("described %+v", described)
	}

	period := need[*KeyInfo](t)(k.CreateKey(CreateKeyRequest{KeyID: "period", RotationPeriod: time.Second}))
	if period.RotationPeriod != time.Second || !period.NextRotationAt.Equal(period.CreatedAt.Add(time.Second)) {
		t.Errorf("created %+v", period)
	}
	eventually(t, "the key did not rotate", func() bool { return numbers("period", 1)[0] > 1 })
}

// eventually waits for what time brings about.
func eventually(t *testing.T, otherwise string, done func() bool) {
	t.Helper()
	for start := time.Now(); !done(); time.Sleep(10 * time.Millisecond) {
		if time.Since(start) > 30*time.Second {
			t.Fatal(otherwise)
		}
	}
}

func TestStates(t *testing.T) {
	k := openFile(t)
	createKey(t, k, "k")
	key := need[*DataKey](t)(k.GenerateDataKey(DataKeyRequest{KeyID: "k"}))
	state := func(want KeyState) {
		t.Helper()
		if info := need[*KeyInfo](t)(k.DescribeKey(KeyRequest{KeyID: "k"})); info.State != want {
			t.Errorf("state %d, expected %d", info.State, want)
		}
	}
	uses := func(what string, status Status, detail Detail) {
		t.Helper()
		_, err := k.GenerateDataKey(DataKeyRequest{KeyID: "k"})
		expectDetail(t, what+": a data key", err, status, detail)
		_, err = k.Encrypt(EncryptRequest{KeyID: "k"})
		expectDetail(t, what+": a payload", err, status, detail)
		_, err = k.Decrypt(DecryptRequest{Ciphertext: key.Ciphertext})
		expectDetail(t, what+": a ciphertext", err, status, detail)
		_, err = k.RotateKey(KeyRequest{KeyID: "k"})
		expectDetail(t, what+": a rotation", err, status, detail)
		expectDetail(t, what+": a setting", k.SetKeyRotation(SetKeyRotationRequest{KeyID: "k"}), status, detail)
	}
	check(t, "EnableKey", k.EnableKey(KeyRequest{KeyID: "k"}))
	check(t, "DisableKey", k.DisableKey(KeyRequest{KeyID: "k"}))
	state(KeyStateDisabled)
	uses("disabled", ErrDisabled, DetailKey)
	check(t, "EnableKey", k.EnableKey(KeyRequest{KeyID: "k"}))
	state(KeyStateEnabled)
	opens(t, k, key)

	expect(t, "nothing to cancel", k.CancelKeyDeletion(KeyRequest{KeyID: "k"}), ErrInvalidState)
	for days, want := range map[int]int{0: 30, 7: 7, 30: 30} {
		scheduled := need[*KeyInfo](t)(k.ScheduleKeyDeletion(ScheduleKeyDeletionRequest{KeyID: "k", WaitingDays: days}))
		due := time.Until(scheduled.DeletionAt)
		if scheduled.State != KeyStatePendingDeletion || due > time.Duration(want)*24*time.Hour || due < time.Duration(want)*24*time.Hour-time.Hour {
			t.Errorf("%d days: scheduled %+v", days, scheduled)
		}
		state(KeyStatePendingDeletion)
		uses("pending deletion", ErrInvalidState, DetailPendingDeletion)
		expectDetail(t, "EnableKey", k.EnableKey(KeyRequest{KeyID: "k"}), ErrInvalidState, DetailPendingDeletion)
		_, err := k.ScheduleKeyDeletion(ScheduleKeyDeletionRequest{KeyID: "k"})
		expectDetail(t, "a second time", err, ErrInvalidState, DetailPendingDeletion)
		expect(t, "an alias", k.CreateAlias(CreateAliasRequest{Alias: "alias/a", KeyID: "k"}), ErrInvalidState)
		check(t, "CancelKeyDeletion", k.CancelKeyDeletion(KeyRequest{KeyID: "k"}))
		state(KeyStateDisabled)
		check(t, "EnableKey", k.EnableKey(KeyRequest{KeyID: "k"}))
	}
	opens(t, k, key)
}

func TestImport(t *testing.T) {
	store := fileStore(t)
	k := openWith(t, Options{Store: store, Create: true})
	uuid := []byte("0123456789abcdef")
	created := need[*KeyInfo](t)(k.CreateKey(CreateKeyRequest{KeyID: "k", Origin: OriginExternal, KeyUUID: uuid}))
	if created.State != KeyStatePendingImport || created.Origin != OriginExternal || string(created.KeyUUID[:]) != string(uuid) ||
		created.PrimaryVersionNumber != 0 {
		t.Errorf("created %+v", created)
	}
	_, err := k.GenerateDataKey(DataKeyRequest{KeyID: "k"})
	expectDetail(t, "without material", err, ErrInvalidState, DetailPendingImport)

	material := need[[]byte](t)(k.GenerateRandom(RandomRequest{NumberOfBytes: KeyMaterialSize}))
	imports := func(request ImportKeyMaterialRequest) (*VersionInfo, error) {
		if request.KeyID == "" {
			request.KeyID = "k"
		}
		if request.Material == nil {
			request.Material = material
		}
		return k.ImportKeyMaterial(request)
	}
	version := need[*VersionInfo](t)(imports(ImportKeyMaterialRequest{VersionNumber: 5}))
	if version.VersionNumber != 5 || !version.Primary || version.State != VersionStateEnabled || version.KeyID != "k" {
		t.Errorf("imported %+v", version)
	}
	key := need[*DataKey](t)(k.GenerateDataKey(DataKeyRequest{KeyID: "k"}))
	if key.VersionNumber != 5 || !bytes.Contains(key.Ciphertext, uuid) {
		t.Errorf("made under version %d: %x", key.VersionNumber, key.Ciphertext)
	}
	_, err = k.RotateKey(KeyRequest{KeyID: "k"})
	expect(t, "a rotation of imported material", err, ErrInvalidKeyUsage)
	_, err = imports(ImportKeyMaterialRequest{Material: bytes.Repeat([]byte("otherkey"), 4)})
	expect(t, "other material", err, ErrIncorrectKey)
	createKey(t, k, "own")
	_, err = imports(ImportKeyMaterialRequest{KeyID: "own"})
	expect(t, "an import into a key of the library's own", err, ErrInvalidKeyUsage)
	expect(t, "deletion of what was not imported", k.DeleteImportedKeyMaterial(KeyRequest{KeyID: "own"}), ErrInvalidKeyUsage)
	for what, request := range map[string]ImportKeyMaterialRequest{
		"short material": {Material: material[1:]},
		"no material":    {Material: []byte{}},
		"a past expiry":  {ExpiresAt: time.Now().Add(-time.Hour)},
		"1970":           {ExpiresAt: time.Unix(0, 1)},
		"before 1970":    {ExpiresAt: time.Unix(-1, 0)},
	} {
		_, err = imports(request)
		expect(t, what, err, ErrInvalidArgument)
	}

	check(t, "DeleteImportedKeyMaterial", k.DeleteImportedKeyMaterial(KeyRequest{KeyID: "k"}))
	_, err = k.Decrypt(DecryptRequest{Ciphertext: key.Ciphertext})
	expectDetail(t, "without material", err, ErrInvalidState, DetailPendingImport)
	expiry := time.Now().Add(24*time.Hour + 999*time.Millisecond)
	need[*VersionInfo](t)(imports(ImportKeyMaterialRequest{ExpiresAt: expiry}))
	opens(t, k, key)
	described := need[*KeyInfo](t)(k.DescribeKey(KeyRequest{KeyID: "k"}))
	if described.MaterialExpiresAt.Unix() != expiry.Unix() || described.State != KeyStateEnabled {
		t.Errorf("described %+v", described)
	}
	need[*VersionInfo](t)(imports(ImportKeyMaterialRequest{ExpiresAt: time.Now().Add(3 * time.Second)}))
	eventually(t, "the material did not expire", func() bool {
		fresh := need[*KMS](t)(Open(Options{Store: store, RootKey: testRootKey}))
		defer fresh.Close()
		_, err = fresh.Decrypt(DecryptRequest{Ciphertext: key.Ciphertext})
		return err != nil
	})
	expect(t, "expired", err, ErrInvalidState)

	// Material and UUID brought to another store open the ciphertext there.
	elsewhere := openFile(t)
	need[*KeyInfo](t)(elsewhere.CreateKey(CreateKeyRequest{KeyID: "back", Origin: OriginExternal, KeyUUID: uuid}))
	need[*VersionInfo](t)(elsewhere.ImportKeyMaterial(ImportKeyMaterialRequest{KeyID: "back", Material: material, VersionNumber: 5}))
	opens(t, elsewhere, key)
	whole(t, k)
}

func TestAliases(t *testing.T) {
	k := openFile(t)
	createKey(t, k, "a")
	createKey(t, k, "b")
	check(t, "CreateAlias", k.CreateAlias(CreateAliasRequest{Alias: "alias/x", KeyID: "a"}))
	check(t, "UpdateAlias", k.UpdateAlias(UpdateAliasRequest{Alias: "alias/x", KeyID: "b"}))
	if key := need[*DataKey](t)(k.GenerateDataKey(DataKeyRequest{KeyID: "alias/x"})); key.KeyID != "b" {
		t.Errorf("alias/x names %s", key.KeyID)
	}
	expectDetail(t, "no alias to update", k.UpdateAlias(UpdateAliasRequest{Alias: "alias/y", KeyID: "b"}), ErrNotFound, DetailAlias)
	expectDetail(t, "no key to name", k.UpdateAlias(UpdateAliasRequest{Alias: "alias/x", KeyID: "c"}), ErrNotFound, DetailKey)
	check(t, "DeleteAlias", k.DeleteAlias(DeleteAliasRequest{Alias: "alias/x"}))
	expectDetail(t, "no alias to delete", k.DeleteAlias(DeleteAliasRequest{Alias: "alias/x"}), ErrNotFound, DetailAlias)
	_, err := k.GenerateDataKey(DataKeyRequest{KeyID: "alias/x"})
	expectDetail(t, "a deleted alias", err, ErrNotFound, DetailAlias)
}

func TestTagsAndDescription(t *testing.T) {
	k := openFile(t)
	wanted := map[string]string{"team": "billing", "Größe": "1 µm", "empty": ""}
	need[*KeyInfo](t)(k.CreateKey(CreateKeyRequest{KeyID: "k", Tags: wanted, Description: "first"}))
	expectTags := func(what string) {
		t.Helper()
		seen := tagsOf(t, k, "k")
		inOrder := slices.IsSortedFunc(seen, func(a, b Tag) int { return strings.Compare(a.Key, b.Key) })
		found := map[string]string{}
		for _, tag := range seen {
			found[tag.Key] = tag.Value
		}
		if !maps.Equal(found, wanted) || len(seen) != len(wanted) || !inOrder {
			t.Errorf("%s: tags %q, expected %q", what, seen, wanted)
		}
	}
	expectTags("created")
	check(t, "TagKey", k.TagKey(TagKeyRequest{KeyID: "k", Tags: map[string]string{"team": "orders", "new": "1"}}))
	wanted["team"], wanted["new"] = "orders", "1"
	expectTags("tagged")
	check(t, "UntagKey", k.UntagKey(UntagKeyRequest{KeyID: "k", TagKeys: []string{"empty", "not there"}}))
	delete(wanted, "empty")
	expectTags("untagged")
	for i := range MaxTags - len(wanted) {
		wanted[fmt.Sprint(i, strings.Repeat("k", 100))] = strings.Repeat("é", MaxTagValue)
	}
	check(t, "TagKey", k.TagKey(TagKeyRequest{KeyID: "k", Tags: wanted}))
	expectTags("full")
	expect(t, "a tag too many", k.TagKey(TagKeyRequest{KeyID: "k", Tags: map[string]string{"more": ""}}), ErrLimitExceeded)
	expectTags("still full")
	many := map[string]string{} // more than lie on C's stack
	for i := range 500 {
		many[fmt.Sprint(i)] = ""
	}
	if err := k.TagKey(TagKeyRequest{KeyID: "k", Tags: many}); err == nil {
		t.Error("500 tags were set")
	}
	_, err := k.CreateKey(CreateKeyRequest{KeyID: "many", Tags: many})
	if err == nil {
		t.Error("a key with 500 tags was made")
	}
	for range k.ListKeyTags(KeyRequest{KeyID: "k"}) {
		break
	}

	for _, description := range []string{"für Bestellungen", strings.Repeat("d", MaxDescriptionSize), ""} {
		check(t, "UpdateKeyDescription", k.UpdateKeyDescription(UpdateKeyDescriptionRequest{KeyID: "k", Description: description}))
		if info := need[*KeyInfo](t)(k.DescribeKey(KeyRequest{KeyID: "k"})); info.Description != description {
			t.Errorf("described as %q, expected %q", info.Description, description)
		}
	}
}

func TestReEncrypt(t *testing.T) {
	k := openFile(t)
	createKey(t, k, "a")
	b := need[*KeyInfo](t)(k.CreateKey(CreateKeyRequest{KeyID: "b", Alias: "alias/b"}))
	need[*VersionInfo](t)(k.RotateKey(KeyRequest{KeyID: "b"}))
	from, to := map[string]string{"tenant": "7", "row": "1"}, map[string]string{"tenant": "8"}
	large := map[string]string{} // with the other context more pairs than lie on C's stack
	for i := range 400 {
		large[fmt.Sprint(i)] = "v"
	}
	payload := []byte("a card number")
	sealed := need[*Encrypted](t)(k.Encrypt(EncryptRequest{KeyID: "a", Plaintext: payload, Context: from}))
	raw := need[*Encrypted](t)(k.Encrypt(EncryptRequest{KeyID: "a", Plaintext: payload, AAD: []byte("row 7")}))
	for what, c := range map[string]struct {
		request ReEncryptRequest
		version uint32
		open    DecryptRequest
	}{
		"contexts": {ReEncryptRequest{Ciphertext: sealed.Ciphertext, SourceIV: sealed.IV, SourceKeyID: "a", SourceContext: from,
			DestinationContext: to}, 2, DecryptRequest{Context: to}},
		"to AAD": {ReEncryptRequest{Ciphertext: sealed.Ciphertext, SourceContext: from, DestinationAAD: []byte("r"), InitialVersion: true},
			1, DecryptRequest{AAD: []byte("r")}},
		"from AAD": {ReEncryptRequest{Ciphertext: raw.Ciphertext, SourceAAD: []byte("row 7"), DestinationContext: large,
			DestinationVersionID: b.PrimaryVersionID}, 1, DecryptRequest{Context: large}},
	} {
		c.request.DestinationKeyID = "alias/b"
		result := need[*ReEncrypted](t)(k.ReEncrypt(c.request))
		if result.Source.KeyID != "a" || result.Source.VersionNumber != 1 || result.KeyID != "b" || result.VersionNumber != c.version ||
			len(result.Ciphertext) != len(c.request.Ciphertext) || len(result.IV) != IVSize {
			t.Errorf("%s: %+v", what, result)
		}
		c.open.Ciphertext, c.open.IV, c.open.KeyID = result.Ciphertext, result.IV, "b"
		opened := need[*Decrypted](t)(k.Decrypt(c.open))
		if !bytes.Equal(opened.Plaintext, payload) {
			t.Errorf("%s: %q came back", what, opened.Plaintext)
		}
	}
	for what, c := range map[string]struct {
		request ReEncryptRequest
		status  Status
	}{
		"a wrong context":    {ReEncryptRequest{SourceContext: to}, ErrInvalidCiphertext},
		"a wrong IV":         {ReEncryptRequest{SourceContext: from, SourceIV: raw.IV}, ErrInvalidCiphertext},
		"another source":     {ReEncryptRequest{SourceContext: from, SourceKeyID: "b"}, ErrIncorrectKey},
		"no destination":     {ReEncryptRequest{SourceContext: from, DestinationKeyID: "nobody"}, ErrNotFound},
		"an unknown version": {ReEncryptRequest{SourceContext: from, DestinationVersionID: "nobody"}, ErrNotFound},
		"AAD and context":    {ReEncryptRequest{SourceContext: from, DestinationAAD: []byte("a"), DestinationContext: to}, ErrInvalidArgument},
		"a dry run":          {ReEncryptRequest{SourceContext: from, DryRun: true}, ErrDryRunOK},
	} {
		c.request.Ciphertext = sealed.Ciphertext
		if c.request.DestinationKeyID == "" {
			c.request.DestinationKeyID = "b"
		}
		result, err := k.ReEncrypt(c.request)
		expect(t, what, err, c.status)
		if result != nil {
			t.Errorf("%s gave a ciphertext", what)
		}
	}
	_, err := k.ReEncrypt(ReEncryptRequest{Ciphertext: sealed.Ciphertext, SourceContext: from})
	expect(t, "no destination", err, ErrInvalidArgument)
	_, err = k.ReEncrypt(ReEncryptRequest{Ciphertext: make([]byte, 1<<20), DestinationKeyID: "b"})
	expect(t, "a ciphertext that is too long", err, ErrInvalidCiphertext)
}
