//! The HTTP of a queue of jobs.

use crate::upstream::{Answer, Call, Segments, Upstream, UpstreamError};
use http::{HeaderMap, HeaderValue, Method, Uri, header};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// How long a cancellation may take.
const CANCEL: Duration = Duration::from_secs(5);
/// The largest answer to one that is read.
const CANCEL_CAP: u64 = 64 * 1024;

/// Where a queue is and how it is told who calls.
#[derive(Debug)]
pub(super) struct Calls {
    upstream: Arc<Upstream>,
    /// The path of the API root, without a trailing slash.
    root: String,
    /// Query members of every call.
    query: String,
    headers: HeaderMap,
    /// How many submissions, jobs and cancellations there are.
    aside: watch::Sender<usize>,
}

/// Something that goes on aside, or may have to, until it is dropped.
pub(super) struct Aside(Arc<Calls>);

impl Drop for Aside {
    fn drop(&mut self) {
        self.0.aside.send_modify(|count| *count = count.saturating_sub(1));
    }
}

impl Calls {
    pub(super) fn new(upstream: Upstream, root: &str, query: &str, mut headers: HeaderMap) -> Self {
        upstream.name_host(&mut headers);
        let aside = watch::Sender::new(0);
        Self { upstream: Arc::new(upstream), root: root.to_owned(), query: query.to_owned(), headers, aside }
    }

    /// Counts what goes on aside.
    pub(super) fn aside(self: &Arc<Self>) -> Aside {
        self.aside.send_modify(|count| *count += 1);
        Aside(self.clone())
    }

    /// Waits until nothing goes on aside, and no job is left.
    pub(super) async fn settled(&self) {
        // It cannot fail while the sender is here.
        let _ = self.aside.subscribe().wait_for(|count| *count == 0).await;
    }

    /// Asks for what is below the root.
    pub(super) fn get(&self, path: &str) -> impl Future<Output = Result<Answer, UpstreamError>> + Send + 'static {
        self.send(Method::GET, path, "", self.headers.clone(), Segments::default())
    }

    /// Posts JSON below the root; the headers take the place of those of every call.
    pub(super) fn post(
        &self,
        path: &str,
        query: &str,
        headers: Option<HeaderMap>,
        body: Segments,
    ) -> impl Future<Output = Result<Answer, UpstreamError>> + Send + 'static {
        let mut headers = headers.unwrap_or_else(|| self.headers.clone());
        headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        self.send(Method::POST, path, query, headers, body)
    }

    /// Cancels a job. What comes of it does not matter: nobody waits for the job any more.
    pub(super) async fn cancel(&self, id: &str) {
        let call = self.post(&format!("/cancel/{id}"), "", None, b"{}".to_vec().into());
        let cancelled = async {
            match call.await {
                // Read, so that the connection can serve again.
                Ok(answer) => answer.body.collect(CANCEL_CAP).await.map(drop),
                Err(error) => Err(error),
            }
        };
        drop(tokio::time::timeout(CANCEL, cancelled).await);
    }

    fn send(
        &self,
        method: Method,
        path: &str,
        query: &str,
        headers: HeaderMap,
        body: Segments,
    ) -> impl Future<Output = Result<Answer, UpstreamError>> + Send + 'static {
        let mut target = format!("{}{path}", self.root);
        for (index, query) in [self.query.as_str(), query].into_iter().filter(|query| !query.is_empty()).enumerate() {
            target.push(if index == 0 { '?' } else { '&' });
            target.push_str(query);
        }
        let upstream = self.upstream.clone();
        async move {
            // The root was part of a URL, the id was checked, the rest is written here.
            let target: Uri =
                target.parse().map_err(|_| UpstreamError::connect("upstream_error", "a malformed path"))?;
            upstream.send(Call { method, target, headers, body, limits: None }).await
        }
    }
}
