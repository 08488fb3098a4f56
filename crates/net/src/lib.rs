//! The only way to open an outbound connection: TLS roots, proxies, deadlines, size limits, egress policy, redaction; knows not what is fetched.
