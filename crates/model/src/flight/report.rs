//! What nodes say about themselves, in words: which step of the boot it is.

use std::collections::BTreeMap;

use super::Step;

/// How the agent begins a report that it gave up.
const GAVE_UP: &str = "boot failed: ";

/// The step that a line from the agent in the initramfs tells of, and the line without its mark.
pub fn agent_report(line: &str) -> (Step, &str) {
    let line = line.trim();
    line.strip_prefix(GAVE_UP).map_or((Step::Agent, line), |rest| (Step::AgentFailed, rest))
}

/// The postscripts that failed, by a node's log in xCAT's words (`... end....: NAME exited with code
/// N`, `... NAME does NOT exist.`); of a script that ran several times, the last time counts.
pub fn failed_postscripts(log: &str) -> Vec<String> {
    let mut last: BTreeMap<&str, Option<String>> = BTreeMap::new();
    for line in log.lines() {
        if let Some((name, outcome)) = ended(line).or_else(|| missing(line)) {
            last.insert(name, outcome);
        }
    }
    last.into_values().flatten().collect()
}

/// The script that a line says ended, and what is wrong with that.
fn ended(line: &str) -> Option<(&str, Option<String>)> {
    let (_, rest) = line.split_once("script end....:")?;
    let (name, code) = rest.trim().split_once(" exited with code ")?;
    let failed = (code.trim() != "0").then(|| format!("{name} exited with code {}", code.trim()));
    Some((name, failed))
}

/// The script that a line says is missing.
fn missing(line: &str) -> Option<(&str, Option<String>)> {
    let name = line.trim().strip_suffix(" does NOT exist.")?.rsplit(' ').next()?;
    Some((name, Some(format!("{name} does not exist in /install/postscripts"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agent_marks_what_is_final() {
        assert_eq!(agent_report("boot failed: no route\n"), (Step::AgentFailed, "no route"));
        assert_eq!(agent_report("image arrived"), (Step::Agent, "image arrived"));
    }

    #[test]
    fn the_last_run_of_a_script_counts() {
        let log = "2026-01-01 00:00:00 postscript start..: a\n\
                   2026-01-01 00:00:00 postscript end....: a exited with code 3\n\
                   2026-01-01 00:00:00 postscript end....: b exited with code 1\n\
                   2026-01-01 00:00:00 postbootscript c does NOT exist.\n\
                   2026-01-01 00:00:01 postscript end....: b exited with code 0\n";
        assert_eq!(
            failed_postscripts(log),
            ["a exited with code 3", "c does not exist in /install/postscripts"]
        );
        assert!(failed_postscripts("").is_empty());
    }
}
