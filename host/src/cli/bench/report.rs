//! Prints figures, for people or for scripts.

/// Where figures go.
pub struct Report {
    json: bool,
}

impl Report {
    /// Prints JSON lines, or a table.
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// Begins a part of the report; people see it, scripts do not.
    pub fn section(&self, title: &str) {
        if !self.json {
            println!("\n{title}");
        }
    }

    /// One figure.
    pub fn figure(&self, bench: &str, metric: &str, value: f64, unit: &str) {
        let value = round(value);
        if self.json {
            println!(
                "{}",
                serde_json::json!({ "bench": bench, "metric": metric, "value": value, "unit": unit })
            );
        } else {
            println!("  {metric:<52} {value:>14} {unit}");
        }
    }
}

/// Three decimals are more than any of these figures bears.
fn round(value: f64) -> f64 {
    (value * 1_000.0).round() / 1_000.0
}
