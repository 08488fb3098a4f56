//! (desired, live, inventory, policy) to a Plan: diff, ownership, order, prune set; knows no async, client or dialect.
