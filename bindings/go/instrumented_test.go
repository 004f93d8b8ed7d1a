//go:build race || asan || msan

package kms

// Detectors allocate, and AddressSanitizer makes mlock do nothing.
const instrumented = true
