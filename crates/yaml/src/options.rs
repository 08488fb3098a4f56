//! How a text is to be read: whose scalars, what of duplicate keys, and how much of it.

/// Whose meaning a plain scalar has, and how a stream is split into documents.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub enum Resolver {
    /// `sigs.k8s.io/yaml` over goyaml.v2, as kubectl, Helm and Flux read manifests and values:
    /// `yes`, `on` and `y` are booleans, `0644` is octal, a date stays text, keys become strings.
    /// A stream is split at lines of `---` as Kubernetes' decoders do.
    #[default]
    V2,
    /// yaml.v3 as kustomize reads resources: `yes`, `on` and `y` stay text, a plain date becomes an
    /// RFC 3339 time, a key that is no string is an error. A stream is split as kyaml does.
    V3,
}

/// What a key that stands twice in one map does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub enum Duplicates {
    /// The last value counts, as in `yaml.Unmarshal`.
    #[default]
    LastWins,
    /// An error that names both lines, as in `yaml.UnmarshalStrict`.
    Refuse,
}

/// Bounds on one text. Crossing one is an error of kind [`crate::ErrorKind::Limit`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Limits {
    /// The text's size.
    pub max_bytes: usize,
    /// How deep lists and maps nest, aliases expanded.
    pub max_depth: usize,
    /// How many values a document may grow to by aliases alone; ten times the text's size in
    /// bytes is always allowed below that.
    pub max_alias_values: usize,
    /// How many documents a stream may hold.
    pub max_documents: usize,
}

impl Default for Limits {
    /// 64 MiB, 100 deep, a million values by alias, a million documents.
    fn default() -> Limits {
        Limits { max_bytes: 64 << 20, max_depth: 100, max_alias_values: 1_000_000, max_documents: 1_000_000 }
    }
}

/// How a text is to be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Hash)]
pub struct Options {
    /// Whose meaning a plain scalar has.
    pub resolver: Resolver,
    /// What a key that stands twice does.
    pub duplicates: Duplicates,
    /// How much is read.
    pub limits: Limits,
}

impl Options {
    /// As `sigs.k8s.io/yaml` reads: goyaml.v2, the last of two equal keys wins.
    pub fn v2() -> Options {
        Options::default()
    }
    /// As `sigs.k8s.io/yaml`'s strict functions read: goyaml.v2, two equal keys are an error.
    pub fn v2_strict() -> Options {
        Options { duplicates: Duplicates::Refuse, ..Options::default() }
    }
    /// As kustomize reads resources: yaml.v3, two equal keys are an error.
    pub fn v3() -> Options {
        Options { resolver: Resolver::V3, duplicates: Duplicates::Refuse, ..Options::default() }
    }
}
