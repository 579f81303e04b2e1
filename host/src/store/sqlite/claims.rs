//! Claims on conversations. A file has one host, so they live in its memory and end with it.

use std::collections::HashMap;

use crate::domain::ids::{ConversationId, DepartmentId};

/// Who holds which conversation.
#[derive(Default)]
pub(super) struct Claims {
    held: HashMap<ConversationId, Claim>,
    /// How many conversations are held for each department that holds any.
    by_department: HashMap<DepartmentId, usize>,
    last_fence: i64,
}

#[derive(Clone, Copy)]
struct Claim {
    fence: i64,
    department: DepartmentId,
}

impl Claims {
    /// Claims a conversation as work of a department; `None` while it is held.
    pub(super) fn take(&mut self, conversation: ConversationId, department: DepartmentId) -> Option<i64> {
        if self.held.contains_key(&conversation) {
            return None;
        }
        self.last_fence += 1;
        let fence = self.last_fence;
        self.held.insert(conversation, Claim { fence, department });
        *self.by_department.entry(department).or_default() += 1;
        Some(fence)
    }

    /// Whether this claim still stands.
    pub(super) fn stands(&self, conversation: ConversationId, fence: i64) -> bool {
        self.held.get(&conversation).is_some_and(|it| it.fence == fence)
    }

    /// Ends a claim; one that no longer stands ends nobody else's.
    pub(super) fn end(&mut self, conversation: ConversationId, fence: i64) {
        if !self.stands(conversation, fence) {
            return;
        }
        let Some(ended) = self.held.remove(&conversation) else { return };
        if let Some(held) = self.by_department.get_mut(&ended.department) {
            *held -= 1;
            if *held == 0 {
                self.by_department.remove(&ended.department);
            }
        }
    }

    /// How many conversations are held for a department.
    pub(super) fn held_for(&self, department: DepartmentId) -> usize {
        self.by_department.get(&department).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_fence_ends_nobody_elses_claim() {
        let mut claims = Claims::default();
        let (conversation, department) = (ConversationId(1), DepartmentId(1));
        let old = claims.take(conversation, department).unwrap();
        assert_eq!(claims.take(conversation, department), None);
        claims.end(conversation, old);
        let new = claims.take(conversation, department).unwrap();
        claims.end(conversation, old);
        assert!(new > old && claims.stands(conversation, new));
    }

    #[test]
    fn claims_are_counted_for_each_department() {
        let mut claims = Claims::default();
        let (one, other) = (DepartmentId(1), DepartmentId(2));
        let fences = [(1, one), (2, one), (3, other)].map(|(id, department)| {
            (ConversationId(id), claims.take(ConversationId(id), department).unwrap())
        });
        assert_eq!((claims.held_for(one), claims.held_for(other)), (2, 1));
        fences.into_iter().for_each(|(conversation, fence)| claims.end(conversation, fence));
        assert_eq!((claims.held_for(one), claims.held_for(other)), (0, 0));
        assert!(claims.by_department.is_empty());
    }
}
