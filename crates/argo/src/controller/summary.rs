//! What an Application is in short: where people find it, what it runs, whether it is made of others.
//!
//! From the objects that are its own, which the comparison has; what those own in turn is not looked at here.

use std::collections::{BTreeMap, BTreeSet};

use belay_object::Object;

use crate::compare::Comparison;
use crate::resource_tree::{Network, links};
use crate::spec::Summary;

/// Addresses that are told of one Application.
const MAX_URLS: usize = 200;

/// Of an Application with these annotations.
pub(crate) fn summary(annotations: &BTreeMap<String, String>, comparison: &Comparison) -> Summary {
    of(annotations, comparison.resources.iter().filter_map(|judged| judged.pair.live.as_deref()))
}

fn of<'a>(annotations: &BTreeMap<String, String>, live: impl Iterator<Item = &'a Object> + Clone) -> Summary {
    let own = annotations.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let mut urls: BTreeSet<String> = links(own).collect();
    urls.extend(live.clone().filter_map(Network::of).flat_map(|network| network.urls));
    let images: BTreeSet<String> = live.clone().flat_map(belay_plan::sync::task::images).collect();
    let is_application = |object: &Object| {
        let kind = object.group_kind();
        kind.group == "argoproj.io" && kind.kind == "Application"
    };
    Summary {
        external_urls: urls.into_iter().take(MAX_URLS).collect(),
        images: images.into_iter().collect(),
        is_app_of_apps: live.clone().any(is_application),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(yaml: &str) -> Object {
        Object::new(belay_yaml::parse_value(yaml, &belay_yaml::Options::v2()).unwrap()).unwrap()
    }

    fn check(annotations: &[(&str, &str)], live: &[&str], urls: &[&str], is_app_of_apps: bool) {
        let annotations = annotations.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let live: Vec<Object> = live.iter().map(|yaml| object(yaml)).collect();
        let found = of(&annotations, live.iter());
        let told: Vec<&str> = found.external_urls.iter().map(String::as_str).collect();
        assert_eq!((told.as_slice(), found.is_app_of_apps), (urls, is_app_of_apps));
    }

    /// argo.md 1.1, `status.summary`
    #[test]
    fn where_people_find_it_is_what_its_objects_and_its_own_links_say() {
        let ingress = |more: &str| {
            format!(
                "{{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {{name: web{more}}}, spec: {{rules: \
                 [{{host: shop.example.com, http: {{paths: [{{path: /, backend: {{service: {{name: web}}}}}}]}}}}]}}}}"
            )
        };
        let application = "{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {name: child}}";
        check(&[], &[], &[], false);
        check(&[], &[&ingress("")], &["http://shop.example.com"], false);
        let quiet = ", annotations: {argocd.argoproj.io/ignore-default-links: 'true'}";
        check(&[], &[&ingress(quiet), application], &[], true);
        let links = [
            ("link.argocd.argoproj.io/docs", "Docs|https://docs.example.com"),
            ("link.argocd.argoproj.io/bad", "javascript:alert(1)"),
            ("other", "https://other.example.com"),
        ];
        check(&links, &[&ingress("")], &["Docs|https://docs.example.com", "http://shop.example.com"], false);
    }
}
