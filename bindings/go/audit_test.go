package kms

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// record is what the tests look at of a record of an audit log.
type record struct {
	Principal, Action, Key, Outcome string
	Context                         any
	Count                           int
}

func records(t *testing.T, log string) []record {
	t.Helper()
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	var found []record
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		var r record
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		found = append(found, r)
	}
	return found
}

// dataRecords works with a store that has an audit log, and gives the records of its data keys.
func dataRecords(t *testing.T, options Options) []record {
	t.Helper()
	options.Store, options.Create = fileStore(t), true
	options.AuditLog = filepath.Join(t.TempDir(), "audit.log")
	k := openWith(t, options)
	createKey(t, k, "k")
	if _, err := generateFor(k, "k", alicesContext); err != nil {
		t.Fatal(err)
	}
	expect(t, "bob", second(generateFor(actAs(t, k, "bob"), "k", nil)), ErrAccessDenied)
	expect(t, "verify", last(k.VerifyAuditLog(VerifyAuditLogRequest{Path: options.AuditLog})), nil)
	stats, err := k.Stats(StatsRequest{})
	if err != nil || stats.AuditRecords == 0 || stats.AuditRecordsLost != 0 {
		t.Errorf("%+v, %v", stats, err)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	var found []record
	for _, r := range records(t, options.AuditLog) {
		if r.Action == "kms:GenerateDataKey" {
			found = append(found, r)
		}
	}
	return found
}

func TestAuditLog(t *testing.T) {
	found := dataRecords(t, Options{})
	if len(found) != 2 || found[0].Principal != root || found[0].Key != "k" || found[0].Outcome != "KMS_OK" ||
		found[1].Principal != "bob" || found[1].Outcome != "KMS_ACCESS_DENIED" {
		t.Errorf("%+v", found)
	}
	if keys, ok := found[0].Context.([]any); !ok || len(keys) != 1 || keys[0] != "tenant" {
		t.Errorf("the context is %v", found[0].Context)
	}
	found = dataRecords(t, Options{AuditData: AuditDataAll, AuditContextValues: true})
	if pairs, ok := found[0].Context.(map[string]any); !ok || pairs["tenant"] != "alice" {
		t.Errorf("with values the context is %v", found[0].Context)
	}
	if found = dataRecords(t, Options{AuditData: AuditDataRefused, AuditGoOnWhenFull: true}); len(found) != 1 || found[0].Principal != "bob" {
		t.Errorf("of refused ones only: %+v", found)
	}
	if found = dataRecords(t, Options{AuditData: AuditDataCounted, AuditMaxKiB: 4}); len(found) != 2 || found[0].Count != 1 {
		t.Errorf("counted: %+v", found)
	}
}

func TestEditsOfAnAuditLogAreFound(t *testing.T) {
	store, log := fileStore(t), filepath.Join(t.TempDir(), "audit.log")
	k := openWith(t, Options{Store: store, Create: true, AuditLog: log})
	for _, id := range []string{"a", "b", "c", "d"} {
		createKey(t, k, id)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	k = openWith(t, Options{Store: store})
	damages := func(log string) (found []LogDamage) {
		for damage, err := range k.VerifyAuditLog(VerifyAuditLogRequest{Path: log}) {
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, damage)
		}
		return found
	}
	if found := damages(log); found != nil {
		t.Errorf("a whole log: %+v", found)
	}
	// A change is told at its line, another damage at the line that does not follow the one before it.
	for what, c := range map[string]struct {
		line uint64
		text [][]byte
	}{
		"a changed name":    {2, [][]byte{lines[0], bytes.Replace(lines[1], []byte("root"), []byte("boot"), 1), lines[2], lines[3]}},
		"a line left out":   {2, [][]byte{lines[0], lines[2], lines[3]}},
		"two lines swapped": {2, [][]byte{lines[0], lines[2], lines[1], lines[3]}},
		"the tail cut off":  {0, lines[:3]},
	} {
		if err := os.WriteFile(log, bytes.Join(c.text, nil), 0o600); err != nil {
			t.Fatal(err)
		}
		found := damages(log)
		if len(found) == 0 || found[0].Line != c.line || found[0].FileNumber != 0 || found[0].Problem == "" {
			t.Errorf("%s: %+v", what, found)
		}
	}
	expect(t, "no log", last(k.VerifyAuditLog(VerifyAuditLogRequest{Path: log + "-none"})), ErrNotFound)

	open := func(options Options) error {
		options.Store, options.RootKey = store, testRootKey
		return second(Open(options))
	}
	expect(t, "no folder", open(Options{AuditLog: filepath.Join(log+"-none", "audit.log")}), ErrStore)
	for _, options := range []Options{
		{AuditData: AuditDataAll}, {AuditContextValues: true}, {AuditGoOnWhenFull: true}, {AuditMaxKiB: 4},
		{AuditLog: log + "2", AuditData: 4}, {AuditLog: log + "2", AuditMaxKiB: 3},
	} {
		expect(t, "options of a log", open(options), ErrInvalidArgument)
	}
}
