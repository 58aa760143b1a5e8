//! A node's service processor: where it is and how to log in (tables `ipmi`, `openbmc`, `passwd`,
//! settings `ipmitimeout` and `ipmiretries`).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base::Secret;
use tables::Snapshot;

use crate::cell::{cell, field, rows};
use crate::names;

/// What the service processor speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BmcKind {
    /// IPMI over RMCP+.
    Ipmi,
    /// OpenBMC's Redfish.
    OpenBmc,
    /// Redfish.
    Redfish,
}

/// A service processor.
#[derive(Clone, Debug)]
pub struct Bmc {
    /// What it speaks.
    pub kind: BmcKind,
    /// Its name or address as written.
    pub host: Arc<str>,
    /// Its address, when the tables know it.
    pub address: Option<IpAddr>,
    /// The account.
    pub user: String,
    /// The account's password.
    pub password: Secret<String>,
    /// How long to wait for an answer.
    pub timeout: Duration,
    /// How often to ask again.
    pub retries: u32,
}

impl Bmc {
    /// Reads the service processor of `node`; none when it has no address.
    pub fn read(snapshot: &Snapshot, node: &str) -> Option<Self> {
        let kind = match cell(snapshot, "nodehm", "mgt", node).as_deref() {
            Some("openbmc") => BmcKind::OpenBmc,
            Some("redfish") => BmcKind::Redfish,
            _ => BmcKind::Ipmi,
        };
        let table = if kind == BmcKind::OpenBmc { "openbmc" } else { "ipmi" };
        let host = cell(snapshot, table, "bmc", node)?;
        let (user, password) = credentials(snapshot, table, node);
        let number =
            |key, default| snapshot.site(key).and_then(|text| text.parse().ok()).unwrap_or(default);
        Some(Self {
            kind,
            address: names::address_of(snapshot, &host),
            host,
            user,
            password: Secret::new(password),
            timeout: Duration::from_secs(u64::from(number("ipmitimeout", 2).clamp(1, 60))),
            retries: number("ipmiretries", 3).min(20),
        })
    }
}

/// The node's own account, completed from the row of table `passwd` for all of `table`.
fn credentials(snapshot: &Snapshot, table: &str, node: &str) -> (String, String) {
    let own = |column| cell(snapshot, table, column, node).map(|text| text.to_string());
    let (user, password) = (own("username"), own("password"));
    let shared = rows(snapshot, "passwd")
        .filter(|row| field(row, "key") == Some(table))
        .find(|row| user.as_deref().is_none_or(|user| field(row, "username") == Some(user)));
    let from_shared =
        |column| shared.and_then(|row| field(row, column)).unwrap_or_default().to_owned();
    (
        user.unwrap_or_else(|| from_shared("username")),
        password.unwrap_or_else(|| from_shared("password")),
    )
}
