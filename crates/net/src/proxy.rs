//! Going through a proxy, from a secret or from the environment's variables.

use crate::{Error, ErrorKind, RemoteUrl, Secret};

/// A forward proxy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Proxy {
    /// For `http` URLs; `None` connects directly.
    http: Option<Hop>,
    /// For `https` URLs; `None` connects directly.
    https: Option<Hop>,
    /// Hosts that are reached directly, as in `NO_PROXY`.
    no_proxy: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Hop {
    url: RemoteUrl,
    user: Option<(String, Secret<String>)>,
}

impl Proxy {
    /// One proxy for all, with credentials for it if it wants them.
    pub fn new(address: &str, user: Option<(String, Secret<String>)>) -> Result<Proxy, Error> {
        let hop = Hop::parse(address, user)?;
        Ok(Proxy { http: Some(hop.clone()), https: Some(hop), no_proxy: String::new() })
    }

    /// What `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` say, or their lower-case forms; `None` if
    /// they name no proxy. `variable` gives a variable's value.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Proxy>, Error> {
        let get = |name: &str| variable(name).or_else(|| variable(&name.to_lowercase())).filter(|v| !v.is_empty());
        let hop = |name: &str| get(name).map(|address| Hop::parse(&address, None)).transpose();
        let (http, https) = (hop("HTTP_PROXY")?, hop("HTTPS_PROXY")?);
        if http.is_none() && https.is_none() {
            return Ok(None);
        }
        Ok(Some(Proxy { http, https, no_proxy: get("NO_PROXY").unwrap_or_default() }))
    }

    pub(crate) fn apply(&self, mut builder: reqwest::ClientBuilder) -> Result<reqwest::ClientBuilder, Error> {
        let wrong = |error: reqwest::Error| Error::new(ErrorKind::Config, format!("proxy: {error}"));
        for (hop, tls) in [(&self.http, false), (&self.https, true)] {
            let Some(hop) = hop else { continue };
            let address = hop.url.as_str();
            let made = if tls { reqwest::Proxy::https(address) } else { reqwest::Proxy::http(address) };
            let mut proxy = made.map_err(wrong)?;
            if let Some((user, password)) = &hop.user {
                proxy = proxy.basic_auth(user, password.expose());
            }
            builder = builder.proxy(proxy.no_proxy(reqwest::NoProxy::from_string(&self.no_proxy)));
        }
        Ok(builder)
    }
}

impl Hop {
    fn parse(address: &str, user: Option<(String, Secret<String>)>) -> Result<Hop, Error> {
        let address = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
        let (url, info) = RemoteUrl::parse_with_userinfo(&address)
            .map_err(|error| Error::new(ErrorKind::Config, format!("proxy address: {error}")))?;
        let info = info.map(|info| (info.user, info.password.unwrap_or_default()));
        Ok(Hop { url, user: user.or(info) })
    }
}
