//! A Kubernetes API server in the process: storage, watch, server-side apply, CRDs, RBAC, and controllers that simulate workloads; knows no client, engine or dialect.
