//! The story, one step a file.

mod artefacts;
mod at_the_door;
mod attribution;
mod bounds;
mod clock;
mod enabling;
mod escalation;
mod evaluation;
mod failing;
mod fairness;
mod ingest;
mod joining;
mod logging;
mod merging;
mod order;
mod people;
mod preparing;
mod recipients;
mod replies;
mod restart;
mod routing;
mod scope;
mod sending;
mod suspension;
mod timers;
mod unused;
