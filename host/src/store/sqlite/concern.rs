//! What a department has to do with: here alone it is said in SQL.

/// Whether the column `inbox` behind this prefix names an inbox of the department's.
macro_rules! came_in_through {
    ($prefix:literal, $department:literal) => {
        concat!($prefix, "inbox IN (SELECT id FROM inboxes WHERE department = ", $department, ")")
    };
}

/// Whether the columns behind this prefix are of a conversation that the department has to do with: in one of
/// its queues, or come in through one of its inboxes.
macro_rules! has_to_do_with {
    ($prefix:literal, $department:literal) => {
        concat!(
            "(",
            $prefix,
            "department = ",
            $department,
            " OR ",
            $crate::store::sqlite::concern::came_in_through!($prefix, $department),
            ")"
        )
    };
}

pub(super) use {came_in_through, has_to_do_with};
