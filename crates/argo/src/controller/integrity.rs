//! Which commits a project trusts: where it says that they must be signed, one that is not, or by another key, is
//! no source. What cannot be checked is not trusted (`INV` of verification: it never fails open).

use belay_access::project::{IntegrityMode, Project};
use belay_source::{Fetched, Inspection, SignatureState};

use crate::repositories::Trust;
use crate::spec::Source;

/// In the message of a signed commit: it vouches for all before it.
// Compat(argo-cd 3.5)
const SEAL: &str = "Argocd-gpg-seal:";

/// What signatures must be there in one repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Required(Inspection);

/// What a project requires of commits of a repository; `None` where nothing. An error is the sentence about why no
/// commit of it is trusted.
pub(crate) fn required(project: &Project, trust: &Trust, repo_url: &str) -> Result<Option<Required>, String> {
    let Some(policy) = project.integrity_policy(repo_url).map_err(|e| e.message().to_owned())? else { return Ok(None) };
    let history = match policy.mode {
        IntegrityMode::None => return Ok(None),
        IntegrityMode::Head => false,
        IntegrityMode::Strict => true,
    };
    let trusted: Vec<String> = policy.keys.iter().map(|key| id(key)).collect();
    if !trusted.iter().any(|id| trust.gpg_keys.contains_key(id)) {
        return Err(format!(
            "project {} wants commits of {repo_url} signed, and none of the keys that it names is in argocd-gpg-keys-cm",
            project.name()
        ));
    }
    // All keys that there are, so that it can be told whether a key is not known or not trusted.
    let pgp_keys = trust.gpg_keys.values().cloned().collect();
    Ok(Some(Required(Inspection { pgp_keys, trusted, history, seal: Some(SEAL.to_owned()) })))
}

impl Required {
    /// As the fetch looks.
    pub fn inspection(&self) -> Inspection {
        self.0.clone()
    }
    /// Whether what was fetched is signed as it should be; `of` is which source it is, where there are several.
    pub fn check(&self, fetched: &Fetched, of: Option<&str>) -> Result<(), String> {
        let Some(verified) = &fetched.verified else { return Err(format!("{} was not verified", fetched.revision)) };
        let of = of.map(|of| format!("{of}: ")).unwrap_or_default();
        let told: Vec<String> = verified
            .problems
            .iter()
            .map(|problem| {
                let why = words(problem.state);
                // Compat(argo-cd 3.5)
                format!(
                    "GIT/GPG: {of}Failed verifying revision {} by '{}': {why} (key_id={})",
                    problem.revision, problem.author, problem.key
                )
            })
            .collect();
        if told.is_empty() { Ok(()) } else { Err(told.join("\n")) }
    }
}

/// What a source is called among several. Compat(argo-cd 3.5)
pub(crate) fn source_name(sources: &[Source], index: usize) -> Option<String> {
    let source = sources.get(index).filter(|_| sources.len() > 1)?;
    Some(match source.name.as_str() {
        "" => format!("source {} of {}", index + 1, sources.len()),
        name => format!("source {name}"),
    })
}

/// Compat(argo-cd 3.5)
fn words(state: SignatureState) -> &'static str {
    match state {
        SignatureState::Good => "signed with unallowed key",
        SignatureState::Bad => "bad signature",
        SignatureState::ExpiredSignature => "expired signature",
        SignatureState::ExpiredKey => "signed with expired key",
        SignatureState::RevokedKey => "signed with revoked key",
        SignatureState::MissingKey => "signed with key not in keyring",
        SignatureState::Unsigned => "unsigned",
    }
}

/// The id of a key, of however many digits it is written.
fn id(key: &str) -> String {
    let digits: Vec<char> = key.trim().trim_start_matches("0x").chars().collect();
    let last = digits.len().saturating_sub(16);
    digits[last..].iter().collect::<String>().to_ascii_uppercase()
}

#[cfg(test)]
mod tests;
