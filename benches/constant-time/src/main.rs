//! Whether the time of comparing secrets says how much of a wrong one is right. Each comparison looks at texts that are wrong in one
//! place each.
//!
//! - `timed`: at the first and the last place, many times and in random order. A difference is told from noise by Welch's t, as
//!   `dudect` does (Reparaz, Balasch, Verbauwhede: *Dude, is my code constant time?*, 2017).
//! - `counted`: at every place, for an interpreter whose clock counts instructions. All have to take the same number.
//!
//! Both fail as well when they do not notice a comparison that ends at the first difference.

mod comparisons;
mod look;
mod statistics;

use std::{env, process::ExitCode};

use comparisons::Comparison;
use statistics::{Chance, welch_t};

/// Texts for each place: an interpreter is slow.
const COUNTED: usize = 4;
/// The middle one of the rounds counts: what else a machine does disturbs some of them.
const ROUNDS: usize = 9;
/// Of one round.
const LOOKS: usize = 40_000;
/// What `dudect` takes for a difference.
const NOTICED: f64 = 4.5;

fn main() -> ExitCode {
    let judge = match env::args().nth(1).as_deref() {
        Some("counted") => counted,
        Some("timed") => timed,
        _ => {
            eprintln!("usage: keyward-constant-time counted|timed");
            return ExitCode::FAILURE;
        }
    };
    let mut is_all_right = true;
    for comparison in comparisons::all() {
        let (figure, is_constant) = judge(&comparison);
        let is_right = is_constant != comparison.is_planted;
        let verdict = if is_constant { "constant" } else { "NOT CONSTANT" };
        let remark = if is_right { "" } else { ", which is wrong" };
        println!("{:<48} {figure:<32} {verdict}{remark}", comparison.name);
        is_all_right &= is_right;
    }
    if is_all_right {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The least and the most that a text takes, and whether that is the same.
fn counted(comparison: &Comparison) -> (String, bool) {
    let mut buffer = String::new();
    let texts: Vec<_> = comparison
        .wrong
        .iter()
        .flat_map(|texts| texts.iter().take(COUNTED))
        .collect();
    // Each pass keeps two numbers and no more: what is taken of the memory and given back must go the same way for every text. The
    // first pass finds it in another state.
    let mut pass = || {
        let counts = texts.iter().map(|text| comparison.refuse(text, &mut buffer));
        counts.fold((u64::MAX, 0), |(least, most), count| {
            (count.min(least), count.max(most))
        })
    };
    pass();
    let (least, most) = pass();
    let figure = format!("{} texts: {least} to {most}", texts.len());
    (figure, least == most)
}

/// |t| of the first place against the last, and whether that is noise.
fn timed(comparison: &Comparison) -> (String, bool) {
    let mut chance = Chance::new();
    let mut buffer = String::new();
    let sides = [
        &comparison.wrong[0],
        &comparison.wrong[comparison.wrong.len() - 1],
    ];
    let mut rounds: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let looks = (0..LOOKS).map(|_| {
                let side = chance.below(2);
                let text = &sides[side][chance.below(sides[side].len())];
                (side, comparison.refuse(text, &mut buffer))
            });
            welch_t(&looks.collect::<Vec<_>>()).abs()
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    let t = rounds[ROUNDS / 2];
    (format!("|t| = {t:.1}"), t < NOTICED)
}
