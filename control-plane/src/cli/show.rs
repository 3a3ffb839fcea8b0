//! What people see: tables, facts, times, and colour on a terminal alone. What programs see is JSON.

use std::io::{self, IsTerminal as _, Write as _};

use clap::Args;
use jiff::Timestamp;
use serde_json::Value;

/// Writes a line to standard output.
pub(super) fn line(text: &str) -> anyhow::Result<()> {
    writeln!(io::stdout().lock(), "{text}")?;
    Ok(())
}

/// Writes a document to standard output.
pub(super) fn json(document: &Value) -> anyhow::Result<()> {
    line(&format!("{document:#}"))
}

/// How a command that calls no service says what it did.
#[derive(Args, Clone, Copy)]
pub(super) struct Output {
    /// Print one JSON object instead of lines
    #[arg(long)]
    pub(super) json: bool,
}

impl Output {
    /// Writes the document, or the lines that say the same.
    pub(super) fn show(self, document: &Value, lines: &[String]) -> anyhow::Result<()> {
        match self.json {
            true => json(document),
            false => line(&lines.join("\n")),
        }
    }
}

/// Writes to standard error what is for the person alone, so that standard output holds nothing but what was asked for.
pub(super) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

fn has_colour() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}

/// The text of a field: what is not there is a dash, lists are separated by commas, and nothing of it moves a terminal.
pub(super) fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(","),
        Value::Object(fields) => {
            let pairs = fields
                .iter()
                .map(|(name, value)| format!("{name}={}", cell(value)));
            pairs.collect::<Vec<_>>().join(",")
        }
        other => other.to_string(),
    };
    let text: String = text
        .chars()
        .map(|character| {
            if character.is_control() {
                '\u{fffd}'
            } else {
                character
            }
        })
        .collect();
    if text.is_empty() { "-".to_owned() } else { text }
}

/// A time as people say it: `5 minutes ago`, `in 29 days`.
pub(super) fn when(value: &Value, now: Timestamp) -> String {
    let Some(moment) = value.as_str().and_then(|text| text.parse::<Timestamp>().ok()) else {
        return cell(value);
    };
    let seconds = moment.duration_since(now).as_secs();
    // What lies ahead is rounded, so that a key of 90 days expires in 90 days; what lies back is over in full.
    let is_ahead = seconds > 0;
    let of = |unit: u64, distance: u64| (distance + if is_ahead { unit / 2 } else { 0 }) / unit;
    let (count, unit) = match seconds.unsigned_abs() {
        0..=59 => return if is_ahead { "in seconds" } else { "just now" }.to_owned(),
        distance @ 60..=3599 => (of(60, distance), "minute"),
        distance @ 3600..=86_399 => (of(3600, distance), "hour"),
        distance => (of(86_400, distance), "day"),
    };
    let plural = if count == 1 { "" } else { "s" };
    if is_ahead {
        format!("in {count} {unit}{plural}")
    } else {
        format!("{count} {unit}{plural} ago")
    }
}

/// A table that grows page by page. The first page says how wide it is.
pub(super) struct Table {
    head: &'static [&'static str],
    widths: Option<Vec<usize>>,
}

impl Table {
    pub(super) fn new(head: &'static [&'static str]) -> Self {
        Self { head, widths: None }
    }

    /// Writes more rows.
    pub(super) fn rows(&mut self, rows: &[Vec<String>]) -> anyhow::Result<()> {
        let head = self.head;
        let is_first = self.widths.is_none();
        let widths = self.widths.get_or_insert_with(|| {
            let widest = |(place, name): (usize, &&str)| {
                let cells = rows.iter().map(|row| row[place].chars().count());
                cells.max().unwrap_or_default().max(name.len())
            };
            head.iter().enumerate().map(widest).collect()
        });
        if is_first {
            let names: Vec<String> = head.iter().map(|name| (*name).to_owned()).collect();
            line(&aligned(&names, widths, false))?;
        }
        for row in rows {
            line(&aligned(row, widths, has_colour()))?;
        }
        Ok(())
    }
}

fn aligned(row: &[String], widths: &[usize], has_colour: bool) -> String {
    let mut text = String::new();
    for (cell, width) in row.iter().zip(widths) {
        let padding = width.saturating_sub(cell.chars().count()) + 2;
        match colour(cell).filter(|_| has_colour) {
            Some(colour) => text.push_str(&format!("\x1b[{colour}m{cell}\x1b[0m")),
            None => text.push_str(cell),
        }
        text.extend(std::iter::repeat_n(' ', padding));
    }
    text.trim_end().to_owned()
}

/// Words that say how something is.
fn colour(word: &str) -> Option<u8> {
    match word {
        "active" | "confirmed" | "imported" => Some(32),
        "deactivated" | "pending" | "expired" => Some(33),
        "revoked" | "superseded" | "refused" => Some(31),
        _ => None,
    }
}

/// Facts about one thing, as lines for people.
pub(super) fn facts(pairs: &[(&str, String)]) -> String {
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or_default() + 2;
    let lines = pairs.iter().map(|(name, value)| format!("{name:<width$}{value}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// All fields of a document, as facts. Times are exact here.
pub(super) fn all_facts(document: &Value) -> String {
    let fields = document.as_object().into_iter().flatten();
    let pairs: Vec<_> = fields.map(|(name, value)| (name.as_str(), cell(value))).collect();
    facts(&pairs)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_moves_the_terminal() {
        assert_eq!(cell(&json!("a\u{1b}[31mb\n")), "a\u{fffd}[31mb\u{fffd}");
        assert_eq!(
            (cell(&json!(null)), cell(&json!([]))),
            ("-".to_owned(), "-".to_owned())
        );
        assert_eq!(cell(&json!(["a", 1, {"b": "c"}])), "a,1,b=c");
    }

    #[test]
    fn times_are_told_as_people_tell_them() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        for (moment, told) in [
            ("2026-11-21T12:00:30Z", "in seconds"),
            ("2026-11-21T11:59:30Z", "just now"),
            ("2026-11-21T11:59:00Z", "1 minute ago"),
            ("2026-11-21T09:00:00Z", "3 hours ago"),
            ("2026-12-20T11:59:59Z", "in 29 days"),
            ("2026-10-22T12:00:01Z", "29 days ago"),
            ("never", "never"),
        ] {
            assert_eq!(when(&json!(moment), now), told, "{moment}");
        }
        assert_eq!(when(&Value::Null, now), "-");
    }
}
