//! [`Outbox`]: messages on their way. Each service has a queue and deliveries of its own, so that one that is slow
//! or gone delays no message to another; whoever offers a message never waits.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use belay_net::{ClientOptions, Clients};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::service::{Moment, Threads};
use crate::{Answer, Config, Error, ErrorKind, Message, Notification, Outgoing};

/// Certificate authorities besides the system's, by host.
pub type Roots = Arc<dyn Fn(&str) -> Option<Vec<u8>> + Send + Sync>;

/// How messages go out.
#[derive(Clone)]
pub struct OutboxOptions {
    /// Which addresses may be connected to, and through what.
    pub base: ClientOptions,
    /// Whom to believe.
    pub roots: Roots,
    /// How long a delivery may take, with all that is tried again.
    pub time_limit: Duration,
}

/// What came of a message.
#[derive(Debug)]
pub struct Outcome<T> {
    /// Whose it was.
    pub whose: T,
    /// The message.
    pub message: Message,
    /// Whether it was taken.
    pub result: Result<(), Error>,
}

/// Messages that wait for one service: some KiB each. Beyond, a message is not taken, and offered again later.
const QUEUED: usize = 500;
/// Deliveries to one service at once.
const AT_ONCE: usize = 8;
/// Services with a queue: each is a task that waits.
const MOST_SERVICES: usize = 256;
/// Of an answer so much is read.
const MAX_ANSWER: usize = 256 << 10;

struct Letter<T> {
    whose: T,
    message: Message,
    text: Notification,
    config: Arc<Config>,
}

/// Takes messages, sends them, and tells what came of each. What is under way ends when this is dropped.
pub struct Outbox<T> {
    queues: Mutex<HashMap<String, mpsc::Sender<Letter<T>>>>,
    tasks: Mutex<JoinSet<()>>,
    post: Arc<Post<T>>,
}

struct Post<T> {
    options: OutboxOptions,
    clients: Clients,
    threads: Threads,
    tell: Box<dyn Fn(Outcome<T>) + Send + Sync>,
}

impl<T: Send + Sync + 'static> Outbox<T> {
    /// An empty one; `tell` is called at each outcome, and must not wait.
    pub fn new(options: OutboxOptions, tell: impl Fn(Outcome<T>) + Send + Sync + 'static) -> Outbox<T> {
        let (clients, threads) = (Clients::default(), Threads::default());
        let post = Arc::new(Post { options, clients, threads, tell: Box::new(tell) });
        Outbox { queues: Mutex::default(), tasks: Mutex::default(), post }
    }

    /// Takes a message. An error means that it was not taken: its service has too many waiting.
    ///
    /// Must be called inside a tokio runtime.
    pub fn offer(&self, whose: T, message: Message, text: Notification, config: Arc<Config>) -> Result<(), Error> {
        let full = |what: &str| Error::new(ErrorKind::Full, format!("{what}; it is tried again"));
        let name = message.to.service.clone();
        let mut queues = self.queues.lock();
        if !queues.contains_key(&name) && queues.len() >= MOST_SERVICES {
            // Those of services that nothing waits for may go.
            queues.retain(|_, queue| queue.capacity() < QUEUED);
            if queues.len() >= MOST_SERVICES {
                return Err(full("too many services have messages waiting"));
            }
        }
        let queue = queues.entry(name.clone()).or_insert_with(|| {
            let (queue, waiting) = mpsc::channel(QUEUED);
            let mut tasks = self.tasks.lock();
            while tasks.try_join_next().is_some() {}
            tasks.spawn(deliver_all(self.post.clone(), waiting));
            queue
        });
        let letter = Letter { whose, message, text, config };
        queue.try_send(letter).map_err(|_| full(&format!("service '{name}' has {QUEUED} messages waiting")))
    }
}

/// Delivers what comes, some at once.
async fn deliver_all<T: Send + Sync + 'static>(post: Arc<Post<T>>, mut waiting: mpsc::Receiver<Letter<T>>) {
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut under_way = JoinSet::new();
    while let Some(letter) = waiting.recv().await {
        while under_way.try_join_next().is_some() {}
        let Ok(turn) = turns.clone().acquire_owned().await else { return };
        let post = post.clone();
        under_way.spawn(async move {
            let limit = post.options.time_limit;
            let result = match tokio::time::timeout(limit, post.deliver(&letter)).await {
                Ok(result) => result,
                Err(_) => Err(format!("not taken within {} s", limit.as_secs_f32())),
            };
            let to = &letter.message.to;
            let result = result.map_err(|why| {
                let message = letter.config.scrub(&format!("service '{}': {why}", to.service));
                Error::new(ErrorKind::Delivery, message)
            });
            (post.tell)(Outcome { whose: letter.whose, message: letter.message, result });
            drop(turn);
        });
    }
    while under_way.join_next().await.is_some() {}
}

impl<T> Post<T> {
    async fn deliver(&self, letter: &Letter<T>) -> Result<(), String> {
        let to = &letter.message.to;
        let service = match letter.config.services.get(&to.service) {
            Some(Ok(service)) => &service.0,
            Some(Err(e)) => return Err(e.message.clone()),
            None => return Err(format!("notification service '{}' is not supported", to.service)),
        };
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let at = Moment { threads: &self.threads, now_unix_ns: now.as_nanos().cast_signed() };
        let requests = service.requests(&letter.text, to, &at)?;
        let mut failed = None;
        let mut taken = 0;
        for request in &requests {
            let sent = self.send(request).await;
            let judged = sent.and_then(|answer| service.judge(&answer).map(|()| answer));
            match judged.map_err(|why| without_credentials(request, why)) {
                Ok(answer) => {
                    taken += 1;
                    service.learn(&letter.text, to, &answer, &self.threads);
                }
                Err(why) if service.one_suffices() => failed = Some(why),
                Err(why) => return Err(why),
            }
        }
        match failed {
            Some(why) if taken == 0 => Err(why),
            _ => Ok(()),
        }
    }

    /// Sends a request until it is answered for good. No message shows the address: it may be a credential.
    async fn send(&self, request: &Outgoing) -> Result<Answer, String> {
        let mut pause = request.retries.wait_min;
        let mut tries = 0;
        loop {
            let (again, result) = match self.send_once(request).await {
                Ok((answer, _)) if !is_passing(answer.status) => return Ok(answer),
                Ok((answer, after)) => (after, Ok(answer)),
                Err(e) if is_final(e.kind()) => return Err(e.to_string()),
                Err(e) => (None, Err(e.to_string())),
            };
            if tries >= request.retries.most {
                return result;
            }
            tries += 1;
            tokio::time::sleep(again.unwrap_or(pause)).await;
            pause = (pause * 2).min(request.retries.wait_max);
        }
    }

    async fn send_once(&self, request: &Outgoing) -> Result<(Answer, Option<Duration>), belay_net::Error> {
        let wrong = |why: &str| belay_net::Error::new(belay_net::ErrorKind::Config, why);
        let address = belay_net::RemoteUrl::parse(request.url.expose());
        // The parser's own words would show the address.
        let address = address.map_err(|_| belay_net::Error::new(belay_net::ErrorKind::Url, "the address is no URL"))?;
        let options = ClientOptions {
            extra_roots: (self.options.roots)(address.host()),
            insecure: request.insecure,
            connect_timeout: Duration::from_secs(10),
            // Credentials in headers go to whom they are for alone (INV-NET-2).
            redirects: 0,
            ..self.options.base.clone()
        };
        let client = self.clients.get(&options)?;
        let method = http::Method::from_bytes(request.method.to_uppercase().as_bytes());
        let method = method.map_err(|_| wrong("the method is none of HTTP's"))?;
        let mut outgoing = client.request(method, request.url.expose())?;
        for (name, value) in &request.headers {
            let name = name.parse::<http::HeaderName>().map_err(|_| wrong("the name of a header cannot be sent"))?;
            let value = value.expose().parse::<http::HeaderValue>();
            let mut value = value.map_err(|_| wrong("the value of a header cannot be sent"))?;
            value.set_sensitive(true);
            outgoing = outgoing.header(name, value);
        }
        let response = outgoing.body(request.body.clone()).send().await?;
        let status = response.status().as_u16();
        let after =
            response.headers().get(http::header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let body = response.read(MAX_ANSWER).await?;
        let body = String::from_utf8_lossy(&body).into_owned();
        Ok((Answer { status, body }, after.map(Duration::from_secs)))
    }
}

/// What a receiver answered, without what it was shown: it may repeat a credential that stands in the configuration
/// itself, not in the secret.
fn without_credentials(request: &Outgoing, mut why: String) -> String {
    let headers = request.headers.iter().filter(|(name, _)| name != "Content-Type").map(|(_, value)| value.expose());
    // `Bearer TOKEN`: the token alone too.
    let parts = headers.flat_map(|value| [value.as_str(), value.rsplit(' ').next().unwrap_or_default()]);
    for credential in parts.chain([request.url.expose().as_str()]).filter(|text| text.len() >= 5) {
        if why.contains(credential) {
            why = why.replace(credential, "***");
        }
    }
    why
}

/// Whether a status may be another one in a moment.
fn is_passing(status: u16) -> bool {
    status == 429 || (status >= 500 && status != 501)
}

/// Whether trying again cannot help.
fn is_final(kind: belay_net::ErrorKind) -> bool {
    use belay_net::ErrorKind as K;
    matches!(kind, K::Url | K::Config | K::Tls | K::Forbidden | K::Redirect | K::TooLarge)
}
