package main

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
)

// The file layout of examples/README.md: a header, then chunks of AES-256-GCM in the STREAM construction.
const (
	magicAndVersion = "KMSF\x01"
	prefixSize      = 7
	fixedSize       = 20 // of the header: all but wrapped key and context
	chunkSize       = 65536
	maxWrapped      = 1120
	tagSize         = 16
	keySize         = 32

	// The header is not authenticated until the first chunk is: a planted one must not eat the memory.
	maxChunkSize = 1 << 20
)

var (
	errNotSealed = errors.New("refused: not a sealed file, or of a newer version")
	errHeader    = errors.New("refused: the header is malformed")
	errAltered   = errors.New("refused: it was altered, cut or reordered")
	errContext   = errors.New("refused: it was encrypted with another context")
	errTooLong   = errors.New("too long: more than 2^32 chunks")
)

type header struct {
	chunkSize int
	wrapped   []byte
	context   map[string]string
	packed    []byte // the whole header as it is in the file: the AAD of every chunk
}

func newHeader(prefix, wrapped []byte, context map[string]string) (*header, error) {
	var texts []byte
	for name, value := range context {
		texts = append(append(texts, name...), 0)
		texts = append(append(texts, value...), 0)
	}
	if len(wrapped) > maxWrapped || len(texts) > math.MaxUint16 {
		return nil, errors.New("wrapped key or context is too long for the header")
	}
	packed := append([]byte(magicAndVersion), prefix...)
	packed = binary.BigEndian.AppendUint32(packed, chunkSize)
	packed = binary.BigEndian.AppendUint16(packed, uint16(len(wrapped)))
	packed = binary.BigEndian.AppendUint16(packed, uint16(len(texts)))
	packed = append(append(packed, wrapped...), texts...)
	return &header{chunkSize, wrapped, context, packed}, nil
}

func readHeader(in io.Reader) (*header, error) {
	fixed := make([]byte, fixedSize)
	if _, err := io.ReadFull(in, fixed); err != nil {
		return nil, cutShort(err, errNotSealed)
	}
	if !bytes.HasPrefix(fixed, []byte(magicAndVersion)) {
		return nil, errNotSealed
	}
	size := binary.BigEndian.Uint32(fixed[12:])
	wrappedLen := int(binary.BigEndian.Uint16(fixed[16:]))
	contextLen := int(binary.BigEndian.Uint16(fixed[18:]))
	if size == 0 || size > maxChunkSize || wrappedLen == 0 || wrappedLen > maxWrapped {
		return nil, errHeader
	}
	rest := make([]byte, wrappedLen+contextLen)
	if _, err := io.ReadFull(in, rest); err != nil {
		return nil, cutShort(err, errHeader)
	}
	context, err := unpackContext(rest[wrappedLen:])
	return &header{int(size), rest[:wrappedLen], context, append(fixed, rest...)}, err
}

// cutShort tells a file that ends too early from one that cannot be read.
func cutShort(err, refusal error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return refusal
	}
	return err
}

func unpackContext(packed []byte) (map[string]string, error) {
	context := map[string]string{}
	if len(packed) == 0 {
		return context, nil
	}
	texts := bytes.Split(packed, []byte{0})
	if len(texts)%2 == 0 || len(texts[len(texts)-1]) != 0 {
		return nil, errHeader
	}
	for i := 0; i+1 < len(texts); i += 2 {
		context[string(texts[i])] = string(texts[i+1])
	}
	if 2*len(context) != len(texts)-1 {
		return nil, errHeader
	}
	return context, nil
}

// nonce of the chunk in this place: so a chunk opens nowhere else, nor as the last one if it is not.
func (h *header) nonce(counter uint32, last bool) []byte {
	nonce := append([]byte(nil), h.packed[len(magicAndVersion):][:prefixSize]...)
	nonce = binary.BigEndian.AppendUint32(nonce, counter)
	if last {
		return append(nonce, 1)
	}
	return append(nonce, 0)
}

// eachChunk gives `in` to `crypt` in pieces of size bytes, and what comes back to `out`. An empty `in` has one
// empty piece, so that an empty file is authenticated too.
func eachChunk(in io.Reader, out io.Writer, size int,
	crypt func(dst, chunk []byte, counter uint32, last bool) ([]byte, error)) error {
	source := bufio.NewReaderSize(in, size)
	chunk := make([]byte, size)
	result := make([]byte, 0, size+tagSize)
	defer func() { clear(chunk); clear(result[:cap(result)]) }()
	for counter := uint32(0); ; counter++ {
		n, err := io.ReadFull(source, chunk)
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return err
		}
		_, err = source.Peek(1)
		last := err == io.EOF
		if err != nil && !last {
			return err
		}
		if result, err = crypt(result[:0], chunk[:n], counter, last); err != nil {
			return err
		}
		if _, err = out.Write(result); err != nil {
			return err
		}
		if last {
			return nil
		}
		if counter == math.MaxUint32 { // a nonce would be used twice
			return errTooLong
		}
	}
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	if len(key) != keySize {
		return nil, errors.New("refused: its data key is not AES-256")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func sealStream(key []byte, h *header, in io.Reader, out io.Writer) error {
	aead, err := newAEAD(key)
	if err != nil {
		return err
	}
	if _, err := out.Write(h.packed); err != nil {
		return err
	}
	return eachChunk(in, out, h.chunkSize, func(dst, chunk []byte, counter uint32, last bool) ([]byte, error) {
		return aead.Seal(dst, h.nonce(counter, last), chunk, h.packed), nil
	})
}

func openStream(key []byte, h *header, in io.Reader, out io.Writer) error {
	aead, err := newAEAD(key)
	if err != nil {
		return err
	}
	return eachChunk(in, out, h.chunkSize+tagSize, func(dst, chunk []byte, counter uint32, last bool) ([]byte, error) {
		plaintext, err := aead.Open(dst, h.nonce(counter, last), chunk, h.packed)
		if err != nil {
			return nil, errAltered
		}
		return plaintext, nil
	})
}

// replaceFile gives `write` a new file, its owner's alone, that takes the name `path` only when write ends well: no
// refused or half-written result stays.
func replaceFile(path string, write func(io.Writer) error) (err error) {
	temp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			temp.Close()
			os.Remove(temp.Name())
		}
	}()
	if err = write(temp); err != nil {
		return err
	}
	if err = temp.Sync(); err != nil {
		return err
	}
	if err = temp.Close(); err != nil {
		return err
	}
	return os.Rename(temp.Name(), path)
}
