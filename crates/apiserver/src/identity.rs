//! Who asks.

use std::collections::BTreeMap;

/// A user as authentication found it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct UserInfo {
    /// `system:serviceaccount:default:builder`, `jane`
    pub name: String,
    /// Empty where the authenticator gives none.
    pub uid: String,
    /// `system:authenticated`, `devs`
    pub groups: Vec<String>,
    /// What else the authenticator says.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl UserInfo {
    /// The holder of the server's own token: everything is allowed to `system:masters`.
    pub fn admin() -> UserInfo {
        UserInfo {
            name: "kubernetes-admin".into(),
            groups: vec!["system:masters".into(), "system:authenticated".into()],
            ..UserInfo::default()
        }
    }
    /// A simulated controller in the process.
    pub fn controller(name: &str) -> UserInfo {
        UserInfo {
            name: format!("system:serviceaccount:kube-system:{name}"),
            groups: vec!["system:masters".into(), "system:authenticated".into()],
            ..UserInfo::default()
        }
    }
    /// Nobody known.
    pub fn anonymous() -> UserInfo {
        UserInfo {
            name: "system:anonymous".into(),
            groups: vec!["system:unauthenticated".into()],
            ..UserInfo::default()
        }
    }
    /// Whether everything is allowed.
    pub fn is_master(&self) -> bool {
        self.groups.iter().any(|g| g == "system:masters")
    }
}
