//! Table dumps: no text makes the reader panic, and rows that were read, dumped and read again stay the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tables::csv;

fuzz_target!(|text: &str| {
    for name in ["nodelist", "site", "networks"] {
        let Some(table) = tables::table(name) else { continue };
        let Ok(rows) = csv::parse(table, text) else { continue };
        let dumped = csv::dump(table, &rows);
        let again = csv::parse(table, &dumped).expect("what was dumped is a table");
        assert_eq!(csv::dump(table, &again), dumped);
    }
});
