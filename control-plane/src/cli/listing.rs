//! Lists, shown as their pages come.

use serde_json::Value;

use super::show::{self, Table};
use crate::client::Pages;

/// Shows a list: a table for people, and for programs one JSON array.
pub(super) async fn show(
    mut pages: Pages<'_>,
    as_json: bool,
    head: &'static [&'static str],
    row: impl Fn(&Value) -> Vec<String>,
) -> anyhow::Result<()> {
    let mut table = Table::new(head);
    let mut count = 0_usize;
    while let Some(page) = pages.next().await? {
        if as_json {
            for entry in &page {
                show::line(&format!("{}{entry}", if count == 0 { "[" } else { "," }))?;
                count += 1;
            }
        } else {
            count += page.len();
            if count == 0 {
                show::note("none");
                return Ok(());
            }
            table.rows(&page.iter().map(&row).collect::<Vec<_>>())?;
        }
    }
    match (as_json, count) {
        (false, _) => Ok(()),
        (true, 0) => show::line("[]"),
        (true, _) => show::line("]"),
    }
}
