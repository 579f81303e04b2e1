//! Requests over HTTP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::HeaderValue;

use super::allow::{self, Allowed};
use super::{ANSWER_BYTES_MAX, Answer, Egress, EgressError, Request};

/// A channel that takes longer to connect to is tried again later.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A channel that takes longer to answer is not waited for.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a person waits: uploads are compiled before they are answered.
const BY_HAND_TIMEOUT: Duration = Duration::from_secs(180);

/// Sends over HTTP, with TLS by rustls.
pub struct HttpEgress {
    /// For host names: refuses private addresses after the look-up.
    by_name: reqwest::Client,
    /// For addresses that the list names itself.
    by_address: reqwest::Client,
}

impl HttpEgress {
    /// A client with its own connection pools.
    pub fn new() -> Result<Self, EgressError> {
        let build = |builder| client(builder, TOTAL_TIMEOUT);
        Ok(Self {
            by_name: build(reqwest::Client::builder().dns_resolver(Arc::new(PublicOnly)))?,
            by_address: build(reqwest::Client::builder())?,
        })
    }
}

fn client(builder: reqwest::ClientBuilder, timeout: Duration) -> Result<reqwest::Client, EgressError> {
    // Another part of the process may have chosen the provider already; either is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    builder
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(timeout)
        // A redirect would leave the list of allowed hosts.
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .user_agent(concat!("switchboard/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| EgressError::NotSent(error.to_string()))
}

/// Sends a request that a person made at the command line, to wherever that person says.
pub async fn send_by_hand(request: Request) -> Result<Answer, EgressError> {
    let url = reqwest::Url::parse(&request.url)
        .map_err(|error| EgressError::Refused(format!("`{}` is no URL: {error}", request.url)))?;
    submit(&client(reqwest::Client::builder(), BY_HAND_TIMEOUT)?, url, request).await
}

async fn submit(
    client: &reqwest::Client,
    url: reqwest::Url,
    request: Request,
) -> Result<Answer, EgressError> {
    let method = reqwest::Method::from_bytes(request.method.as_bytes())
        .map_err(|_| EgressError::Refused(format!("`{}` is no method", request.method)))?;
    let mut builder = client.request(method, url).body(request.body);
    for (name, value) in &request.headers {
        if matches!(name.to_ascii_lowercase().as_str(), "host" | "content-length" | "transfer-encoding") {
            continue;
        }
        // Secrets may stand in them: logs of the client leave marked ones out.
        let mut value = HeaderValue::from_str(value).map_err(|_| {
            EgressError::Refused(format!("the header field `{name}` holds what none may hold"))
        })?;
        value.set_sensitive(true);
        builder = builder.header(name, value);
    }
    let response = builder.send().await.map_err(sort)?;
    read(response).await
}

/// Looks names up and leaves private addresses out, so that a name cannot be pointed inside.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let public: Vec<_> = found.into_iter().filter(|it| !allow::is_private(it.ip())).collect();
            if public.is_empty() {
                return Err(format!("`{}` has no public address", name.as_str()).into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

#[async_trait]
impl Egress for HttpEgress {
    async fn send(&self, request: Request, allowed_hosts: &[String]) -> Result<Answer, EgressError> {
        let Allowed { url, named_address } = allow::check(&request.url, allowed_hosts)?;
        let client = if named_address { &self.by_address } else { &self.by_name };
        submit(client, url, request).await
    }
}

/// A failure before the connection stood is certain; any later one is not. The URL is left out: a
/// secret may stand in it.
fn sort(error: reqwest::Error) -> EgressError {
    let (is_builder, is_connect) = (error.is_builder(), error.is_connect());
    let text = error.without_url().to_string();
    match (is_builder, is_connect) {
        (true, _) => EgressError::Refused(text),
        (false, true) => EgressError::NotSent(text),
        (false, false) => EgressError::NoAnswer(text),
    }
}

async fn read(mut response: reqwest::Response) -> Result<Answer, EgressError> {
    let status = response.status().as_u16();
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    let mut body = Vec::new();
    while let Some(chunk) =
        response.chunk().await.map_err(|error| EgressError::NoAnswer(error.without_url().to_string()))?
    {
        let room = ANSWER_BYTES_MAX - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == ANSWER_BYTES_MAX {
            break;
        }
    }
    Ok(Answer { status, headers, body })
}
