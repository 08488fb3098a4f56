//! HelmRepository: its index, streamed to the store; and getting charts from it.

use std::io::BufReader;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use belay_net::{Bound, ClientOptions, RemoteUrl, Scheme, Secret};
use belay_source::artifact::Draft;
use http::{HeaderValue, header};

use super::controller::{Content, Got, New, Sources, fail, fetch_failed};
use super::credentials::user;
use crate::git_spec::{identity, value};
use crate::names::{HELM_REPOSITORY, reason};
use crate::report::{FailureClass, FailureOf, SourceOutcome, SourceReport, Told};
use crate::shared::Shared;
use crate::spec::HelmRepository;

/// Largest index. It is written to disk as it comes.
const MOST_INDEX_BYTES: u64 = 256 << 20;

/// How a repository is reached.
pub(super) struct Remote {
    pub url: RemoteUrl,
    options: ClientOptions,
    user: Option<Bound<(String, Secret<String>)>>,
    pass_credentials: bool,
}

impl Sources {
    /// Looks at the repository within the resource's timeout.
    pub(super) async fn look_at_index(
        &self,
        spec: &HelmRepository,
        report: &mut SourceReport,
    ) -> Result<Got, SourceOutcome> {
        let remote = remote(&self.shared, spec).await?;
        let failed = |e: String| {
            let message = format!("failed to fetch Helm repository index: {e}");
            fetch_failed(reason::FAILED, message)
        };
        let fetching = self.fetch_index(spec, &remote);
        let mut draft = match tokio::time::timeout(spec.timeout.to_std(), fetching).await {
            Ok(fetched) => fetched.map_err(failed)?,
            Err(_) => return Err(failed(format!("timed out after {}", spec.timeout))),
        };
        let revision = draft.digest();
        let told = Told {
            reason: reason::SUCCEEDED,
            state: format!("stored artifact: revision '{revision}'"),
            event: format!("stored fetched index of size {} from '{}'", human_size(draft.size()), remote.url),
        };
        if report.artifact().is_some_and(|a| a.revision == revision) {
            report.fetched();
            return Ok(Got::Same(told));
        }
        let unreadable = |e: String| {
            let message = format!("failed to load Helm repository from index YAML: {e}");
            fetch_failed(reason::INDEXATION_FAILED, message)
        };
        let file = draft.reopen().map_err(|e| unreadable(e.to_string()))?;
        let checking = tokio::task::spawn_blocking(move || belay_helm::index::check(BufReader::new(file)));
        checking.await.map_err(|e| unreadable(e.to_string()))?.map_err(unreadable)?;
        report.fetched();
        report.building(reason::NEW_REVISION, &format!("new index revision '{revision}'"));
        let file = format!("index-{}.yaml", revision.trim_start_matches("sha256:"));
        Ok(Got::New(Box::new(New {
            revision,
            file,
            content: Content::Draft(draft),
            metadata: Vec::new(),
            observed: Vec::new(),
            fixed: "index.yaml",
            told,
        })))
    }

    async fn fetch_index(&self, spec: &HelmRepository, remote: &Remote) -> Result<Draft, String> {
        let url = format!("{}/index.yaml", remote.url.as_str().trim_end_matches('/'));
        let store = &self.shared.artifacts.store;
        let kind = HELM_REPOSITORY.kind.to_lowercase();
        let mut draft = store.begin(&kind, &spec.meta.namespace, &spec.meta.name).map_err(|e| e.to_string())?;
        remote
            .get(&self.shared, &url, MOST_INDEX_BYTES, &mut |piece| draft.write(piece).map_err(|e| e.to_string()))
            .await?;
        Ok(draft)
    }
}

/// How a repository is reached: its address and credentials, read from its secrets.
pub(super) async fn remote(shared: &Shared, spec: &HelmRepository) -> Result<Remote, SourceOutcome> {
    let invalid = |e: &dyn std::fmt::Display| {
        let message = format!("invalid Helm repository URL: {e}");
        fail(FailureOf::Fetch, reason::URL_INVALID, message, FailureClass::Stalling)
    };
    if spec.url.starts_with("oci://") {
        return Err(invalid(&"'oci' URL scheme cannot be used with 'default' HelmRepository type"));
    }
    let (url, userinfo) = RemoteUrl::parse_with_userinfo(&spec.url).map_err(|e| invalid(&e))?;
    if !matches!(url.scheme(), Scheme::Http | Scheme::Https) {
        return Err(invalid(&format!("scheme of {url} is neither http nor https")));
    }
    let denied = |e: String| fetch_failed(reason::AUTHENTICATION_FAILED, e);
    let namespace = &spec.meta.namespace;
    let mut options = shared.way_out(namespace, spec.cert_secret.as_deref(), None).await.map_err(denied)?;
    let mut who = userinfo.map(|info| (info.user, info.password.unwrap_or_default()));
    if let Some(name) = &spec.secret {
        let secret = shared.secret(namespace, name).await.map_err(denied)?;
        who = user(&secret).map_err(denied)?.or(who);
        // Compat(flux 2.9): where certificates were before they had a secret of their own.
        if spec.cert_secret.is_none() {
            options.extra_roots = value(&secret, "ca.crt").or_else(|| value(&secret, "caFile"));
            options.identity = identity(&secret).map_err(denied)?;
        }
    }
    let user = who.map(|who| Bound::new(&url, who));
    Ok(Remote { url, options, user, pass_credentials: spec.pass_credentials })
}

impl Remote {
    /// A repository of which no more is known than where it is.
    pub fn anonymous(shared: &Shared, url: RemoteUrl) -> Remote {
        let options = ClientOptions {
            egress: shared.outbound.egress.clone(),
            proxy: shared.outbound.proxy.clone(),
            ..ClientOptions::default()
        };
        Remote { url, options, user: None, pass_credentials: false }
    }

    /// Where an address of the index leads: relative ones are below the repository.
    pub fn resolve(&self, reference: &str) -> Result<RemoteUrl, String> {
        if reference.contains("://") {
            return RemoteUrl::parse(reference).map_err(|e| e.to_string());
        }
        self.url.join(reference).map_err(|e| e.to_string())
    }

    /// Streams a file. Credentials are sent to the repository's own host, and to others only if the
    /// resource says so (INV-NET-2).
    pub async fn get(
        &self,
        shared: &Shared,
        url: &str,
        limit: u64,
        take: &mut (dyn FnMut(&[u8]) -> Result<(), String> + Send),
    ) -> Result<(), String> {
        let client = shared.outbound.clients.get(&self.options).map_err(|e| e.to_string())?;
        let target = RemoteUrl::parse(url).map_err(|e| e.to_string())?;
        let mut request = client.get(target.as_str()).map_err(|e| e.to_string())?;
        let who = match &self.user {
            Some(user) if self.pass_credentials => user.for_url(&self.url),
            Some(user) => user.for_url(&target),
            None => None,
        };
        if let Some((name, password)) = who {
            let text = format!("Basic {}", STANDARD.encode(format!("{name}:{}", password.expose())));
            let mut value = HeaderValue::from_str(&text).map_err(|_| "the credentials cannot be sent".to_owned())?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        let mut response = request.send().await.map_err(|e| format!("failed to fetch {target}: {e}"))?;
        if !response.status().is_success() {
            return Err(format!("failed to fetch {target} : {}", response.status()));
        }
        let mut size = 0u64;
        while let Some(piece) = response.chunk().await.map_err(|e| format!("failed to fetch {target}: {e}"))? {
            size += piece.len() as u64;
            if size > limit {
                return Err(format!("failed to fetch {target}: larger than {limit} bytes"));
            }
            take(&piece)?;
        }
        Ok(())
    }
}

/// A size as Go's units write it: `%.4g` and a decimal unit.
pub(super) fn human_size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let mut size = bytes as f64;
    let mut unit = 0;
    while size >= 1000.0 && unit < UNITS.len() - 1 {
        size /= 1000.0;
        unit += 1;
    }
    // Four digits in all, without zeroes at the end.
    let decimals = if size >= 1000.0 {
        0
    } else if size >= 100.0 {
        1
    } else if size >= 10.0 {
        2
    } else {
        3
    };
    let text = format!("{size:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{}", UNITS[unit])
}
