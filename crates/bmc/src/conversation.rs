//! One conversation with one controller: log in, ask, close; repeating what got lost, falling back where that helps.
//!
//! The order of attempts is policy, and it is here: suite 17 before 3, administrator before operator, and a handshake
//! that broke off in the middle once more from its beginning.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};
use wire::ipmi::{Command, Console, Login, Privilege, Progress, Refusal, Response, Status, Suite};

use crate::socket::Line;
use crate::{BmcError, Target};

/// How often a whole login is begun before its error is final.
const ATTEMPTS: u32 = 6;
/// How long a controller without a free session is left alone.
const BUSY_PAUSE: Duration = Duration::from_millis(700);

/// An open session.
pub(crate) struct Conversation<'a> {
    line: Line,
    target: &'a Target,
    console: Console,
}

/// How one question ended.
enum Outcome {
    Progress(Progress),
    /// No answer to the packets, so many of them.
    Silence(u32),
}

/// What to change for the next attempt to log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Plan {
    suite: Suite,
    privilege: Privilege,
    attempts: u32,
    pause: Duration,
}

/// What an attempt to log in led to, other than a session.
enum Setback {
    Refused(Refusal),
    Silence { packets: u32, answered: bool, opening: bool },
}

impl<'a> Conversation<'a> {
    /// Logs in, with the cipher suite that worked the last time first.
    pub(crate) async fn open(
        mut line: Line,
        target: &'a Target,
        first: Suite,
    ) -> Result<(Self, Suite), BmcError> {
        let privilege = Privilege::Administrator;
        let mut plan = Plan { suite: first, privilege, attempts: 1, pause: Duration::ZERO };
        loop {
            let login =
                Login::new(&target.user, target.password.clone(), plan.suite, plan.privilege)
                    .map_err(|source| BmcError::Login { addr: target.addr, source })?;
            match log_in(&mut line, target, login).await? {
                Ok(console) => return Ok((Self { line, target, console }, plan.suite)),
                Err(setback) => plan = next_plan(plan, &setback, target)?,
            }
            tokio::time::sleep(plan.pause).await;
        }
    }

    /// Asks for one command and returns the data of its answer.
    pub(crate) async fn ask(
        &mut self,
        command: &Command,
        action: &'static str,
    ) -> Result<Vec<u8>, BmcError> {
        let addr = self.target.addr;
        let mut pauses = 0;
        loop {
            let response = self.request(command, action).await?;
            match response.completion {
                completion if completion.is_ok() => return Ok(response.data),
                completion if completion.is_busy() && pauses < self.target.retries => {
                    pauses += 1;
                    tokio::time::sleep(BUSY_PAUSE).await;
                }
                completion if completion.is_busy() => return Err(BmcError::Busy { addr }),
                wire::ipmi::Completion::PRIVILEGE => {
                    return Err(BmcError::Privilege { addr, user: self.target.user.clone() });
                }
                completion => return Err(BmcError::Command { addr, action, completion }),
            }
        }
    }

    /// Closes the session; a controller that does not answer that ends it by itself.
    pub(crate) async fn close(mut self) {
        let Some(packet) = self.console.close(&mut random) else { return };
        let patience = Target { retries: self.target.retries.min(1), ..self.target.clone() };
        let closed = exchange(&mut self.line, &patience, &mut self.console, packet).await;
        if !matches!(closed, Ok(Outcome::Progress(_))) {
            tracing::debug!(bmc = %self.target.addr, "closing the session was not answered");
        }
    }

    async fn request(
        &mut self,
        command: &Command,
        action: &'static str,
    ) -> Result<Response, BmcError> {
        let lost = BmcError::Lost { addr: self.target.addr, during: action };
        let Some(packet) = self.console.request(command.request(), &mut random) else {
            return Err(lost);
        };
        match exchange(&mut self.line, self.target, &mut self.console, packet).await? {
            Outcome::Progress(Progress::Answer(response)) => Ok(response),
            Outcome::Progress(_) | Outcome::Silence(_) => Err(lost),
        }
    }
}

/// One attempt to log in.
async fn log_in(
    line: &mut Line,
    target: &Target,
    login: Login,
) -> Result<Result<Console, Setback>, BmcError> {
    let (mut console, packet) = Console::new(login);
    let outcome = exchange(line, target, &mut console, packet).await?;
    Ok(match outcome {
        Outcome::Progress(Progress::Ready) => Ok(console),
        Outcome::Progress(Progress::Refused(refusal)) => Err(Setback::Refused(refusal)),
        Outcome::Progress(_) => Err(Setback::Refused(Refusal::Status(Status::PARAMETER))),
        Outcome::Silence(packets) => {
            let (answered, opening) = (!console.is_asking(), console.is_opening());
            Err(Setback::Silence { packets, answered, opening })
        }
    })
}

/// Sends a packet and what follows from its answers, until the console has something to tell.
async fn exchange(
    line: &mut Line,
    target: &Target,
    console: &mut Console,
    first: Vec<u8>,
) -> Result<Outcome, BmcError> {
    let (mut packet, mut repeated) = (first, 0);
    loop {
        let addr = line.addr();
        let sent = line.send(&packet).await;
        sent.map_err(|source| BmcError::Unreachable { addr, source })?;
        match listen(line, console, target.wait(repeated)).await {
            Some(Progress::Send(next)) => (packet, repeated) = (next, 0),
            Some(progress) => return Ok(Outcome::Progress(progress)),
            None => {
                repeated += 1;
                match console.again(&mut random) {
                    Some(again) if repeated <= target.retries => packet = again,
                    _ => return Ok(Outcome::Silence(repeated)),
                }
            }
        }
    }
}

/// What the next packets from the controller lead to, but for the ones that do not count.
async fn listen(line: &mut Line, console: &mut Console, limit: Duration) -> Option<Progress> {
    let until = Instant::now() + limit;
    loop {
        let packet = timeout_at(until, line.receive()).await.ok()??;
        match console.receive(&packet, &mut random) {
            Progress::Ignored(reason) => {
                tracing::debug!(bmc = %line.addr(), reason, "packet ignored");
            }
            progress => return Some(progress),
        }
    }
}

/// What to try next after a setback, or the error it stands for.
fn next_plan(plan: Plan, setback: &Setback, target: &Target) -> Result<Plan, BmcError> {
    let next = Plan { attempts: plan.attempts + 1, pause: Duration::ZERO, ..plan };
    let retry = match setback {
        Setback::Refused(refusal) => after_refusal(next, *refusal),
        Setback::Silence { opening: true, .. } if plan.suite == Suite::Sha256 => {
            Some(Plan { suite: Suite::Sha1, ..next })
        }
        Setback::Silence { answered: true, .. } if plan.attempts < 2 => Some(next),
        Setback::Silence { .. } => None,
    };
    let allowed = retry.filter(|next| next.attempts <= ATTEMPTS);
    allowed.ok_or_else(|| final_error(plan, setback, target))
}

fn after_refusal(next: Plan, refusal: Refusal) -> Option<Plan> {
    let lower = (next.privilege == Privilege::Administrator)
        .then_some(Plan { privilege: Privilege::Operator, ..next });
    match refusal {
        Refusal::Status(status) if status.is_suite() && next.suite == Suite::Sha256 => {
            Some(Plan { suite: Suite::Sha1, ..next })
        }
        Refusal::Status(status) if status.is_privilege() => lower,
        Refusal::Privilege(_) => lower,
        Refusal::Status(status) if status.is_busy() => Some(Plan { pause: BUSY_PAUSE, ..next }),
        Refusal::Status(Status::SESSION) => Some(next),
        Refusal::Status(_) | Refusal::Proof | Refusal::NoRmcpPlus => None,
    }
}

fn final_error(plan: Plan, setback: &Setback, target: &Target) -> BmcError {
    let (addr, user) = (target.addr, target.user.clone());
    // there is a second attempt only after an answer to the first
    let first = plan.attempts == 1;
    match *setback {
        Setback::Silence { packets, answered: false, .. } if first => {
            BmcError::Silent { addr, packets }
        }
        Setback::Silence { .. } => BmcError::Lost { addr, during: "opening the session" },
        Setback::Refused(Refusal::NoRmcpPlus) => BmcError::Suites { addr },
        Setback::Refused(Refusal::Proof) => BmcError::Password { addr, user },
        Setback::Refused(Refusal::Privilege(_)) => BmcError::Privilege { addr, user },
        Setback::Refused(Refusal::Status(status)) => match status {
            Status::NAME => BmcError::User { addr, user },
            Status::INTEGRITY => BmcError::Password { addr, user },
            status if status.is_suite() => BmcError::Suites { addr },
            status if status.is_privilege() => BmcError::Privilege { addr, user },
            status if status.is_busy() => BmcError::Busy { addr },
            status => BmcError::Refused { addr, status },
        },
    }
}

/// Random bytes of the operating system.
fn random(buffer: &mut [u8]) {
    getrandom::fill(buffer).expect("the operating system has random bytes");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target() -> Target {
        Target::new([127, 0, 0, 1].into(), "admin", base::Secret::new(String::new()))
    }

    fn plan(suite: Suite) -> Plan {
        Plan { suite, privilege: Privilege::Administrator, attempts: 1, pause: Duration::ZERO }
    }

    fn refused(status: Status) -> Setback {
        Setback::Refused(Refusal::Status(status))
    }

    #[test]
    fn a_refused_or_unanswered_suite_17_falls_back_to_3_and_no_further() {
        for setback in
            [refused(Status::SUITE), Setback::Silence { packets: 4, answered: true, opening: true }]
        {
            let next = next_plan(plan(Suite::Sha256), &setback, &target()).unwrap();
            assert_eq!(next.suite, Suite::Sha1);
        }
        let end = next_plan(plan(Suite::Sha1), &refused(Status::SUITE), &target());
        assert!(matches!(end, Err(BmcError::Suites { .. })));
    }

    #[test]
    fn a_wrong_password_is_final_and_never_tried_again() {
        let end = next_plan(plan(Suite::Sha256), &Setback::Refused(Refusal::Proof), &target());
        assert!(matches!(end, Err(BmcError::Password { .. })));
    }

    #[test]
    fn a_busy_controller_is_left_alone_and_finally_given_up() {
        let mut next = plan(Suite::Sha256);
        let busy = refused(Status::RESOURCES);
        let mut pauses = 0;
        let end = loop {
            match next_plan(next, &busy, &target()) {
                Ok(plan) => next = plan,
                Err(error) => break error,
            }
            assert!(!next.pause.is_zero());
            pauses += 1;
        };
        assert!(matches!(end, BmcError::Busy { .. }) && pauses == ATTEMPTS - 1);
    }

    #[test]
    fn privilege_is_lowered_once() {
        let lower = next_plan(plan(Suite::Sha256), &refused(Status::PRIVILEGE), &target()).unwrap();
        assert_eq!(lower.privilege, Privilege::Operator);
        let end = next_plan(lower, &refused(Status::PRIVILEGE), &target());
        assert!(matches!(end, Err(BmcError::Privilege { .. })));
    }
}
