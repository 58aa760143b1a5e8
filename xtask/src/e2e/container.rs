//! `cargo xtask e2e container`: the container as its administrator meets it, on the real engine. No virtual machines: only
//! starts, logins, replacements, wirings, and everything that can be wrong with them.
//!
//! Every case has a container, volumes and a network of its own, but for those of the wirings: they take the names of the
//! original documentation (`xcatmn`, `mgtnet`, `mgtbr`), so the management node of this machine is taken down first. Its
//! volumes are left alone.

mod bad;
mod kept;
mod life;
mod login;
mod place;
mod prompt;
mod state;
mod wiring;

use std::time::Instant;

use anyhow::{Result, bail, ensure};

use crate::e2e::container::place::Network;
use crate::run::{shown, succeeds};
use crate::say::say;

/// Whether a case is in the shorter part, which `./test` runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Short,
    Long,
}

struct Case {
    name: &'static str,
    part: Part,
    run: fn() -> Result<()>,
}

const fn short(name: &'static str, run: fn() -> Result<()>) -> Case {
    Case { name, part: Part::Short, run }
}

const fn long(name: &'static str, run: fn() -> Result<()>) -> Case {
    Case { name, part: Part::Long, run }
}

const CASES: &[Case] = &[
    short("a first start configures everything and says so", life::first_start),
    short("only the rights of the list, and no more than it", life::rights),
    long("the engine's own rights are enough", life::default_rights),
    short("a service that ends is started again", life::supervision),
    short("docker stop ends it in good order", life::stop),
    short("logs stay bounded", life::logs),
    short("logs stay bounded on a full volume", life::full_log_volume),
    short("what a daemon said last is found", life::last_words),
    short("root logs in with the default password, and with a changed one", login::password),
    short("a password file and keys are taken", login::password_file_and_keys),
    short("a wrong password file leaves no default password", login::wrong_password_file),
    short("docker stop early in a start spoils no password", kept::stopped_early),
    short("a password that cannot be kept is said, and kept later", kept::full_volume),
    short("a kept password without content is no default password", kept::empty_password),
    short("other users do not end the default password's notice", kept::other_users),
    short("revoked keys stay revoked", kept::revoked_keys),
    short("keys that are given do not spoil the last one", kept::unended_line),
    short("keys that are given take the place of those given before", kept::given_keys),
    short("names in /etc/hosts outlive the container", kept::names),
    short("a password file does not undo passwd", kept::password_after_file),
    short("damaged host keys are made again", kept::damaged_host_keys),
    short("a state that others can read is said", kept::open_state),
    short("a hung xcatd does not hang the supervisor", kept::hung_daemon),
    short("the attached prompt survives exit and Ctrl-D", prompt::attach),
    short("the attached prompt survives a shell that is killed", prompt::killed_shell),
    long("a slow start, and keys before the prompt", prompt::slow_start),
    short("every shell has commands, completion and manual pages", login::shells),
    long(
        "twenty containers, one after the other, while a writer writes",
        state::replace_twenty_times,
    ),
    short("a dump of an older xCAT is restored, or nothing of it", state::foreign_dump),
    short("a later, a damaged and a foreign database are left untouched", state::unusable_database),
    short("another address is followed", state::another_address),
    short("two containers do not share one state", state::shared_state),
    short("bad input: volumes", bad::volumes),
    short("bad input: no domain", bad::no_domain),
    short("bad input: interfaces and addresses", bad::interfaces),
    short("bad input: ports", bad::ports),
    short("bad input: read-only root file system", bad::read_only),
    long("./up with two bridges, again, and down", wiring::bridges),
    long("./up --single", wiring::single),
    long("./up --macvlan", wiring::macvlan),
    long("./up --host", wiring::host),
    long("./up refuses what cannot be", wiring::refused),
    long("./up keeps data, wiring and addresses when settings change", wiring::changes),
    long("./up does not take this host off its own networks", wiring::ground),
    long("the commands of the guide", wiring::guide),
    long("a compose file of the original", wiring::original),
];

/// Runs the cases whose names contain the pattern; `--short` runs the shorter part.
pub(crate) fn run(pattern: &str) -> Result<()> {
    let is_wanted = |case: &&Case| match pattern {
        "--short" => case.part == Part::Short,
        pattern => case.name.contains(pattern),
    };
    ensure!(
        !succeeds(&["sh", "-c", "ls -d /run/xcat-attach-nic/*/"]),
        "an interface of this machine is in a bridge that the cases remove: container/attach-nic --status"
    );
    shown(&["./up", "--build"])?;
    let _network = Network::make()?;
    let (mut passed, mut failed) = (0_usize, 0_usize);
    for case in CASES.iter().filter(is_wanted) {
        say(&format!("running      {}", case.name));
        let begun = Instant::now();
        match (case.run)() {
            Ok(()) => {
                passed += 1;
                say(&format!("ok {:7.1} s  {}", begun.elapsed().as_secs_f64(), case.name));
            }
            Err(error) => {
                failed += 1;
                say(&format!("FAILED       {}: {error:#}", case.name));
            }
        }
    }
    say(&format!("{passed} passed, {failed} failed"));
    if failed > 0 {
        bail!("the test of the container failed");
    }
    Ok(())
}
