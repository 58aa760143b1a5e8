//! What single nodes are: architecture, way to boot, service processor, image, servers.

use base::NodeName;
use tables::{Cell, TableId, ids};

use super::known::{ARCHITECTURES, Known};
use super::{Fault, Findings, Written};
use crate::cell::{field, rows};

const NETBOOT: &[&str] =
    &["xnba", "pxe", "grub2", "grub2-tftp", "grub2-http", "petitboot", "yaboot", "onie", "nimol"];
/// Ways to manage hardware that somebody may have defined for xCAT.
const MANAGEMENT: &[&str] = &[
    "ipmi", "openbmc", "redfish", "hmc", "fsp", "bpa", "ivm", "blade", "hpblade", "kvm", "xen",
    "esx", "rhevm", "vbox", "docker", "switch", "pdu", "mic", "mp", "bmc", "zvm", "ilo",
];
/// Methods that name no image.
const GENERIC: &[&str] = &["install", "netboot", "statelite", "boot", "shell", "sysclone"];
const SERVERS: &[(&str, &str)] = &[
    ("xcatmaster", "xcatmaster=ADDRESS"),
    ("tftpserver", "tftpserver=ADDRESS"),
    ("nfsserver", "nfsserver=ADDRESS"),
    ("nameservers", "nameservers=ADDRESS"),
];

pub(super) fn check(known: &Known<'_>, nodes: &[&NodeName], found: &mut Findings) {
    let accounts = Accounts::read(known);
    for node in nodes.iter().map(|node| node.as_str()) {
        let one = One { known, node };
        one.words(found);
        one.numbers(found);
        one.image(found);
        one.service_processor(&accounts, found);
        one.servers(found);
    }
}

/// The kinds of service processors for which table `passwd` has an account.
struct Accounts(Vec<String>);

impl Accounts {
    fn read(known: &Known<'_>) -> Self {
        let filled = rows(known.snapshot, "passwd").filter(|row| field(row, "password").is_some());
        Self(filled.filter_map(|row| field(row, "key").map(str::to_owned)).collect())
    }
}

struct One<'a> {
    known: &'a Known<'a>,
    node: &'a str,
}

impl One<'_> {
    fn cell(&self, table: TableId, column: &str) -> Option<Cell> {
        self.known.cell(table, column, self.node)
    }

    const fn written<'c>(&'c self, attribute: &'static str, cell: &'c Cell) -> Written<'c> {
        Written { node: self.node, attribute, cell: Some(cell) }
    }

    /// Attributes with a known set of words.
    fn words(&self, found: &mut Findings) {
        if let Some(cell) = self.cell(ids::NODETYPE, "arch")
            && !ARCHITECTURES.contains(&cell.text.trim())
        {
            let fault = Fault::error(&cell.text, "is no architecture", "arch=x86_64");
            found.node(self.written("arch", &cell), &fault);
        }
        if let Some(cell) = self.cell(ids::NODERES, "netboot")
            && !NETBOOT.contains(&cell.text.trim())
        {
            let fault = Fault::error(&cell.text, "is no way to boot", "netboot=xnba");
            found.node(self.written("netboot", &cell), &fault);
        }
        if let Some(cell) = self.cell(ids::NODEHM, "mgt")
            && !MANAGEMENT.contains(&cell.text.trim())
        {
            let fault = Fault::error(&cell.text, "is no way to manage hardware", "mgt=ipmi");
            found.node(self.written("mgt", &cell), &fault);
        }
    }

    fn numbers(&self, found: &mut Findings) {
        for (attribute, run) in
            [("serialport", "serialport=0"), ("serialspeed", "serialspeed=115200")]
        {
            if let Some(cell) = self.cell(ids::NODEHM, attribute)
                && cell.text.trim().parse::<u32>().is_err()
            {
                let fault = Fault::error(&cell.text, "is no number", run);
                found.node(self.written(attribute, &cell), &fault);
            }
        }
    }

    fn image(&self, found: &mut Findings) {
        let Some(cell) = self.cell(ids::NODETYPE, "provmethod") else { return };
        let name = cell.text.trim();
        if GENERIC.contains(&name) {
            return;
        }
        let Some(image) = self.known.image(name) else {
            let run = format!("provmethod={}", self.known.some_image());
            let fault = Fault::error(name, "is no osimage", &run);
            found.node(self.written("provmethod", &cell), &fault);
            return;
        };
        let arch = self.cell(ids::NODETYPE, "arch");
        let other = field(image, "osarch")
            .filter(|of_image| arch.as_ref().is_some_and(|arch| arch.text.trim() != *of_image));
        if let Some((other, arch)) = other.zip(arch.as_ref()) {
            let (run, detail) = (format!("arch={other}"), format!(" {name} ({other})"));
            let fault = Fault::warning(&arch.text, "is not the architecture of its image", &run);
            found.node(self.written("arch", arch), &fault.detail(&detail));
        }
        if self.cell(ids::MAC, "mac").is_none() {
            let what = "is missing: the node has an image and cannot boot it";
            let written = Written { node: self.node, attribute: "mac", cell: None };
            found.node(written, &Fault::warning("", what, "mac=ADDRESS"));
        }
    }

    fn service_processor(&self, accounts: &Accounts, found: &mut Findings) {
        let Some(mgt) = self.cell(ids::NODEHM, "mgt") else { return };
        let (table, kind) = match mgt.text.trim() {
            "ipmi" => (ids::IPMI, "ipmi"),
            "redfish" => (ids::IPMI, "redfish"),
            "openbmc" => (ids::OPENBMC, "openbmc"),
            _ => return,
        };
        let Some(bmc) = self.cell(table, "bmc") else {
            let written = Written { node: self.node, attribute: "bmc", cell: None };
            let what = "is missing: the node has no service processor";
            found.node(written, &Fault::error("", what, "bmc=ADDRESS"));
            return;
        };
        if !self.known.resolves(bmc.text.trim()) {
            let fault = Fault::warning(&bmc.text, "has no address in the tables", "bmc=ADDRESS");
            found.node(self.written("bmc", &bmc), &fault);
        }
        let own = self.cell(table, "password");
        if own.is_none() && !accounts.0.iter().any(|key| key == kind || key == table.name()) {
            let what = "is missing, and table passwd has none for all";
            let written = Written { cell: Some(&mgt), ..self.written("bmcpassword", &bmc) };
            let fault = Fault::warning("", what, "bmcusername=USER bmcpassword=PASSWORD");
            found.node(written, &fault);
        }
    }

    fn servers(&self, found: &mut Findings) {
        for (attribute, run) in SERVERS {
            let Some(cell) = self.cell(ids::NODERES, attribute) else { continue };
            if let Some(bad) = self.known.unresolved(&cell.text) {
                let fault = Fault::warning(bad, "has no address in the tables", run);
                found.node(self.written(attribute, &cell), &fault);
            }
        }
        let Some(cell) = self.cell(ids::NODERES, "servicenode") else { return };
        let mut names = crate::cell::list(&cell.text);
        if let Some(bad) = names.find(|name| !self.known.snapshot.has_node(name)) {
            let fault = Fault::error(bad, "is no node", "servicenode=");
            found.node(self.written("servicenode", &cell), &fault);
        }
    }
}
