//! What somebody may have meant who wrote a name that there is not.

/// How many names are looked at: this is help, and must not take longer than the mistake is worth.
const MOST_NAMES: usize = 2_000;

/// The nearest of some names, if it is near enough to have been meant.
pub(crate) fn nearest<'a>(written: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Names are short; what is long was hardly mistyped, and would take long to compare.
    if written.len() > 64 {
        return None;
    }
    let most = 1 + written.chars().count() / 4;
    let distance = |name: &str| {
        let ignoring_case = name.eq_ignore_ascii_case(written);
        if ignoring_case { 0 } else { distance(written, name) }
    };
    let near = names.into_iter().take(MOST_NAMES).filter(|name| name.len() <= 96).map(|name| (distance(name), name));
    near.filter(|(distance, name)| *distance <= most && *name != written).min().map(|(_, name)| name)
}

/// How many characters must be added, dropped, changed or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = [vec![0; b.len() + 1], (0..=b.len()).collect::<Vec<_>>(), vec![0; b.len() + 1]];
    for i in 1..=a.len() {
        let [before, last, row] = &mut rows;
        row[0] = i;
        for j in 1..=b.len() {
            let changed = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = changed.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        rows.rotate_left(1);
    }
    rows[1][b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn names_that_are_near_are_found() {
        let names = ["resources", "replicas", "replacements", "images"];
        for (written, meant) in [
            ("resource", Some("resources")),
            ("resoruces", Some("resources")),
            ("Images", Some("images")),
            ("replica", Some("replicas")),
            ("volumes", None),
            ("images", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, names), meant, "{written}");
        }
    }
}
