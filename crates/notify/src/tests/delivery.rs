//! Messages to servers on loopback.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::*;

/// A server that answers each request with the next of some answers, the last one again and again; `hang` never
/// answers. Gives its address and what it is asked.
async fn server(answers: &'static [&'static str]) -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
    let address = format!("http://{}", listener.local_addr().expect("it listens"));
    let (tell, asked) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut next = 0;
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = answers[next.min(answers.len() - 1)];
            next += 1;
            let tell = tell.clone();
            tokio::spawn(async move {
                let mut bytes = vec![0; 64 << 10];
                let length = stream.read(&mut bytes).await.unwrap_or_default();
                let _ = tell.send(String::from_utf8_lossy(&bytes[..length]).into_owned());
                if answer == "hang" {
                    std::future::pending::<()>().await;
                }
                let _ = stream.write_all(format!("HTTP/1.1 {answer}").as_bytes()).await;
            });
        }
    });
    (address, asked)
}

const OK: &str = "200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
const BUSY: &str = "503 Busy\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbusy";
const NO: &str = "400 No\r\nConnection: close\r\nContent-Length: 23\r\n\r\nnot with s3cr3t-key, no";

const PLAIN: &str = "400 No\r\nConnection: close\r\nContent-Length: 19\r\n\r\nno plain-token here";

struct Desk {
    outbox: Outbox<u32>,
    outcomes: mpsc::UnboundedReceiver<Outcome<u32>>,
    config: Arc<Config>,
}

impl Desk {
    fn of(services: &str) -> Desk {
        let config = config(&format!("{{template.a: 'message: hello', {services}}}"), "{key: s3cr3t-key}");
        assert_eq!(config.problems, []);
        let (tell, outcomes) = mpsc::unbounded_channel();
        let base = belay_net::ClientOptions::default();
        let options = OutboxOptions { base, roots: Arc::new(|_| None), time_limit: Duration::from_millis(700) };
        let outbox = Outbox::new(options, move |outcome| drop(tell.send(outcome)));
        Desk { outbox, outcomes, config: Arc::new(config) }
    }
    fn offer(&self, whose: u32, service: &str) -> Result<(), Error> {
        let to = Destination { service: service.into(), recipient: String::new() };
        let message = Message { key: "k".into(), trigger: "t".into(), to, templates: vec!["a".into()] };
        let text = message.render(&self.config, &subject("{}")).expect("it renders");
        self.outbox.offer(whose, message, text, self.config.clone())
    }
    /// The next outcome.
    async fn outcome(&mut self) -> String {
        let outcome = tokio::time::timeout(Duration::from_secs(20), self.outcomes.recv()).await;
        let outcome = outcome.expect("in time").expect("there is one");
        let what = outcome.result.map_or_else(|e| e.to_string(), |()| "taken".into());
        format!("{} {what}", outcome.whose)
    }
}

#[tokio::test]
async fn a_message_reaches_its_server_and_is_tried_again() {
    let (url, mut asked) = server(&[BUSY, BUSY, OK]).await;
    let mut desk = Desk::of(&format!(
        "service.webhook.w: '{{url: \"{url}/$key\", retryWaitMin: 1ms, headers: [{{name: X-Key, value: $key}}]}}'"
    ));
    desk.offer(1, "w").expect("there is room");
    assert_eq!(desk.outcome().await, "1 taken");
    let first = asked.recv().await.expect("it was asked");
    assert!(first.starts_with("GET /s3cr3t-key HTTP/1.1\r\n") && first.contains("x-key: s3cr3t-key\r\n"), "{first}");
    assert!(asked.recv().await.is_some() && asked.recv().await.is_some(), "three times in all");
}

#[tokio::test]
async fn what_is_refused_is_told_without_credentials() {
    let (url, _asked) = server(&[NO]).await;
    let mut desk = Desk::of(&format!(
        "service.webhook.w: '{{url: \"{url}/$key\"}}', service.webhook.x: '{{url: \"http://$key:1 /\"}}'"
    ));
    desk.offer(1, "w").expect("there is room");
    assert_eq!(desk.outcome().await, "1 service 'w': refused with status 400: not with ***, no");
    // What stands in the configuration itself is as little shown.
    let (url, _asked) = server(&[PLAIN]).await;
    let mut plain = Desk::of(&format!("service.mattermost: '{{apiURL: \"{url}\", token: plain-token}}'"));
    plain.offer(4, "mattermost").expect("there is room");
    assert_eq!(plain.outcome().await, "4 service 'mattermost': refused with status 400: no *** here");
    desk.offer(2, "x").expect("there is room");
    assert_eq!(desk.outcome().await, "2 service 'x': the address is no URL");
    desk.offer(3, "none").expect("there is room");
    assert_eq!(desk.outcome().await, "3 service 'none': notification service 'none' is not supported");
}

#[tokio::test]
async fn forbidden_addresses_are_not_connected_to() {
    let mut desk = Desk::of("service.webhook.w: '{url: \"http://169.254.169.254/latest\"}'");
    desk.offer(1, "w").expect("there is room");
    let said = desk.outcome().await;
    assert!(said.contains("connecting to 169.254.169.254 is not allowed"), "{said}");
}

#[tokio::test]
async fn a_server_that_hangs_delays_no_other_and_no_one_who_offers() {
    let (slow, _slow) = server(&["hang"]).await;
    let (quick, _quick) = server(&[OK]).await;
    let mut desk = Desk::of(&format!(
        "service.webhook.slow: '{{url: \"{slow}\"}}', service.webhook.quick: '{{url: \"{quick}\"}}'"
    ));
    let mut taken = 0;
    while desk.offer(1, "slow").is_ok() {
        taken += 1;
        assert!(taken < 2_000, "the queue has a limit");
    }
    let refused = desk.offer(1, "slow").expect_err("there is no room");
    assert_eq!(refused.to_string(), "service 'slow' has 500 messages waiting; it is tried again");
    desk.offer(2, "quick").expect("there is room");
    assert_eq!(desk.outcome().await, "2 taken", "before any of the others gives up");
    assert_eq!(desk.outcome().await, "1 service 'slow': not taken within 0.7 s");
}
