//! The Ethernet interfaces of this machine, read from `/sys/class/net`.

use std::fs;
use std::path::Path;

use base::Mac;

const SYS: &str = "/sys/class/net";

/// One interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Interface {
    pub(crate) name: String,
    pub(crate) index: u32,
    pub(crate) mac: Mac,
}

/// All Ethernet interfaces (hardware type 1), in the order the kernel found them.
pub(crate) fn ethernet() -> Vec<Interface> {
    let entries = fs::read_dir(SYS).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut found: Vec<_> = names.filter_map(|name| read(&name)).collect();
    found.sort_by_key(|interface| interface.index);
    found
}

/// Whether the interface sees a link; only raised interfaces do.
pub(crate) fn has_link(name: &str) -> bool {
    attribute(name, "carrier").is_some_and(|carrier| carrier == "1")
}

fn read(name: &str) -> Option<Interface> {
    (attribute(name, "type")? == "1").then_some(())?;
    let index = attribute(name, "ifindex")?.parse().ok()?;
    Some(Interface {
        name: name.to_owned(),
        index,
        mac: Mac::parse(&attribute(name, "address")?).ok()?,
    })
}

fn attribute(name: &str, attribute: &str) -> Option<String> {
    let text = fs::read_to_string(Path::new(SYS).join(name).join(attribute)).ok()?;
    Some(text.trim().to_owned())
}
