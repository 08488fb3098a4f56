//! The server alone, to replay recordings and point kubectl at:
//! `apiserver --listen 127.0.0.1:PORT [--kubeconfig FILE] [--controllers=false] [--token T] [--plain]`.

use std::path::Path;
use std::time::Instant;

use belay_apiserver::{Options, Server, Tls, controllers};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let began = Instant::now();
    let mut args = std::env::args().skip(1);
    let (mut listen, mut kubeconfig, mut plain) = ("127.0.0.1:6443".to_owned(), None, false);
    let mut options = Options { controllers: Some(controllers::Options::default()), ..Options::default() };
    while let Some(arg) = args.next() {
        let (name, value) = arg.split_once('=').map_or((arg.clone(), None), |(n, v)| (n.into(), Some(v.to_owned())));
        let mut value = || value.clone().or_else(|| args.next()).unwrap_or_default();
        match name.as_str() {
            "--listen" => listen = value(),
            "--kubeconfig" => kubeconfig = Some(value()),
            "--token" => options.token = Some(value()),
            "--controllers" if value() == "false" => options.controllers = None,
            "--controllers" => {}
            "--plain" => plain = true,
            other => return Err(std::io::Error::other(format!("unknown option {other}"))),
        }
    }
    let server = Server::new(options);
    let tls = if plain { None } else { Some(Tls::generate(&[])?) };
    let mut serving = server.serve(TcpListener::bind(&listen).await?, tls)?;
    if let Some(path) = kubeconfig {
        serving.write_kubeconfig(Path::new(&path))?;
    }
    println!("serving {} after {:?}", serving.url(), began.elapsed());
    serving.wait().await;
    Ok(())
}
