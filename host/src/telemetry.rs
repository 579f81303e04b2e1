//! What is measured, and how it is told: Prometheus metrics and log lines.
//!
//! Called by `flow`, `http`, `cli` and `app`; calls `domain` alone. Labels are names of plugins, inboxes, routes
//! and steps, whose number is bounded by the installation; never ids, addresses or texts.

use std::sync::atomic::{AtomicI64, Ordering};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::domain::erasure::Erased;
use crate::domain::quota::Quota;

pub mod log;
pub mod outlet;
pub mod panic;

/// Upper bounds in microseconds: fine where plugin calls lie, coarse up to ten seconds.
const MICROS_BUCKETS: [f64; 20] = [
    5.0,
    10.0,
    20.0,
    35.0,
    50.0,
    75.0,
    100.0,
    150.0,
    250.0,
    500.0,
    1_000.0,
    2_500.0,
    5_000.0,
    10_000.0,
    25_000.0,
    100_000.0,
    500_000.0,
    1_000_000.0,
    5_000_000.0,
    10_000_000.0,
];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    plugin: String,
    step: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FailureLabels {
    plugin: String,
    failure: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StepLabels {
    step: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeliveryLabels {
    inbox: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TimedRouteLabels {
    route: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: &'static str,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndLabels {
    end: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PlaceLabels {
    place: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ActivationLabels {
    activation: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SuspensionLabels {
    activation: String,
    cause: &'static str,
    scope: &'static str,
}

/// The times of one plugin's calls of one kind, at hand for whoever calls often. Cheap to clone.
#[derive(Clone)]
pub struct CallTimes(Histogram);

impl CallTimes {
    /// A call took this long.
    pub fn observe(&self, micros: u64) {
        self.0.observe(micros as f64);
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct InboxLabels {
    inbox: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ErasedLabels {
    what: &'static str,
    cause: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct QuotaLabels {
    /// Empty for the company.
    department: String,
    quota: &'static str,
}

/// Every metric of a host.
pub struct Telemetry {
    registry: Registry,
    calls: Family<CallLabels, Histogram>,
    failures: Family<FailureLabels, Counter>,
    steps: Family<StepLabels, Histogram>,
    deliveries: Family<DeliveryLabels, Counter>,
    requests: Family<RouteLabels, Counter>,
    request_times: Family<TimedRouteLabels, Histogram>,
    replies: Family<EndLabels, Counter>,
    refused_artefacts: Family<PlaceLabels, Counter>,
    suspensions: Family<SuspensionLabels, Counter>,
    suspended: Family<ActivationLabels, Gauge>,
    postponed: Counter,
    purged_deliveries: Family<InboxLabels, Counter>,
    erased: Family<ErasedLabels, Counter>,
    quota_used: Family<QuotaLabels, Gauge>,
    quota_value: Family<QuotaLabels, Gauge>,
    over_quota: Family<QuotaLabels, Counter>,
    /// When the quotas were measured last, in milliseconds.
    quotas_at_ms: AtomicI64,
    items: Counter,
    decisions: Counter,
    conflicts: Counter,
    unrouted: Counter,
    escalations: Counter,
    generation: Gauge,
    log_lines_dropped: Counter,
}

fn micros() -> Histogram {
    Histogram::new(MICROS_BUCKETS)
}

impl Default for Telemetry {
    fn default() -> Self {
        let mut telemetry = Self {
            registry: Registry::with_prefix("switchboard"),
            calls: Family::new_with_constructor(micros),
            failures: Family::default(),
            steps: Family::new_with_constructor(micros),
            deliveries: Family::default(),
            requests: Family::default(),
            request_times: Family::new_with_constructor(micros),
            replies: Family::default(),
            refused_artefacts: Family::default(),
            suspensions: Family::default(),
            suspended: Family::default(),
            postponed: Counter::default(),
            purged_deliveries: Family::default(),
            erased: Family::default(),
            quota_used: Family::default(),
            quota_value: Family::default(),
            over_quota: Family::default(),
            quotas_at_ms: AtomicI64::new(i64::MIN),
            items: Counter::default(),
            decisions: Counter::default(),
            conflicts: Counter::default(),
            unrouted: Counter::default(),
            escalations: Counter::default(),
            generation: Gauge::default(),
            log_lines_dropped: Counter::default(),
        };
        telemetry.register();
        telemetry
    }
}

impl Telemetry {
    fn register(&mut self) {
        let to = &mut self.registry;
        to.register("plugin_call_microseconds", "Time of a plugin's call", self.calls.clone());
        to.register(
            "plugin_failures",
            "Calls of a plugin that failed, by name of the failure",
            self.failures.clone(),
        );
        to.register(
            "step_microseconds",
            "Time of a step of the story, for a whole batch",
            self.steps.clone(),
        );
        to.register("deliveries", "Deliveries by inbox and outcome", self.deliveries.clone());
        to.register("http_requests", "Requests by route and status", self.requests.clone());
        to.register(
            "http_request_microseconds",
            "Time to answer a request, by route",
            self.request_times.clone(),
        );
        to.register("replies", "Attempts to send a reply, by how they ended", self.replies.clone());
        to.register(
            "artefacts_refused",
            "Compiled plugins that were not what this host had kept, by where they were",
            self.refused_artefacts.clone(),
        );
        to.register(
            "activation_suspensions",
            "Suspensions of activations that failed too often, by what was too much and for whom",
            self.suspensions.clone(),
        );
        to.register(
            "activation_suspended",
            "Whether an activation is suspended for the whole company now: 1 or 0",
            self.suspended.clone(),
        );
        to.register(
            "events_postponed",
            "Events that wait because a policy failed that is to be waited for",
            self.postponed.clone(),
        );
        to.register(
            "deliveries_purged",
            "Deliveries whose bytes went because of their age, or to make room, by inbox",
            self.purged_deliveries.clone(),
        );
        to.register("erased", "What was erased, by what it was and why", self.erased.clone());
        to.register(
            "quota_used",
            "How much of a quota is used, by department (empty: the company)",
            self.quota_used.clone(),
        );
        to.register("quota_value", "How much a quota allows", self.quota_value.clone());
        to.register("over_quota", "What was refused because of a quota", self.over_quota.clone());
        to.register("items", "Items taken in", self.items.clone());
        to.register("decisions", "Decisions made", self.decisions.clone());
        to.register("conflicts", "Proposals that contradicted the one that stands", self.conflicts.clone());
        to.register("unrouted", "Decisions that fell to the operator", self.unrouted.clone());
        to.register("escalations", "Escalations fired", self.escalations.clone());
        to.register("pipeline_generation", "Number of the pipeline's generation", self.generation.clone());
        to.register(
            "log_lines_dropped",
            "Lines of the log that could not be written",
            self.log_lines_dropped.clone(),
        );
    }

    /// Everything in the OpenMetrics text format, which Prometheus reads.
    pub fn render(&self) -> String {
        self.log_lines_dropped.inner().store(outlet::stderr().dropped(), Ordering::Relaxed);
        let mut text = String::new();
        match encode(&mut text, &self.registry) {
            Ok(()) => text,
            // Writing to a string does not fail.
            Err(std::fmt::Error) => String::new(),
        }
    }

    /// The times of this plugin's calls of this kind.
    pub fn call_times(&self, plugin: &str, step: &'static str) -> CallTimes {
        CallTimes(self.calls.get_or_create(&CallLabels { plugin: plugin.to_owned(), step }).clone())
    }

    /// A plugin was called; `failure` names how it failed, if it did.
    pub fn plugin_call(&self, plugin: &str, step: &'static str, micros: u64, failure: Option<&str>) {
        self.call_times(plugin, step).observe(micros);
        if let Some(failure) = failure {
            self.plugin_failures(plugin, failure, 1);
        }
    }

    /// A plugin failed so, that often.
    pub fn plugin_failures(&self, plugin: &str, failure: &str, times: u64) {
        if times > 0 {
            let labels = FailureLabels { plugin: plugin.to_owned(), failure: failure.to_owned() };
            self.failures.get_or_create(&labels).inc_by(times);
        }
    }

    /// A step of the story took this long.
    pub fn step(&self, step: &'static str, micros: u64) {
        self.steps.get_or_create(&StepLabels { step }).observe(micros as f64);
    }

    /// A delivery was stored.
    pub fn delivery(&self, inbox: &str, outcome: &'static str, items: u64) {
        self.deliveries.get_or_create(&DeliveryLabels { inbox: inbox.to_owned(), outcome }).inc();
        self.items.inc_by(items);
    }

    /// A request was answered.
    pub fn http_request(&self, route: &'static str, status: u16, micros: u64) {
        self.requests.get_or_create(&RouteLabels { route, status }).inc();
        self.request_times.get_or_create(&TimedRouteLabels { route }).observe(micros as f64);
    }

    /// A decision was stored.
    pub fn decision(&self, conflicts: u64, unrouted: bool, escalated: bool) {
        self.decisions.inc();
        self.conflicts.inc_by(conflicts);
        self.unrouted.inc_by(u64::from(unrouted));
        self.escalations.inc_by(u64::from(escalated));
    }

    /// An attempt to send a reply ended so.
    pub fn reply(&self, end: &'static str) {
        self.replies.get_or_create(&EndLabels { end }).inc();
    }

    /// A compiled plugin kept in this place was not under this host's seal.
    pub fn artefact_refused(&self, place: &'static str) {
        self.refused_artefacts.get_or_create(&PlaceLabels { place }).inc();
    }

    /// An activation failed too often, for that scope.
    pub fn suspension(&self, activation: &str, cause: &'static str, scope: &'static str) {
        let labels = SuspensionLabels { activation: activation.to_owned(), cause, scope };
        self.suspensions.get_or_create(&labels).inc();
    }

    /// Which activations are suspended now.
    pub fn suspended<'a>(&self, activations: impl Iterator<Item = (&'a str, bool)>) {
        for (activation, is_suspended) in activations {
            let labels = ActivationLabels { activation: activation.to_owned() };
            self.suspended.get_or_create(&labels).set(i64::from(is_suspended));
        }
    }

    /// Whether the quotas are to be measured now, by this caller: so long after the last time at the earliest.
    pub fn quotas_are_due(&self, now_ms: i64, after_ms: i64) -> bool {
        let last = self.quotas_at_ms.load(Ordering::Relaxed);
        // A clock that was put back measures again.
        let is_recent = (0..after_ms).contains(&now_ms.saturating_sub(last));
        let (order, at) = (Ordering::Relaxed, &self.quotas_at_ms);
        !is_recent && at.compare_exchange(last, now_ms, order, order).is_ok()
    }

    /// So much of a quota is used, out of so much. An empty department is the company.
    pub fn quota(&self, department: &str, quota: Quota, used: u64, value: u64) {
        let labels = QuotaLabels { department: department.to_owned(), quota: quota.name() };
        let gauge = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.quota_used.get_or_create(&labels).set(gauge(used));
        self.quota_value.get_or_create(&labels).set(gauge(value));
    }

    /// Something was refused because of a quota. An empty department is the company.
    pub fn over_quota(&self, department: &str, quota: Quota) {
        let labels = QuotaLabels { department: department.to_owned(), quota: quota.name() };
        self.over_quota.get_or_create(&labels).inc();
    }

    /// An event waits to be judged again.
    pub fn postponed(&self) {
        self.postponed.inc();
    }

    /// Deliveries to this inbox were purged because of their age, or to make room.
    pub fn purged(&self, inbox: &str, deliveries: u64) {
        self.purged_deliveries.get_or_create(&InboxLabels { inbox: inbox.to_owned() }).inc_by(deliveries);
    }

    /// So much was erased, because somebody asked for it or because of its age.
    pub fn erased(&self, cause: &'static str, erased: &Erased) {
        for (what, count) in [
            ("contacts", erased.contacts),
            ("conversations", erased.conversations),
            ("items", erased.items),
            ("decisions", erased.decisions),
            ("deliveries", erased.deliveries),
        ] {
            self.erased.get_or_create(&ErasedLabels { what, cause }).inc_by(count);
        }
    }

    /// The pipeline is now at this generation.
    pub fn pipeline(&self, number: i64) {
        self.generation.set(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_shows_in_the_histogram_and_its_failure_in_the_counter() {
        let telemetry = Telemetry::default();
        telemetry.plugin_call("keyword-router", "evaluate", 42, Some("fuel"));
        let text = telemetry.render();
        assert!(text.contains(
            r#"switchboard_plugin_call_microseconds_count{plugin="keyword-router",step="evaluate"} 1"#
        ));
        assert!(
            text.contains(r#"switchboard_plugin_failures_total{plugin="keyword-router",failure="fuel"} 1"#)
        );
    }
}
