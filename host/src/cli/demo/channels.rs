//! The channels' other side: it takes every answer, and remembers it.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::egress::{Answer, Egress, EgressError, Request};

/// Records what goes out. Nothing leaves the process.
#[derive(Default)]
pub struct RecordingChannels {
    taken: Mutex<Vec<Request>>,
}

impl RecordingChannels {
    /// What went out so far, oldest first.
    pub fn taken(&self) -> Vec<Request> {
        // A list is whole whatever became of who held it.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Egress for RecordingChannels {
    async fn send(&self, request: Request, allowed_hosts: &[String]) -> Result<Answer, EgressError> {
        if !allowed_hosts.iter().any(|host| request.url.contains(host.as_str())) {
            return Err(EgressError::Refused(format!("{} is on no list of this inbox", request.url)));
        }
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).push(request);
        Ok(Answer { status: 202, headers: Vec::new(), body: br#"{"id":"taken-1"}"#.to_vec() })
    }
}
