//! The pages of the reference that are about this program, as Markdown: `xcatd reference PAGE`.

use std::fmt::Write;

use crate::config::{DEFAULT_FILE, SETTINGS};
use crate::metrics;

/// The page called `name`.
pub fn page(name: &str) -> Option<String> {
    match name {
        "configuration" => Some(configuration()),
        "metrics" => Some(metrics::reference()),
        _ => None,
    }
}

fn configuration() -> String {
    let mut text = format!(
        "# Configuration of xcatd\n\nThe file is `{DEFAULT_FILE}`, in TOML; it may be missing. It holds only what must be known \
         before the tables can be read; everything else is in the tables, mostly in `site`. An unknown setting is an error. \
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
