//! The quick reader against the expressions, over all texts of a few pieces.

use super::{by_shapes, plain, without_hyphen_ranges};

const PIECES: [&str; 22] = [
    "", " ", ",", "=", "!=", ">", ">=", "=>", "~>", "^", "v", "1", "12", "x", "*", ".", ".3", "-", "-0", "-rc.1", "+b",
    "|",
];

#[test]
fn what_is_read_quickly_is_what_the_expressions_find() {
    let mut read = 0;
    let mut check = |text: &str| {
        if let Some(quick) = plain::comparisons(text) {
            assert_eq!(Ok(quick), by_shapes(text), "{text:?}");
            read += 1;
        }
    };
    for a in PIECES {
        for b in PIECES {
            for c in PIECES {
                for d in PIECES {
                    check(&format!("{a}{b}{c}{d}"));
                    check(&format!("{a} 1.2{b}{c}2{d}"));
                }
            }
        }
    }
    assert!(read > 10_000, "{read}");
}

#[test]
fn usual_constraints_are_read_quickly() {
    for text in
        [">=1.20.0-0", ">= 1.20.0-0 < 2", "~1.2.x", "^v3", "*", "2.x.x", "1.2.3+b", ">=1, <2", " 1.x ", "!= 4.2.0-rc.1"]
    {
        assert!(plain::comparisons(text).is_some(), "{text}");
        assert_eq!(without_hyphen_ranges(text), text);
    }
    assert_eq!(without_hyphen_ranges("1.2 - 2.3"), ">= 1.2, <= 2.3 ");
}
