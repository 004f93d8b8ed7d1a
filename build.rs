//! Link settings of the shared library that cargo has no key for.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let target_os = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    if target_os == "linux" || target_os == "android" || target_os == "freebsd" {
        // Never `.1`: libdrm's retired libkms used that name, and would be loaded in our place.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libkms.so.0");
        // Never unloaded: threads keep thread-locals whose destructors live in this library.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,relro,-z,now");
    }
}
