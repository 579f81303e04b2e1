//! The only way to say no: `application/problem+json` (RFC 9457).

use std::error::Error;
use std::num::NonZeroU32;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Response};
use schemars::JsonSchema;
use serde::Serialize;

pub use self::kind::ProblemKind;
use crate::domain::quota::{OverQuota, ReachedLimit};
use crate::flow::error::{SETTINGS_TOO_COSTLY, SETTINGS_TOO_COSTLY_REMEDY};
use crate::flow::{FieldError, FlowError};
use crate::store::StoreError;

mod kind;

/// The media type of every answer that says no.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// The most places that are named: every byte of a body can be wrong.
const ERRORS_MAX: usize = 64;

/// The longest detail and the longest message of one error. Both may quote a megabyte of the request.
const DETAIL_BYTES_MAX: usize = 8 * 1024;

/// The longest place of an error.
const POINTER_BYTES_MAX: usize = 1024;

/// Why something is not done.
#[derive(Debug)]
pub struct Problem {
    kind: ProblemKind,
    detail: String,
    errors: Vec<FieldError>,
    name: Option<Box<str>>,
    /// What to do, where there is more to say than the kind does.
    remedy: Option<Box<str>>,
    quota: Option<Box<QuotaBody>>,
    over_quota: Option<Box<OverQuota>>,
    /// Seconds until it is worth trying again.
    retry_after: Option<NonZeroU32>,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

/// A problem as it is sent.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub struct ProblemBody<'a> {
    /// What kind it is, as a URN.
    #[serde(rename = "type")]
    pub kind: String,
    /// What kind it is, for people.
    pub title: &'a str,
    /// The status of the answer.
    pub status: u16,
    /// What is wrong this time.
    pub detail: &'a str,
    /// The request, as a URN with the id in the header `x-request-id`.
    pub instance: String,
    /// Each wrong place of what was sent. Places in the query are written `/query/NAME`.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub errors: &'a [FieldError],
    /// The stable name of the refusal, for a component that was not accepted and for settings that take too
    /// much to check, or of the limit that was met.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    /// The quota or other bound that would be exceeded, where one would be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota: Option<QuotaBody>,
    /// What to do.
    pub remedy: &'a str,
}

/// A quota that would be exceeded, or another bound: of one caller, or of a pool that many share.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub struct QuotaBody {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: u64,
    /// How much of it is used.
    pub used: u64,
    /// What it counts.
    pub unit: &'static str,
}

impl QuotaBody {
    fn of(over: &OverQuota) -> Self {
        let OverQuota { limit, used, .. } = *over;
        Self { name: limit.quota.name(), value: limit.most, used, unit: limit.quota.unit() }
    }
}

impl Problem {
    /// A problem with nothing more to say than what is wrong; what to do is what its kind says.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        let is_for_now = matches!(kind, ProblemKind::Unavailable | ProblemKind::Damaged);
        let retry_after = is_for_now.then_some(NonZeroU32::MIN);
        let detail = detail.into();
        Self {
            kind,
            detail,
            errors: Vec::new(),
            name: None,
            remedy: None,
            quota: None,
            over_quota: None,
            retry_after,
            cause: None,
        }
    }

    /// One wrong place.
    pub fn invalid(pointer: impl Into<String>, message: impl Into<String>) -> Self {
        let message = message.into();
        let errors = vec![FieldError { pointer: pointer.into(), message: message.clone() }];
        Self { errors, ..Self::new(ProblemKind::Invalid, message) }
    }

    /// The same with what to do about it.
    pub fn with_remedy(self, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into().into_boxed_str()), ..self }
    }

    /// The same with the bound that was met.
    pub fn limited_by(self, limit: ReachedLimit) -> Self {
        let ReachedLimit { name, value, used, unit } = limit;
        Self { name: Some(name.into()), quota: Some(QuotaBody { name, value, used, unit }.into()), ..self }
    }

    /// What was seen was named in `If-Match`, so that this is its answer.
    pub fn for_precondition(self) -> Self {
        match self.kind {
            ProblemKind::Stale => Self { kind: ProblemKind::PreconditionFailed, ..self },
            _ => self,
        }
    }

    /// Whether nobody knows what was done.
    pub fn is_surprise(&self) -> bool {
        self.kind == ProblemKind::Internal
    }

    /// Whether the repository was met damaged.
    pub fn is_damage(&self) -> bool {
        self.kind == ProblemKind::Damaged
    }

    /// The quota that would be exceeded.
    pub fn over_quota(&self) -> Option<&OverQuota> {
        self.over_quota.as_deref()
    }

    /// The surprise behind it, for the log alone.
    pub fn cause(&self) -> Option<&(dyn Error + Send + Sync + 'static)> {
        self.cause.as_deref()
    }

    /// The answer to the request of this id.
    pub fn response(&self, request: &str) -> Response<Body> {
        let (slug, status, title) = self.kind.description();
        let errors: Vec<_> = self.errors.iter().take(ERRORS_MAX).map(shortened).collect();
        let body = ProblemBody {
            kind: format!("urn:switchboard:problem:{slug}"),
            title,
            status: status.as_u16(),
            detail: beginning(&self.detail, DETAIL_BYTES_MAX),
            instance: format!("urn:switchboard:request:{request}"),
            errors: &errors,
            name: self.name.as_deref(),
            quota: self.quota.as_deref().copied(),
            remedy: self.remedy.as_deref().unwrap_or_else(|| self.kind.remedy()),
        };
        // Texts and numbers alone: writing them as JSON does not fail.
        let mut response = Response::new(Body::from(serde_json::to_vec(&body).unwrap_or_default()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if self.kind == ProblemKind::Unauthenticated {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds.get()));
        }
        response
    }
}

fn shortened(error: &FieldError) -> FieldError {
    let FieldError { pointer, message } = error;
    FieldError {
        pointer: beginning(pointer, POINTER_BYTES_MAX).to_owned(),
        message: beginning(message, DETAIL_BYTES_MAX).to_owned(),
    }
}

fn beginning(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

impl From<FlowError> for Problem {
    fn from(error: FlowError) -> Self {
        let detail = error.to_string();
        let kind = match error {
            FlowError::NotFound(_) => ProblemKind::NotFound,
            FlowError::Gone(_) => ProblemKind::Gone,
            FlowError::Conflict(_) => ProblemKind::Conflict,
            FlowError::Stale(_) => ProblemKind::Stale,
            FlowError::Forbidden(_) => ProblemKind::Forbidden,
            FlowError::Unauthenticated(_) => ProblemKind::Unauthenticated,
            FlowError::TooLarge(_) => ProblemKind::TooLarge,
            FlowError::Unavailable(_) => ProblemKind::Unavailable,
            FlowError::Busy(no_turn) => return no_turn.into(),
            FlowError::TooCostly => ProblemKind::TooCostly,
            FlowError::Damaged(_) => ProblemKind::Damaged,
            FlowError::Invalid { errors, .. } => {
                return Self { errors, ..Self::new(ProblemKind::Invalid, detail) };
            }
            FlowError::SettingsTooCostly(_) => {
                return Self { name: Some(SETTINGS_TOO_COSTLY.into()), ..Self::invalid("/settings", detail) }
                    .with_remedy(SETTINGS_TOO_COSTLY_REMEDY);
            }
            FlowError::Refused { name, remedy, .. } => {
                return Self { name: Some(name.into()), ..Self::new(ProblemKind::Refused, detail) }
                    .with_remedy(remedy);
            }
            FlowError::NotYet { remedy, .. } => {
                return Self::new(ProblemKind::Conflict, detail).with_remedy(remedy);
            }
            FlowError::PoolFull { limit, remedy, .. } => {
                return Self::new(ProblemKind::Unavailable, detail).limited_by(limit).with_remedy(remedy);
            }
            FlowError::TooMany { retry_after_ms, limit, remedy, .. } => {
                let seconds = u32::try_from((retry_after_ms + 999) / 1_000).ok();
                let retry_after = seconds.and_then(NonZeroU32::new);
                let problem = Self::new(ProblemKind::TooMany, detail).limited_by(limit).with_remedy(remedy);
                return Self { retry_after, ..problem };
            }
            FlowError::OverQuota(over) => {
                let problem = Self::new(ProblemKind::OverQuota, detail).with_remedy(over.remedy());
                let quota = QuotaBody::of(&over);
                return Self { quota: Some(quota.into()), over_quota: Some(over.into()), ..problem };
            }
            FlowError::Failed(cause) => return unexpected(cause),
        };
        Self::new(kind, detail)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        FlowError::from(error).into()
    }
}

fn unexpected(cause: Box<dyn Error + Send + Sync>) -> Problem {
    let detail = "something unexpected happened; the log tells more under this request's id";
    Problem { cause: Some(cause), ..Problem::new(ProblemKind::Internal, detail) }
}

#[cfg(test)]
#[path = "problem/tests.rs"]
mod tests;
