//! What the agent says: one line per step, on the console in the initramfs, in the journal later.

use std::io::Write;

/// Says one line; in the initramfs with the seconds since the kernel started, since nobody else
/// notes the time there.
pub(crate) fn say(text: &str) {
    let line = if std::process::id() == 1 { stamped(text) } else { format!("{text}\n") };
    // a console that cannot be written to leaves nobody to tell
    std::io::stdout().write_all(line.as_bytes()).unwrap_or(());
}

fn stamped(text: &str) -> String {
    let uptime = std::fs::read_to_string("/proc/uptime").unwrap_or_default();
    let seconds = uptime.split(' ').next().unwrap_or("?");
    format!("xcat-node [{seconds:>7}] {text}\n")
}

/// Says a failure with its causes and hands back the sentence.
pub(crate) fn say_error(error: &dyn std::error::Error) -> String {
    let text = base::chain(error);
    say(&text);
    text
}
