//! Fetches Git (later Helm, bucket, OCI) at a revision into a Tree, and serves artifacts; knows no renderer and no custom resource.
