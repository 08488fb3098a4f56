//! Archives of files as kustomizations.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| belay_fuzz::kustomize(&String::from_utf8_lossy(data)));
