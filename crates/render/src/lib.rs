//! One face over the renderers, memoised by recorded reads; knows no cluster and no async.
