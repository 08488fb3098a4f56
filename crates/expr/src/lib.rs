//! CEL with Kubernetes' extensions, with step, size and time limits; knows not what the expressions are for.
