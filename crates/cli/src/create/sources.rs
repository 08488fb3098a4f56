//! The manifests of `create source oci|helm|bucket|chart`.

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use belay_object::{Object, Value, object};

use super::{opaque, skeleton};
use crate::args::{CreateBucketArgs, CreateChartArgs, CreateHelmArgs, CreateOciArgs, Global};
use crate::kinds::{BUCKET, HELM_CHART, HELM_REPOSITORY, OCI_REPOSITORY};

fn set_texts(object: &mut Object, fields: &[(&[&str], &Option<String>)]) {
    for (path, value) in fields {
        if let Some(value) = value {
            let path: Vec<&str> = std::iter::once("spec").chain(path.iter().copied()).collect();
            object.set(&path, value.as_str());
        }
    }
}

fn set_ignore(object: &mut Object, paths: &[String]) {
    if !paths.is_empty() {
        object.set(&["spec", "ignore"], paths.join("\n"));
    }
}

pub fn oci(global: &Global, args: &CreateOciArgs) -> Result<Object> {
    let mut object = skeleton(&OCI_REPOSITORY, global, &args.name, &args.create)?;
    if !args.url.starts_with("oci://") {
        bail!("url is required, in the form oci://<host>/<path>");
    }
    object.set(&["spec", "url"], args.url.as_str());
    if args.tag.is_none() && args.tag_semver.is_none() && args.digest.is_none() {
        bail!("--tag, --tag-semver or --digest is required");
    }
    set_texts(
        &mut object,
        &[
            (&["ref", "tag"], &args.tag),
            (&["ref", "semver"], &args.tag_semver),
            (&["ref", "digest"], &args.digest),
            (&["secretRef", "name"], &args.secret_ref),
            (&["proxySecretRef", "name"], &args.proxy_secret_ref),
            (&["certSecretRef", "name"], &args.cert_secret_ref),
            (&["serviceAccountName"], &args.service_account),
            (&["provider"], &args.provider),
            (&["verify", "provider"], &args.verify_provider),
        ],
    );
    if let Some(name) = &args.verify_secret_ref {
        if args.verify_provider.is_none() {
            bail!("a verification provider must be specified when a secret is specified");
        }
        object.set(&["spec", "verify", "secretRef", "name"], name.as_str());
    }
    set_ignore(&mut object, &args.ignore_paths);
    if args.insecure {
        object.set(&["spec", "insecure"], true);
    }
    Ok(object)
}

pub fn helm(global: &Global, args: &CreateHelmArgs) -> Result<(Object, Option<Object>)> {
    let mut object = skeleton(&HELM_REPOSITORY, global, &args.name, &args.create)?;
    let scheme = args.url.split("://").next().unwrap_or_default();
    if !args.url.contains("://") || !matches!(scheme, "http" | "https" | "oci") {
        bail!("url scheme '{scheme}' is not one of http, https, oci");
    }
    object.set(&["spec", "url"], args.url.as_str());
    if scheme == "oci" {
        object.set(&["spec", "type"], "oci");
        set_texts(&mut object, &[(&["provider"], &args.oci_provider)]);
    }
    let refs: [(&[&str], &Option<String>); 2] =
        [(&["secretRef", "name"], &args.secret_ref), (&["certSecretRef", "name"], &args.cert_secret_ref)];
    set_texts(&mut object, &refs);
    if args.pass_credentials {
        object.set(&["spec", "passCredentials"], true);
    }
    let mut data = object! {};
    match (&args.username, &args.password) {
        (Some(user), Some(password)) => {
            data.set(&["username"], STANDARD.encode(user));
            data.set(&["password"], STANDARD.encode(password));
        }
        (None, None) => {}
        _ => bail!("--username and --password go together"),
    }
    if let Some(path) = &args.ca_file {
        let ca = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
        data.set(&["ca.crt"], STANDARD.encode(ca));
    }
    Ok(with_secret(global, &args.name, object, data))
}

pub fn bucket(global: &Global, args: &CreateBucketArgs) -> Result<(Object, Option<Object>)> {
    let mut object = skeleton(&BUCKET, global, &args.name, &args.create)?;
    object.set(&["spec", "provider"], args.provider.as_str());
    object.set(&["spec", "bucketName"], args.bucket_name.as_str());
    object.set(&["spec", "endpoint"], args.endpoint.as_str());
    set_texts(
        &mut object,
        &[
            (&["region"], &args.region),
            (&["prefix"], &args.prefix),
            (&["secretRef", "name"], &args.secret_ref),
            (&["proxySecretRef", "name"], &args.proxy_secret_ref),
        ],
    );
    if args.insecure {
        object.set(&["spec", "insecure"], true);
    }
    set_ignore(&mut object, &args.ignore_paths);
    let mut data = object! {};
    match (&args.access_key, &args.secret_key) {
        (Some(access), Some(secret)) => {
            data.set(&["accesskey"], STANDARD.encode(access));
            data.set(&["secretkey"], STANDARD.encode(secret));
        }
        (None, None) => {}
        _ => bail!("--access-key and --secret-key go together"),
    }
    Ok(with_secret(global, &args.name, object, data))
}

pub fn chart(global: &Global, args: &CreateChartArgs) -> Result<Object> {
    let mut object = skeleton(&HELM_CHART, global, &args.name, &args.create)?;
    let kinds = ["HelmRepository", "GitRepository", "Bucket"];
    let (kind, name) = args.source.split_once('/').unwrap_or(("", &args.source));
    let kind = kinds.iter().find(|k| k.eq_ignore_ascii_case(kind));
    let (Some(kind), false) = (kind, name.is_empty()) else {
        bail!("source '{}' is not KIND/NAME with a kind of: {}", args.source, kinds.join(", "));
    };
    if !matches!(args.reconcile_strategy.as_str(), "ChartVersion" | "Revision") {
        bail!("reconcile strategy '{}' is not one of ChartVersion, Revision", args.reconcile_strategy);
    }
    object.set(&["spec", "chart"], args.chart.as_str());
    object.set(&["spec", "sourceRef"], object! { "kind" => *kind, "name" => name });
    object.set(&["spec", "reconcileStrategy"], args.reconcile_strategy.as_str());
    set_texts(&mut object, &[(&["version"], &args.chart_version), (&["verify", "provider"], &args.verify_provider)]);
    if let Some(name) = &args.verify_secret_ref {
        if args.verify_provider.is_none() {
            bail!("a verification provider must be specified when a secret is specified");
        }
        object.set(&["spec", "verify", "secretRef", "name"], name.as_str());
    }
    Ok(object)
}

/// A Secret of the source's name, if there is anything to put in it.
fn with_secret(global: &Global, name: &str, mut object: Object, data: Value) -> (Object, Option<Object>) {
    if data.as_object().is_none_or(|d| d.is_empty()) {
        return (object, None);
    }
    object.set(&["spec", "secretRef", "name"], name);
    (object, Some(opaque(global, name, data)))
}
