//go:build unix

package kms

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

const batchSize = 1000

// benchRequest is 32 bytes under 64 bytes of AAD.
func benchRequest(b *testing.B) (*KMS, DataKeyRequest) {
	k := openFile(b)
	created, err := k.CreateKey(CreateKeyRequest{})
	if err != nil {
		b.Fatal(err)
	}
	return k, DataKeyRequest{KeyID: created.KeyID, AAD: make([]byte, 64)}
}

func newBuffers(keys int) (DataKey, DataKeys) {
	return DataKey{Plaintext: make([]byte, 32), Ciphertext: make([]byte, 128), IV: make([]byte, 12)},
		DataKeys{Plaintexts: make([]byte, 32*keys), Ciphertexts: make([]byte, 128*keys), IVs: make([]byte, 12*keys)}
}

func must(b *testing.B, err error) {
	if err != nil {
		b.Fatal(err)
	}
}

// bare does the same work with the standard library and without any key management: 32 bytes for the key, 12 for the
// IV, and the key sealed under 64 bytes of AAD.
func bare(b *testing.B) func() {
	block, err := aes.NewCipher(testRootKey)
	must(b, err)
	aead, err := cipher.NewGCM(block)
	must(b, err)
	key, iv, sealed, aad := make([]byte, 32), make([]byte, 12), make([]byte, 0, 64), make([]byte, 64)
	return func() {
		rand.Read(key)
		rand.Read(iv)
		aead.Seal(sealed, iv, key, aad)
	}
}

func BenchmarkGenerateDataKey(b *testing.B) {
	k, request := benchRequest(b)
	b.ReportAllocs()
	for b.Loop() {
		_, err := k.GenerateDataKey(request)
		must(b, err)
	}
}

func BenchmarkGenerateDataKeyInto(b *testing.B) {
	k, request := benchRequest(b)
	key, _ := newBuffers(0)
	b.ReportAllocs()
	for b.Loop() {
		must(b, k.GenerateDataKeyInto(request, &key))
	}
}

// On all processors at once: with -cpu 1,2,4 it shows whether callers hinder each other.
func BenchmarkGenerateDataKeyIntoParallel(b *testing.B) {
	k, request := benchRequest(b)
	b.RunParallel(func(pb *testing.PB) {
		key, _ := newBuffers(0)
		for pb.Next() {
			if err := k.GenerateDataKeyInto(request, &key); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkGenerateDataKeyContext(b *testing.B) {
	k, request := benchRequest(b)
	request.AAD, request.Context = nil, map[string]string{"tenant": "7", "purpose": "orders"}
	key, _ := newBuffers(0)
	b.ReportAllocs()
	for b.Loop() {
		must(b, k.GenerateDataKeyInto(request, &key))
	}
}

// Per call: 1000 data keys.
func BenchmarkGenerateDataKeys(b *testing.B) {
	k, request := benchRequest(b)
	b.ReportAllocs()
	for b.Loop() {
		_, err := k.GenerateDataKeys(request, batchSize)
		must(b, err)
	}
}

func BenchmarkGenerateDataKeysInto(b *testing.B) {
	k, request := benchRequest(b)
	_, keys := newBuffers(batchSize)
	b.ReportAllocs()
	for b.Loop() {
		must(b, k.GenerateDataKeysInto(request, batchSize, &keys))
	}
}

func BenchmarkDecryptInto(b *testing.B) {
	k, request := benchRequest(b)
	sealed, err := k.GenerateDataKey(request)
	must(b, err)
	opened := Decrypted{Plaintext: make([]byte, 32)}
	decrypt := DecryptRequest{Ciphertext: sealed.Ciphertext, AAD: request.AAD}
	b.ReportAllocs()
	for b.Loop() {
		must(b, k.DecryptInto(decrypt, &opened))
	}
}

// The same calls, made from C.
func BenchmarkC(b *testing.B) {
	k, request := benchRequest(b)
	must(b, k.measureC(request.KeyID, 1, b.N))
}

// The same work, with the standard library alone.
func BenchmarkBare(b *testing.B) {
	seal := bare(b)
	for b.Loop() {
		seal()
	}
}

// What the gate of each call costs, and what an RWMutex in its place would.
func BenchmarkGate(b *testing.B) {
	g := newGate(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			g.leave(g.enter())
		}
	})
}

func BenchmarkRWMutexInPlaceOfGate(b *testing.B) {
	var mutex sync.RWMutex
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			mutex.RLock()
			mutex.RUnlock()
		}
	})
}

// processTime is what this process has had of the processors, its garbage collector included.
func processTime(b *testing.B) time.Duration {
	var usage syscall.Rusage
	must(b, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// BenchmarkRatios measures all ways in turn, round by round, so that a machine that changes its speed changes it for
// all, in processor time, so that what else runs on it weighs less. It reports lower quartiles of slices of about a
// millisecond: ns for each data key, what Go adds to C, and ratios to the standard library's bare work.
func BenchmarkRatios(b *testing.B) {
	const calls = 3000
	k, request := benchRequest(b)
	seal := bare(b)
	key, keys := newBuffers(batchSize)
	ways := []struct {
		name string
		run  func()
	}{
		{"C", func() { must(b, k.measureC(request.KeyID, 1, calls)) }},
		{"C-batch", func() { must(b, k.measureC(request.KeyID, batchSize, calls/batchSize)) }},
		{"Into", func() {
			for range calls {
				must(b, k.GenerateDataKeyInto(request, &key))
			}
		}},
		{"one", func() {
			for range calls {
				_, err := k.GenerateDataKey(request)
				must(b, err)
			}
		}},
		{"batch-Into", func() {
			for range calls / batchSize {
				must(b, k.GenerateDataKeysInto(request, batchSize, &keys))
			}
		}},
		{"batch", func() {
			for range calls / batchSize {
				_, err := k.GenerateDataKeys(request, batchSize)
				must(b, err)
			}
		}},
		{"bare", func() {
			for range calls {
				seal()
			}
		}},
	}
	times := make([][]float64, len(ways))
	rounds := 0
	for b.Loop() {
		rounds++
		for i, way := range ways {
			start := processTime(b)
			way.run()
			times[i] = append(times[i], float64(processTime(b)-start)/calls)
		}
	}
	quartile := map[string]float64{}
	for i, way := range ways {
		slices.Sort(times[i])
		quartile[way.name] = times[i][rounds/4]
		b.ReportMetric(quartile[way.name], way.name+"-ns/key")
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(quartile["Into"]-quartile["C"], "Into-minus-C-ns")
	b.ReportMetric(quartile["one"]-quartile["C"], "one-minus-C-ns")
	b.ReportMetric(quartile["batch-Into"]-quartile["C-batch"], "batch-Into-minus-C-ns/key")
	b.ReportMetric(quartile["batch"]-quartile["C-batch"], "batch-minus-C-ns/key")
	b.ReportMetric(quartile["Into"]/quartile["bare"], "Into/bare")
	b.ReportMetric(quartile["batch-Into"]/quartile["bare"], "batch-Into/bare")
}
