//! Nothing that is secret is in any answer.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::world::World;

/// Every secret of this world begins so.
const CANARY: &str = "canary-7f3a9c";

const SECRETS: &str = "
apiVersion: v1
kind: Secret
metadata: {name: keys, namespace: shop, annotations: {argocd.argoproj.io/tracking-id: 'one:/Secret:shop/keys', kubectl.kubernetes.io/last-applied-configuration: 'canary-7f3a9c-applied'}}
stringData: {token: canary-7f3a9c-object, other: canary-7f3a9c-other}
---
apiVersion: v1
kind: Secret
metadata: {name: repo, namespace: argocd, labels: {argocd.argoproj.io/secret-type: repository}}
stringData: {url: 'https://user:canary-7f3a9c-url@git.example/o/r', username: canary-7f3a9c-user, password: canary-7f3a9c-password, sshPrivateKey: canary-7f3a9c-ssh,
  tlsClientCertKey: canary-7f3a9c-tls, bearerToken: canary-7f3a9c-bearer, githubAppPrivateKey: canary-7f3a9c-github, proxy: 'http://u:canary-7f3a9c-proxy@proxy.example', project: default}
---
apiVersion: v1
kind: Secret
metadata: {name: creds, namespace: argocd, labels: {argocd.argoproj.io/secret-type: repo-creds}}
stringData: {url: 'https://git.example/o', username: canary-7f3a9c-user2, password: canary-7f3a9c-password2}
---
apiVersion: v1
kind: Secret
metadata: {name: cluster, namespace: argocd, labels: {argocd.argoproj.io/secret-type: cluster}, annotations: {kubectl.kubernetes.io/last-applied-configuration: 'canary-7f3a9c-cluster'}}
stringData: {name: far, server: 'https://127.0.0.1:1', project: default, config: '{\"username\":\"canary-7f3a9c-cu\",\"password\":\"canary-7f3a9c-cp\",\"bearerToken\":\"canary-7f3a9c-ct\",\"tlsClientConfig\":{\"insecure\":true,\"keyData\":\"Y2FuYXJ5LTdmM2E5Yy1rZXk=\"}}'}
---
apiVersion: v1
kind: Secret
metadata: {name: broken, namespace: argocd, labels: {argocd.argoproj.io/secret-type: cluster}}
stringData: {name: broken, server: 'https://127.0.0.1:2', config: '{\"password\": canary-7f3a9c-broken'}
---
apiVersion: v1
kind: Secret
metadata: {name: argocd-secret, namespace: argocd, labels: {app.kubernetes.io/part-of: argocd}}
stringData: {webhook.github.secret: canary-7f3a9c-hook, oidc.clientSecret: canary-7f3a9c-oidc, accounts.dev.password: canary-7f3a9c-hash}
";

#[tokio::test(flavor = "multi_thread")]
async fn inv_sec_1_no_answer_holds_a_secret() {
    let config = "accounts.dev: 'apiKey, login', oidc.config: '{name: x, issuer: \"https://idp.example\", clientID: a, clientSecret: $oidc.clientSecret}', \
        dex.config: 'connectors: [{config: {clientSecret: canary-7f3a9c-dex}}]', statusbadge.enabled: 'true', \
        extension.config: 'headers: canary-7f3a9c-extension'";
    let world = World::with(config, "").await;
    world.apply(SECRETS);
    world.application(
        "one",
        "default",
        "status: {resources: [{version: v1, kind: Secret, namespace: shop, name: keys}]}",
    );
    let admin = world.admin();
    world.seen(&admin, "/api/v1/clusters", |answer| answer.text.contains("\"far\"")).await;
    world.seen(&admin, "/api/v1/applications/one", |answer| answer.status == 200).await;
    let keys = "version=v1&kind=Secret&namespace=shop&resourceName=keys";
    let mut asked = vec![
        format!("GET /api/v1/applications/one/resource?{keys}"),
        format!("GET /api/v1/applications/one/resource/actions?{keys}"),
        format!("POST /api/v1/applications/one/resource?{keys}&patchType=application%2Fmerge-patch%2Bjson"),
        "GET /api/v1/clusters/far?id.type=name".to_owned(),
        "GET /api/v1/repositories/https%3A%2F%2Fgit.example%2Fo%2Fr?appProject=default".to_owned(),
        "POST /api/v1/clusters/far/invalidate-cache?id.type=name".to_owned(),
        "GET /api/v1/projects/default/detailed".to_owned(),
        "GET /api/v1/account/dev".to_owned(),
    ];
    // Everything that reads, of whatever name.
    for (method, path, _) in belay_server::listing() {
        // Signing out is last of all.
        if method == "GET" && !path.contains("/stream/") && path != "/auth/logout" {
            let path = path
                .replace("applications/{name}", "applications/one")
                .replace("projects/{name}", "projects/default")
                .replace("account/{name}", "account/dev")
                .replace("{repo}", "https%3A%2F%2Fgit.example%2Fo%2Fr")
                .replace("{id}", "https%3A%2F%2F127.0.0.1%3A1");
            asked.push(format!("GET {path}"));
        }
    }
    let forms = [
        CANARY.to_owned(),
        STANDARD.encode(CANARY).trim_end_matches('=').to_owned()[..16].to_owned(),
        URL_SAFE_NO_PAD.encode(CANARY)[..16].to_owned(),
    ];
    let mut refused = Vec::new();
    let mut answered = 0;
    for line in asked {
        let line = line.replace(['{', '}'], "");
        let answer = admin.ask(&line, "\"{\\\"data\\\":{\\\"token\\\":5}}\"").await;
        for form in &forms {
            assert!(!answer.text.contains(form.as_str()), "{line}: {}", answer.text);
        }
        assert!(!answer.text.contains("$2a$"), "{line}: a hash: {}", answer.text);
        answered += usize::from(answer.status == 200);
        if answer.status != 200 {
            refused.push(format!("{line}: {}", answer.told()));
        }
    }
    assert!(answered > 30, "only {answered} were answered:\n{}", refused.join("\n"));
}
