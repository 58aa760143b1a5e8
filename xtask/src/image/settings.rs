//! What the Dockerfile says about running the image, read for images that are assembled without an engine.
//!
//! Instructions that make content (FROM, ARG, COPY, RUN) are done by the layers; every other one is either understood here or
//! refused, so that the two ways of building cannot drift apart.

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

/// Reads a Dockerfile into the `config` object of an image configuration.
pub(crate) fn read(dockerfile: &str) -> Result<Value> {
    let mut config = Map::new();
    for line in instructions(dockerfile) {
        let (name, rest) = line.split_once(' ').unwrap_or((&line, ""));
        apply(&mut config, name, rest.trim()).with_context(|| format!("Dockerfile: {line}"))?;
    }
    Ok(Value::Object(config))
}

/// One string for each instruction: comments removed, continued lines joined.
fn instructions(dockerfile: &str) -> Vec<String> {
    let mut done = Vec::new();
    let mut open = String::new();
    for line in dockerfile.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if let Some(part) = line.strip_suffix('\\') {
            open.push_str(part);
        } else if !line.is_empty() {
            open.push_str(line);
            done.push(std::mem::take(&mut open));
        }
    }
    done
}

fn apply(config: &mut Map<String, Value>, name: &str, rest: &str) -> Result<()> {
    let (key, value) = match name {
        "FROM" | "ARG" | "COPY" | "RUN" => return Ok(()),
        "ENV" => ("Env", json!(rest.split_whitespace().collect::<Vec<_>>())),
        "VOLUME" => ("Volumes", volumes(rest)?),
        "STOPSIGNAL" => ("StopSignal", json!(rest)),
        "ENTRYPOINT" => ("Entrypoint", json!(words(rest)?)),
        "CMD" => ("Cmd", json!(words(rest)?)),
        "HEALTHCHECK" => ("Healthcheck", healthcheck(rest)?),
        _ => bail!("{name} is not known to `cargo xtask image`"),
    };
    if config.insert(key.to_owned(), value).is_some() {
        bail!("{name} is there twice");
    }
    Ok(())
}

fn words(list: &str) -> Result<Vec<String>> {
    serde_json::from_str(list).context("only the form [\"word\", ...] is understood")
}

fn volumes(list: &str) -> Result<Value> {
    Ok(words(list)?.into_iter().map(|path| (path, json!({}))).collect::<Map<_, _>>().into())
}

fn healthcheck(text: &str) -> Result<Value> {
    let (options, command) = text.split_once("CMD ").context("no CMD")?;
    let mut line = vec!["CMD".to_owned()];
    line.extend(words(command)?);
    let mut check = Map::from_iter([("Test".to_owned(), json!(line))]);
    for option in options.split_whitespace() {
        let (name, value) = option.split_once('=').with_context(|| option.to_owned())?;
        let (key, value) = match name {
            "--interval" => ("Interval", nanoseconds(value)?),
            "--timeout" => ("Timeout", nanoseconds(value)?),
            "--start-period" => ("StartPeriod", nanoseconds(value)?),
            "--retries" => ("Retries", value.parse()?),
            _ => bail!("{name} is not known"),
        };
        check.insert(key.to_owned(), json!(value));
    }
    Ok(Value::Object(check))
}

fn nanoseconds(duration: &str) -> Result<u64> {
    let seconds = duration.strip_suffix('s').context("only whole seconds are understood: 10s")?;
    Ok(seconds.parse::<u64>()? * 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_is_read_and_what_builds_is_not() {
        let text = "# a comment\nFROM base\nRUN a \\\n && b\nENV A=1 B=2\nVOLUME [\"/v\"]\n\
                    HEALTHCHECK --interval=10s --retries=3 CMD [\"ask\", \"it\"]\nSTOPSIGNAL SIGTERM\n\
                    ENTRYPOINT [\"/init\", \"-g\"]\n";
        let expected = json!({
            "Env": ["A=1", "B=2"],
            "Volumes": { "/v": {} },
            "Healthcheck": { "Test": ["CMD", "ask", "it"], "Interval": 10_000_000_000_u64, "Retries": 3 },
            "StopSignal": "SIGTERM",
            "Entrypoint": ["/init", "-g"],
        });
        assert_eq!(read(text).unwrap(), expected);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for line in [
            "EXPOSE 22",
            "ENTRYPOINT /init",
            "HEALTHCHECK --interval=1m CMD [\"ask\"]",
            "HEALTHCHECK NONE",
            "STOPSIGNAL A\nSTOPSIGNAL B",
        ] {
            assert!(read(line).is_err(), "{line}");
        }
    }

    #[test]
    fn our_dockerfile_is_understood() {
        let config = read(include_str!("../../../container/Dockerfile")).unwrap();
        for key in ["Env", "Volumes", "Healthcheck", "StopSignal", "Entrypoint"] {
            assert!(config.get(key).is_some(), "{key}");
        }
    }
}
