//! Settings against a schema, in a child of their own.
//!
//! The validator recurses as deep as schema and settings have it, and takes as many steps as they ask for.
//! So it runs on a thread whose stack is known; where that ends, or the time, or the memory, the process
//! ends with it, which is an answer.

use std::io;
use std::thread;

use super::protocol::{Validation, ValidationResult};
use crate::plugin::settings::validate;

/// Thousands of references in a row, and far more than any form that people fill in.
const STACK_BYTES: usize = 16 * 1024 * 1024;

/// Checks settings against a schema. Fails where the system gives no thread.
pub(super) fn check(job: Validation) -> io::Result<ValidationResult> {
    let thread = thread::Builder::new().name("settings".into()).stack_size(STACK_BYTES);
    let checked = thread.spawn(move || match validate(&job.schema, &job.settings) {
        Ok(errors) => ValidationResult::Validated(errors),
        Err(reason) => ValidationResult::SchemaUnusable(reason),
    })?;
    let panicked =
        |_| ValidationResult::SchemaUnusable("checking settings by it ended in a panic".to_owned());
    Ok(checked.join().unwrap_or_else(panicked))
}
