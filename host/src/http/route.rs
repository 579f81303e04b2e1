//! One line of the table: what can be asked for, by whom, in which shape.

use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use schemars::SchemaGenerator;

use super::call::Call;
use super::input::{Input, RequestShape};
use super::output::{AnswerShape, Output};
use super::permission::Permission;
use super::problem::Problem;
use super::response_room::PAGE_BYTES;
use crate::store::ReadClass;

/// How something is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Read.
    Get,
    /// Do.
    Post,
    /// Change in part.
    Patch,
    /// Delete.
    Delete,
    /// Whatever the channel uses.
    Any,
}

type Answering = Pin<Box<dyn Future<Output = Result<Response<Body>, Problem>> + Send>>;

/// Something that can be asked for.
pub struct Route {
    /// How.
    pub method: Method,
    /// Where, with `{names}` for what varies.
    pub path: &'static str,
    /// By whom.
    pub permission: Permission,
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// The status of an answer that says yes, unless the handler says otherwise.
    pub success: StatusCode,
    /// Whether it is carried out to the end even if the caller goes away: what is written and what is in
    /// memory change together.
    pub is_finished_alone: bool,
    /// How much it may read.
    pub reading: ReadClass,
    /// The most bytes that its response takes while it is made.
    pub response_bytes: usize,
    /// The most bytes of a body; 0 when none is read.
    pub body_bytes_max: usize,
    /// How many times a body is in memory at once while it is worked on.
    pub body_copies: usize,
    /// The shape of what is sent.
    pub request: fn(&mut SchemaGenerator) -> RequestShape,
    /// The shape of an answer that says yes.
    pub answer: fn(&mut SchemaGenerator) -> AnswerShape,
    handler: Arc<dyn Fn(Call, Vec<u8>) -> Answering + Send + Sync>,
}

impl Route {
    /// Something to read.
    pub fn get<I: Input, O: Output, F>(
        path: &'static str,
        permission: Permission,
        summary: &'static str,
        handler: impl Fn(Call, I) -> F + Clone + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<O, Problem>> + Send,
    {
        Self::new(Method::Get, path, permission, summary, handler)
    }

    /// Something to do.
    pub fn post<I: Input, O: Output, F>(
        path: &'static str,
        permission: Permission,
        summary: &'static str,
        handler: impl Fn(Call, I) -> F + Clone + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<O, Problem>> + Send,
    {
        Self::new(Method::Post, path, permission, summary, handler)
    }

    /// Something to change.
    pub fn patch<I: Input, O: Output, F>(
        path: &'static str,
        permission: Permission,
        summary: &'static str,
        handler: impl Fn(Call, I) -> F + Clone + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<O, Problem>> + Send,
    {
        Self::new(Method::Patch, path, permission, summary, handler)
    }

    /// Something to delete.
    pub fn delete<I: Input, O: Output, F>(
        path: &'static str,
        permission: Permission,
        summary: &'static str,
        handler: impl Fn(Call, I) -> F + Clone + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<O, Problem>> + Send,
    {
        Self::new(Method::Delete, path, permission, summary, handler)
    }

    /// Something to ask for in whatever way.
    pub fn any<I: Input, O: Output, F>(
        path: &'static str,
        permission: Permission,
        summary: &'static str,
        handler: impl Fn(Call, I) -> F + Clone + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<O, Problem>> + Send,
    {
        Self::new(Method::Any, path, permission, summary, handler)
    }

    /// The same, whose yes has another status than 200.
    pub fn with_success(self, success: StatusCode) -> Self {
        Self { success, ..self }
    }

    /// The same, for what need not be carried out if the caller goes away.
    pub fn only_while_asked(self) -> Self {
        Self { is_finished_alone: false, ..self }
    }

    /// The same, for what looks through many texts.
    pub fn searching(self) -> Self {
        Self { reading: ReadClass::Search, ..self }
    }

    /// The same, for what reads much on purpose.
    pub fn sweeping(self) -> Self {
        Self { reading: ReadClass::Sweep, ..self }
    }

    /// The same, for what takes more room by itself once it knows how much ([`Call::room_for`]).
    pub fn taking_room_later(self) -> Self {
        Self { response_bytes: 1, ..self }
    }

    /// The same, for what takes more room than a page while it is made.
    pub fn taking(self, response_bytes: usize) -> Self {
        Self { response_bytes, ..self }
    }

    /// Has the handler answer.
    pub async fn answer(&self, call: Call, body: Vec<u8>) -> Result<Response<Body>, Problem> {
        (self.handler)(call, body).await
    }

    /// The names of what varies in the path.
    pub fn path_parameters(&self) -> impl Iterator<Item = &'static str> {
        self.path
            .split('/')
            .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
            .map(|name| name.trim_start_matches('*'))
    }

    fn new<I: Input, O: Output, F>(
        method: Method,
        path: &'static str,
        permission: Permission,
        summary: &'static str,
        handler: impl Fn(Call, I) -> F + Clone + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<O, Problem>> + Send,
    {
        let handler = move |call: Call, body: Vec<u8>| -> Answering {
            let handler = handler.clone();
            Box::pin(async move {
                let input = I::read(&call, body)?;
                let success = call.success();
                Ok(handler(call, input).await?.response(success))
            })
        };
        Self {
            method,
            path,
            permission,
            summary,
            success: StatusCode::OK,
            is_finished_alone: matches!(method, Method::Post | Method::Patch | Method::Delete),
            reading: match method {
                Method::Get => ReadClass::List,
                Method::Post | Method::Patch | Method::Delete | Method::Any => ReadClass::Act,
            },
            response_bytes: PAGE_BYTES,
            body_bytes_max: I::BODY_BYTES_MAX,
            body_copies: I::COPIES,
            request: I::shape,
            answer: O::shape,
            handler: Arc::new(handler),
        }
    }
}
