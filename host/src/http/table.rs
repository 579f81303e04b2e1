//! The one table of everything that can be asked for.

use super::permission::MetricsFor;
use super::route::Route;
use super::{
    activations, agents, audit, contacts, conversation_acts, conversations, counts, decisions, deliveries,
    departments, evaluate, generations, health, inboxes, ingest, items, openapi, plugins, queues, quotas,
    search, secrets, settings, signing_keys, tokens,
};

/// Every route, in the order of the story, as it is where nobody says otherwise.
pub fn routes() -> Vec<Route> {
    routes_with(MetricsFor::default())
}

/// The same, with what is measured for those who may read it.
pub(super) fn routes_with(metrics_for: MetricsFor) -> Vec<Route> {
    [
        ingest::routes(),
        deliveries::routes(),
        conversations::routes(),
        conversation_acts::routes(),
        items::routes(),
        search::routes(),
        contacts::routes(),
        decisions::routes(),
        evaluate::routes(),
        departments::routes(),
        agents::routes(),
        queues::routes(),
        inboxes::routes(),
        plugins::routes(),
        secrets::routes(),
        signing_keys::routes(),
        settings::routes(),
        quotas::routes(),
        activations::routes(),
        generations::routes(),
        tokens::routes(),
        audit::routes(),
        counts::routes(),
        health::routes(metrics_for),
        openapi::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
#[path = "table/tests.rs"]
mod tests;
