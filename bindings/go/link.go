//go:build !libkms_pkgconfig

package kms

// #cgo CFLAGS: -I${SRCDIR}/../../include
// #cgo LDFLAGS: -L${SRCDIR}/../../target/release -lkms
import "C"
