//! A service processor to talk to, and with how much patience.

use std::net::SocketAddr;
use std::time::Duration;

use base::Secret;
use wire::ipmi::PORT;

/// A service processor and the account to use there.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where it listens.
    pub addr: SocketAddr,
    /// The account's name.
    pub user: String,
    /// The account's password.
    pub password: Secret<String>,
    /// How long to wait for the first answer; later waits are longer.
    pub timeout: Duration,
    /// How often a packet is repeated before giving up.
    pub retries: u32,
}

impl Target {
    /// A target on the standard port with the usual patience: a silent one is given up after about 8 seconds.
    pub fn new(addr: std::net::IpAddr, user: impl Into<String>, password: Secret<String>) -> Self {
        Self {
            addr: SocketAddr::new(addr, PORT),
            user: user.into(),
            password,
            timeout: Duration::from_secs(1),
            retries: 3,
        }
    }

    /// How long to wait for an answer to the packet that was sent `repeated` times before: half as long again each time.
    pub(crate) fn wait(&self, repeated: u32) -> Duration {
        let factor = 1.5_f64.powi(i32::try_from(repeated.min(6)).unwrap_or(6));
        self.timeout.mul_f64(factor)
    }

    /// The end of all patience, for a controller that answers everything at the last moment.
    pub(crate) fn deadline(&self) -> Duration {
        let silent: Duration = (0..=self.retries.min(16)).map(|repeated| self.wait(repeated)).sum();
        silent * 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_grows_and_ends() {
        let target = Target::new([127, 0, 0, 1].into(), "admin", Secret::new("x".into()));
        assert_eq!(target.wait(0), Duration::from_secs(1));
        assert_eq!(target.wait(2), Duration::from_millis(2250));
        assert!(target.deadline() < Duration::from_secs(40));
        assert!(!format!("{target:?}").contains("\"x\""));
    }
}
