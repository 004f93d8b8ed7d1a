//go:build !race && !asan && !msan

package kms

const instrumented = false
