// Command filecrypt encrypts and decrypts a file of any size with a data key from libkms.
//
//	filecrypt encrypt --store STORE --root-key-uri URI --key KEY [--context NAME=VALUE]... [--create] IN OUT
//	filecrypt decrypt --store STORE --root-key-uri URI [--key KEY] [--context NAME=VALUE]... IN OUT
//
// Each file has a data key of its own. The plain data key lives in memory while the file is worked on; the file
// carries it wrapped under the KMS key. The file layout is in examples/README.md, and in sealed.go.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	kms "github.com/libkms/libkms/bindings/go"
)

type arguments struct {
	store, rootKeyURI, key, in, out string
	create                          bool
	context                         map[string]string
}

func encrypt(k *kms.KMS, args *arguments) error {
	in, err := os.Open(args.in)
	if err != nil {
		return err
	}
	defer in.Close()
	key, err := k.GenerateDataKey(kms.DataKeyRequest{KeyID: args.key, Context: args.context})
	if err != nil {
		return err
	}
	// What crypto/aes makes of the key is the garbage collector's; the key itself goes as soon as the file is done.
	defer key.Wipe()
	prefix, err := k.GenerateRandom(kms.RandomRequest{NumberOfBytes: prefixSize})
	if err != nil {
		return err
	}
	h, err := newHeader(prefix, key.Ciphertext, args.context)
	if err != nil {
		return err
	}
	return replaceFile(args.out, func(out io.Writer) error { return sealStream(key.Plaintext, h, in, out) })
}

func decrypt(k *kms.KMS, args *arguments) error {
	in, err := os.Open(args.in)
	if err != nil {
		return err
	}
	defer in.Close()
	h, err := readHeader(in)
	if err != nil {
		return fmt.Errorf("%s: %w", args.in, err)
	}
	// The file says which context it was encrypted with, and the KMS verifies that; the caller says what it expects
	// of it, which only the caller can: otherwise one tenant's file would pass for another's.
	for name, value := range args.context {
		if found, ok := h.context[name]; !ok || found != value {
			return fmt.Errorf("%s: %w", args.in, errContext)
		}
	}
	key, err := k.Decrypt(kms.DecryptRequest{Ciphertext: h.wrapped, KeyID: args.key, Context: h.context})
	if err != nil {
		return fmt.Errorf("%s: unwrap data key: %w", args.in, err)
	}
	defer key.Wipe()
	err = replaceFile(args.out, func(out io.Writer) error { return openStream(key.Plaintext, h, in, out) })
	if err != nil {
		return fmt.Errorf("%s: %w", args.in, err)
	}
	return nil
}

// createKey makes the KMS key if it is not there: "alias/NAME" gets a new id and that alias, anything else is the id.
func createKey(k *kms.KMS, key string) error {
	request := kms.CreateKeyRequest{KeyID: key}
	if strings.HasPrefix(key, "alias/") {
		request = kms.CreateKeyRequest{Alias: key}
	}
	_, err := k.CreateKey(request)
	if errors.Is(err, kms.ErrAlreadyExists) {
		return nil
	}
	return err
}

func run(args *arguments, crypt func(*kms.KMS, *arguments) error) (err error) {
	k, err := kms.Open(kms.Options{Store: args.store, RootKeyURI: args.rootKeyURI, Create: args.create})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.Close()) }()
	if args.create {
		if err := createKey(k, args.key); err != nil {
			return err
		}
	}
	return crypt(k, args)
}

func parseArguments(command string, list []string) *arguments {
	args := &arguments{context: map[string]string{}}
	flags := flag.NewFlagSet("filecrypt "+command, flag.ExitOnError)
	flags.StringVar(&args.store, "store", "", "e.g. sqlite:keys.db")
	flags.StringVar(&args.rootKeyURI, "root-key-uri", "", "e.g. file:root.key")
	flags.StringVar(&args.key, "key", "", "id or alias/NAME of the KMS key")
	flags.Func("context", "NAME=VALUE; may be given again", func(pair string) error {
		name, value, ok := strings.Cut(pair, "=")
		if _, twice := args.context[name]; !ok || twice {
			return errors.New("NAME=VALUE is expected, with each NAME once")
		}
		args.context[name] = value
		return nil
	})
	if command == "encrypt" {
		flags.BoolVar(&args.create, "create", false, "make store and key if they are not there")
	}
	flags.Parse(list)
	if flags.NArg() != 2 || args.store == "" || args.rootKeyURI == "" || command == "encrypt" && args.key == "" {
		flags.Usage()
		os.Exit(2)
	}
	args.in, args.out = flags.Arg(0), flags.Arg(1)
	return args
}

func main() {
	commands := map[string]func(*kms.KMS, *arguments) error{"encrypt": encrypt, "decrypt": decrypt}
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: filecrypt encrypt|decrypt --store STORE --root-key-uri URI ... IN OUT")
		os.Exit(2)
	}
	if err := run(parseArguments(os.Args[1], os.Args[2:]), commands[os.Args[1]]); err != nil {
		fmt.Fprintln(os.Stderr, "filecrypt:", err)
		os.Exit(1)
	}
}
