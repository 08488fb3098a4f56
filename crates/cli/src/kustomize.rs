//! `belay kustomize build`: placeholder to be filled.
