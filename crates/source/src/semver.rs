//! Versions and ranges as Masterminds' `semver` v3 reads them; versions here are strict: three
//! parts, a leading `v` allowed, as Flux wants its tags.
