//! Reaches any Kubernetes API: credentials, impersonation, discovery, requests, one live view per target; knows no dialect, planning or embedded server.
