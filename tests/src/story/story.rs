//! The story, one step a file.

mod enabling;
mod escalation;
mod evaluation;
mod ingest;
mod merging;
mod order;
mod people;
mod replies;
mod restart;
mod routing;
mod scope;
