//go:build !libkms_pkgconfig

package kms

// In a checkout, header and library are the checkout's; elsewhere these directories are not there, and the compiler
// looks where `make install` puts things. The static library is taken, so that the program needs nothing at run time;
// macOS's linker cannot be told which of the two to take.

// #cgo CFLAGS: -I${SRCDIR}/../../include
// #cgo LDFLAGS: -L${SRCDIR}/../../target/release
// #cgo !darwin LDFLAGS: -l:libkms.a -lpthread -lm -ldl
// #cgo darwin LDFLAGS: -lkms
import "C"
