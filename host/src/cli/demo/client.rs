//! A client of the HTTP interface that needs no network: requests go straight to the router, and are
//! admitted, limited and answered like anybody's.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;

use anyhow::{Context, bail};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tower::{Service, ServiceExt};

/// The most entries that one page of a list has.
const PAGE_ENTRIES: usize = 200;

type Answered = Pin<Box<dyn Future<Output = anyhow::Result<(StatusCode, Bytes)>> + Send>>;

/// Asks for things as the admin.
pub struct Client {
    send: Box<dyn Fn(Request<Full<Bytes>>) -> Answered + Send + Sync>,
    token: String,
}

/// A page of a list.
#[derive(Deserialize)]
struct Page<T> {
    entries: Vec<T>,
    next_cursor: Option<String>,
}

impl Client {
    /// A client of this router, with the admin's token.
    pub fn new<S, B>(router: S, token: String) -> Self
    where
        S: Service<Request<Full<Bytes>>, Response = Response<B>, Error = Infallible>
            + Clone
            + Send
            + Sync
            + 'static,
        S::Future: Send,
        B: BodyExt<Data = Bytes> + Send + 'static,
        B::Error: std::error::Error + Send + Sync + 'static,
    {
        let send = move |request| -> Answered {
            let router = router.clone();
            Box::pin(async move {
                let Ok(response) = router.oneshot(request).await;
                let (parts, body) = response.into_parts();
                let body = body.collect().await.context("read the answer")?;
                Ok((parts.status, body.to_bytes()))
            })
        };
        Self { send: Box::new(send), token }
    }

    /// The admin's token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Reads something.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        self.ask(self.request(Method::GET, path), Bytes::new()).await
    }

    /// Reads every page of a list; `path` ends where parameters can be added.
    pub async fn list<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<Vec<T>> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let mut all = Vec::new();
        let mut cursor = String::new();
        loop {
            let page: Page<T> = self.get(&format!("{path}{separator}limit={PAGE_ENTRIES}{cursor}")).await?;
            all.extend(page.entries);
            match page.next_cursor {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(all),
            }
        }
    }

    /// Reads a list that is always given as a whole.
    pub async fn all<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<Vec<T>> {
        let page: Page<T> = self.get(path).await?;
        Ok(page.entries)
    }

    /// Does something.
    pub async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> anyhow::Result<T> {
        let body = serde_json::to_vec(body).context("write a request")?;
        self.ask(self.request(Method::POST, path).header(CONTENT_TYPE, "application/json"), body.into()).await
    }

    /// Publishes a component.
    pub async fn upload<T: DeserializeOwned>(&self, component: &'static [u8]) -> anyhow::Result<T> {
        let request = self.request(Method::POST, "/v1/plugins").header(CONTENT_TYPE, "application/wasm");
        self.ask(request, Bytes::from_static(component)).await
    }

    /// Delivers to an inbox as a channel does, with the inbox's own token.
    pub async fn deliver<T: DeserializeOwned>(
        &self,
        inbox: &str,
        token: Option<&str>,
        media_type: &str,
        body: Bytes,
    ) -> anyhow::Result<T> {
        let request = Request::builder().method(Method::POST).uri(format!("/in/{inbox}"));
        let request = request.header(CONTENT_TYPE, media_type);
        let request = match token {
            Some(token) => request.header("x-switchboard-token", token),
            None => request,
        };
        self.ask(request, body).await
    }

    fn request(&self, method: Method, path: &str) -> http::request::Builder {
        let bearer = format!("Bearer {}", self.token);
        Request::builder().method(method).uri(path).header(AUTHORIZATION, bearer)
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        request: http::request::Builder,
        body: Bytes,
    ) -> anyhow::Result<T> {
        let request = request.body(Full::new(body)).context("make a request")?;
        let what = format!("{} {}", request.method(), request.uri());
        let (status, body) = (self.send)(request).await.with_context(|| what.clone())?;
        if !status.is_success() {
            bail!("{what}: {status}: {}", said(&body));
        }
        serde_json::from_slice(&body).with_context(|| format!("{what}: an answer of an unexpected shape"))
    }
}

/// What a problem (RFC 9457) says, or whatever the body is.
fn said(body: &[u8]) -> String {
    let problem: Option<Value> = serde_json::from_slice(body).ok();
    match problem {
        Some(problem) => problem.to_string(),
        None => String::from_utf8_lossy(body).into_owned(),
    }
}
