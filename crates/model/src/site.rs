//! The site-wide settings that boot services read, with xCAT's defaults (spec/site.tsv).

use std::path::PathBuf;

use tables::Snapshot;

/// The settings of table `site` as values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The cluster's DNS domain, without dots at its ends.
    pub domain: Option<String>,
    /// The management node as nodes know it: a name or an address.
    pub master: Option<String>,
    /// Name servers for nodes, as written.
    pub nameservers: Option<String>,
    /// Time servers for nodes, as written.
    pub ntpservers: Option<String>,
    /// Log servers for nodes, as written.
    pub logservers: Option<String>,
    /// Where to forward what is not ours, as written.
    pub forwarders: Option<String>,
    /// The HTTP port that nodes use.
    pub http_port: u16,
    /// The port of the daemon.
    pub daemon_port: u16,
    /// The port of the install monitor.
    pub monitor_port: u16,
    /// The root of `/install`.
    pub install_dir: PathBuf,
    /// The root of `/tftpboot`.
    pub tftp_dir: PathBuf,
    /// The lease time in seconds.
    pub lease: u32,
    /// The interfaces on which DHCP answers; all with a known network when not set.
    pub dhcp_interfaces: Option<Vec<String>>,
}

impl Site {
    /// Reads the settings.
    pub fn read(snapshot: &Snapshot) -> Self {
        let text = |key: &str| {
            snapshot.site(key).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let port = |key, default| text(key).and_then(|text| text.parse().ok()).unwrap_or(default);
        let dir =
            |key, default: &str| PathBuf::from(text(key).unwrap_or_else(|| default.to_owned()));
        Self {
            domain: text("domain").map(|domain| domain.trim_matches('.').to_ascii_lowercase()),
            master: text("master"),
            nameservers: text("nameservers"),
            ntpservers: text("ntpservers"),
            logservers: text("logservers"),
            forwarders: text("forwarders"),
            http_port: port("httpport", 80),
            daemon_port: port("xcatdport", 3001),
            monitor_port: port("xcatiport", 3002),
            install_dir: dir("installdir", "/install"),
            tftp_dir: dir("tftpdir", "/tftpboot"),
            lease: text("dhcplease").and_then(|text| text.parse().ok()).unwrap_or(43200),
            dhcp_interfaces: text("dhcpinterfaces").map(|text| interfaces(&text)),
        }
    }

    /// `:port` for URLs; nothing for port 80.
    pub fn port_suffix(&self) -> String {
        if self.http_port == 80 { String::new() } else { format!(":{}", self.http_port) }
    }
}

/// The interface names in `nic,nic:noboot;host|nic`: hosts are other servers, but a name before `|`
/// cannot be told from ours here, so that every interface named counts.
fn interfaces(text: &str) -> Vec<String> {
    let groups = text.split(';').map(|group| group.rsplit('|').next().unwrap_or(group));
    let names = groups.flat_map(crate::cell::list);
    names.map(|name| name.split(':').next().unwrap_or(name).to_owned()).collect()
}
