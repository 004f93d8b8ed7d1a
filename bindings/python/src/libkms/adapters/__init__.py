"""Adapters that put libkms under vendors' SDKs. Each needs its SDK, an extra of this package, and nothing else does."""
