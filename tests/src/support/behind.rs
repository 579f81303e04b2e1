//! Another program that has the repository's file open, behind the host's back.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, SqliteConnection};

/// How long it waits for the host, which writes for a moment at a time.
const PATIENCE: Duration = Duration::from_secs(60);

/// Refuses every entry of the audit log.
const REFUSE_AUDIT: &str = "CREATE TRIGGER no_audit BEFORE INSERT ON audit
    BEGIN SELECT RAISE(ABORT, 'nothing is recorded'); END";

/// What memory is made of: the columns that a reading of it fails on where they are no JSON.
const READ: [(&str, &str); 8] = [
    ("inboxes", "retention"),
    ("tokens", "allowance"),
    ("secrets", "uses"),
    ("activations", "content"),
    ("releases", "content"),
    ("generations", "content"),
    ("signing_keys", "content"),
    ("conversations", "facts"),
];

/// A column's value in words; large ones by their length, because nobody changes a component.
const VALUE: &str = "iif(length({column}) > 4096, length({column}), quote({column}))";

/// A connection of another program.
pub struct Behind {
    connection: SqliteConnection,
}

impl Behind {
    /// Opens a repository's file.
    pub async fn open(file: &Path) -> Self {
        let options = SqliteConnectOptions::new().filename(file).busy_timeout(PATIENCE);
        Self { connection: options.connect().await.unwrap() }
    }

    /// Runs a statement.
    pub async fn run(&mut self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut self.connection).await.unwrap();
    }

    /// Has every entry of the audit log fail, and with it what it belongs to.
    pub async fn refuse_audit(&mut self) {
        self.run(REFUSE_AUDIT).await;
    }

    /// Ends that.
    pub async fn allow_audit(&mut self) {
        self.run("DROP TRIGGER no_audit").await;
    }

    /// From the next change on, within its own transaction, nothing can be read of what memory is made of.
    pub async fn break_readings_after_a_change(&mut self) {
        let broken = READ.map(|(table, column)| format!("UPDATE {table} SET {column} = '?' || {column};"));
        let broken = broken.concat();
        self.run(&format!("CREATE TRIGGER breaks AFTER INSERT ON audit BEGIN {broken} END")).await;
    }

    /// Ends that.
    pub async fn mend_readings(&mut self) {
        self.run("DROP TRIGGER breaks").await;
        for (table, column) in READ {
            self.run(&format!("UPDATE {table} SET {column} = ltrim({column}, '?')")).await;
        }
    }

    /// Keeps everybody else from writing until [`Self::unlock`].
    pub async fn lock(&mut self) {
        self.run("BEGIN IMMEDIATE").await;
    }

    /// Lets others write again.
    pub async fn unlock(&mut self) {
        self.run("ROLLBACK").await;
    }

    /// Every row of every table, in words.
    pub async fn rows(&mut self) -> BTreeMap<String, Vec<String>> {
        let tables = "SELECT name FROM sqlite_master
             WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND sql NOT LIKE 'CREATE VIRTUAL%'";
        let mut all = BTreeMap::new();
        for table in self.texts(tables.to_owned()).await {
            let columns = self.texts(format!("SELECT name FROM pragma_table_info('{table}')")).await;
            let values: Vec<_> =
                columns.iter().map(|it| VALUE.replace("{column}", &format!("\"{it}\""))).collect();
            let rows = format!("SELECT concat_ws(', ', {}) FROM \"{table}\" ORDER BY 1", values.join(", "));
            let rows = self.texts(rows).await;
            all.insert(table, rows);
        }
        all
    }

    async fn texts(&mut self, sql: String) -> Vec<String> {
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut self.connection).await.unwrap()
    }
}
