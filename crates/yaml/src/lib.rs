//! YAML as Go's libraries read and write it, and a node tree with comments and positions; knows no files and no Kubernetes.
