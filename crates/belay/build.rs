//! How the program lies in memory, of which short commands pay for each page.
//!
//! It is linked at a fixed address, as Go's linker does by default: a position-independent program of this
//! size has 70,000 addresses to be corrected when it starts, a millisecond and 3 MiB of every
//! `belay kustomize build`. And what such a build runs stands together (`layout.ld`, written by
//! `scripts/layout.py`): 1 MiB of code instead of 5 scattered over thirty; behind it stands what `belay run` runs.
//! Compiled code stays as it is, so that libraries are the same for tests and for this program. And the unwinder
//! is linked in: finding and relocating a shared one is a tenth of a millisecond.
//!
//! `BELAY_PLAIN_LINK` leaves both out, for linkers that know no such scripts; `BELAY_LINK_MAP` names a file
//! for the link map that `scripts/layout.py` needs.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=layout.ld");
    println!("cargo:rerun-if-env-changed=BELAY_PLAIN_LINK");
    println!("cargo:rerun-if-env-changed=BELAY_LINK_MAP");
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
    let is_known = is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") && is("PROFILE", "release");
    if !is_known || std::env::var_os("BELAY_PLAIN_LINK").is_some() {
        return;
    }
    println!("cargo:rustc-link-lib=static:-bundle=gcc_eh");
    println!("cargo:rustc-link-arg-bins=-no-pie");
    if let Ok(folder) = std::env::var("CARGO_MANIFEST_DIR") {
        println!("cargo:rustc-link-arg-bins=-Wl,-T,{folder}/layout.ld");
    }
    if let Ok(map) = std::env::var("BELAY_LINK_MAP") {
        println!("cargo:rustc-link-arg-bins=-Wl,-Map={map}");
    }
}
