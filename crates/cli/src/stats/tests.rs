use super::*;

#[test]
fn sizes_are_read_by_people() {
    for (bytes, expected) in [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (3_774_873, "3.6 MiB"),
        (5 << 40, "5.0 TiB"),
        (5 << 50, "5120.0 TiB"),
    ] {
        assert_eq!(size(bytes), expected);
    }
}
