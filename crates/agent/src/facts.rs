//! What the initramfs learned, left for the services of the booted system in a file under `/run`:
//! lines of `NAME=value`, readable by the shell too.

use std::net::Ipv4Addr;
use std::path::Path;

/// Where the facts are kept.
pub(crate) const PATH: &str = "/run/xcat/facts";

/// The status port of the management node unless told otherwise (protocol.md section 8).
pub(crate) const STATUS_PORT: u16 = 3002;

/// Who this node is and who manages it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The management node.
    pub server: Ipv4Addr,
    /// Its HTTP port.
    pub http_port: u16,
    /// Its status port.
    pub status_port: u16,
    /// The name of this node, without a domain.
    pub node: String,
    /// Its domain; empty when there is none.
    pub domain: String,
    /// Its address on the boot network.
    pub address: Ipv4Addr,
    /// Whether to report status.
    pub silent: bool,
}

impl Facts {
    /// The facts as the file has them.
    pub fn to_text(&self) -> String {
        format!(
            "XCATSERVER={}\nHTTPPORT={}\nSTATUSPORT={}\nNODE={}\nDOMAIN={}\nADDRESS={}\nSILENT={}\n",
            self.server,
            self.http_port,
            self.status_port,
            self.node,
            self.domain,
            self.address,
            u8::from(self.silent),
        )
    }

    /// Reads the file's text; `None` when a fact is missing.
    pub fn from_text(text: &str) -> Option<Self> {
        let fact = |name: &str| {
            text.lines().filter_map(|line| line.split_once('=')).find(|(n, _)| *n == name)
        };
        let value = |name| fact(name).map(|(_, value)| value);
        Some(Self {
            server: value("XCATSERVER")?.parse().ok()?,
            http_port: value("HTTPPORT")?.parse().ok()?,
            status_port: value("STATUSPORT")?.parse().ok()?,
            node: value("NODE").filter(|name| !name.is_empty())?.to_owned(),
            domain: value("DOMAIN")?.to_owned(),
            address: value("ADDRESS")?.parse().ok()?,
            silent: value("SILENT")? == "1",
        })
    }

    /// Reads the facts of this boot.
    pub(crate) fn load() -> Result<Self, NoFacts> {
        let text = std::fs::read_to_string(Path::new(PATH)).map_err(NoFacts::Unreadable)?;
        Self::from_text(&text).ok_or(NoFacts::Incomplete)
    }

    /// The name with the domain, when there is one.
    pub(crate) fn long_name(&self) -> String {
        if self.domain.is_empty() {
            return self.node.clone();
        }
        format!("{}.{}", self.node, self.domain)
    }
}

/// Why there are no facts.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoFacts {
    #[error("cannot read {PATH}, which the initramfs of xCAT leaves")]
    Unreadable(#[source] std::io::Error),
    #[error("{PATH} lacks a fact")]
    Incomplete,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_survive_the_file() {
        let facts = Facts {
            server: Ipv4Addr::new(10, 0, 0, 1),
            http_port: 80,
            status_port: STATUS_PORT,
            node: "n1".to_owned(),
            domain: "cluster.local".to_owned(),
            address: Ipv4Addr::new(10, 0, 0, 11),
            silent: false,
        };
        assert_eq!(Facts::from_text(&facts.to_text()), Some(facts.clone()));
        assert_eq!(facts.long_name(), "n1.cluster.local");
        assert_eq!(Facts::from_text("NODE=n1\n"), None);
    }
}
