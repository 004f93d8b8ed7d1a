//go:build linux

package kms

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Some errors need a process of their own: this test binary again, told by the environment what to be.
const roleVariable = "KMS_GO_TEST_ROLE"

func TestMain(m *testing.M) {
	switch role := os.Getenv(roleVariable); {
	case strings.HasPrefix(role, "lock:"):
		holdWriteLock(strings.TrimPrefix(role, "lock:"))
	case role == "unlocked":
		openWithoutLockedMemory()
	default:
		os.Exit(m.Run())
	}
}

func inRole(t *testing.T, role string) *exec.Cmd {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(program)
	command.Env = append(os.Environ(), roleVariable+"="+role)
	command.Stderr = os.Stderr
	return command
}

// holdWriteLock takes the write lock of a SQLite file in WAL mode (the byte at 120 of the -shm file, says SQLite's
// documentation of the format), and holds it until its input ends.
func holdWriteLock(path string) {
	file, err := os.OpenFile(path+"-shm", os.O_RDWR, 0)
	if err == nil {
		err = syscall.FcntlFlock(file.Fd(), syscall.F_SETLK, &syscall.Flock_t{Type: syscall.F_WRLCK, Start: 120, Len: 1})
	}
	fmt.Println(err)
	io.Copy(io.Discard, os.Stdin)
}

func TestDependencyTimeout(t *testing.T) {
	store := fileStore(t)
	const timeout = 200 * time.Millisecond
	k := openWith(t, Options{Store: store, Create: true, Timeout: timeout})
	createKey(t, k, "k")
	locker := inRole(t, "lock:"+strings.TrimPrefix(store, "sqlite:"))
	in, err := locker.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := locker.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := locker.Start(); err != nil {
		t.Fatal(err)
	}
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "<nil>\n" {
		t.Fatalf("the lock was not taken: %q", line)
	}
	start := time.Now()
	_, err = k.CreateKey(CreateKeyRequest{KeyID: "late"})
	waited := time.Since(start)
	var e *Error
	if !errors.As(err, &e) || e.Status != ErrDependencyTimeout || !e.Retryable {
		t.Errorf("a store that another process holds: %#v", err)
	}
	if waited < timeout {
		t.Errorf("waited %v, expected %v at least", waited, timeout)
	}
	in.Close()
	if err := locker.Wait(); err != nil {
		t.Error(err)
	}
	createKey(t, k, "late") // it recovers by itself
}

// openWithoutLockedMemory prints what opening does where no memory can be locked: with leave, and without.
func openWithoutLockedMemory() {
	const memlock = 8 // RLIMIT_MEMLOCK, which package syscall does not name
	err := syscall.Setrlimit(memlock, &syscall.Rlimit{})
	if err == nil && os.Getuid() == 0 {
		err = syscall.Setuid(65534) // root is above the limit
	}
	if err != nil {
		fmt.Println(err)
		return
	}
	options := Options{Store: "memory:", RootKey: testRootKey, Create: true}
	k, err := Open(options)
	if err != nil {
		fmt.Println(err)
		return
	}
	stats, err := k.Stats(StatsRequest{})
	fmt.Println(err, stats.SecretBytesUnlocked > 0, stats.MemoryProtection&MemoryLocked != 0)
	options.RequireLockedMemory = true
	_, err = Open(options)
	fmt.Println(errors.Is(err, ErrOutOfMemory), err)
}

func TestRequireLockedMemory(t *testing.T) {
	if instrumented {
		t.Skip("AddressSanitizer makes mlock do nothing")
	}
	out, err := inRole(t, "unlocked").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(out), "<nil> true false\ntrue ") {
		t.Errorf("where no memory can be locked: %s", out)
	}
	openWith(t, Options{Store: "memory:", Create: true}) // the limit was the child's alone
}
