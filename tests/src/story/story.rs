//! The story, one step a file.

mod artefacts;
mod at_the_door;
mod clock;
mod enabling;
mod escalation;
mod evaluation;
mod failing;
mod ingest;
mod merging;
mod order;
mod people;
mod replies;
mod restart;
mod routing;
mod scope;
mod suspension;
