module github.com/libkms/libkms/bindings/go

go 1.24
