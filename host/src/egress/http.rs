//! Requests over HTTP.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::allow::{self, Allowed};
use super::{ANSWER_BYTES_MAX, Answer, Egress, EgressError, Request};

/// A channel that takes longer to connect to is tried again later.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A channel that takes longer to answer is not waited for.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(20);

/// The most header fields of a request: more than anybody needs, and less than the client can hold.
const FIELDS_MAX: usize = 128;

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
    let headers = fields(&request.headers)?;
    let sent = client.request(method, url).headers(headers).body(request.body).send();
    read(sent.await.map_err(|error| sort(&error))?).await
}

/// The header fields but those that the client writes itself.
fn fields(wanted: &[(String, String)]) -> Result<HeaderMap, EgressError> {
    if wanted.len() > FIELDS_MAX {
        let found = wanted.len();
        return Err(EgressError::Refused(format!("{found} header fields, the most is {FIELDS_MAX}")));
    }
    let mut headers = HeaderMap::new();
    for (name, value) in wanted {
        if matches!(name.to_ascii_lowercase().as_str(), "host" | "content-length" | "transfer-encoding") {
            continue;
        }
        let wrong = |what| EgressError::Refused(format!("the header field `{name}` {what}"));
        let key =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong("has a name that none may have"))?;
        // Secrets may stand in them: logs of the client leave marked ones out.
        let mut value = HeaderValue::from_str(value).map_err(|_| wrong("holds what none may hold"))?;
        value.set_sensitive(true);
        headers.try_append(key, value).map_err(|_| wrong("is one too many"))?;
    }
    Ok(headers)
}

/// Where a name leads only inside, no attempt will do.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` has no public address; to send there, name the address itself")]
struct NotPublic(String);

/// Looks names up and leaves private addresses out, so that a name cannot be pointed inside.
struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let public: Vec<_> = found.into_iter().filter(|it| !allow::is_private(it.ip())).collect();
            if public.is_empty() {
                return Err(NotPublic(name.as_str().to_owned()).into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

#[async_trait]
impl Egress for HttpEgress {
    async fn send(&self, request: Request, allowed_hosts: &[String]) -> Result<Answer, EgressError> {
        let Allowed { url, address } = allow::check(&request.url, allowed_hosts)?;
        let client = if address.is_some() { &self.by_address } else { &self.by_name };
        submit(client, url, request).await
    }
}

/// A failure before the connection stood is certain; any later one is not.
fn sort(error: &reqwest::Error) -> EgressError {
    let text = innermost(error);
    match (error.is_builder() || was_not_public(error), error.is_connect()) {
        (true, _) => EgressError::Refused(text),
        (false, true) => EgressError::NotSent(text),
        (false, false) => EgressError::NoAnswer(text),
    }
}

fn was_not_public(error: &reqwest::Error) -> bool {
    causes(error).any(|it| it.is::<NotPublic>())
}

/// What went wrong in the end. What the client itself says would add the URL, in which a secret may stand.
fn innermost(error: &reqwest::Error) -> String {
    causes(error).last().map_or_else(|| "the request could not be sent".to_owned(), ToString::to_string)
}

fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |&it| it.source())
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
        response.chunk().await.map_err(|error| EgressError::NoAnswer(innermost(&error)))?
    {
        let room = ANSWER_BYTES_MAX - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == ANSWER_BYTES_MAX {
            break;
        }
    }
    Ok(Answer { status, headers, body })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(url: &str, headers: Vec<(String, String)>) -> Request {
        Request { method: "GET".to_owned(), url: url.to_owned(), headers, body: vec![] }
    }

    async fn failure(request: Request, host: &str) -> EgressError {
        HttpEgress::new().unwrap().send(request, &[host.to_owned()]).await.unwrap_err()
    }

    #[tokio::test]
    async fn a_name_that_leads_inside_is_refused_and_says_so() {
        let refused = failure(to("http://localhost:1/", vec![]), "localhost:1").await;
        assert!(
            matches!(&refused, EgressError::Refused(why) if why.contains("no public address")),
            "{refused}"
        );
    }

    #[tokio::test]
    async fn what_did_not_go_out_says_why() {
        let failed = failure(to("http://127.0.0.1:1/canary", vec![]), "127.0.0.1:1").await;
        let EgressError::NotSent(why) = failed else { panic!("{failed}") };
        assert!(why.contains("refused") && !why.contains("canary"), "{why}");
    }

    #[tokio::test]
    async fn more_fields_than_there_can_be_are_refused() {
        let many = |count: usize| (0..count).map(|it| (format!("x-{it}"), "v".to_owned())).collect();
        let refused = failure(to("http://127.0.0.1:1/", many(30_000)), "127.0.0.1:1").await;
        assert!(matches!(&refused, EgressError::Refused(why) if why.contains("30000")), "{refused}");
        assert_eq!(fields(&many(128)).unwrap().len(), 128);
        for (name, value) in [("a b", "c"), ("a", "c\n")] {
            assert!(fields(&[(name.to_owned(), value.to_owned())]).is_err(), "{name}");
        }
    }
}
