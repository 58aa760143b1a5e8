//! `xcat lab down`: removes the definitions, the machines and everything the lab has put on the host.

use std::time::Duration;

use base::{ErrorKind, Failure};
use tokio::time::{Instant, sleep};

use super::arguments::Arguments;
use super::container::{Container, Step, say};
use super::control::{self, Ask, Report};
use super::state::StateDir;

const SHORT: Duration = Duration::from_mins(1);
const END: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(100);

/// Ends the lab; `keep` leaves the definitions.
pub async fn down(arguments: &Arguments, keep: bool) -> Result<(), Failure> {
    let state = StateDir::open(&arguments.state)?;
    let Some(report) = control::ask(&state, &Ask::Status).await? else {
        say("the lab is down");
        return Ok(());
    };
    let container = Container { name: arguments.container.clone() };
    if !keep {
        undefine(&container, &report).await?;
    }
    control::ask(&state, &Ask::Down).await?;
    wait_until_gone(&state).await?;
    say(&format!("the lab is down: {} machines removed", report.nodes.len()));
    Ok(())
}

/// Removes the definitions; a container that is not there has none.
async fn undefine(container: &Container, report: &Report) -> Result<(), Failure> {
    let names: Vec<&str> = report.nodes.iter().map(|entry| entry.node.name.as_str()).collect();
    if names.is_empty() {
        return Ok(());
    }
    if !container.answers().await {
        say(&format!("container {} does not answer: definitions are left alone", container.name));
        return Ok(());
    }
    let step = Step::new(&format!("rmdef -t node -o {}", names.join(",")), SHORT);
    // nodes that are not defined any more are as good as removed
    container.attempt(&step).await.map(|_| ())
}

async fn wait_until_gone(state: &StateDir) -> Result<(), Failure> {
    let until = Instant::now() + END;
    while state.control().exists() {
        if Instant::now() >= until {
            let message =
                format!("the background process does not end; see {}", state.log().display());
            return Err(Failure::new(ErrorKind::Timeout, message));
        }
        sleep(LOOK).await;
    }
    Ok(())
}
