//! Three hundred changes of the settings of a plugin of 30 MB: what they hold in memory, and how soon the host
//! ends in the midst of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;
use switchboard::plugin::PluginConfig;

use crate::bombs::resident_mib;
use crate::figure;
use crate::guest::{DONE, Guest};
use crate::loops::host;
use crate::readers::Caller;

const CHANGES: usize = 300;
const COMPONENT_BYTES: usize = 30 * 1024 * 1024;

/// A component with a custom section of so many bytes behind it (WebAssembly core specification, section 5.5.3).
fn large() -> Vec<u8> {
    let mut component = Guest::policy("large", DONE).component();
    let name = b"noise";
    let mut length = 1 + name.len() + COMPONENT_BYTES;
    component.push(0);
    // LEB128.
    while length >= 0x80 {
        component.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    component.push(length as u8);
    component.push(name.len() as u8);
    component.extend_from_slice(name);
    component.resize(component.len() + COMPONENT_BYTES, 7);
    component
}

pub async fn measure() {
    println!("\n{CHANGES} changes of the settings of a plugin of {} MB", COMPONENT_BYTES >> 20);
    let (app, address) = host(PluginConfig::default()).await;
    app.work();
    let admin = Caller::admin(&app, address).await;
    assert_eq!(admin.publish(large()).await, 201);
    admin.post("/v1/activations", json!({ "plugin": "large" })).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let before = resident_mib();
    let measuring = Arc::new(AtomicBool::new(true));
    let looking = {
        let measuring = Arc::clone(&measuring);
        tokio::spawn(async move {
            let mut most = before;
            while measuring.load(Ordering::Relaxed) {
                most = most.max(resident_mib());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            most
        })
    };
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    let began = Instant::now();
    for number in 0..CHANGES {
        let change = json!({ "settings": { "number": number } });
        let (status, _) = admin.patch("/v1/activations/large", change).await;
        *statuses.entry(status).or_default() += 1;
    }
    figure("changes took", began.elapsed().as_secs_f64(), "s");
    for (status, count) in statuses {
        figure(&format!("changes that were answered {status}"), count as f64, "changes");
    }
    let began = Instant::now();
    app.stopping().cancel();
    app.stop().await;
    figure("stopped in (goal: at most 10)", began.elapsed().as_secs_f64(), "s");
    measuring.store(false, Ordering::Relaxed);
    let most = looking.await.expect("the task that looks");
    figure("memory before", before, "MiB");
    figure("memory grown by, at most (goal: at most 128)", most - before, "MiB");
}
