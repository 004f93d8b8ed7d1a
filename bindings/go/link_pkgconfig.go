//go:build libkms_pkgconfig

package kms

// The shared library, wherever kms.pc says that it is.

// #cgo pkg-config: kms
import "C"
