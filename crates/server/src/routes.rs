//! The operations: method, path, who may ask, what answers. And what every request goes through.

mod pass;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{RawPathParams, Request};
use axum::routing::{MethodFilter, MethodRouter};
use futures::future::BoxFuture;
use http::{Method, StatusCode};

use crate::answer::{Answer, plain, refused};
use crate::api::Api;
use crate::call::Call;
use crate::services::credentials::Side;
use crate::services::{
    accounts, actions, applications, badge, certificates, clusters, compared, credentials, details, events, gpg_keys,
    listed, logs, metrics, notifications, operations, projects, repositories, resources, rotated, sessions, settings,
    streams, tokens, trees, unbuilt, webhook, written,
};
use crate::{Error, Options};

/// Who may ask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Anybody; who they are is not looked at (AUTHZ-3).
    Public,
    /// Anybody; those who are signed in are told more.
    Either,
    /// Who is signed in, and nobody where the settings let nobody in.
    SignedIn,
}

pub(crate) type Run = Arc<dyn Fn(Call) -> BoxFuture<'static, Result<Answer, Error>> + Send + Sync>;

/// One operation.
pub(crate) struct Route {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    pub run: Run,
}

fn on<F, R>(method: Method, access: Access, path: &'static str, run: F) -> Route
where
    F: Fn(Call) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Answer, Error>> + Send + 'static,
{
    Route { method, path, access, run: Arc::new(move |call| Box::pin(run(call))) }
}

/// An operation on repositories that are read.
fn of_readable<R>(run: impl Fn(Call, Side) -> R) -> impl Fn(Call) -> R {
    move |call| run(call, Side::Read)
}

/// The same on those that are written to.
fn of_writable<R>(run: impl Fn(Call, Side) -> R) -> impl Fn(Call) -> R {
    move |call| run(call, Side::Write)
}

macro_rules! operations {
    ($($method:ident $access:ident $path:literal $run:expr;)*) => {
        vec![$(on(Method::$method, Access::$access, $path, $run)),*]
    };
}

/// All operations.
#[rustfmt::skip]
fn table() -> Vec<Route> {
    operations! {
        GET    Either   "/api/version" settings::version;
        GET    Either   "/api/v1/settings" settings::get;
        GET    SignedIn "/api/v1/settings/plugins" settings::plugins;
        POST   Public   "/api/v1/session" sessions::create;
        DELETE Either   "/api/v1/session" sessions::delete;
        GET    Either   "/api/v1/session/userinfo" sessions::user_info;
        GET    Either   "/auth/logout" sessions::logout;
        GET    SignedIn "/api/v1/account" accounts::list;
        GET    SignedIn "/api/v1/account/{name}" accounts::get;
        PUT    SignedIn "/api/v1/account/password" accounts::set_password;
        GET    SignedIn "/api/v1/account/can-i/{resource}/{action}" accounts::can_i;
        GET    SignedIn "/api/v1/account/can-i/{resource}/{action}/" accounts::can_i;
        GET    SignedIn "/api/v1/account/can-i/{resource}/{action}/{*subresource}" accounts::can_i;
        POST   SignedIn "/api/v1/account/{name}/token" accounts::create_token;
        DELETE SignedIn "/api/v1/account/{name}/token/{id}" accounts::delete_token;

        GET    SignedIn "/api/v1/applications" listed::list;
        POST   SignedIn "/api/v1/applications" written::create;
        POST   SignedIn "/api/v1/applications/manifestsWithFiles" unbuilt::manifests_with_files;
        GET    SignedIn "/api/v1/applications/{name}" applications::get;
        PUT    SignedIn "/api/v1/applications/{name}" written::update;
        PATCH  SignedIn "/api/v1/applications/{name}" written::patch;
        DELETE SignedIn "/api/v1/applications/{name}" written::delete;
        PUT    SignedIn "/api/v1/applications/{name}/spec" written::update_spec;
        POST   SignedIn "/api/v1/applications/{name}/sync" operations::sync;
        POST   SignedIn "/api/v1/applications/{name}/rollback" operations::rollback;
        DELETE SignedIn "/api/v1/applications/{name}/operation" operations::terminate;
        GET    SignedIn "/api/v1/applications/{name}/syncwindows" operations::windows;
        GET    SignedIn "/api/v1/applications/{name}/resource-tree" trees::get;
        GET    SignedIn "/api/v1/applications/{name}/managed-resources" compared::managed_resources;
        GET    SignedIn "/api/v1/applications/{name}/server-side-diff" compared::server_side_diff;
        GET    SignedIn "/api/v1/applications/{name}/manifests" compared::manifests;
        GET    SignedIn "/api/v1/applications/{name}/events" events::of_application;
        GET    SignedIn "/api/v1/applications/{name}/links" details::links;
        GET    SignedIn "/api/v1/applications/{name}/logs" logs::of_application;
        GET    SignedIn "/api/v1/applications/{name}/pods/{podName}/logs" logs::of_pod;
        GET    SignedIn "/api/v1/applications/{name}/resource" resources::get;
        POST   SignedIn "/api/v1/applications/{name}/resource" resources::patch;
        DELETE SignedIn "/api/v1/applications/{name}/resource" resources::delete;
        GET    SignedIn "/api/v1/applications/{name}/resource/actions" actions::list;
        POST   SignedIn "/api/v1/applications/{name}/resource/actions" actions::run;
        POST   SignedIn "/api/v1/applications/{name}/resource/actions/v2" actions::run_with_parameters;
        GET    SignedIn "/api/v1/applications/{name}/resource/links" details::resource_links;
        GET    SignedIn "/api/v1/applications/{name}/revisions/{revision}/metadata" details::revision_metadata;
        GET    SignedIn "/api/v1/applications/{name}/revisions/{revision}/chartdetails" details::chart_details;
        GET    SignedIn "/api/v1/applications/{name}/revisions/{revision}/ocimetadata" details::oci_metadata;
        GET    SignedIn "/api/v1/stream/applications" streams::applications;
        GET    SignedIn "/api/v1/stream/applications/{name}/resource-tree" streams::tree;

        GET    SignedIn "/api/v1/applicationsets" unbuilt::application_sets;
        POST   SignedIn "/api/v1/applicationsets" unbuilt::application_sets;
        POST   SignedIn "/api/v1/applicationsets/generate" unbuilt::application_sets;
        GET    SignedIn "/api/v1/applicationsets/{name}" unbuilt::application_sets;
        DELETE SignedIn "/api/v1/applicationsets/{name}" unbuilt::application_sets;
        GET    SignedIn "/api/v1/applicationsets/{name}/events" unbuilt::application_sets;
        GET    SignedIn "/api/v1/applicationsets/{name}/resource-tree" unbuilt::application_sets;
        GET    SignedIn "/api/v1/stream/applicationsets" unbuilt::application_sets;

        GET    SignedIn "/api/v1/projects" projects::list;
        POST   SignedIn "/api/v1/projects" projects::create;
        GET    SignedIn "/api/v1/projects/{name}" projects::get;
        PUT    SignedIn "/api/v1/projects/{name}" projects::update;
        DELETE SignedIn "/api/v1/projects/{name}" projects::delete;
        GET    SignedIn "/api/v1/projects/{name}/detailed" projects::detailed;
        GET    SignedIn "/api/v1/projects/{name}/events" events::of_project;
        GET    SignedIn "/api/v1/projects/{name}/globalprojects" projects::globals;
        GET    SignedIn "/api/v1/projects/{name}/links" details::project_links;
        GET    SignedIn "/api/v1/projects/{name}/syncwindows" projects::windows;
        POST   SignedIn "/api/v1/projects/{name}/roles/{role}/token" tokens::create;
        DELETE SignedIn "/api/v1/projects/{name}/roles/{role}/token/{iat}" tokens::delete;

        GET    SignedIn "/api/v1/repositories" of_readable(repositories::list);
        POST   SignedIn "/api/v1/repositories" of_readable(repositories::create);
        GET    SignedIn "/api/v1/repositories/{repo}" of_readable(repositories::get);
        PUT    SignedIn "/api/v1/repositories/{repo}" of_readable(repositories::update);
        DELETE SignedIn "/api/v1/repositories/{repo}" of_readable(repositories::delete);
        GET    SignedIn "/api/v1/repositories/{repo}/refs" details::refs;
        GET    SignedIn "/api/v1/repositories/{repo}/apps" details::apps;
        GET    SignedIn "/api/v1/repositories/{repo}/helmcharts" details::charts;
        GET    SignedIn "/api/v1/repositories/{repo}/oci-tags" details::oci_tags;
        POST   SignedIn "/api/v1/repositories/{repo}/validate" of_readable(repositories::validate);
        POST   SignedIn "/api/v1/repositories/{repo}/appdetails" details::app_details;
        GET    SignedIn "/api/v1/write-repositories" of_writable(repositories::list);
        POST   SignedIn "/api/v1/write-repositories" of_writable(repositories::create);
        GET    SignedIn "/api/v1/write-repositories/{repo}" of_writable(repositories::get);
        PUT    SignedIn "/api/v1/write-repositories/{repo}" of_writable(repositories::update);
        DELETE SignedIn "/api/v1/write-repositories/{repo}" of_writable(repositories::delete);
        POST   SignedIn "/api/v1/write-repositories/{repo}/validate" of_writable(repositories::validate);
        GET    SignedIn "/api/v1/repocreds" of_readable(credentials::list);
        POST   SignedIn "/api/v1/repocreds" of_readable(credentials::create);
        PUT    SignedIn "/api/v1/repocreds/{url}" of_readable(credentials::update);
        DELETE SignedIn "/api/v1/repocreds/{url}" of_readable(credentials::delete);
        GET    SignedIn "/api/v1/write-repocreds" of_writable(credentials::list);
        POST   SignedIn "/api/v1/write-repocreds" of_writable(credentials::create);
        PUT    SignedIn "/api/v1/write-repocreds/{url}" of_writable(credentials::update);
        DELETE SignedIn "/api/v1/write-repocreds/{url}" of_writable(credentials::delete);

        GET    SignedIn "/api/v1/clusters" clusters::list;
        POST   SignedIn "/api/v1/clusters" clusters::create;
        GET    SignedIn "/api/v1/clusters/{id}" clusters::get;
        PUT    SignedIn "/api/v1/clusters/{id}" clusters::update;
        DELETE SignedIn "/api/v1/clusters/{id}" clusters::delete;
        POST   SignedIn "/api/v1/clusters/{id}/invalidate-cache" clusters::invalidate;
        POST   SignedIn "/api/v1/clusters/{id}/rotate-auth" rotated::rotate;
        GET    SignedIn "/api/v1/certificates" certificates::list;
        POST   SignedIn "/api/v1/certificates" certificates::create;
        DELETE SignedIn "/api/v1/certificates" certificates::delete;
        GET    SignedIn "/api/v1/gpgkeys" gpg_keys::list;
        POST   SignedIn "/api/v1/gpgkeys" gpg_keys::create;
        DELETE SignedIn "/api/v1/gpgkeys" gpg_keys::delete;
        GET    SignedIn "/api/v1/gpgkeys/{keyID}" gpg_keys::get;
        GET    SignedIn "/api/v1/notifications/services" notifications::services;
        GET    SignedIn "/api/v1/notifications/templates" notifications::templates;
        GET    SignedIn "/api/v1/notifications/triggers" notifications::triggers;

        POST   Public   "/api/webhook" webhook::receive;
        GET    Public   "/api/badge" badge::draw;
        GET    Public   "/metrics" metrics::tell;
    }
}

/// All operations as method, path and who may ask, for those who check the list.
pub fn listing() -> Vec<(String, &'static str, Access)> {
    table().into_iter().map(|route| (route.method.to_string(), route.path, route.access)).collect()
}

/// The API as a service. Must be called inside a tokio runtime, where its watches begin.
pub fn router(options: Options) -> Router {
    let (root, metrics) = (options.root_path.clone(), options.metrics);
    let api = Api::new(options);
    let mut paths: BTreeMap<&'static str, MethodRouter> = BTreeMap::new();
    for route in table().into_iter().filter(|route| metrics || route.path != "/metrics") {
        let filter = MethodFilter::try_from(route.method.clone()).expect("the table names methods that are served");
        let (api, path, route) = (api.clone(), route.path, Arc::new(route));
        let answer = move |parameters: RawPathParams, request: Request| {
            let parameters = parameters.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            pass::through(api.clone(), route.clone(), parameters, request)
        };
        let methods = paths.remove(path).unwrap_or_default();
        paths.insert(path, methods.on(filter, answer));
    }
    let mut router = Router::new();
    for (path, methods) in paths {
        router = router.route(path, methods.fallback(wrong_method));
    }
    router = router.route("/healthz", axum::routing::get(|| async { plain(StatusCode::OK, "text/plain", "ok") }));
    router = router.fallback(nothing_here);
    if root.is_empty() { router } else { Router::new().nest(&root, router) }
}

async fn wrong_method() -> http::Response<axum::body::Body> {
    refused(&Error::unimplemented("Method Not Allowed"))
}

async fn nothing_here() -> http::Response<axum::body::Body> {
    refused(&Error::not_found("Not Found"))
}
