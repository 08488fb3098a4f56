//! What is assumed of the tables.

use super::*;

#[test]
fn tables_are_in_order_and_hold_nothing_twice() {
    for compatibility in [Compatibility::V5_8_1, Compatibility::Next] {
        let table = Config::tables(compatibility);
        let mut merged = Config::default();
        merged.merge(&table).expect("the tables do not contradict themselves");
        assert_eq!(merged, table);
    }
}
