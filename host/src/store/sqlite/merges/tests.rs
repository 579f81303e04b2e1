//! Merges and undos cost what they move, whatever else there is.

use std::sync::Arc;

use super::{CHOOSE_NEXT, CHOOSE_NONE, MOVED, MOVES, suggestions, undo};
use crate::domain::clock::IdGenerator;
use crate::store::sqlite::{SqliteStore, StorePath};

/// Counted by the conversation's own labels, and one row a pair.
const COUNTED_ELSEWHERE: [&str; 2] = ["conversation_tags", "merge_suggestions"];

#[test]
fn every_table_whose_rows_a_merge_moves_is_counted() {
    let mut moved: Vec<&str> = Vec::new();
    for (what, sql) in MOVES {
        let table = ["UPDATE ", "INSERT INTO ", "DELETE FROM "].iter().find_map(|it| sql.strip_prefix(it));
        let table = table.and_then(|it| it.split_whitespace().next());
        moved.push(table.unwrap_or_else(|| panic!("{what} names no table first: {sql}")));
    }
    moved.retain(|it| !COUNTED_ELSEWHERE.contains(it));
    moved.sort_unstable();
    moved.dedup();
    let mut counted = MOVED;
    counted.sort_unstable();
    assert_eq!(moved, counted);
}

/// A statement that walks through a table, or asks a question anew for each row, takes seconds once there is much.
#[tokio::test]
async fn rows_that_move_are_found_by_index() {
    let ids = Arc::new(IdGenerator::new(1));
    let store = SqliteStore::open(StorePath::Temporary, ids).await.unwrap();
    let moves = MOVES.iter().map(|it| it.1).chain([CHOOSE_NONE, CHOOSE_NEXT]);
    let suggestions = [suggestions::FOLLOWED, suggestions::DISMISS];
    for sql in moves.chain(suggestions).chain(undo::statements()) {
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")))
                .fetch_all(&mut *store.reader().await.unwrap())
                .await
                .unwrap();
        // What a step made of others, and what was given, may be walked through.
        let made = plan.iter().filter_map(|(.., step)| {
            step.strip_prefix("CO-ROUTINE ").or_else(|| step.strip_prefix("MATERIALIZE "))
        });
        let made: Vec<&str> = made.collect();
        let walks = plan.iter().filter_map(|(.., step)| step.strip_prefix("SCAN ")).any(|walked| {
            let name = walked.split_whitespace().next().unwrap_or_default();
            let is_given = walked.contains("VIRTUAL TABLE") || walked.contains("CONSTANT ROW");
            !is_given && !made.contains(&name) && !name.starts_with("(subquery")
        });
        let asks_anew = plan.iter().any(|(.., step)| step.contains("CORRELATED LIST"));
        assert!(!walks && !asks_anew, "{sql}: {plan:#?}");
    }
}
