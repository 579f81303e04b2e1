//! Claims on conversations. A file has one host, so they live in its memory and end with it.

use std::collections::HashMap;

use crate::domain::ids::ConversationId;

/// Who holds which conversation.
#[derive(Default)]
pub(super) struct Claims {
    held: HashMap<ConversationId, i64>,
    last_fence: i64,
}

impl Claims {
    /// Claims a conversation; `None` while somebody holds it.
    pub(super) fn take(&mut self, conversation: ConversationId) -> Option<i64> {
        if self.held.contains_key(&conversation) {
            return None;
        }
        self.last_fence += 1;
        self.held.insert(conversation, self.last_fence);
        Some(self.last_fence)
    }

    /// Whether this claim still stands.
    pub(super) fn stands(&self, conversation: ConversationId, fence: i64) -> bool {
        self.held.get(&conversation) == Some(&fence)
    }

    /// Ends a claim; one that no longer stands ends nobody else's.
    pub(super) fn end(&mut self, conversation: ConversationId, fence: i64) {
        if self.stands(conversation, fence) {
            self.held.remove(&conversation);
        }
    }

    /// How many conversations are held.
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_fence_ends_nobody_elses_claim() {
        let mut claims = Claims::default();
        let conversation = ConversationId(1);
        let old = claims.take(conversation).unwrap();
        assert_eq!(claims.take(conversation), None);
        claims.end(conversation, old);
        let new = claims.take(conversation).unwrap();
        claims.end(conversation, old);
        assert!(new > old && claims.stands(conversation, new));
    }
}
