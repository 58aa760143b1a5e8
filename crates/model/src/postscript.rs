//! The node's script, `mypostscript.<node>`: variables for the administrator's scripts, and the lists
//! of scripts to run, between xCAT's markers (spec/provision.md section 9).
//!
//! A pure rendering: package lists live in files and are left to the scripts that need them.

use std::collections::HashSet;
use std::net::IpAddr;

use base::NodeName;
use tables::Row;

use crate::cell::{cell, field, list, row, rows};
use crate::node::{BootParams, parse_macs};
use crate::osimage::OsImage;
use crate::ssh;
use crate::view::BootView;

/// Columns of other tables that are passed on, by the variable's name.
const COLUMNS: &[(&str, &str, &str)] = &[
    ("GROUP", "nodelist", "groups"),
    ("INSTALLNIC", "noderes", "installnic"),
    ("PRIMARYNIC", "noderes", "primarynic"),
    ("SERVICEGROUP", "noderes", "servicenode"),
    ("SYSLOG", "noderes", "syslog"),
    ("NODEROUTENAMES", "noderes", "routenames"),
    ("OSVER", "nodetype", "os"),
    ("ARCH", "nodetype", "arch"),
    ("PROFILE", "nodetype", "profile"),
    ("PROVMETHOD", "nodetype", "provmethod"),
    ("MACMAC", "mac", "mac"),
    ("NICIPS", "nics", "nicips"),
    ("NICHOSTNAMESUFFIXES", "nics", "nichostnamesuffixes"),
    ("NICTYPES", "nics", "nictypes"),
    ("NICCUSTOMSCRIPTS", "nics", "niccustomscripts"),
    ("NICNETWORKS", "nics", "nicnetworks"),
    ("NICEXTRAPARAMS", "nics", "nicextraparams"),
    ("NICDEVICES", "nics", "nicdevices"),
    ("CFGMGR", "cfgmgt", "cfgmgr"),
    ("CFGSERVER", "cfgmgt", "cfgserver"),
    ("SWITCHNAME", "switches", "switch"),
    ("SNMPVERSION", "switches", "snmpversion"),
    ("SNMPUSER", "switches", "username"),
    ("SNMPPASSWD", "switches", "password"),
    ("SNMPPRIV", "switches", "privacy"),
    ("SNMPAUTH", "switches", "auth"),
];

/// The variable whose value only the node itself is told: anybody can ask for any node's script.
const OWN: &str = "SNMPPASSWD";

/// Renders the script of `node` as `peer` sees this server; the error says what is missing.
pub fn render(view: &BootView, node: &NodeName, peer: IpAddr) -> Result<String, String> {
    let master = view.address_facing(peer).ok_or("this server has no address to give to nodes")?;
    let master = master.to_string();
    let own = view.node_at(peer) == Some(node);
    let mut script = Script { view, node, own, text: String::new() };
    script.site();
    script.networks();
    script.identity(&master);
    script.columns();
    script.routes();
    script.state();
    script.image();
    script.lists("postscripts");
    script.text.push('\n');
    script.lists("postbootscripts");
    Ok(script.text)
}

struct Script<'a> {
    view: &'a BootView,
    node: &'a NodeName,
    /// Whether the node itself asks.
    own: bool,
    text: String,
}

impl Script<'_> {
    /// Sets and exports a variable. A name that no shell accepts is passed over in a comment.
    fn export(&mut self, name: &str, value: &str) {
        let valid = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !valid || name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
            self.line(&format!("# {} is not the name of a variable", name.escape_debug()));
            return;
        }
        self.line(&format!("{name}={}", quote(value)));
        self.line(&format!("export {name}"));
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn cell(&self, table: &str, column: &str) -> Option<String> {
        cell(&self.view.snapshot, table, column, self.node.as_str()).map(|text| text.to_string())
    }

    fn site(&mut self) {
        let view = self.view;
        for row in rows(&view.snapshot, "site") {
            let (Some(key), value) = (field(row, "key"), field(row, "value").unwrap_or_default())
            else {
                continue;
            };
            match key.to_ascii_uppercase().as_str() {
                "MASTER" => self.export("SITEMASTER", value),
                name => self.export(name, value),
            }
        }
        let allowed = ssh::between_nodes(&view.snapshot, self.node);
        self.export("ENABLESSHBETWEENNODES", if allowed { "YES" } else { "NO" });
        self.export("ZONENAME", &ssh::zone_of(&view.snapshot, self.node).unwrap_or_default());
    }

    fn networks(&mut self) {
        let lines: Vec<String> = rows(&self.view.snapshot, "networks").map(network_line).collect();
        self.export("NETWORKS_LINES", &lines.len().to_string());
        for (index, line) in lines.iter().enumerate() {
            self.export(&format!("NETWORKS_LINE{}", index + 1), line);
        }
    }

    fn identity(&mut self, master: &str) {
        self.export("NODE", self.node.as_str());
        let ip = self.cell("hosts", "ip").unwrap_or_default();
        self.export("IPADDR", &ip);
        let server = |text: Option<String>| text.filter(|text| text != "<xcatmaster>");
        let xcatmaster =
            server(self.cell("noderes", "xcatmaster")).unwrap_or_else(|| master.to_owned());
        let nfs = server(self.cell("noderes", "nfsserver")).unwrap_or_else(|| xcatmaster.clone());
        self.export("NFSSERVER", &nfs);
        let master_ip =
            self.view.resolve(&xcatmaster).map_or_else(|| master.to_owned(), |ip| ip.to_string());
        self.export("MASTER", &xcatmaster);
        self.export("MASTER_IP", &master_ip);
        let macs = self.cell("mac", "mac").unwrap_or_default();
        let first = parse_macs(&macs).0.first().map(|nic| nic.mac.to_string());
        self.export("MACADDRESS", &first.unwrap_or_default());
        let nics = row(&self.view.snapshot, "nics", self.node.as_str()).is_some();
        let node = if nics { self.node.to_string() } else { String::new() };
        self.export("NICNODE", &node);
    }

    fn columns(&mut self) {
        for (name, table, column) in COLUMNS {
            let told = self.own || *name != OWN;
            let value = self.cell(table, column).filter(|_| told).unwrap_or_default();
            self.export(name, &value);
        }
    }

    fn routes(&mut self) {
        let names = self.cell("noderes", "routenames").unwrap_or_default();
        for name in list(&names) {
            let Some(route) = row(&self.view.snapshot, "routes", name) else { continue };
            let part = |column| field(route, column).unwrap_or_default();
            let value = [part("net"), part("mask"), part("gateway"), part("ifname")].join(",");
            self.export(&format!("ROUTE_{name}"), &value);
        }
    }

    fn state(&mut self) {
        self.line("PATH=`dirname $0`:$PATH");
        self.line("export PATH");
        let boot = BootParams::read(&self.view.snapshot, self.node.as_str());
        self.export("NODESETSTATE", boot.word());
        // Written without quotes: scripts look for this very line and change it.
        self.line("UPDATENODE=0");
        self.line("export UPDATENODE");
        let service = row(&self.view.snapshot, "servicenode", self.node.as_str()).is_some();
        self.export("NTYPE", if service { "service" } else { "compute" });
    }

    fn image(&mut self) {
        let image = self.osimage();
        let synclists = image.as_ref().is_some_and(|image| image.synclists.is_some());
        if let Some(image) = image {
            if let (Some(_), Some(dir)) = (&image.pkglist, &image.pkgdir) {
                self.export("OSPKGDIR", dir);
            }
            if let (Some(_), Some(dir)) = (&image.otherpkglist, &image.otherpkgdir) {
                self.export("OTHERPKGDIR", dir);
            }
            for pair in image.environvar.as_deref().unwrap_or_default().split(',') {
                if let Some((name, value)) = pair.split_once('=') {
                    self.export(name.trim(), value.trim());
                }
            }
        }
        if !synclists {
            self.line("NOSYNCFILES=1");
            self.line("export NOSYNCFILES");
        }
        self.text.push('\n');
    }

    fn osimage(&self) -> Option<OsImage> {
        OsImage::read(&self.view.snapshot, &self.cell("nodetype", "provmethod")?)
    }

    /// The scripts of one kind: defaults, image, node. A script that is named twice runs once.
    fn lists(&mut self, kind: &str) {
        let defaults = row(&self.view.snapshot, "postscripts", "xcatdefaults");
        let defaults = defaults.and_then(|row| field(row, kind)).map(str::to_owned);
        let image = self.osimage().and_then(|image| match kind {
            "postscripts" => image.postscripts,
            _ => image.postbootscripts,
        });
        let node = self.cell("postscripts", kind);
        let mut seen = HashSet::new();
        self.line(&format!("# {kind}-start-here"));
        for (origin, scripts) in [("defaults", defaults), ("osimage", image), ("node", node)] {
            let Some(scripts) = scripts else { continue };
            self.line(&format!("# {origin}-{kind}-start-here"));
            for script in scripts.split(',').map(str::trim).filter(|script| !script.is_empty()) {
                if seen.insert(script.to_owned()) {
                    self.line(&script.replace(['\n', '\r'], " "));
                }
            }
            self.line(&format!("# {origin}-{kind}-end-here"));
        }
        self.line(&format!("# {kind}-end-here"));
    }
}

/// `col=value` pairs joined by a double bar, comments blanked.
fn network_line(row: &Row) -> String {
    let columns = row.table().def().columns.iter().map(|column| column.name);
    let value = |name| if name == "comments" { "" } else { row.get(name).unwrap_or_default() };
    columns.map(|name| format!("{name}={}", value(name))).collect::<Vec<_>>().join("||")
}

fn quote(value: &str) -> String {
    format!("'{}'", value.replace(['\n', '\r'], " ").replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn script(changes: &[(&str, &str, &str, &str)]) -> String {
        let view = testing::view(changes);
        render(&view, &NodeName::parse("n1").unwrap(), "10.1.0.101".parse().unwrap()).unwrap()
    }

    #[test]
    fn variables_are_quoted_and_exported() {
        let text = script(&[
            ("site", "odd-name", "value", "x"),
            ("site", "motto", "value", "it's"),
            ("routes", "r1", "net", "10.5.0.0"),
            ("noderes", "n1", "routenames", "r1"),
            ("osimage", "deb12", "environvar", "A=1,B=two"),
        ]);
        for line in [
            "DOMAIN='cluster.test'\nexport DOMAIN",
            "SITEMASTER='10.1.0.1'\nexport SITEMASTER",
            "MOTTO='it'\\''s'\nexport MOTTO",
            "# ODD-NAME is not the name of a variable",
            "ENABLESSHBETWEENNODES='YES'",
            "NETWORKS_LINES='1'",
            "NETWORKS_LINE1='netname=mgtnet||net=10.1.0.0||mask=255.255.0.0||mgtifname=||gateway=<xcatmaster>||",
            "NODE='n1'",
            "IPADDR='10.1.0.101'",
            "NFSSERVER='10.1.0.1'",
            "MASTER='10.1.0.1'",
            "MASTER_IP='10.1.0.1'",
            "MACADDRESS='02:00:00:00:00:01'",
            "GROUP='compute,all'",
            "ROUTE_r1='10.5.0.0,,,'",
            "NODESETSTATE='netboot'",
            "UPDATENODE=0",
            "NTYPE='compute'",
            "PROVMETHOD='deb12'",
            "B='two'\nexport B",
            "NOSYNCFILES=1",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn a_password_is_told_to_its_node_only() {
        let view = testing::view(&[("switches", "n1", "password", "s3cret")]);
        let asked_from = |peer: &str| {
            let node = NodeName::parse("n1").unwrap();
            render(&view, &node, peer.parse().unwrap()).unwrap()
        };
        assert!(asked_from("10.1.0.101").contains("SNMPPASSWD='s3cret'\n"));
        assert!(asked_from("10.1.0.102").contains("SNMPPASSWD=''\n"));
    }

    #[test]
    fn scripts_run_once_in_their_order() {
        let text = script(&[
            ("osimage", "deb12", "postscripts", "img,syslog"),
            ("postscripts", "compute", "postscripts", "mark a b,remoteshell"),
        ]);
        let tail = text.split_once("# postscripts-start-here\n").unwrap().1;
        assert_eq!(
            tail,
            "# defaults-postscripts-start-here\nsyslog\nremoteshell\n# defaults-postscripts-end-here\n\
             # osimage-postscripts-start-here\nimg\n# osimage-postscripts-end-here\n\
             # node-postscripts-start-here\nmark a b\n# node-postscripts-end-here\n\
             # postscripts-end-here\n\n\
             # postbootscripts-start-here\n\
             # defaults-postbootscripts-start-here\notherpkgs\n# defaults-postbootscripts-end-here\n\
             # postbootscripts-end-here\n"
        );
    }
}
