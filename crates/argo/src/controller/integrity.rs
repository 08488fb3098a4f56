//! Which commits a project trusts: where it says that they must be signed, one that is not, or by another key, is
//! no source. What cannot be checked is not trusted (`INV` of verification: it never fails open).

use belay_access::project::{IntegrityMode, Project};
use belay_source::{Fetched, Verification, VerifyMode};

use crate::repositories::Trust;

/// The keys by which commits of one repository must be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Required {
    /// Their ids: the last 16 digits, in capitals.
    ids: Vec<String>,
    rings: Vec<String>,
}

/// What a project requires of commits of a repository; `None` where nothing. An error is the sentence about why no
/// commit of it is trusted.
pub(crate) fn required(project: &Project, trust: &Trust, repo_url: &str) -> Result<Option<Required>, String> {
    let Some(policy) = project.integrity_policy(repo_url).map_err(|e| e.message().to_owned())? else { return Ok(None) };
    match policy.mode {
        IntegrityMode::None => return Ok(None),
        IntegrityMode::Head => {}
        IntegrityMode::Strict => {
            return Err(format!(
                "project {} wants all commits of {repo_url} signed (mode strict), which is not checked here: use mode \
                 head, by which the commit that is synced must be",
                project.name()
            ));
        }
    }
    let ids: Vec<String> = policy.keys.iter().map(|key| id(key)).collect();
    let rings: Vec<String> = ids.iter().filter_map(|id| trust.gpg_keys.get(id)).cloned().collect();
    if rings.is_empty() {
        return Err(format!(
            "project {} wants commits of {repo_url} signed, and none of the keys that it names is in argocd-gpg-keys-cm",
            project.name()
        ));
    }
    Ok(Some(Required { ids, rings }))
}

impl Required {
    /// As the fetch checks it.
    pub fn verification(&self) -> Verification {
        Verification { mode: VerifyMode::Head, pgp_keys: self.rings.clone(), ssh_keys: Vec::new() }
    }
    /// Whether what was fetched is signed by one of the keys: a ring may hold more of them than the project names.
    pub fn check(&self, fetched: &Fetched) -> Result<(), String> {
        let key = fetched.verified.as_ref().and_then(|verified| verified.commit_key.as_deref());
        match key.map(id) {
            Some(key) if self.ids.contains(&key) => Ok(()),
            Some(key) => Err(format!("{} is signed by key {key}, which the project does not trust", fetched.revision)),
            None => Err(format!("{} is not signed", fetched.revision)),
        }
    }
}

/// The id of a key, of however many digits it is written.
fn id(key: &str) -> String {
    let digits: Vec<char> = key.trim().trim_start_matches("0x").chars().collect();
    let last = digits.len().saturating_sub(16);
    digits[last..].iter().collect::<String>().to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use belay_object::Object;

    use super::*;

    fn check(spec: &str, expected: Result<Option<&[&str]>, &str>) {
        let text =
            format!("{{apiVersion: argoproj.io/v1alpha1, kind: AppProject, metadata: {{name: team}}, spec: {spec}}}");
        let object = Object::new(belay_yaml::parse_value(&text, &belay_yaml::Options::v2()).unwrap()).unwrap();
        let keys = "{apiVersion: v1, kind: ConfigMap, metadata: {name: k}, data: {4aee18f83afdeb23: RING}}";
        let keys = Object::new(belay_yaml::parse_value(keys, &belay_yaml::Options::v2()).unwrap()).unwrap();
        let trust = Trust::read(None, None, Some(&keys));
        let found = required(&Project::read(&object).unwrap(), &trust, "https://git.example.com/shop");
        let found = found.map(|found| found.map(|required| required.ids));
        match (found, expected) {
            (Ok(found), Ok(expected)) => {
                let expected = expected.map(|ids| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>());
                assert_eq!(found, expected, "{spec}");
            }
            (Err(why), Err(expected)) => assert!(why.contains(expected), "{why}"),
            (found, expected) => panic!("{spec}: {found:?}, {expected:?}"),
        }
    }

    /// What cannot be checked is not trusted.
    #[test]
    fn what_a_project_requires_of_commits_is_checked_or_refused() {
        check("{}", Ok(None));
        check("{signatureKeys: [{keyID: 4AEE18F83AFDEB23}]}", Ok(Some(&["4AEE18F83AFDEB23"])));
        check("{signatureKeys: [{keyID: D56C4FCA57A46444}]}", Err("none of the keys that it names is in"));
        let git = |policy: &str| {
            format!("{{sourceIntegrity: {{git: {{policies: [{{repos: [{{url: '*'}}], gpg: {policy}}}]}}}}}}")
        };
        check(&git("{mode: none}"), Ok(None));
        check(&git("{mode: head, keys: [4AEE18F83AFDEB23]}"), Ok(Some(&["4AEE18F83AFDEB23"])));
        check(&git("{mode: head, keys: []}"), Err("none of the keys that it names is in"));
        check(&git("{mode: strict, keys: [4AEE18F83AFDEB23]}"), Err("mode strict"));
    }
}
