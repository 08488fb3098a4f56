//! A kustomization in a Tree to objects; knows no disk, network or Helm.
