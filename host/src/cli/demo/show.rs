//! The report as people read it: sections of plain text, at most 100 columns wide.

use std::io::{self, Write};

use super::explain::{Explained, Voice};
use super::paint::Paint;
use super::prepare::Enabled;
use super::report::{Answered, Moved, Report, Said};
use super::stopwatch::Step;
use super::table::{Lean, Table, WIDTH, cut};
use crate::cli::terminal::shown;
use crate::domain::activation::Phase;
use crate::domain::release::PluginKind;

/// Writes the report.
pub struct Show<W> {
    /// Where to.
    pub out: W,
    /// With what emphasis.
    pub paint: Paint,
}

impl<W: Write> Show<W> {
    /// Writes everything.
    pub fn report(&mut self, report: &Report) -> io::Result<()> {
        self.plugins(report)?;
        self.intake(report)?;
        self.queues(report)?;
        self.decisions(report)?;
        self.operator(report)?;
        self.answer(&report.answer)?;
        self.silence(&report.silence)?;
        report.escalated.iter().try_for_each(|it| self.explained(it))?;
        self.steps(&report.steps, report.total_ms)
    }

    fn plugins(&mut self, report: &Report) -> io::Result<()> {
        self.heading("The rules at work: WebAssembly plugins, sandboxed, in the order they are asked")?;
        let left = Lean::Left;
        let mut table =
            Table::new([("activation", left), ("plugin", left), ("its task", left), ("rule of", left)]);
        for plugin in &report.plugins {
            table.row([
                plugin.name.clone(),
                format!("{} {}", plugin.plugin, plugin.version),
                task(plugin),
                plugin.owner_name.clone().unwrap_or_else(|| "the company".to_owned()),
            ]);
        }
        self.table(&table)
    }

    fn intake(&mut self, report: &Report) -> io::Result<()> {
        self.heading("What came in")?;
        let right = Lean::Right;
        let mut table = Table::new([
            ("inbox", Lean::Left),
            ("deliveries", right),
            ("new items", right),
            ("duplicates", right),
            ("edits", right),
            ("about unknown", right),
            ("unparsed", right),
        ]);
        for intake in &report.intake {
            table.row([
                intake.inbox.clone(),
                intake.deliveries.to_string(),
                intake.items.to_string(),
                count(u64::from(intake.duplicates)),
                count(u64::from(intake.changes)),
                count(u64::from(intake.unknown)),
                count(intake.unparsed.len() as u64),
            ]);
        }
        self.table(&table)?;
        for intake in &report.intake {
            for unparsed in &intake.unparsed {
                let line = format!("Kept unread in {}: {}", intake.inbox, unparsed.reason);
                writeln!(self.out, "  {}", self.paint.faint(&cut(&line, WIDTH - 2)))?;
            }
        }
        Ok(())
    }

    fn queues(&mut self, report: &Report) -> io::Result<()> {
        self.heading("Where it waits now")?;
        let right = Lean::Right;
        let mut table = Table::new([
            ("queue", Lean::Left),
            ("urgent", right),
            ("high", right),
            ("normal", right),
            ("low", right),
            ("", Lean::Left),
        ]);
        for queue in &report.queues {
            if queue.urgent + queue.high + queue.normal + queue.low > 0 {
                let counts = [queue.urgent, queue.high, queue.normal, queue.low].map(count);
                let [urgent, high, normal, low] = counts;
                table.row([queue.path.clone(), urgent, high, normal, low, queue.title.clone()]);
            }
        }
        self.table(&table)
    }

    fn decisions(&mut self, report: &Report) -> io::Result<()> {
        let counts = report.decisions;
        self.heading(&format!(
            "Why: {} decisions, {} of them with a conflict; three explained",
            counts.made, counts.with_conflict
        ))?;
        report.explained.iter().try_for_each(|it| self.explained(it))
    }

    fn explained(&mut self, explained: &Explained) -> io::Result<()> {
        let priority = explained.priority.as_ref().map(|it| format!(", priority {it}")).unwrap_or_default();
        let (title, went_to) = (shown(&explained.title), shown(&explained.went_to));
        writeln!(self.out, "\n  {}: {went_to}{priority}", self.paint.strong(&title))?;
        self.said(&explained.customer)?;
        explained.voices.iter().try_for_each(|it| self.voice(it))
    }

    fn voice(&mut self, voice: &Voice) -> io::Result<()> {
        let said = cut(&format!("    {:14}  {}", voice.by, voice.says), WIDTH);
        let fate = cut(&format!("    {:14}  {}: {}", "", voice.verdict, voice.why), WIDTH);
        let (said, fate) = match voice.conflict {
            true => (self.paint.alarm(&said), self.paint.alarm(&fate)),
            false => (said, self.paint.faint(&fate)),
        };
        writeln!(self.out, "{said}\n{fate}")
    }

    fn operator(&mut self, report: &Report) -> io::Result<()> {
        let count = report.decisions.to_operator;
        self.heading(&format!(
            "Nobody's subject: {count} fell to the operator, who finds out whose they are"
        ))?;
        report.operator.iter().try_for_each(|it| self.said(it))
    }

    fn answer(&mut self, answer: &Answered) -> io::Result<()> {
        self.heading(&format!("{} takes what is most urgent, answers, and closes it", answer.agent))?;
        self.said(&answer.customer)?;
        let request = &answer.request;
        let (url, media_type) = (shown(&request.url), shown(&request.media_type));
        writeln!(self.out, "  what went out: {} {url} ({media_type})", request.method)?;
        writeln!(self.out, "  {}", self.paint.faint(&cut(&request.body.replace('\n', " "), WIDTH - 2)))?;
        writeln!(
            self.out,
            "  {} is {}, learned: {}",
            answer.conversation,
            answer.status,
            shown(&answer.theme)
        )
    }

    fn silence(&mut self, moved: &[Moved]) -> io::Result<()> {
        self.heading("Nobody answers the others, and the clock is moved: each level fires once")?;
        let left = Lean::Left;
        let mut table =
            Table::new([("clock", left), ("moved", Lean::Right), ("timers due", Lean::Right), ("", left)]);
        for step in moved {
            let levels =
                step.escalated.iter().map(|(level, count)| format!("{count} raised to level {level}"));
            let levels: Vec<_> = levels.collect();
            let levels =
                if levels.is_empty() { "nothing is raised again".to_owned() } else { levels.join(", ") };
            table.row([step.now.clone(), format!("+{} min", step.minutes), count(step.fired as u64), levels]);
        }
        self.table(&table)
    }

    fn steps(&mut self, steps: &[Step], total_ms: f64) -> io::Result<()> {
        self.heading("How long it took")?;
        let right = Lean::Right;
        let mut table =
            Table::new([("step", Lean::Left), ("count", right), ("ms", right), ("ms each", right)]);
        for step in steps {
            let each = step.ms / step.count.max(1) as f64;
            table.row([
                step.what.clone(),
                step.count.to_string(),
                format!("{:.0}", step.ms),
                format!("{each:.2}"),
            ]);
        }
        self.table(&table)?;
        let preparing_ms: f64 = steps.iter().filter(|it| it.is_preparation).map(|it| it.ms).sum();
        let (total, preparing) = (total_ms / 1_000.0, preparing_ms / 1_000.0);
        writeln!(
            self.out,
            "  altogether {total:.1} s, of which {preparing:.1} s to prepare plugins, kept by a real repository"
        )
    }

    fn said(&mut self, said: &Said) -> io::Result<()> {
        let line = format!("{}, {}: \u{201c}{}\u{201d}", said.who, said.inbox, said.what);
        writeln!(self.out, "  {}", cut(&line, WIDTH - 2))
    }

    fn heading(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "\n{}", self.paint.strong(&shown(text)))
    }

    fn table(&mut self, table: &Table) -> io::Result<()> {
        let lines = table.lines();
        let Some((titles, rows)) = lines.split_first() else { return Ok(()) };
        writeln!(self.out, "{}", self.paint.faint(titles))?;
        rows.iter().try_for_each(|row| writeln!(self.out, "{row}"))
    }
}

fn task(plugin: &Enabled) -> String {
    match (plugin.kind, plugin.phase) {
        (PluginKind::ChannelAdapter, _) => "reads and answers a channel",
        (_, Phase::Qualify) => "qualify: what is it?",
        (_, Phase::Route) => "route: whose is it?",
        (_, Phase::Escalate) => "escalate: has it waited too long?",
        (_, Phase::Respond) => "respond: what could be answered?",
    }
    .to_owned()
}

/// A number; nothing is a dot, so that what is there stands out.
fn count(number: u64) -> String {
    match number {
        0 => "·".to_owned(),
        number => number.to_string(),
    }
}
