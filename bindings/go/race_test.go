//go:build race

package kms

const raceDetector = true
