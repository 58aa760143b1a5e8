//! Which secrets a node may have, and where they lie (spec/protocol.md section 7). The decision is pure.
//!
//! Narrower than the original in one point: the credentials of the management node itself go to service nodes only, not
//! to every node whose root asks.

use std::path::{Path, PathBuf};

use base::{NodeName, Secret};
use model::ssh;
use tables::{Snapshot, ids};

use crate::session::places::Places;

/// The largest file that is given away.
const LARGEST: u64 = 64 * 1024;

/// Where a secret comes from.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The first of these files that is there; what is said when none is.
    File(Vec<PathBuf>, String),
    /// The password of root on nodes, as it is in the tables.
    RootPassword,
}

/// Where the secret called `name` is for `node`; the error says why the node does not get it.
pub(super) fn source(
    snapshot: &Snapshot,
    node: &NodeName,
    name: &str,
    places: &Places,
) -> Result<Source, String> {
    let (kind, zone) = name.split_once(':').map_or((name, None), |(kind, zone)| (kind, Some(zone)));
    match kind {
        "ssh_root_key" | "ssh_root_pub_key" => root_key(snapshot, node, kind, zone, places),
        "ssh_dsa_hostkey" => Ok(host_key(node, "dsa", "DSA", places)),
        "ssh_rsa_hostkey" => Ok(host_key(node, "rsa", "RSA", places)),
        "ssh_ecdsa_hostkey" => Ok(host_key(node, "ecdsa", "ECDSA", places)),
        "ssh_ed25519_hostkey" => Ok(host_key(node, "ed25519", "ed25519", places)),
        "xcat_server_cred" => own(snapshot, node, name, places.etc.join("cert/server-cred.pem")),
        "xcat_client_cred" | "xcat_root_cred" => {
            own(snapshot, node, name, places.home.join(".xcat/client-cred.pem"))
        }
        "xcat_cfgloc" => own(snapshot, node, name, places.etc.join("cfgloc")),
        "xcat_secure_pw" if zone == Some("root") => Ok(Source::RootPassword),
        "krb5_keytab" | "x509cert" => Err(format!("{kind} is not available yet")),
        _ => Err(format!("there is no credential called {}", name.escape_debug())),
    }
}

/// Root's key pair of the node's zone; the private half only where nodes may log in to each other.
fn root_key(
    snapshot: &Snapshot,
    node: &NodeName,
    kind: &str,
    zone: Option<&str>,
    places: &Places,
) -> Result<Source, String> {
    let (half, suffix) = if kind == "ssh_root_key" { ("private", "") } else { ("public", ".pub") };
    let refused = || format!("Unable to read root's {half} ssh key");
    let own = ssh::zone_of(snapshot, node);
    if zone.is_some_and(|zone| own.as_deref() != Some(zone))
        || zone.is_none() && own != ssh::default_zone(snapshot)
    {
        return Err(format!("{}: node {node} is not in that zone", refused()));
    }
    if suffix.is_empty() && !ssh::between_nodes(snapshot, node) {
        return Err(format!("{}: node {node} may not log in to other nodes", refused()));
    }
    let directory = own
        .and_then(|zone| ssh::key_directory(snapshot, &zone))
        .unwrap_or_else(|| places.home.join(".ssh"));
    let files = ["id_rsa", "id_ed25519"].map(|name| directory.join(format!("{name}{suffix}")));
    Ok(Source::File(files.to_vec(), refused()))
}

/// The node's own host key, else the one that all nodes share.
fn host_key(node: &NodeName, kind: &str, shown: &str, places: &Places) -> Source {
    let (directory, file) = (places.etc.join("hostkeys"), format!("ssh_host_{kind}_key"));
    let files = vec![directory.join(node.as_str()).join(&file), directory.join(&file)];
    Source::File(files, format!("Unable to read private {shown} key from /etc/xcat/hostkeys"))
}

/// A credential of the management node itself.
fn own(snapshot: &Snapshot, node: &NodeName, name: &str, file: PathBuf) -> Result<Source, String> {
    if snapshot.row(ids::SERVICENODE, &[node.as_str()]).is_none() {
        return Err(format!("{name} is for service nodes, and {node} is not in table servicenode"));
    }
    Ok(Source::File(vec![file], format!("Unable to read {name}")))
}

/// The password of root on nodes; clear text or crypted, as the administrator has put it into the table.
pub(super) fn root_password(snapshot: &Snapshot) -> Option<Secret<String>> {
    let mut rows = snapshot.rows(ids::PASSWD).filter(|row| row.enabled());
    let row = rows.find(|row| {
        row.get("key") == Some("system") && matches!(row.get("username"), Some("root" | "") | None)
    })?;
    let password = row.get("password").filter(|text| !text.is_empty())?;
    Some(Secret::new(password.to_owned()))
}

/// The text of the first file that is there. Blocks.
pub(super) fn read(files: &[PathBuf]) -> Option<Secret<String>> {
    files.iter().find_map(|file| text_of(file))
}

fn text_of(file: &Path) -> Option<Secret<String>> {
    use std::io::Read;
    let mut text = String::new();
    let file = std::fs::File::open(file).ok()?;
    file.take(LARGEST).read_to_string(&mut text).ok()?;
    Some(Secret::new(text))
}

#[cfg(test)]
mod tests {
    use tables::Patch;

    use super::*;

    fn cluster(changes: &[(tables::TableId, &str, &str, &str)]) -> Snapshot {
        let mut patch = Patch::new();
        patch.set(ids::NODELIST, &["n1"], &[("groups", Some("compute"))]);
        for (table, key, column, text) in changes {
            patch.set(*table, &[key], &[(column, Some(text))]);
        }
        Snapshot::empty().apply(&patch).unwrap().0
    }

    fn ask(snapshot: &Snapshot, name: &str) -> Result<Vec<String>, String> {
        let places = Places { etc: "/etc/xcat".into(), home: "/root".into() };
        let node = NodeName::parse("n1").unwrap();
        match source(snapshot, &node, name, &places)? {
            Source::File(files, _) => {
                Ok(files.iter().map(|file| file.display().to_string()).collect())
            }
            Source::RootPassword => Ok(vec!["password".to_owned()]),
        }
    }

    #[test]
    fn each_credential_has_its_place() {
        let snapshot = cluster(&[]);
        for (name, first) in [
            ("ssh_root_key", "/root/.ssh/id_rsa"),
            ("ssh_root_pub_key", "/root/.ssh/id_rsa.pub"),
            ("ssh_rsa_hostkey", "/etc/xcat/hostkeys/n1/ssh_host_rsa_key"),
            ("ssh_ed25519_hostkey", "/etc/xcat/hostkeys/n1/ssh_host_ed25519_key"),
            ("xcat_secure_pw:root", "password"),
        ] {
            assert_eq!(ask(&snapshot, name).unwrap()[0], first);
        }
        for (name, told) in [
            ("xcat_client_cred", "n1 is not in table servicenode"),
            ("xcat_server_cred", "n1 is not in table servicenode"),
            ("xcat_secure_pw:ann", "there is no credential called xcat_secure_pw:ann"),
            ("x509cert", "x509cert is not available yet"),
            ("../../shadow", "there is no credential called"),
            ("ssh_root_key:blue", "node n1 is not in that zone"),
        ] {
            assert!(ask(&snapshot, name).unwrap_err().contains(told), "{name}");
        }
        let service = cluster(&[(ids::SERVICENODE, "n1", "nameserver", "1")]);
        assert_eq!(ask(&service, "xcat_server_cred").unwrap(), ["/etc/xcat/cert/server-cred.pem"]);
    }

    #[test]
    fn the_private_key_stays_where_nodes_may_not_log_in_to_each_other() {
        let none = cluster(&[(ids::SITE, "sshbetweennodes", "value", "NOGROUPS")]);
        assert!(ask(&none, "ssh_root_key").unwrap_err().contains("may not log in to other nodes"));
        assert!(ask(&none, "ssh_root_pub_key").is_ok());
        let zoned = cluster(&[
            (ids::NODELIST, "n1", "zonename", "blue"),
            (ids::ZONE, "blue", "sshkeydir", "/etc/xcat/sshkeys/blue/.ssh"),
            (ids::ZONE, "blue", "sshbetweennodes", "no"),
            (ids::ZONE, "red", "defaultzone", "yes"),
        ]);
        assert!(ask(&zoned, "ssh_root_key:blue").unwrap_err().contains("may not log in"));
        let key = ask(&zoned, "ssh_root_pub_key:blue").unwrap();
        assert_eq!(key[0], "/etc/xcat/sshkeys/blue/.ssh/id_rsa.pub");
        assert!(ask(&zoned, "ssh_root_pub_key").unwrap_err().contains("not in that zone"));
        assert!(ask(&zoned, "ssh_root_pub_key:red").unwrap_err().contains("not in that zone"));
    }

    #[test]
    fn the_password_of_root_is_that_of_the_system() {
        assert!(root_password(&cluster(&[])).is_none());
        let mut patch = Patch::new();
        patch.set(ids::PASSWD, &["ipmi", "root"], &[("password", Some("bmc"))]);
        patch.set(ids::PASSWD, &["system", "root"], &[("password", Some("$6$x"))]);
        let snapshot = Snapshot::empty().apply(&patch).unwrap().0;
        assert_eq!(root_password(&snapshot).unwrap().expose(), "$6$x");
    }
}
