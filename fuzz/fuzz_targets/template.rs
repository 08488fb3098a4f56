//! Texts as Go templates.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| belay_fuzz::template(data));
