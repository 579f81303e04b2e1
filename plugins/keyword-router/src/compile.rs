//! From settings to rules.
//!
//! Every error is found before anything is built, each with the place of its value, so that an admin
//! mends all of them at once.

use std::collections::BTreeSet;

use switchboard_plugin_sdk::SettingError;

use crate::find::{FindError, Finder, Needle, Wanted};
use crate::rule::{Circumstances, Condition, Outcome, Rule, Rules, Sought};
use crate::settings::{self, Field, Settings};

/// The longest label or rule name, in characters; labels are the contract's number.
const NAME_CHARACTERS_MAX: usize = 64;
/// How much of a word or pattern a reason repeats, in characters.
const LABEL_CHARACTERS_MAX: usize = 60;

/// Builds the rules.
///
/// # Errors
/// Everything that is wrong with the settings.
pub fn rules(settings: Settings) -> Result<Rules, Vec<SettingError>> {
    let mut compiler = Compiler::default();
    let mode = settings.mode;
    let rules = settings.rules.into_iter().enumerate();
    let rules = rules.map(|(index, rule)| compiler.rule(index, rule)).collect();
    if !compiler.errors.is_empty() {
        return Err(compiler.errors);
    }
    let finder = Finder::new(compiler.wanted).map_err(|error| {
        let pointer = match error {
            FindError::PatternSize { number, .. } => &compiler.origins[number],
            FindError::Syntax { .. } | FindError::WordsSize(_) => "/rules",
        };
        vec![SettingError::at(pointer, error.to_string())]
    })?;
    Ok(Rules { mode, finder, fields: compiler.fields, rules })
}

#[derive(Default)]
struct Compiler {
    wanted: Wanted,
    /// Where each wanted pattern stands first.
    origins: Vec<String>,
    fields: Vec<Field>,
    names: BTreeSet<String>,
    errors: Vec<SettingError>,
}

impl Compiler {
    fn rule(&mut self, index: usize, rule: settings::Rule) -> Rule {
        let pointer = format!("/rules/{index}");
        self.check_name(&pointer, &rule.name);
        self.check_outcome(&pointer, &rule);
        let any = self.conditions(&format!("{pointer}/any"), &rule.any);
        let all = self.conditions(&format!("{pointer}/all"), &rule.all);
        let none = self.conditions(&format!("{pointer}/none"), &rule.none);
        let label = circumstances_label(&rule);
        Rule {
            name: rule.name,
            any,
            all,
            none,
            circumstances: Circumstances {
                channels: rule.channels,
                languages: rule.languages,
                kinds: rule.kinds,
                visibility: rule.visibility,
                tagged: rule.tagged,
                label,
            },
            outcome: Outcome {
                destination: rule.destination,
                priority: rule.priority,
                tags: rule.tags,
                intent: rule.intent,
                listening: rule.listening,
                spam: rule.spam,
            },
        }
    }

    fn check_name(&mut self, pointer: &str, name: &str) {
        let pointer = format!("{pointer}/name");
        if !is_short(name) {
            self.wrong(pointer, format!("a name has 1 to {NAME_CHARACTERS_MAX} characters"));
        } else if !self.names.insert(name.to_owned()) {
            self.wrong(pointer, format!("an earlier rule is named `{name}` too"));
        }
    }

    fn check_outcome(&mut self, pointer: &str, rule: &settings::Rule) {
        let silent = rule.destination.is_none()
            && rule.priority.is_none()
            && rule.tags.is_empty()
            && rule.intent.is_none()
            && rule.listening.is_none()
            && !rule.spam;
        if silent {
            let message = "the rule says nothing: give it a destination, a priority, tags, an \
                           intent or a listening category, or let it say `\"spam\": true`";
            self.wrong(pointer.to_owned(), message);
        }
        for (index, tag) in rule.tags.iter().enumerate().filter(|(_, tag)| !is_short(tag)) {
            let message = format!("the tag `{tag}` has not 1 to {NAME_CHARACTERS_MAX} characters");
            self.wrong(format!("{pointer}/tags/{index}"), message);
        }
        if rule.intent.as_ref().is_some_and(|intent| intent.trim().is_empty()) {
            self.wrong(format!("{pointer}/intent"), "must not be empty");
        }
        let nowhere = |to: &switchboard_plugin_sdk::Destination| to.department.trim().is_empty();
        if rule.destination.as_ref().is_some_and(nowhere) {
            self.wrong(format!("{pointer}/destination/department"), "must not be empty");
        }
    }

    fn conditions(&mut self, pointer: &str, list: &[settings::Condition]) -> Vec<Condition> {
        let numbered = list.iter().enumerate();
        numbered.map(|(index, condition)| self.condition(&format!("{pointer}/{index}"), condition)).collect()
    }

    fn condition(&mut self, pointer: &str, condition: &settings::Condition) -> Condition {
        match condition {
            settings::Condition::Word(word) => Condition {
                sought: vec![self.word(pointer, word)],
                fields: self.fields(pointer, &settings::subject_and_text()),
            },
            settings::Condition::Words(words) => {
                if words.words.is_empty() {
                    self.wrong(pointer.to_owned(), "`words` names no word");
                }
                let sought = words.words.iter();
                Condition {
                    sought: sought.map(|word| self.word(pointer, word)).collect(),
                    fields: self.fields(pointer, &words.fields),
                }
            }
            settings::Condition::Regex(regex) => Condition {
                sought: self.pattern(pointer, &regex.regex).into_iter().collect(),
                fields: self.fields(pointer, &regex.fields),
            },
        }
    }

    fn word(&mut self, pointer: &str, word: &str) -> Sought {
        if word.trim().is_empty() {
            self.wrong(pointer.to_owned(), "a word must not be empty");
        }
        Sought { needle: self.wanted.word(word), label: label(word.trim()) }
    }

    fn pattern(&mut self, pointer: &str, pattern: &str) -> Option<Sought> {
        match self.wanted.pattern(pattern) {
            Ok(needle) => {
                if needle == Needle::Pattern(self.origins.len()) {
                    self.origins.push(pointer.to_owned());
                }
                Some(Sought { needle, label: label(pattern) })
            }
            Err(error) => {
                self.wrong(pointer.to_owned(), format!("the pattern `{pattern}` is wrong: {error}"));
                None
            }
        }
    }

    fn fields(&mut self, pointer: &str, fields: &[Field]) -> Vec<usize> {
        if fields.is_empty() {
            self.wrong(pointer.to_owned(), "`in` names no field");
        }
        fields.iter().map(|field| self.field(field)).collect()
    }

    fn field(&mut self, field: &Field) -> usize {
        let known = self.fields.iter().position(|known| known == field);
        known.unwrap_or_else(|| {
            self.fields.push(field.clone());
            self.fields.len() - 1
        })
    }

    fn wrong(&mut self, pointer: String, message: impl Into<String>) {
        self.errors.push(SettingError::at(pointer, message));
    }
}

fn is_short(name: &str) -> bool {
    !name.trim().is_empty() && name.chars().count() <= NAME_CHARACTERS_MAX
}

/// A word or pattern as a reason repeats it.
fn label(text: &str) -> String {
    match text.char_indices().nth(LABEL_CHARACTERS_MAX) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}

/// What a rule asks for besides texts, in words.
fn circumstances_label(rule: &settings::Rule) -> String {
    let mut parts = Vec::new();
    if !rule.channels.is_empty() {
        parts.push(format!("on {}", rule.channels.join(" or ")));
    }
    if !rule.languages.is_empty() {
        parts.push(format!("in {}", rule.languages.join(" or ")));
    }
    if !rule.kinds.is_empty() {
        let kinds: Vec<String> = rule.kinds.iter().map(ToString::to_string).collect();
        parts.push(format!("of kind {}", kinds.join(" or ")));
    }
    if let Some(visibility) = rule.visibility {
        parts.push(visibility.to_string());
    }
    if !rule.tagged.is_empty() {
        parts.push(format!("tagged {}", rule.tagged.join(" or ")));
    }
    parts.join(", ")
}
