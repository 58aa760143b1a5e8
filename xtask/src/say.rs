//! The one place of this tool that prints.

/// Prints one line, whole even when several are printed at once.
#[expect(clippy::print_stdout, reason = "a tool at the prompt talks to the person there")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}
