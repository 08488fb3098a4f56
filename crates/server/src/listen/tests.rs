//! Connections that say nothing, say it slowly, or are too many, over sockets.

use super::*;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Long enough for anything that comes about at all.
const PATIENCE: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(100);
const LIMITS: Limits = Limits { connections: 100, of_peer: 3, head: SHORT, idle: SHORT, last: SHORT };

/// A listener with limits; gives where.
async fn listening(limits: Limits, tasks: &mut JoinSet<()>) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it listens");
    let slow = || async {
        tokio::time::sleep(SHORT * 5).await;
        "slow"
    };
    let router = Router::new().route("/", axum::routing::get(|| async { "here" }));
    tasks.spawn(accept(listener, router.route("/slow", axum::routing::get(slow)), None, limits));
    address
}

/// All that is told on a connection until it is closed.
async fn rest(stream: &mut TcpStream) -> String {
    let mut told = Vec::new();
    // A connection that is reset is closed as well.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut told)).await.expect("it is closed");
    String::from_utf8_lossy(&told).into_owned()
}

async fn told(address: std::net::SocketAddr, said: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(said.as_bytes()).await.expect("it is taken");
    rest(&mut stream).await
}

#[tokio::test]
async fn inv_res_10_who_says_nothing_or_half_of_it_is_hung_up_on() {
    let mut tasks = JoinSet::new();
    let address = listening(LIMITS, &mut tasks).await;
    for said in ["", "P", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET / HTTP/1.1\r\nhost: h\r\nx-slow: "] {
        let told = told(address, said).await;
        assert!(!told.contains("here"), "{said:?}: {told:?}");
    }
    // What was asked is answered, however long that takes; then the connection is closed, kept alive or not.
    for path in ["/", "/slow"] {
        let told = told(address, &format!("GET {path} HTTP/1.1\r\nhost: h\r\n\r\n")).await;
        assert!(told.starts_with("HTTP/1.1 200") && told.contains(if path == "/" { "here" } else { "slow" }), "{told}");
        assert!(told.contains("content-length: 4"), "{told}");
    }
}

#[tokio::test]
async fn inv_res_10_one_peer_has_a_part_of_all_connections() {
    let mut tasks = JoinSet::new();
    let address = listening(Limits { head: PATIENCE, ..LIMITS }, &mut tasks).await;
    let mut open = Vec::new();
    for _ in 0..LIMITS.of_peer {
        open.push(TcpStream::connect(address).await.expect("a connection"));
    }
    let mut refused = TcpStream::connect(address).await.expect("a connection");
    let told = rest(&mut refused).await;
    assert!(told.starts_with("HTTP/1.1 503") && told.ends_with("too many connections of this peer"), "{told}");
    let body = told.split_once("\r\n\r\n").expect("a body").1;
    assert!(told.contains(&format!("content-length: {}", body.len())), "{told}");
    // A place that is left is another's.
    drop(open.pop());
    for _ in 0..1000 {
        let asked = told_at_once(address).await;
        if asked.starts_with("HTTP/1.1 200") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("the place is never free");
}

async fn told_at_once(address: std::net::SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    // Who is refused may be hung up on before it is written.
    let _ = stream.write_all(b"GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n").await;
    rest(&mut stream).await
}
