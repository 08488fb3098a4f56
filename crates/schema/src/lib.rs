//! Structural schemas (OpenAPI, CRD): defaulting, pruning, validation, strategic merge, field sets and server-side apply merge; knows no transport and no storage.
