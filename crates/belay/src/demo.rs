//! `belay demo`: everything in one process, to try it with no cluster.
//!
//! The embedded API server, a Git server on loopback and the controllers, on a sample shop or on any
//! folder of manifests. Without `--tour` it runs until ctrl-C and shows what happens; with `--tour` it
//! goes through the story by itself and ends.

mod git;
mod stage;
mod tour;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use belay_cluster::{FollowEvent, FollowOptions, Resource};
use clap::Args;

use belay_cli::outln;
use stage::Stage;

#[derive(Args, Debug)]
pub struct DemoArgs {
    /// Go through the story unattended; exits 0 only if every step held
    #[arg(long)]
    tour: bool,
    /// A folder of manifests instead of the sample shop
    #[arg(long, value_name = "DIR")]
    repo: Option<PathBuf>,
    /// The path in that folder to apply
    #[arg(long, default_value = "./")]
    path: String,
    /// Where to keep the kubeconfig, the Git repository and the working copy; a temporary folder where not given
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Port of the API server; any where not given
    #[arg(long, default_value_t = 0)]
    port: u16,
}

/// Runs the demo.
pub async fn demo(args: DemoArgs) -> Result<ExitCode> {
    crate::log::start("error", false);
    let stage = Stage::set(&args).await?;
    if args.tour {
        let held = tour::tour(&stage, &args).await;
        stage.strike().await;
        return Ok(if held? { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    stage.apply_sample(&args).await?;
    introduce(&stage);
    tokio::select! {
        () = follow_events(&stage) => {}
        _ = tokio::signal::ctrl_c() => outln!(),
    }
    stage.strike().await;
    Ok(ExitCode::SUCCESS)
}

fn introduce(stage: &Stage) {
    let work = stage.work.display();
    outln!(
        "
Belay runs, with a Kubernetes API server of its own. Nothing outside of this process is touched.

  API server   {api}
  kubeconfig   export KUBECONFIG={kubeconfig}
  Argo CD API  {argocd_api} (admin; the password stands in the secret argocd/argocd-initial-admin-secret)
  Git          {git}
  your copy    {work}

Five things to try in another terminal:

  1. Change the shop by a commit:
     cd {work} && sed -i 's/replicas: 2/replicas: 4/' storefront.yaml && git commit -qam 'more storefronts' && git push
  2. Break something by hand and see it put right:
     kubectl --kubeconfig {kubeconfig} -n shop delete deployment catalog
  3. Apply an Application of Argo CD's, from the same repository:
     belay --kubeconfig {kubeconfig} app create mine --repo {git} --path . --dest-server https://kubernetes.default.svc --dest-namespace mine --sync-option CreateNamespace=true
     belay --kubeconfig {kubeconfig} app sync mine
  4. Do the same through Argo CD's API, as argocd does:
     belay login {argocd_host} --plaintext --username admin --password $(belay --kubeconfig {kubeconfig} account initial-password)
     belay app list        (`belay context {argocd_host} --delete` forgets it)
  5. Ask what is there:
     belay --kubeconfig {kubeconfig} get all -A
     belay --kubeconfig {kubeconfig} tree kustomization shop
     belay --kubeconfig {kubeconfig} app list

Events follow; ctrl-C ends everything.
",
        api = stage.api,
        argocd_api = stage.argocd_api,
        argocd_host = stage.argocd_api.trim_start_matches("http://").trim_end_matches("/api/v1"),
        kubeconfig = stage.kubeconfig.display(),
        git = stage.git_url,
    );
}

async fn follow_events(stage: &Stage) {
    let events = Resource::known("", "v1", "Event", "events", true);
    let mut follow = stage.cluster.follow(&events, "", FollowOptions::default());
    loop {
        if let FollowEvent::Applied(event) = follow.next().await {
            let text = |path: &[&str]| event.str_at(path).unwrap_or_default().to_owned();
            let of = text(&["involvedObject", "apiVersion"]);
            if !of.contains("toolkit.fluxcd.io") && !of.starts_with("argoproj.io/") {
                continue;
            }
            let about = format!("{}/{}", text(&["involvedObject", "kind"]), text(&["involvedObject", "name"]));
            for (i, line) in belay_cli::output::clean(&text(&["message"])).lines().enumerate() {
                match i {
                    0 => outln!("{} {about}: {line}", clock()),
                    _ => outln!("         {line}"),
                }
            }
        }
    }
}

fn clock() -> String {
    let now = jiff::Timestamp::now().to_string();
    now.get(11..19).unwrap_or_default().to_owned()
}
