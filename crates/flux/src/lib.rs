//! Flux's resources on the engine: lower, report, watch, and its custom resource definitions; knows nothing of Argo CD.
