//! Where a conversation that the company began belongs.

use std::collections::{HashMap, HashSet};

use sqlx::{Row as _, SqliteConnection};

use super::entry::Fresh;
use crate::domain::ids::{DepartmentId, QueueId};
use crate::domain::organisation::Place;
use crate::store::sqlite::rows::Rows;
use crate::store::{IntakeEntry, StoreResult};

/// The departments of the operator queues of those inboxes that brought an echo.
#[derive(Default)]
pub(super) struct OperatorPlaces {
    departments: HashMap<QueueId, DepartmentId>,
}

impl OperatorPlaces {
    pub(super) async fn load(
        fresh: &[Fresh<'_>],
        entries: &[IntakeEntry],
        connection: &mut SqliteConnection,
    ) -> StoreResult<Self> {
        let echoes = fresh.iter().filter(|it| !it.is_inbound());
        let queues: HashSet<QueueId> = echoes.map(|it| entries[it.entry].inbox.operator_queue).collect();
        let mut rows = Rows::default();
        for queue in queues {
            let _ = rows.row().int(queue.0);
        }
        let sql = "SELECT q.id, q.department
            FROM jsonb_each(?1) AS k
            CROSS JOIN queues AS q ON q.id = k.value ->> 0";
        let mut places = Self::default();
        for row in rows.fetch(sql, connection).await? {
            places.departments.insert(QueueId(row.try_get(0)?), DepartmentId(row.try_get(1)?));
        }
        Ok(places)
    }

    pub(super) fn of(&self, queue: QueueId) -> Option<Place> {
        Some(Place { department: *self.departments.get(&queue)?, queue, assignee: None })
    }
}
