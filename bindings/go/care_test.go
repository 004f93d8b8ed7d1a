package kms

import (
	"bytes"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestRekey(t *testing.T) {
	store := fileStore(t)
	k := openWith(t, Options{Store: store, Create: true})
	createKey(t, k, "k")
	key := need[*DataKey](t)(k.GenerateDataKey(DataKeyRequest{KeyID: "k"}))
	t.Setenv("KMS_GO_TEST_ROOT_KEY", strings.Repeat("a7", RootKeySize))
	current := Options{RootKey: testRootKey}
	for _, c := range []struct {
		request RekeyRequest
		opens   Options
	}{
		{RekeyRequest{RootKey: bytes.Repeat([]byte{9}, RootKeySize)}, Options{RootKey: bytes.Repeat([]byte{9}, RootKeySize)}},
		{RekeyRequest{Passphrase: []byte("correct horse")}, Options{Passphrase: []byte("correct horse")}},
		{RekeyRequest{RootKeyURI: "env:KMS_GO_TEST_ROOT_KEY"}, Options{RootKey: bytes.Repeat([]byte{0xA7}, RootKeySize)}},
	} {
		check(t, "Rekey", k.Rekey(c.request))
		opens(t, k, key) // this KMS goes on
		c.opens.Store, current.Store = store, store
		reopened := need[*KMS](t)(Open(c.opens))
		opens(t, reopened, key)
		check(t, "Close", reopened.Close()) // the next root key will not be its
		_, err := Open(current)
		expect(t, "the old root key", err, ErrWrongRootKey)
		current = c.opens
	}
	whole(t, k)
	for what, request := range map[string]RekeyRequest{
		"no root key":      {},
		"two root keys":    {RootKey: testRootKey, Passphrase: []byte("p")},
		"a short root key": {RootKey: testRootKey[1:]},
	} {
		expect(t, what, k.Rekey(request), ErrInvalidArgument)
	}
	opens(t, openWith(t, current), key)
}

func TestBackup(t *testing.T) {
	k := openFile(t)
	createKey(t, k, "k")
	key := need[*DataKey](t)(k.GenerateDataKey(DataKeyRequest{KeyID: "k"}))
	path := t.TempDir() + "/größer.db"
	check(t, "Backup", k.Backup(BackupRequest{Path: path}))
	createKey(t, k, "later")
	backup := openWith(t, Options{Store: "sqlite:" + path})
	opens(t, backup, key)
	_, err := backup.DescribeKey(KeyRequest{KeyID: "later"})
	expect(t, "a key made after the backup", err, ErrNotFound)
	whole(t, backup)
	expect(t, "a file is there", k.Backup(BackupRequest{Path: path}), ErrAlreadyExists)
	expect(t, "no directory is there", k.Backup(BackupRequest{Path: path + ".no/x"}), ErrStore)
	expect(t, "no path", k.Backup(BackupRequest{}), ErrInvalidArgument)
	expect(t, "a store in memory", openWith(t, Options{Store: "memory:", Create: true}).Backup(BackupRequest{Path: path + "2"}), ErrUnsupported)
}

// The damage is done while the store is open: a small one is looked at as a whole when it is opened, and then refused.
func TestVerifyFindsDamage(t *testing.T) {
	const keys = 150 // more damages than Verify asks for at once
	store := fileStore(t)
	k := openWith(t, Options{Store: store, Create: true})
	for range keys {
		need[*KeyInfo](t)(k.CreateKey(CreateKeyRequest{}))
	}
	whole(t, k)
	sql := "UPDATE row SET sealed = zeroblob(length(sealed)) WHERE kind = 5; SELECT lower(hex(id)) FROM row WHERE kind = 5 ORDER BY id;"
	// In a process of its own: two SQLites in one would take each other's locks.
	output := need[[]byte](t)(exec.Command("sqlite3", strings.TrimPrefix(store, "sqlite:"), sql).Output())
	damaged := strings.Fields(string(output))
	if len(damaged) != keys {
		t.Fatalf("%d rows were damaged", len(damaged))
	}
	var found []string
	for damage, err := range k.Verify(VerifyRequest{}) {
		check(t, "Verify", err)
		if damage.Problem == "" {
			t.Errorf("a damage without a description: %+v", damage)
		}
		if damage.RowKind == 5 {
			found = append(found, damage.RowID)
			if _, err := k.DescribeKey(KeyRequest{KeyID: damage.KeyID}); damage.KeyID == "" || err == nil {
				t.Errorf("%+v, but its key is described: %v", damage, err)
			}
		}
	}
	if slices.Sort(found); !slices.Equal(found, damaged) {
		t.Errorf("found %d damages of %d", len(found), len(damaged))
	}
	for range k.Verify(VerifyRequest{}) {
		break // a loop may end where it likes
	}
	_, err := Open(Options{Store: store, RootKey: testRootKey})
	expect(t, "a small store with damage", err, ErrCorruptStore)
}
