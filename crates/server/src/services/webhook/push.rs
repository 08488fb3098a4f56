//! What a push touches: its repositories, its revision, its files; and which Applications use them.
//!
//! Nothing of a payload is taken for granted: what is not where it should be is not there (HOOK-2).

use belay_access::Glob;
use belay_object::{Object, Value, from_json};
use belay_semver::{Constraints, Version};
use http::HeaderMap;
use regex::Regex;

use super::proof::Host;
use crate::call::decoded;

/// A push, as far as it is known.
#[derive(Debug)]
pub(super) struct Push {
    /// Addresses of sources that are meant.
    repositories: Vec<Regex>,
    /// The branch or tag.
    pub revision: String,
    /// Whether it is the one that `HEAD` means.
    touches_head: bool,
    /// The files, from the root of the repository; none where the host does not say.
    files: Vec<String>,
}

/// Files of one push; more are as good as all.
const MAX_FILES: usize = 20_000;
/// Addresses of one repository.
const MAX_URLS: usize = 10;
/// Longest address.
const MAX_URL: usize = 2000;
/// Which paths of the repository matter to an Application; with nothing, all.
const PATHS: &str = "argocd.argoproj.io/manifest-generate-paths";

/// The message: JSON, or a form with JSON in it.
pub(super) fn payload(headers: &HeaderMap, body: &[u8]) -> Option<Value> {
    let kind = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let value = if kind.starts_with("application/x-www-form-urlencoded") {
        let text = std::str::from_utf8(body).ok()?;
        let given = text.split('&').find_map(|pair| pair.strip_prefix("payload="))?;
        from_json(decoded(given).as_bytes()).ok()?
    } else {
        from_json(body).ok()?
    };
    value.as_object().is_some().then_some(value)
}

/// Reads a push; `None` where the event is another one.
pub(super) fn read(host: Host, headers: &HeaderMap, payload: &Value) -> Option<Push> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let at = |path: &[&str]| payload.str_at(path).unwrap_or_default().to_owned();
    let reference = short(&at(&["ref"])).to_owned();
    match host {
        Host::Github if header("x-github-event") == "push" => {
            let head = at(&["repository", "default_branch"]) == reference;
            Push::new(vec![at(&["repository", "html_url"])], reference, head, files(payload))
        }
        Host::Gogs if [header("x-gogs-event"), header("x-gitea-event")].contains(&"push") => {
            let head = at(&["repository", "default_branch"]) == reference;
            Push::new(vec![at(&["repository", "html_url"])], reference, head, files(payload))
        }
        Host::Gitlab => {
            let kind = at(&["object_kind"]);
            if !matches!(kind.as_str(), "push" | "tag_push")
                && !matches!(at(&["event_name"]).as_str(), "push" | "tag_push")
            {
                return None;
            }
            let head = at(&["project", "default_branch"]) == reference;
            Push::new(vec![at(&["project", "web_url"])], reference, head, files(payload))
        }
        Host::Bitbucket if header("x-event-key") == "repo:push" => {
            let first = payload.at(&["push", "changes"]).and_then(|changes| changes.items().first());
            let revision = first.and_then(|change| change.str_at(&["new", "name"])).unwrap_or_default();
            // The payload does not say which branch is the head: it may be this one.
            Push::new(vec![at(&["repository", "links", "html", "href"])], revision.to_owned(), true, Vec::new())
        }
        Host::BitbucketServer if header("x-event-key") == "repo:refs_changed" => {
            let links = payload.at(&["repository", "links", "clone"]).map_or(&[][..], Value::items);
            let known = links.iter().filter(|link| matches!(link.str_at(&["name"]), Some("http" | "ssh")));
            let urls = known.filter_map(|link| link.str_at(&["href"])).map(str::to_owned).collect();
            let first = payload.get("changes").and_then(|changes| changes.items().first());
            let id = first.and_then(|change| change.str_at(&["ref", "id"])).unwrap_or_default();
            Push::new(urls, short(id).to_owned(), true, Vec::new())
        }
        Host::AzureDevops if at(&["eventType"]) == "git.push" => {
            let first = payload.at(&["resource", "refUpdates"]).and_then(|updates| updates.items().first());
            let name = first.and_then(|update| update.str_at(&["name"])).unwrap_or_default().to_owned();
            let head = name == at(&["resource", "repository", "defaultBranch"]);
            Push::new(vec![at(&["resource", "repository", "remoteUrl"])], short(&name).to_owned(), head, Vec::new())
        }
        // Pings, and what registries push: charts and artifacts of registries are not sources here yet.
        _ => None,
    }
}

/// `refs/heads/main` as `main`.
fn short(reference: &str) -> &str {
    let mut parts = reference.splitn(3, '/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("refs"), Some(_), Some(name)) => name,
        _ => reference,
    }
}

fn files(payload: &Value) -> Vec<String> {
    let commits = payload.get("commits").map_or(&[][..], Value::items).iter();
    let lists = commits.flat_map(|commit| ["added", "modified", "removed"].map(|field| commit.get(field)));
    let names = lists.flatten().flat_map(Value::items).filter_map(Value::as_str);
    let found: Vec<String> = names.take(MAX_FILES + 1).map(cleaned).collect();
    if found.len() > MAX_FILES { Vec::new() } else { found }
}

impl Push {
    fn new(urls: Vec<String>, revision: String, touches_head: bool, files: Vec<String>) -> Option<Push> {
        let repositories: Vec<Regex> = urls.iter().take(MAX_URLS).filter_map(|url| address(url)).collect();
        (!repositories.is_empty()).then_some(Push { repositories, revision, touches_head, files })
    }

    /// Whether an Application is to be compared.
    pub fn touches(&self, app: &Object) -> bool {
        let many = app.at(&["spec", "sources"]).map_or(&[][..], Value::items).iter();
        let one = app.at(&["spec", "source"]).into_iter();
        let dry = app.at(&["spec", "sourceHydrator", "drySource"]).into_iter();
        many.chain(one).chain(dry).any(|source| {
            let text = |field: &str| source.str_at(&[field]).unwrap_or_default();
            let uses = self.repositories.iter().any(|address| address.is_match(text("repoURL")));
            uses && self.moves(text("targetRevision")) && self.changes(app, text("path"))
        })
    }

    /// Whether generators of an ApplicationSet look at what was pushed. Of one whose repository parameters name nobody
    /// knows: it is taken for one that does.
    pub fn concerns(&self, generators: &[Value]) -> bool {
        fn any(push: &Push, generators: &[Value], depth: usize) -> bool {
            generators.iter().any(|generator| {
                let text = |field: &str| generator.str_at(&["git", field]).unwrap_or_default();
                let url = text("repoURL");
                let uses = url.contains("{{") || push.repositories.iter().any(|address| address.is_match(url));
                let moves = text("revision").contains("{{") || push.moves(text("revision"));
                let inner = ["matrix", "merge"].into_iter().any(|name| {
                    let inner = generator.at(&[name, "generators"]).map_or(&[][..], Value::items);
                    depth < 3 && any(push, inner, depth + 1)
                });
                (!url.is_empty() && uses && moves) || inner
            })
        }
        any(self, generators, 0)
    }

    /// Whether a revision that is named is another one now.
    fn moves(&self, target: &str) -> bool {
        let named = short(target);
        if named.is_empty() || named == "HEAD" {
            return self.touches_head;
        }
        if named == self.revision || target == self.revision {
            return true;
        }
        let constraint = Constraints::parse(target);
        let version = Version::coerced(&self.revision);
        matches!((constraint, version), (Ok(constraint), Ok(version)) if constraint.check(&version))
    }

    /// Whether files are changed that the Application says it is made of.
    fn changes(&self, app: &Object, path: &str) -> bool {
        let Some(paths) = app.annotation(PATHS).filter(|paths| !paths.is_empty()) else { return true };
        if self.files.is_empty() {
            return true;
        }
        let whole = |item: &str| match item.strip_prefix('/') {
            Some(rest) => cleaned(rest),
            None => cleaned(&format!("{path}/{item}")),
        };
        let paths: Vec<Matcher> =
            paths.split(';').filter(|item| !item.is_empty()).map(|item| Matcher::of(whole(item))).collect();
        self.files.iter().any(|file| paths.iter().any(|path| path.fits(file)))
    }
}

/// A path of which files are a part; a push may be of many, so that it is read once.
struct Matcher {
    path: String,
    glob: Option<Glob>,
}

impl Matcher {
    fn of(path: String) -> Matcher {
        Matcher { glob: Glob::of_path(&path).ok(), path }
    }
    /// Whether a file is the path, below it, or matches it as a glob. Compat(argo 3.5)
    fn fits(&self, file: &str) -> bool {
        let below = file.strip_prefix(&*self.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.path.is_empty() || below || self.glob.as_ref().is_some_and(|glob| glob.matches(file))
    }
}

/// A path without `.` and `..`, from the root of the repository.
fn cleaned(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// What addresses of a repository look like whose page is this. Compat(argo 3.5): any protocol, user, port
/// and `ssh.` in front of the host; upper and lower case are one.
fn address(url: &str) -> Option<Regex> {
    if url.len() > MAX_URL {
        return None;
    }
    let (_, rest) = url.split_once("://")?;
    let (authority, path) = rest.split_once('/')?;
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = authority
        .rsplit_once(':')
        .map_or(authority, |(host, port)| if port.bytes().all(|b| b.is_ascii_digit()) { host } else { authority });
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let path = path.strip_suffix(".git").unwrap_or(path);
    if host.is_empty() || path.is_empty() {
        return None;
    }
    let (host, path) = (regex::escape(host), regex::escape(path));
    let user = r"[\w.\-+%]+(:[^@/]*)?";
    let pattern = format!(r"(?i)^((https?|ssh)://)?({user}@)?((alt)?ssh\.)?{host}(:\d+)?[:/]{path}(\.git)?/?$");
    regex::RegexBuilder::new(&pattern).size_limit(1 << 20).build().ok()
}
