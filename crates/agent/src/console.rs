//! What the agent says: one line per step, on the console in the initramfs, in the journal later.

use std::io::Write;

/// Says one line, with the seconds since the kernel started.
pub(crate) fn say(text: &str) {
    let uptime = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
    let seconds = uptime.split(' ').next().unwrap_or("?");
    // a console that cannot be written to leaves nobody to tell
    writeln!(std::io::stdout(), "xcat-node [{seconds:>7}] {text}").unwrap_or(());
}

/// Says a failure with its causes and hands back the sentence.
pub(crate) fn say_error(error: &dyn std::error::Error) -> String {
    let text = base::chain(error);
    say(&text);
    text
}
