package kms

import (
	"bytes"
	"runtime"
	"sync"
	"testing"
)

// Goroutines that change threads between calls, on threads that come and go: the library's state of a thread must not
// be taken for a goroutine's, and must survive the thread's end.
func TestGoroutinesHoppingThreads(t *testing.T) {
	k := openFile(t)
	createKey(t, k, "k")
	const rounds, goroutines = 20, 16
	var seen sync.Map
	var done sync.WaitGroup
	work := func() {
		for range rounds {
			context := map[string]string{"tenant": "7"}
			key, err := k.GenerateDataKey(DataKeyRequest{KeyID: "k", Context: context})
			if err != nil {
				t.Error(err)
				return
			}
			runtime.Gosched()
			opened, err := k.Decrypt(DecryptRequest{Ciphertext: key.Ciphertext, Context: context})
			if err != nil || !bytes.Equal(opened.Plaintext, key.Plaintext) {
				t.Errorf("another data key came back, or %v", err)
				return
			}
			for _, fresh := range [][]byte{key.Plaintext, key.IV, []byte(key.RequestID.String())} {
				if _, twice := seen.LoadOrStore(string(fresh), true); twice {
					t.Error("a key, an IV or a request id for the second time")
				}
			}
			// An error belongs to its call, whatever thread it is made on.
			if _, err := k.DescribeKey(KeyRequest{KeyID: "nobody"}); err == nil {
				t.Error("nobody was described")
			}
		}
	}
	for i := range goroutines {
		done.Add(1)
		go func() {
			defer done.Done()
			if i%2 == 0 {
				// Not unlocked: the thread ends with the goroutine.
				runtime.LockOSThread()
			}
			work()
		}()
	}
	done.Wait()
	count := 0
	seen.Range(func(any, any) bool { count++; return true })
	if count != 3*rounds*goroutines {
		t.Errorf("%d fresh values, expected %d", count, 3*rounds*goroutines)
	}
}

// One request may be used by many goroutines at once.
func TestSharedRequest(t *testing.T) {
	k := openFile(t)
	createKey(t, k, "k")
	request := DataKeyRequest{KeyID: "k", Context: map[string]string{"a": "b", "c": "d"}}
	var done sync.WaitGroup
	for range 8 {
		done.Add(1)
		go func() {
			defer done.Done()
			for range 100 {
				if _, err := k.GenerateDataKeys(request, 3); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	done.Wait()
	stats, err := k.Stats(StatsRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if stats.DataKeysGenerated != 8*100*3 {
		t.Errorf("%d data keys were counted", stats.DataKeysGenerated)
	}
}

// What a call into the caller's memory allocates: nothing, so that a busy program gives the collector nothing to do.
func TestAllocations(t *testing.T) {
	if instrumented {
		t.Skip("detectors allocate")
	}
	k := openFile(t)
	created, err := k.CreateKey(CreateKeyRequest{Alias: "alias/a"})
	if err != nil {
		t.Fatal(err)
	}
	aad := DataKeyRequest{KeyID: created.KeyID, AAD: make([]byte, 64)}
	context := DataKeyRequest{KeyID: "alias/a", Context: map[string]string{"tenant": "7", "purpose": "orders"}}
	long := DataKeyRequest{KeyID: created.KeyID, NumberOfBytes: 64}
	sealed, err := k.GenerateDataKey(context)
	if err != nil {
		t.Fatal(err)
	}
	key := DataKey{Plaintext: make([]byte, 32), Ciphertext: make([]byte, 128), IV: make([]byte, 12)}
	keys := DataKeys{Plaintexts: make([]byte, 32*100), Ciphertexts: make([]byte, 128*100), IVs: make([]byte, 12*100)}
	opened := Decrypted{Plaintext: make([]byte, 32)}
	for _, c := range []struct {
		what string
		want float64
		call func() error
	}{
		{"GenerateDataKeyInto with AAD", 0, func() error { return k.GenerateDataKeyInto(aad, &key) }},
		{"GenerateDataKeyInto with a context", 0, func() error { return k.GenerateDataKeyInto(context, &key) }},
		{"GenerateDataKeysInto", 0, func() error { return k.GenerateDataKeysInto(context, 100, &keys) }},
		{"DecryptInto", 0, func() error {
			return k.DecryptInto(DecryptRequest{Ciphertext: sealed.Ciphertext, Context: context.Context}, &opened)
		}},
		// DataKey with what is kept, and Plaintext.
		{"GenerateDataKey", 2, func() error { _, err := k.GenerateDataKey(aad); return err }},
		{"GenerateDataKey by an alias", 2, func() error { _, err := k.GenerateDataKey(context); return err }},
		{"GenerateDataKey of 64 bytes", 3, func() error { _, err := k.GenerateDataKey(long); return err }},
		{"Decrypt", 2, func() error {
			_, err := k.Decrypt(DecryptRequest{Ciphertext: sealed.Ciphertext, Context: context.Context})
			return err
		}},
	} {
		if err := c.call(); err != nil {
			t.Fatal(err)
		}
		got := testing.AllocsPerRun(1000, func() {
			if err := c.call(); err != nil {
				t.Fatal(err)
			}
		})
		if got != c.want {
			t.Errorf("%s: %v allocations, expected %v", c.what, got, c.want)
		}
	}
}
