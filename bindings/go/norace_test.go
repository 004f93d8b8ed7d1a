//go:build !race

package kms

const raceDetector = false
