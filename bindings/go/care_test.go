package kms

import (
	"bytes"
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
