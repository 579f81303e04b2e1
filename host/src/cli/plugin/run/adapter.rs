//! An adapter over deliveries.

use serde::Serialize;
use serde_json::Value;

use super::{Cost, Format, print_cost, print_json};
use crate::cli::terminal::{json, shown};
use crate::domain::arrival::Arrival;
use crate::domain::delivery::RawDelivery;
use crate::domain::ids::{DepartmentId, InboxId, QueueId};
use crate::domain::organisation::{Inbox, InboxAccess};
use crate::domain::time::Timestamp;
use crate::plugin::Adapter;
use crate::vault::Granted;

#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    arrivals: &'a [Arrival],
    rejection: Option<String>,
    #[serde(flatten)]
    cost: Cost,
}

/// Hands every delivery to the adapter and prints what it finds.
pub(super) fn run(
    adapter: &Adapter,
    settings: &Value,
    deliveries: &[RawDelivery],
    format: Format,
) -> anyhow::Result<()> {
    let inbox = inbox(adapter, settings);
    for (number, delivery) in deliveries.iter().enumerate() {
        let call = adapter.receive(&inbox, &Granted::nothing(), delivery);
        let failure = call.result.as_ref().err().map(ToString::to_string);
        let (arrivals, rejection) = match call.result {
            Ok(Ok(intake)) => (intake.arrivals, None),
            Ok(Err(rejection)) => (Vec::new(), Some(rejection.to_string())),
            Err(_) => (Vec::new(), None),
        };
        let id = &format!("delivery {}", number + 1);
        let cost = Cost { fuel: call.fuel, micros: call.micros, failure };
        match format {
            Format::Programs => print_json(&Line { id, arrivals: &arrivals, rejection, cost })?,
            Format::People => {
                print_cost(id, &cost, &call.log);
                print_found(&arrivals, rejection.as_deref())?;
            }
        }
    }
    Ok(())
}

fn print_found(arrivals: &[Arrival], rejection: Option<&str>) -> anyhow::Result<()> {
    if let Some(rejection) = rejection {
        println!("  rejected: {}", shown(rejection));
    }
    for arrival in arrivals {
        println!("  {}", json(arrival)?);
    }
    Ok(())
}

/// An inbox that stands for the real one: adapters see its name, its channel and its settings.
fn inbox(adapter: &Adapter, settings: &Value) -> Inbox {
    Inbox {
        id: InboxId(1),
        name: "try".into(),
        department: DepartmentId(1),
        channel: "try".into(),
        adapter: adapter.manifest().name.clone(),
        settings: settings.clone(),
        operator_queue: QueueId(1),
        junk_queue: QueueId(2),
        promise: None,
        access: InboxAccess::Open,
        reply_hosts: Vec::new(),
        allowance: Default::default(),
        secrets: Default::default(),
        retention: Default::default(),
        created_at: Timestamp::default(),
        revision: 1,
    }
}
