//! The kinds of no: what each is called, its status, and what to do about it.

use axum::http::StatusCode;

/// What kind of no it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// What was named is not there.
    NotFound,
    /// It was here and is erased or purged.
    Gone,
    /// The address exists, but not with this method.
    MethodNotAllowed,
    /// It contradicts what is there.
    Conflict,
    /// It was changed since it was seen.
    Stale,
    /// It was changed since the revision in `If-Match`.
    PreconditionFailed,
    /// What was sent cannot be read.
    Malformed,
    /// What was sent can be read and is wrong.
    Invalid,
    /// A component was not accepted.
    Refused,
    /// The caller may not.
    Forbidden,
    /// The caller did not show who it is.
    Unauthenticated,
    /// More bytes than allowed.
    TooLarge,
    /// The body did not arrive in time.
    TooSlow,
    /// Reading it took too long.
    TooCostly,
    /// Too many requests.
    TooMany,
    /// More than a quota allows.
    OverQuota,
    /// A body of another type.
    UnsupportedMediaType,
    /// Not now.
    Unavailable,
    /// Not before somebody has looked after the repository.
    Damaged,
    /// A surprise.
    Internal,
}

impl ProblemKind {
    /// The last part of its type, its status, and its title.
    pub(super) fn description(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::NotFound => ("not-found", StatusCode::NOT_FOUND, "Not found"),
            Self::Gone => ("gone", StatusCode::GONE, "Gone"),
            Self::MethodNotAllowed => {
                ("method-not-allowed", StatusCode::METHOD_NOT_ALLOWED, "Method not allowed")
            }
            Self::Conflict => ("conflict", StatusCode::CONFLICT, "Conflict"),
            Self::Stale => ("stale", StatusCode::CONFLICT, "Changed meanwhile"),
            Self::PreconditionFailed => {
                ("precondition-failed", StatusCode::PRECONDITION_FAILED, "Changed meanwhile")
            }
            Self::Malformed => ("malformed", StatusCode::BAD_REQUEST, "Malformed"),
            Self::Invalid => ("invalid", StatusCode::UNPROCESSABLE_ENTITY, "Invalid"),
            Self::Refused => ("refused", StatusCode::UNPROCESSABLE_ENTITY, "Component refused"),
            Self::Forbidden => ("forbidden", StatusCode::FORBIDDEN, "Forbidden"),
            Self::Unauthenticated => ("unauthenticated", StatusCode::UNAUTHORIZED, "Unauthenticated"),
            Self::TooLarge => ("too-large", StatusCode::PAYLOAD_TOO_LARGE, "Too large"),
            Self::TooSlow => ("too-slow", StatusCode::REQUEST_TIMEOUT, "Too slow"),
            Self::TooCostly => ("too-costly", StatusCode::UNPROCESSABLE_ENTITY, "Too costly"),
            Self::TooMany => ("too-many-requests", StatusCode::TOO_MANY_REQUESTS, "Too many requests"),
            Self::OverQuota => ("over-quota", StatusCode::CONFLICT, "Over quota"),
            Self::UnsupportedMediaType => {
                ("unsupported-media-type", StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported media type")
            }
            Self::Unavailable | Self::Damaged => {
                ("unavailable", StatusCode::SERVICE_UNAVAILABLE, "Unavailable")
            }
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR, "Unexpected failure"),
        }
    }

    /// What to do, where nobody knows better.
    pub(super) fn remedy(self) -> &'static str {
        match self {
            Self::NotFound => {
                "check the id or name; the list that it belongs to shows what there is for this token"
            }
            Self::Gone => "nothing brings it back: go on without it",
            Self::MethodNotAllowed => "the header `allow` of this answer says with what",
            Self::Conflict => "look at what is there, and ask for what agrees with it",
            Self::Stale => "load it again and repeat the change",
            Self::PreconditionFailed => "load it again and repeat the change with its new `etag`",
            Self::Malformed | Self::Invalid => {
                "correct it and send it again; GET /openapi.json describes what is taken here"
            }
            Self::Refused => "correct the component and publish it again",
            Self::Forbidden => "ask with a token that may, or have an admin do it",
            Self::Unauthenticated => {
                "send the header `authorization: Bearer TOKEN` with a token that counts; an admin makes one \
                 with POST /v1/tokens"
            }
            Self::TooLarge => "send less at once",
            Self::OverQuota => "make room, or have an admin of the whole company raise the quota",
            Self::TooSlow => "send it again over a faster line",
            Self::TooCostly => {
                "ask for less: more and longer words in a search, a filter of a list, a smaller `limit`"
            }
            Self::Damaged => {
                "nothing is lost by waiting: who runs the host restarts it, and the start names the damage"
            }
            Self::TooMany | Self::Unavailable => "send it again after the seconds in `retry-after`",
            Self::UnsupportedMediaType => "send the header `content-type` with a type that is taken here",
            Self::Internal => {
                "look whether it was done before asking again; who runs the host finds the cause in its log"
            }
        }
    }
}
