//! The node's script as the management node renders it (provision.md section 9), made executable
//! here: the lines between the markers name postscripts, everything else is shell.

/// Which of the two lists a line is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    Postscripts,
    Postbootscripts,
}

impl Section {
    /// The word in markers and in log lines.
    const fn word(self) -> &'static str {
        match self {
            Self::Postscripts => "postscript",
            Self::Postbootscripts => "postbootscript",
        }
    }
}

/// Wraps the script so that each named postscript is run by `xcat-node` (`XCAT_NODE` in the
/// environment), and so that it returns 1 when any of them failed.
pub(super) fn wrap(script: &str) -> String {
    let mut wrapped = String::from(
        "xcat_failed=0\n\
         run_ps() { \"$XCAT_NODE\" run-postscript \"$@\" || xcat_failed=1; }\n",
    );
    let mut section = None;
    for line in script.lines() {
        section = after_marker(line, section);
        let text = line.trim();
        match section {
            Some(section) if !text.is_empty() && !text.starts_with('#') => {
                wrapped.push_str("run_ps ");
                wrapped.push_str(section.word());
                wrapped.push(' ');
                wrapped.push_str(text);
            }
            _ => wrapped.push_str(line),
        }
        wrapped.push('\n');
    }
    wrapped.push_str("exit $xcat_failed\n");
    wrapped
}

/// The section after `line`.
fn after_marker(line: &str, section: Option<Section>) -> Option<Section> {
    match line.trim() {
        "# postscripts-start-here" => Some(Section::Postscripts),
        "# postbootscripts-start-here" => Some(Section::Postbootscripts),
        "# postscripts-end-here" | "# postbootscripts-end-here" => None,
        _ => section,
    }
}

/// The postscripts the script names, for the log.
pub(super) fn names(script: &str) -> Vec<&str> {
    let mut section = None;
    let mut names = Vec::new();
    for line in script.lines() {
        section = after_marker(line, section);
        let text = line.trim();
        if section.is_some() && !text.is_empty() && !text.starts_with('#') {
            names.extend(text.split_ascii_whitespace().next());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "NODE='n1'\nexport NODE\n# postscripts-start-here\n\
        # defaults-postscripts-start-here\nsyslog\n# defaults-postscripts-end-here\n\
        mark 'a b'\n# postscripts-end-here\n# postbootscripts-start-here\notherpkgs\n\
        # postbootscripts-end-here\n";

    #[test]
    fn named_scripts_are_wrapped_and_shell_is_left_alone() {
        let wrapped = wrap(SCRIPT);
        let lines: Vec<&str> = wrapped.lines().collect();
        assert!(lines.contains(&"run_ps postscript syslog"));
        assert!(lines.contains(&"run_ps postscript mark 'a b'"));
        assert!(lines.contains(&"run_ps postbootscript otherpkgs"));
        assert!(lines.contains(&"NODE='n1'"));
        assert!(lines.contains(&"# defaults-postscripts-start-here"));
        assert_eq!(lines.last(), Some(&"exit $xcat_failed"));
    }

    #[test]
    fn names_are_the_first_words() {
        assert_eq!(names(SCRIPT), ["syslog", "mark", "otherpkgs"]);
    }
}
