//! When a connection is quiet: no request is under way on it, and none begins.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use tokio::sync::watch;
use tokio::time::sleep;
use tower::{Service, ServiceExt};

/// The requests of one connection that are under way: from when their head is read until their answer is
/// written.
#[derive(Clone)]
pub(super) struct Requests(watch::Sender<usize>);

impl Default for Requests {
    fn default() -> Requests {
        Requests(watch::Sender::new(0))
    }
}

impl Requests {
    /// The service, its requests counted.
    pub fn counted<B>(
        &self,
        router: Router,
    ) -> impl Service<Request<B>, Response = Response<Body>, Error = Infallible, Future: Send> + Clone + Send + 'static
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let requests = self.clone();
        tower::service_fn(move |request: Request<B>| {
            let (router, one) = (router.clone(), One::of(&requests));
            async move {
                let response = router.oneshot(request).await?;
                Ok(response.map(|body| Body::new(Counted { body, _one: one })))
            }
        })
    }

    /// Waits until the first request has not begun in time, or no other for so long.
    pub async fn quiet(&self, first: Duration, idle: Duration) {
        let (mut changes, mut patience) = (self.0.subscribe(), first);
        loop {
            let is_quiet = *changes.borrow_and_update() == 0;
            tokio::select! {
                // There is a sender: this one.
                _ = changes.changed() => patience = idle,
                () = sleep(patience), if is_quiet => return,
            }
        }
    }
}

/// A request that is under way.
struct One(watch::Sender<usize>);

impl One {
    fn of(requests: &Requests) -> One {
        requests.0.send_modify(|count| *count += 1);
        One(requests.0.clone())
    }
}

impl Drop for One {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// The body of an answer, under way until it is written or given up.
struct Counted {
    body: Body,
    _one: One,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }
    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
