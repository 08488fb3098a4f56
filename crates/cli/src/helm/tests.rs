use super::{Limits, generated_name, load_chart};

#[test]
fn a_generated_name_is_of_the_chart_and_the_time() {
    for (chart, expected) in [
        ("charts/shop", "shop-7"),
        ("charts/shop/", "shop-7"),
        ("shop-1.0.0.tgz", "shop-1-7"),
        (".", "chart-7"),
        ("/", "chart-7"),
    ] {
        assert_eq!(generated_name(chart, 7), expected, "{chart}");
    }
}

#[test]
fn a_chart_that_is_not_there_is_told_as_it_was_named() {
    for path in ["./no-chart", "/no/such/chart"] {
        let error = load_chart(path, &Limits::default()).expect_err("there is none");
        assert!(error.starts_with(&format!("path {path:?} not found")), "{error}");
    }
}
