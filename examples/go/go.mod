module github.com/libkms/libkms/examples/go

go 1.24

require github.com/libkms/libkms/bindings/go v0.0.0

replace github.com/libkms/libkms/bindings/go => ../../bindings/go
