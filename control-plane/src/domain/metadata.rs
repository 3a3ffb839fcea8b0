//! What the owners of an API write down beside a key for themselves: who holds it, and anything else as pairs of texts. No right
//! follows from it, and the edge never hears of it.

use std::collections::BTreeMap;

use super::FieldError;

/// The longest name of a holder, in characters.
pub const MAX_HOLDER: usize = 255;
/// The most pairs.
pub const MAX_PAIRS: usize = 50;
/// The longest name of a pair, in characters.
pub const MAX_NAME: usize = 40;
/// The longest value, in characters.
pub const MAX_VALUE: usize = 500;
/// The most of all names and values together, in bytes.
pub const MAX_BYTES: usize = 8 * 1024;

/// Pairs of texts, by name.
pub type Metadata = BTreeMap<String, String>;

/// The one that holds a key, in the words of whoever gave it out.
///
/// # Errors
/// [`FieldError`].
pub fn holder(text: &str) -> Result<String, FieldError> {
    let is_text = (1..=MAX_HOLDER).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if is_text {
        Ok(text.to_owned())
    } else {
        let problem = format!("must have 1 to {MAX_HOLDER} characters, none of them a control character");
        Err(FieldError::new("owner", problem))
    }
}

/// The pairs with these changes: a value sets one, none takes it away.
///
/// # Errors
/// [`FieldError`], naming the pair.
pub fn merged(
    metadata: &Metadata,
    changes: &BTreeMap<String, Option<String>>,
) -> Result<Metadata, FieldError> {
    let mut merged = metadata.clone();
    for (name, value) in changes {
        let field = || format!("metadata.{}", name.chars().take(MAX_NAME).collect::<String>());
        let Some(value) = value else {
            merged.remove(name);
            continue;
        };
        if !(1..=MAX_NAME).contains(&name.chars().count()) || holds_controls(name) {
            let problem =
                format!("must have a name of 1 to {MAX_NAME} characters, none of them a control character");
            return Err(FieldError::new(field(), problem));
        }
        if value.chars().count() > MAX_VALUE || value.contains('\0') {
            let problem = format!("must have at most {MAX_VALUE} characters, none of them NUL");
            return Err(FieldError::new(field(), problem));
        }
        merged.insert(name.clone(), value.clone());
    }
    if merged.len() > MAX_PAIRS {
        return Err(FieldError::new(
            "metadata",
            format!("must have at most {MAX_PAIRS} pairs"),
        ));
    }
    let bytes: usize = merged.iter().map(|(name, value)| name.len() + value.len()).sum();
    if bytes > MAX_BYTES {
        let problem = format!("must have at most {MAX_BYTES} bytes of names and values");
        return Err(FieldError::new("metadata", problem));
    }
    Ok(merged)
}

fn holds_controls(text: &str) -> bool {
    text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(pairs: &[(&str, Option<&str>)]) -> BTreeMap<String, Option<String>> {
        let pair = |(name, value): &(&str, Option<&str>)| ((*name).to_owned(), value.map(str::to_owned));
        pairs.iter().map(pair).collect()
    }

    #[test]
    fn a_value_sets_and_none_takes_away() {
        let one = merged(
            &Metadata::new(),
            &changes(&[("team", Some("a")), ("tier", Some(""))]),
        )
        .unwrap();
        let two = merged(
            &one,
            &changes(&[("team", None), ("tier", Some("gold")), ("gone", None)]),
        )
        .unwrap();
        assert_eq!(two, Metadata::from([("tier".into(), "gold".into())]));
    }

    #[test]
    fn the_bounds_hold_for_what_it_becomes() {
        let many: Vec<_> = (0..MAX_PAIRS)
            .map(|number| (format!("n{number}"), Some("v".to_owned())))
            .collect();
        let full = merged(&Metadata::new(), &many.into_iter().collect()).unwrap();
        assert_eq!(
            merged(&full, &changes(&[("more", Some(""))])).unwrap_err().field,
            "metadata"
        );
        assert!(merged(&full, &changes(&[("more", Some("")), ("n0", None)])).is_ok());
        let long = "é".repeat(MAX_VALUE);
        assert!(merged(&Metadata::new(), &changes(&[("k", Some(&long))])).is_ok());
        let longer = format!("{long}x");
        assert_eq!(
            merged(&Metadata::new(), &changes(&[("k", Some(&longer))]))
                .unwrap_err()
                .field,
            "metadata.k"
        );
        let heavy: Vec<_> = (0..9)
            .map(|number| (format!("n{number}"), Some(long.clone())))
            .collect();
        assert_eq!(
            merged(&Metadata::new(), &heavy.into_iter().collect())
                .unwrap_err()
                .field,
            "metadata"
        );
        for wrong in ["", "a\nb", &"x".repeat(MAX_NAME + 1)] {
            assert!(
                merged(&Metadata::new(), &changes(&[(wrong, Some("v"))])).is_err(),
                "{wrong:?}"
            );
        }
    }
}
