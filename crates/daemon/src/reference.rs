//! The pages of the reference that are about this program, as Markdown: `xcatd reference PAGE`.

use std::fmt::Write;

use crate::config::{DEFAULT_FILE, SETTINGS};
use crate::metrics;

/// How this program is used.
pub const USAGE: &str = "\
Usage: xcatd [--config FILE] [serve]    serve until SIGTERM
       xcatd [--config FILE] health     exit 0 when the running daemon answers a query
       xcatd [--config FILE] check      read the configuration and say what is wrong with it
       xcatd [--config FILE] bypass     answer one client, which is standard input, without the daemon
       xcatd commands                   the names of the commands
       xcatd reference PAGE             a page of the reference: configuration, metrics
       xcatd --version
";

/// The page called `name`.
pub fn page(name: &str) -> Option<String> {
    match name {
        "configuration" => Some(configuration()),
        "metrics" => Some(metrics::reference()),
        _ => None,
    }
}

fn configuration() -> String {
    let usage: String = USAGE.lines().flat_map(|line| ["    ", line, "\n"]).collect();
    let mut text = format!(
        "# xcatd\n\n{usage}\n# Configuration\n\nThe file is `{DEFAULT_FILE}`, in TOML; it may be missing. It holds only \
         what must be known before the tables can be read; everything else is in the tables, mostly in `site`. An unknown setting is an error. \
         `xcatd check` reads the file and says what is wrong with it.\n\n| setting | default | meaning |\n|---|---|---|\n"
    );
    for setting in SETTINGS {
        let default = match setting.default {
            "" => "none".to_owned(),
            default => format!("`{default}`"),
        };
        writeln!(text, "| `{}` | {default} | {} |", setting.name, setting.help)
            .expect("writing to a String does not fail");
    }
    text.push_str(
        "\nNames with a dot are in a section: `listen.http` is `http` below `[listen]`. A service whose port is taken is tried \
         again every few seconds while the others serve; `lsxcatd -a` and `/healthz` show its reason. The variables that xcatd \
         reads are in [environment.md](environment.md).\n",
    );
    text
}
