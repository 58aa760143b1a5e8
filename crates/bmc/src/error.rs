//! What can go wrong with a service processor: one variant for each thing an administrator would do about it.

use std::net::SocketAddr;

use base::{ErrorKind, Failure, chain};
use wire::ipmi::{Completion, InvalidUser, Status};

/// A failed conversation with a service processor.
#[derive(Debug, thiserror::Error)]
pub enum BmcError {
    /// Nothing came back at all.
    #[error("the BMC at {addr} does not answer ({packets} packets sent)")]
    Silent {
        /// Where.
        addr: SocketAddr,
        /// How many packets were sent.
        packets: u32,
    },
    /// It answered at first and then no more.
    #[error("the BMC at {addr} stopped answering while {during}")]
    Lost {
        /// Where.
        addr: SocketAddr,
        /// What was being done.
        during: &'static str,
    },
    /// The operating system did not send the packet.
    #[error("cannot send to the BMC at {addr}")]
    Unreachable {
        /// Where.
        addr: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// No IPMI 2.0, or none of our cipher suites.
    #[error("the BMC at {addr} offers neither cipher suite 17 nor 3 of IPMI 2.0")]
    Suites {
        /// Where.
        addr: SocketAddr,
    },
    /// The account does not exist.
    #[error("the BMC at {addr} does not know the user '{user}'")]
    User {
        /// Where.
        addr: SocketAddr,
        /// Who.
        user: String,
    },
    /// The password differs.
    #[error("wrong password for the user '{user}' of the BMC at {addr}")]
    Password {
        /// Where.
        addr: SocketAddr,
        /// Who.
        user: String,
    },
    /// The account may not do this.
    #[error("the user '{user}' of the BMC at {addr} may not do this: operator privilege is needed")]
    Privilege {
        /// Where.
        addr: SocketAddr,
        /// Who.
        user: String,
    },
    /// User name or password cannot be sent.
    #[error("cannot log in to the BMC at {addr}")]
    Login {
        /// Where.
        addr: SocketAddr,
        /// Why.
        source: InvalidUser,
    },
    /// It has no session or no time to spare.
    #[error("the BMC at {addr} is busy")]
    Busy {
        /// Where.
        addr: SocketAddr,
    },
    /// Whoever asked has left; nothing was changed.
    #[error("the BMC at {addr} was not asked any more: whoever asked has left")]
    Cancelled {
        /// Where.
        addr: SocketAddr,
    },
    /// It refused a step of the login for another reason.
    #[error("the BMC at {addr} refused the session: {status}")]
    Refused {
        /// Where.
        addr: SocketAddr,
        /// Its reason.
        status: Status,
    },
    /// It refused the command.
    #[error("the BMC at {addr} refused to {action}: {completion}")]
    Command {
        /// Where.
        addr: SocketAddr,
        /// What it was asked.
        action: &'static str,
        /// Its reason.
        completion: Completion,
    },
    /// What it answered makes no sense.
    #[error("the BMC at {addr} gave an answer that cannot be read when asked to {action}")]
    Protocol {
        /// Where.
        addr: SocketAddr,
        /// What it was asked.
        action: &'static str,
        /// What is wrong with the answer.
        source: wire::ipmi::Malformed,
    },
}

impl BmcError {
    /// What the reader can do about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Silent { .. } | Self::Lost { .. } => ErrorKind::Timeout,
            Self::Unreachable { .. } => ErrorKind::Unreachable,
            Self::User { .. } | Self::Password { .. } | Self::Privilege { .. } => ErrorKind::Denied,
            Self::Login { .. } => ErrorKind::Usage,
            Self::Busy { .. }
            | Self::Cancelled { .. }
            | Self::Suites { .. }
            | Self::Refused { .. }
            | Self::Command { .. }
            | Self::Protocol { .. } => ErrorKind::Conflict,
        }
    }

    /// What to do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Silent { .. } => {
                "check the node's bmc address, its power cord and network, and that IPMI over LAN is enabled"
            }
            Self::Lost { .. } => "try again; if it stays so, restart the BMC",
            Self::Unreachable { .. } => "check the node's bmc address and the route to it",
            Self::Suites { .. } => "enable cipher suite 17 or 3 in the BMC's LAN settings",
            Self::User { .. } => "set bmcusername of the node, or create the user in the BMC",
            Self::Password { .. } => {
                "set bmcpassword of the node, or the row of key ipmi in the passwd table"
            }
            Self::Privilege { .. } => {
                "give the user operator or administrator privilege on the BMC's LAN channel"
            }
            Self::Login { .. } => "IPMI carries at most 16 bytes of user name and 20 of password",
            Self::Busy { .. } => "try again in a minute, when its open sessions have ended",
            Self::Cancelled { .. } => "nothing was changed; repeat the command",
            Self::Refused { .. } | Self::Protocol { .. } => {
                "try again; if it stays so, restart the BMC or update its firmware"
            }
            Self::Command { .. } => "see the completion code; the machine may lack this function",
        }
    }

    /// The error as it is shown to a user.
    pub fn failure(&self) -> Failure {
        Failure::new(self.kind(), chain(self)).hint(self.hint())
    }
}
