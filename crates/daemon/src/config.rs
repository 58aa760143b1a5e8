//! What must be known before the store opens: where things are and which ports to listen on. Everything else is a
//! table. The file is optional; every value has a default that fits the container.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use base::{ErrorKind, Failure};
use serde::Deserialize;

/// The file that is read when no other is named.
pub const DEFAULT_FILE: &str = "/etc/xcat/xcatd.toml";
/// Names the file that is read instead.
const FILE: &str = "XCATD_CONFIG";
/// Names the mirror of packages that images are built from.
const MIRROR: &str = "XCAT_DEBIAN_MIRROR";

/// The settings of the daemon.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The directory of everything that must survive: the store, the certificates, the keys.
    pub state: PathBuf,
    /// What is served to nodes as `/install`.
    pub install: PathBuf,
    /// What is served to nodes as `/tftpboot`.
    pub tftp: PathBuf,
    /// Our own files: boot loaders, package lists, postscripts, the nodes' agent.
    pub share: PathBuf,
    /// The directory of logs.
    pub log: PathBuf,
    /// Where xCAT's scripts look for certificates.
    pub etc: PathBuf,
    /// The home directory of root, for its certificates and ssh keys.
    pub home: PathBuf,
    /// The socket for commands on this host.
    pub socket: PathBuf,
    /// The hosts file that `makehosts` writes.
    pub hosts: PathBuf,
    /// The ssh program that nodes are reached with.
    pub ssh: PathBuf,
    /// The mirror of packages that images are built from; `XCAT_DEBIAN_MIRROR` names it too.
    pub mirror: Option<String>,
    /// How the daemon writes its log.
    pub log_format: LogFormat,
    /// How many seconds the commands that run may go on after SIGTERM, before they are cancelled.
    pub drain: u64,
    /// Addresses and ports.
    pub listen: Listen,
}

/// How the daemon writes its log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// A line of text with `name=value` for each field.
    #[default]
    Text,
    /// An object of JSON in a line.
    Json,
}

/// Addresses and ports; port 0 takes a free one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Listen {
    /// The address of the TLS, install monitor, TFTP and HTTP services.
    pub address: IpAddr,
    /// Requests over TLS.
    pub client: u16,
    /// The install monitor.
    pub monitor: u16,
    /// DHCP.
    pub dhcp: u16,
    /// TFTP.
    pub tftp: u16,
    /// HTTP for nodes.
    pub http: u16,
    /// DNS.
    pub dns: u16,
    /// Metrics and health.
    pub metrics: u16,
    /// The address of metrics and health, where it is not that of the others.
    pub metrics_address: Option<IpAddr>,
    /// Services that are not started, by the names that [`SETTINGS`] lists.
    pub off: Vec<String>,
}

/// A setting of the configuration file.
#[derive(Debug)]
pub struct Setting {
    /// Its name; `listen.http` is `http` in the section `listen`.
    pub name: &'static str,
    /// What it is without the file, as it is written there; nothing when there is no such text.
    pub default: &'static str,
    /// What it is for, in one line.
    pub help: &'static str,
}

const fn setting(name: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { name, default, help }
}

/// Every setting.
pub static SETTINGS: &[Setting] = &[
    setting(
        "state",
        "\"/.dbbackup/state\"",
        "everything that must survive: tables, certificates, keys",
    ),
    setting("install", "\"/install\"", "what nodes see as /install"),
    setting(
        "tftp",
        "\"/tftpboot\"",
        "what nodes see as /tftpboot; files here win over rendered ones",
    ),
    setting(
        "share",
        "\"/opt/xcat/share/xcat\"",
        "our own files: boot loaders, package lists, postscripts, the nodes' agent",
    ),
    setting(
        "log",
        "\"/var/log/xcat\"",
        "xcatd.log, commands.log, and nodes/NODE.log with what each node sent home",
    ),
    setting("etc", "\"/etc/xcat\"", "where ca and cert are linked to"),
    setting("home", "\"/root\"", "where root's .xcat and .ssh keys are linked to"),
    setting("socket", "\"/run/xcat/xcatd.sock\"", "commands of this host"),
    setting("hosts", "\"/etc/hosts\"", "the file that makehosts writes"),
    setting("ssh", "\"ssh\"", "the program that nodes are reached with"),
    setting(
        "mirror",
        "",
        "where packages of images come from; without it the distribution's own mirror",
    ),
    setting(
        "log_format",
        "\"text\"",
        "how xcatd.log is written: text, or json with an object a line",
    ),
    setting(
        "drain",
        "5",
        "how many seconds commands may go on after SIGTERM; then they are cancelled",
    ),
    setting(
        "listen.address",
        "\"0.0.0.0\"",
        "the address of the TCP services, of DNS and of TFTP; DHCP listens on all",
    ),
    setting("listen.client", "3001", "requests over TLS"),
    setting("listen.monitor", "3002", "the install monitor"),
    setting("listen.dhcp", "67", "DHCP"),
    setting("listen.tftp", "69", "TFTP"),
    setting("listen.http", "80", "HTTP for nodes"),
    setting("listen.dns", "53", "DNS"),
    setting("listen.metrics", "3003", "/metrics and /healthz"),
    setting(
        "listen.metrics_address",
        "",
        "the address of /metrics and /healthz, 127.0.0.1 for this machine alone; without it that of the others",
    ),
    setting(
        "listen.off",
        "[]",
        "services that are not started: dhcp, tftp, http, dns, ra, tls, monitor, metrics",
    ),
];

impl Default for Config {
    fn default() -> Self {
        Self {
            state: "/.dbbackup/state".into(),
            install: "/install".into(),
            tftp: "/tftpboot".into(),
            share: "/opt/xcat/share/xcat".into(),
            log: "/var/log/xcat".into(),
            etc: "/etc/xcat".into(),
            home: "/root".into(),
            socket: "/run/xcat/xcatd.sock".into(),
            hosts: "/etc/hosts".into(),
            ssh: "ssh".into(),
            mirror: None,
            log_format: LogFormat::Text,
            drain: 5,
            listen: Listen::default(),
        }
    }
}

impl Default for Listen {
    fn default() -> Self {
        Self {
            address: IpAddr::from([0, 0, 0, 0]),
            client: 3001,
            monitor: 3002,
            dhcp: 67,
            tftp: 69,
            http: 80,
            dns: 53,
            metrics: 3003,
            metrics_address: None,
            off: Vec::new(),
        }
    }
}

impl Config {
    /// Reads `file`, else the file that the environment names, else the default file if that exists.
    pub fn load(file: Option<&Path>) -> Result<Self, Failure> {
        let named = std::env::var_os(FILE).filter(|name| !name.is_empty()).map(PathBuf::from);
        let file = file.or(named.as_deref());
        let path = file.unwrap_or(Path::new(DEFAULT_FILE));
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text).map_err(|reason| {
                Failure::new(ErrorKind::Usage, format!("{}: {reason}", path.display()))
            }),
            Err(error) if file.is_none() && error.kind() == std::io::ErrorKind::NotFound => {
                Ok(Self::default())
            }
            Err(error) => {
                let message = format!("cannot read {}: {error}", path.display());
                Err(Failure::new(ErrorKind::NotFound, message))
            }
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| error.to_string().trim().replace('\n', " "))
    }

    /// The mirror of packages: the environment's, else the file's.
    pub fn mirror(&self) -> Option<String> {
        let variable = std::env::var(MIRROR).ok().filter(|mirror| !mirror.is_empty());
        variable.or_else(|| self.mirror.clone())
    }

    /// Whether the service is to be started.
    pub fn starts(&self, service: &str) -> bool {
        !self.listen.off.iter().any(|off| off == service)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_are_not_given_keep_their_defaults() {
        let config =
            Config::parse("state = \"/s\"\n[listen]\nhttp = 8080\noff = [\"dhcp\"]\n").unwrap();
        assert_eq!((config.state, config.listen.http), (PathBuf::from("/s"), 8080));
        assert_eq!((config.listen.client, config.install), (3001, PathBuf::from("/install")));
        assert_eq!(Config::parse("").unwrap(), Config::default());
    }

    #[test]
    fn the_settings_that_are_described_are_those_that_are_read() {
        let section = |setting: &&Setting| setting.name.contains('.');
        let (inner, outer): (Vec<_>, Vec<_>) = SETTINGS.iter().partition(section);
        let line = |setting: &&Setting| {
            let name = setting.name.trim_start_matches("listen.");
            (!setting.default.is_empty()).then(|| format!("{name} = {}\n", setting.default))
        };
        let lines = outer.iter().filter_map(line).chain(["[listen]\n".to_owned()]);
        let text: String = lines.chain(inner.iter().filter_map(line)).collect();
        assert_eq!(Config::parse(&text).unwrap(), Config::default());
        for (unknown, settings) in [("nonsense = 1", outer), ("[listen]\nnonsense = 1", inner)] {
            let error = Config::parse(unknown).unwrap_err();
            let known = error.split('`').skip(3).step_by(2).filter(|name| *name != "listen");
            let described = settings.iter().map(|it| it.name.trim_start_matches("listen."));
            assert!(known.eq(described), "{error}");
        }
    }

    #[test]
    fn an_unknown_setting_is_an_error_that_names_the_known_ones() {
        let error = Config::parse("[listen]\nhtpp = 80\n").unwrap_err();
        assert!(error.contains("htpp") && error.contains("`http`"), "{error}");
    }
}
