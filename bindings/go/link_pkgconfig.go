//go:build libkms_pkgconfig

package kms

// #cgo pkg-config: kms
import "C"
