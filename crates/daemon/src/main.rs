//! The program `xcatd`.

fn main() {}
