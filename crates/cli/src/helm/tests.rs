use super::generated_name;

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
