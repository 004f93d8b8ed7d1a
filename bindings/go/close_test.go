package kms

import (
	"errors"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// everyCall calls every method once and gives its errors.
func everyCall(k *KMS) map[string]error {
	errs := map[string]error{}
	request := DataKeyRequest{KeyID: "k"}
	_, errs["CreateKey"] = k.CreateKey(CreateKeyRequest{})
	_, errs["DescribeKey"] = k.DescribeKey(KeyRequest{KeyID: "k"})
	errs["CreateAlias"] = k.CreateAlias(CreateAliasRequest{Alias: "alias/a", KeyID: "k"})
	_, errs["GenerateDataKey"] = k.GenerateDataKey(request)
	errs["GenerateDataKeyInto"] = k.GenerateDataKeyInto(request, &DataKey{})
	_, errs["GenerateDataKeys"] = k.GenerateDataKeys(request, 2)
	errs["GenerateDataKeysInto"] = k.GenerateDataKeysInto(request, 2, &DataKeys{})
	_, errs["Encrypt"] = k.Encrypt(EncryptRequest{KeyID: "k"})
	_, errs["Decrypt"] = k.Decrypt(DecryptRequest{})
	errs["DecryptInto"] = k.DecryptInto(DecryptRequest{}, &Decrypted{})
	_, errs["GenerateRandom"] = k.GenerateRandom(RandomRequest{NumberOfBytes: 1})
	_, errs["Stats"] = k.Stats(StatsRequest{})
	errs["Flush"] = k.Flush()
	for _, err := range k.ListKeys(ListKeysRequest{}) {
		errs["ListKeys"] = err
	}
	for _, err := range k.ListAliases(ListAliasesRequest{}) {
		errs["ListAliases"] = err
	}
	key, version := KeyRequest{KeyID: "k"}, VersionRequest{KeyID: "k", VersionID: "v"}
	errs["UpdateAlias"] = k.UpdateAlias(UpdateAliasRequest{Alias: "alias/a", KeyID: "k"})
	errs["DeleteAlias"] = k.DeleteAlias(DeleteAliasRequest{Alias: "alias/a"})
	errs["EnableKey"] = k.EnableKey(key)
	errs["DisableKey"] = k.DisableKey(key)
	_, errs["ScheduleKeyDeletion"] = k.ScheduleKeyDeletion(ScheduleKeyDeletionRequest{KeyID: "k"})
	errs["CancelKeyDeletion"] = k.CancelKeyDeletion(key)
	errs["SetKeyRotation"] = k.SetKeyRotation(SetKeyRotationRequest{KeyID: "k"})
	errs["UpdateKeyDescription"] = k.UpdateKeyDescription(UpdateKeyDescriptionRequest{KeyID: "k"})
	errs["TagKey"] = k.TagKey(TagKeyRequest{KeyID: "k"})
	errs["UntagKey"] = k.UntagKey(UntagKeyRequest{KeyID: "k"})
	for _, err := range k.ListKeyTags(key) {
		errs["ListKeyTags"] = err
	}
	_, errs["RotateKey"] = k.RotateKey(key)
	errs["SetPrimaryVersion"] = k.SetPrimaryVersion(version)
	_, errs["DescribeKeyVersion"] = k.DescribeKeyVersion(version)
	for _, err := range k.ListKeyVersions(key) {
		errs["ListKeyVersions"] = err
	}
	_, errs["ScheduleVersionDestruction"] = k.ScheduleVersionDestruction(ScheduleVersionDestructionRequest{KeyID: "k", VersionID: "v"})
	errs["CancelVersionDestruction"] = k.CancelVersionDestruction(version)
	_, errs["ImportKeyMaterial"] = k.ImportKeyMaterial(ImportKeyMaterialRequest{KeyID: "k"})
	errs["DeleteImportedKeyMaterial"] = k.DeleteImportedKeyMaterial(key)
	_, errs["ReEncrypt"] = k.ReEncrypt(ReEncryptRequest{})
	errs["Rekey"] = k.Rekey(RekeyRequest{})
	errs["Backup"] = k.Backup(BackupRequest{Path: "no path"})
	_, errs["Exchange"] = k.Exchange(ExchangeRequest{Dialect: DialectAWS, Target: "/"})
	_, errs["AsPrincipal"] = k.AsPrincipal(PrincipalRequest{Principal: "tenant"})
	errs["PutKeyPolicy"] = k.PutKeyPolicy(PutKeyPolicyRequest{KeyID: "k", Policy: "{}"})
	_, errs["GetKeyPolicy"] = k.GetKeyPolicy(key)
	_, errs["CreateGrant"] = k.CreateGrant(CreateGrantRequest{KeyID: "k", GranteePrincipal: "tenant", Operations: GrantDecrypt})
	errs["ListGrants"] = last(k.ListGrants(ListGrantsRequest{KeyID: "k"}))
	errs["ListRetirableGrants"] = last(k.ListRetirableGrants(ListRetirableGrantsRequest{RetiringPrincipal: "tenant"}))
	errs["RetireGrant"] = k.RetireGrant(GrantRequest{GrantToken: "token"})
	errs["RevokeGrant"] = k.RevokeGrant(GrantRequest{KeyID: "k", GrantID: "id"})
	errs["VerifyAuditLog"] = last(k.VerifyAuditLog(VerifyAuditLogRequest{Path: "no log"}))
	for _, err := range k.Verify(VerifyRequest{}) {
		errs["Verify"] = err
	}
	return errs
}

func TestClosed(t *testing.T) {
	closed := openFile(t)
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	if err := closed.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	for what, k := range map[string]*KMS{"closed": closed, "nil": nil, "zero": {}} {
		errs := everyCall(k)
		for method, err := range errs {
			if err != ErrClosed {
				t.Errorf("%s on a %s KMS: %v", method, what, err)
			}
		}
		if all := reflect.TypeFor[*KMS]().NumMethod() - 1; len(errs) != all { // all but Close
			t.Errorf("%d of %d methods were called", len(errs), all)
		}
		if err := k.Close(); err != nil {
			t.Errorf("Close of a %s KMS: %v", what, err)
		}
	}
}

func TestCloseWhileListing(t *testing.T) {
	k := openFile(t)
	for range 101 { // more than a page
		if _, err := k.CreateKey(CreateKeyRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	listed := 0
	var last error
	for _, err := range k.ListKeys(ListKeysRequest{}) {
		if last = err; err == nil {
			listed++
			k.Close()
		}
	}
	if listed != 100 || last != ErrClosed {
		t.Errorf("%d keys, then %v", listed, last)
	}
}

// Close while other goroutines are at it: each call either succeeds or returns ErrClosed.
func TestCloseUnderLoad(t *testing.T) {
	for range 30 {
		k := openFile(t)
		createKey(t, k, "k")
		var calls, running sync.WaitGroup
		var succeeded, refused atomic.Int64
		for range 8 {
			calls.Add(1)
			running.Add(1)
			go func() {
				defer calls.Done()
				for first := true; ; first = false {
					_, err := k.GenerateDataKey(DataKeyRequest{KeyID: "k", Context: map[string]string{"tenant": "7"}})
					if first {
						running.Done()
					}
					if errors.Is(err, ErrClosed) {
						refused.Add(1)
						return
					}
					if err != nil {
						t.Errorf("under load: %v", err)
						return
					}
					succeeded.Add(1)
				}
			}()
		}
		running.Wait()
		for range 3 {
			calls.Add(1)
			go func() {
				defer calls.Done()
				if err := k.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
				if _, err := k.Stats(StatsRequest{}); err != ErrClosed {
					t.Errorf("after Close: %v", err)
				}
			}()
		}
		calls.Wait()
		if succeeded.Load() < 8 || refused.Load() != 8 {
			t.Errorf("%d calls succeeded, %d goroutines were refused", succeeded.Load(), refused.Load())
		}
	}
}

func TestGate(t *testing.T) {
	g := newGate(2)
	in := []*stripe{g.enter(), g.enter()}
	shut := make(chan bool)
	go func() {
		g.shut()
		close(shut)
	}()
	for s := g.enter(); s != nil; s = g.enter() { // until shut has begun
		g.leave(s)
		runtime.Gosched()
	}
	for _, s := range in {
		select {
		case <-shut:
			t.Fatal("shut did not wait for a call under way")
		default:
			g.leave(s)
		}
	}
	<-shut
	if g.enter() != nil {
		t.Error("a call went through a gate that is shut")
	}
	if g.count() != nil {
		t.Error("a call went through that had looked before the gate was shut")
	}
	for i := range g.stripes {
		if n := g.stripes[i].inFlight.Load(); n != 0 {
			t.Errorf("%d calls are counted behind a gate that is shut", n)
		}
	}
}

// Many goroutines and gates: no wake-up is lost (else this hangs), and no call is inside once shut has returned.
func TestGateRaces(t *testing.T) {
	for range 200 {
		g := newGate(4)
		var closed atomic.Bool
		var calls sync.WaitGroup
		for range 16 {
			calls.Add(1)
			go func() {
				defer calls.Done()
				for s := g.enter(); s != nil; s = g.enter() {
					if closed.Load() {
						t.Error("a call is inside a gate that is shut")
					}
					g.leave(s)
					runtime.Gosched()
				}
			}()
		}
		runtime.Gosched()
		g.shut()
		closed.Store(true)
		calls.Wait()
	}
}

// A KMS that nobody holds is closed.
func TestCleanup(t *testing.T) {
	k, err := Open(Options{Store: fileStore(t), RootKey: testRootKey, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	handle := k.handle
	runtime.GC()
	if handle.calls.closing.Load() {
		t.Fatal("a KMS was closed that is held")
	}
	runtime.KeepAlive(k)
	k = nil
	for deadline := time.Now().Add(30 * time.Second); !handle.calls.closing.Load(); runtime.Gosched() {
		runtime.GC()
		if time.Now().After(deadline) {
			t.Fatal("a KMS that nobody holds was not closed")
		}
	}
	if err := handle.close(); err != nil { // waits until it is
		t.Error(err)
	}
}
