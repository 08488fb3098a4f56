//! Content-addressed read-only file trees: Digest, Tree, TreePath, overlays and the ReadLog of what was read; knows no Git, OCI or Kubernetes.
