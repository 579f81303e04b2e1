//! Where an error stands and what it says, as people look for it.
//!
//! The validator points at the object around a setting that does not exist, and at the whole value
//! where none of several alternatives fits it.

use std::cmp::Reverse;
use std::fmt::{self, Write};

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Kind;
use serde_json::Value;

use super::{ERRORS_MAX, MESSAGE_BYTES_MAX, SettingError};

/// What is wrong with a value, seen as one of the alternatives that its schema allows.
type Alternative = Vec<ValidationError<'static>>;

/// What the validator found, at the places people look at: the first errors.
pub(super) fn errors_of<'a>(
    schema: &Value,
    errors: impl IntoIterator<Item = ValidationError<'a>>,
) -> Vec<SettingError> {
    let mut found = Vec::new();
    errors.into_iter().take(ERRORS_MAX).for_each(|error| add_errors(schema, &error, &mut found));
    found.truncate(ERRORS_MAX);
    found
}

fn add_errors(schema: &Value, error: &ValidationError<'_>, found: &mut Vec<SettingError>) {
    if found.len() >= ERRORS_MAX {
        return;
    }
    let place = error.instance_path().as_str();
    match error.kind() {
        Kind::AdditionalProperties { unexpected } => {
            let known = known_settings(schema, error.schema_path().as_str());
            found.extend(unexpected.iter().take(ERRORS_MAX).map(|name| unknown_setting(place, name, &known)));
        }
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
            let possible = of_its_type(place, context);
            if let Some(choices) = none_of_the_choices(&possible) {
                return found.push(choices);
            }
            match meant(place, &possible) {
                Some(meant) => {
                    meant.iter().take(ERRORS_MAX).for_each(|error| add_errors(schema, error, found));
                }
                None => found.push(none_fits(place, &possible)),
            }
        }
        _ => found.push(SettingError::new(place, &brief([error]))),
    }
}

fn unknown_setting(place: &str, name: &str, known: &str) -> SettingError {
    // RFC 6901, section 3.
    let escaped = name.replace('~', "~0").replace('/', "~1");
    SettingError::new(&format!("{place}/{escaped}"), &format!("there is no such setting{known}"))
}

/// The settings there are beside the keyword at this place of the schema, as the end of a sentence.
fn known_settings(schema: &Value, keyword: &str) -> String {
    let object = keyword.rsplit_once('/').map_or("", |(object, _)| object);
    match schema.pointer(&format!("{object}/properties")) {
        Some(Value::Object(known)) if !known.is_empty() => {
            format!("; there is: {}", known.keys().map(String::as_str).collect::<Vec<_>>().join(", "))
        }
        _ => String::new(),
    }
}

/// The alternatives of the value's type; all where it is of no right type.
fn of_its_type<'a>(place: &str, alternatives: &'a [Alternative]) -> Vec<&'a Alternative> {
    let is_about_the_type =
        |error: &ValidationError<'_>| matches!(error.kind(), Kind::Type { .. }) && depth(error, place) == 0;
    let fitting: Vec<_> = alternatives.iter().filter(|it| !it.iter().any(is_about_the_type)).collect();
    if fitting.is_empty() { alternatives.iter().collect() } else { fitting }
}

/// The alternative that was clearly meant, if one was: of those with the right mark (a constant among
/// the settings, such as `"kind": "token"`) the one that the value fits down to the deepest place, and
/// there with the fewest errors.
fn meant<'a>(place: &str, possible: &[&'a Alternative]) -> Option<&'a Alternative> {
    let has_its_mark = |it: &&&Alternative| !it.iter().any(|error| is_about_the_mark(error, place));
    let marked: Vec<&Alternative> = possible.iter().filter(has_its_mark).copied().collect();
    let possible = if marked.is_empty() { possible } else { &marked };
    let furthest = possible.iter().map(|it| reach(it, place)).max()?;
    let mut candidates = possible.iter().filter(|it| reach(it, place) == furthest);
    let meant = candidates.next().copied();
    meant.filter(|_| candidates.next().is_none())
}

fn is_about_the_mark(error: &ValidationError<'_>, place: &str) -> bool {
    matches!(error.kind(), Kind::Constant { .. }) && depth(error, place) == 1
}

/// How deep the value fits, and how few errors there are at that depth.
fn reach(alternative: &Alternative, place: &str) -> (usize, Reverse<usize>) {
    let depths = || alternative.iter().map(|error| (depth(error, place), weight(error)));
    let shallowest = depths().map(|(depth, _)| depth).min().unwrap_or_default();
    let errors = depths().filter(|(depth, _)| *depth == shallowest).map(|(_, weight)| weight).sum();
    (shallowest, Reverse(errors))
}

fn depth(error: &ValidationError<'_>, place: &str) -> usize {
    let below = error.instance_path().as_str().get(place.len()..).unwrap_or_default();
    below.matches('/').count()
}

/// How many things an error names.
fn weight(error: &ValidationError<'_>) -> usize {
    match error.kind() {
        Kind::AdditionalProperties { unexpected } => unexpected.len(),
        _ => 1,
    }
}

/// Where several alternatives want values of their own at one and the same place: that place, and
/// those values.
fn none_of_the_choices(possible: &[&Alternative]) -> Option<SettingError> {
    let mut place = None;
    let mut choices = Vec::new();
    for alternative in possible {
        let (error, wanted) = alternative.iter().find_map(|error| Some((error, wanted(error)?)))?;
        if *place.get_or_insert(error.instance_path()) != error.instance_path() {
            return None;
        }
        choices.extend(wanted);
    }
    let message = format!("must be one of: {}", choices.join(", "));
    (possible.len() > 1).then(|| SettingError::new(place.map_or("", |it| it.as_str()), &message))
}

fn wanted(error: &ValidationError<'_>) -> Option<Vec<String>> {
    match error.kind() {
        Kind::Constant { expected_value } => Some(vec![expected_value.to_string()]),
        Kind::Enum { options } => Some(options.as_array()?.iter().map(Value::to_string).collect()),
        _ => None,
    }
}

/// What is wrong with the value as each of the alternatives.
fn none_fits(place: &str, possible: &[&Alternative]) -> SettingError {
    let mut message = Brief::of("it is none of what it can be: ");
    for (index, alternative) in possible.iter().enumerate() {
        let separator = if index == 0 { "" } else { "; or " };
        if message.add(format_args!("{separator}{}", brief(alternative.iter()))).is_err() {
            break;
        }
    }
    SettingError::new(place, &message.text)
}

/// The texts of errors, as far as they are kept. Each may quote a value as large as all settings.
fn brief<'a, T: fmt::Display + 'a>(errors: impl IntoIterator<Item = &'a T>) -> String {
    let mut texts = Brief::of("");
    for (index, error) in errors.into_iter().enumerate() {
        let separator = if index == 0 { "" } else { ", " };
        if texts.add(format_args!("{separator}{error}")).is_err() {
            break;
        }
    }
    texts.text
}

/// A text that ends when it is as long as a message may be.
struct Brief {
    text: String,
}

impl Brief {
    fn of(text: &str) -> Self {
        Self { text: text.to_owned() }
    }

    /// Fails when there is no room for more.
    fn add(&mut self, text: fmt::Arguments<'_>) -> fmt::Result {
        self.write_fmt(text)
    }
}

impl fmt::Write for Brief {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        let room = MESSAGE_BYTES_MAX.saturating_sub(self.text.len());
        self.text.push_str(&piece[..piece.floor_char_boundary(room)]);
        if piece.len() > room { Err(fmt::Error) } else { Ok(()) }
    }
}
