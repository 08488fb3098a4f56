//! The syntax of names, labels, keys and ports, each with the sentence Kubernetes says where it is broken.
//!
//! Every function gives the faults of a text, none where it is well.

const DNS1123_LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and \
    must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const DNS1035_LABEL: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an \
    alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for \
    validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', \
    and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
    '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or \
    '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used \
    for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const QUALIFIED_NAME: &str = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
    alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
    '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const QUALIFIED_FORM: &str = "a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start \
    and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
    '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. \
    'example.com/MyName')";
const CONFIG_KEY: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  \
    or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
const ENV_NAME: &str =
    "a valid environment variable name must consist only of printable ASCII characters other than '='";

fn is_label(text: &[u8]) -> bool {
    let edge = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    text.first().is_some_and(edge) && text.last().is_some_and(edge) && text.iter().all(|b| edge(b) || *b == b'-')
}

fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let middle = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.iter().all(middle)
}

fn at_most(text: &str, limit: usize) -> Option<String> {
    (text.len() > limit).then(|| format!("must be no more than {limit} bytes"))
}

/// `my-name`, at most 63 bytes.
pub fn dns1123_label(text: &str) -> Vec<String> {
    let mut faults: Vec<String> = at_most(text, 63).into_iter().collect();
    if !is_label(text.as_bytes()) {
        let subdomain = dns1123_subdomain(text).is_empty();
        faults.push(if subdomain { "must not contain dots".into() } else { DNS1123_LABEL.into() });
    }
    faults
}

/// `my-name`, not beginning with a digit.
pub fn dns1035_label(text: &str) -> Vec<String> {
    let mut faults: Vec<String> = at_most(text, 63).into_iter().collect();
    if !is_label(text.as_bytes()) || !text.as_bytes()[0].is_ascii_lowercase() {
        faults.push(DNS1035_LABEL.into());
    }
    faults
}

/// `example.com`, at most 253 bytes.
pub fn dns1123_subdomain(text: &str) -> Vec<String> {
    let mut faults: Vec<String> = at_most(text, 253).into_iter().collect();
    if !text.split('.').all(|part| is_label(part.as_bytes())) {
        faults.push(SUBDOMAIN.into());
    }
    faults
}

/// A subdomain whose first part may be `*`.
pub fn wildcard_subdomain(text: &str) -> Vec<String> {
    match text.strip_prefix("*.") {
        Some(rest) if dns1123_subdomain(rest).is_empty() => Vec::new(),
        _ => vec![
            "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist \
             of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character (e.g. \
             '*.example.com', regex used for validation is \
             '\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
                .into(),
        ],
    }
}

/// The name of an RBAC object or anything else that stands in a path: all but `.`, `..`, `/`, `%`.
pub fn path_segment(text: &str) -> Vec<String> {
    if matches!(text, "." | "..") {
        return vec![format!("may not be '{text}'")];
    }
    ["/", "%"].iter().filter(|c| text.contains(**c)).map(|c| format!("may not contain '{c}'")).collect()
}

/// A label's value.
pub fn label_value(text: &str) -> Vec<String> {
    let mut faults: Vec<String> = at_most(text, 63).into_iter().collect();
    if !text.is_empty() && !is_name(text) {
        faults.push(LABEL_VALUE.into());
    }
    faults
}

/// A label's or annotation's key: `example.com/name`.
pub fn qualified_name(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let name = match text.split_once('/') {
        None => text,
        Some((_, name)) if name.contains('/') => return vec![QUALIFIED_FORM.into()],
        Some((prefix, name)) => {
            if prefix.is_empty() {
                faults.push("prefix part must be non-empty".into());
            } else {
                faults.extend(dns1123_subdomain(prefix).into_iter().map(|f| format!("prefix part {f}")));
            }
            name
        }
    };
    if name.is_empty() {
        faults.push("name part must be non-empty".into());
    }
    faults.extend(at_most(name, 63).map(|f| format!("name part {f}")));
    if !is_name(name) {
        faults.push(format!("name part {QUALIFIED_NAME}"));
    }
    faults
}

/// A key of a config map or secret.
pub fn config_key(text: &str) -> Vec<String> {
    let mut faults: Vec<String> = at_most(text, 253).into_iter().collect();
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) {
        faults.push(CONFIG_KEY.into());
    }
    if matches!(text, "." | "..") || text.starts_with("..") {
        let rule = match text {
            "." | ".." => format!("must not be '{text}'"),
            _ => "must not start with '..'".into(),
        };
        faults.push(rule);
    }
    faults
}

/// The name of an environment variable.
pub fn env_name(text: &str) -> Vec<String> {
    if !text.is_empty() && text.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'=') {
        return Vec::new();
    }
    vec![ENV_NAME.into()]
}

/// A port by number.
pub fn port_number(port: i64) -> Option<String> {
    (!(1..=65535).contains(&port)).then(|| "must be between 1 and 65535, inclusive".into())
}

/// A port by name: at most 15 of `a-z`, `0-9` and `-`, with a letter.
pub fn port_name(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if text.len() > 15 {
        faults.push("must be no more than 15 characters".into());
    }
    if !text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        faults.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".into());
    }
    if !text.bytes().any(|b| b.is_ascii_lowercase()) {
        faults.push("must contain at least one letter (a-z)".into());
    }
    if text.contains("--") {
        faults.push("must not contain consecutive hyphens".into());
    }
    if text.starts_with('-') || text.ends_with('-') {
        faults.push("must not begin or end with a hyphen".into());
    }
    faults
}
