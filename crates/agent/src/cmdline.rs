//! What the kernel command line tells a node that boots from the network (the diskless arguments of
//! xCAT, and `imgsum=` which is ours). Unknown words are ignored.

use std::net::Ipv4Addr;

use base::Mac;

/// The arguments the agent understands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BootArgs {
    /// `imgurl=`: where the root image is.
    pub image_url: Option<String>,
    /// `imgsum=sha256:`: what the root image must hash to.
    pub image_sum: Option<[u8; 32]>,
    /// `XCAT=`: the management node.
    pub server: Option<Ipv4Addr>,
    /// `XCATHTTPPORT=`: its HTTP port.
    pub http_port: Option<u16>,
    /// `XCATIPORT=`: its status port.
    pub status_port: Option<u16>,
    /// `NODE=`: the name of this node.
    pub node: Option<String>,
    /// `BOOTIF=`: the interface the boot loader used.
    pub boot_mac: Option<Mac>,
    /// `nonodestatus`: report no status.
    pub silent: bool,
    /// `rootlimit=`: the size of the writable layer, as tmpfs takes it.
    pub root_limit: Option<String>,
    /// `init=`: the first program of the image.
    pub init: Option<String>,
}

impl BootArgs {
    /// Reads a kernel command line; a word given twice counts the last time, a word with a value that
    /// cannot be used is as good as absent.
    pub fn parse(line: &str) -> Self {
        let mut args = Self::default();
        for word in line.split_ascii_whitespace() {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            args.take(name, value);
        }
        args
    }

    fn take(&mut self, name: &str, value: &str) {
        let text = || Some(value.to_owned()).filter(|value| !value.is_empty());
        match name {
            "imgurl" => self.image_url = text(),
            "imgsum" => self.image_sum = parse_sum(value),
            "XCAT" => self.server = value.split(':').next().and_then(|host| host.parse().ok()),
            "XCATHTTPPORT" => self.http_port = value.parse().ok(),
            "XCATIPORT" => self.status_port = value.parse().ok(),
            "NODE" => self.node = text(),
            "BOOTIF" => self.boot_mac = parse_bootif(value),
            "nonodestatus" => self.silent = true,
            "rootlimit" => self.root_limit = text(),
            "init" => self.init = text(),
            _ => {}
        }
    }
}

/// `01-52-54-00-00-00-01` as PXE writes it (hardware type first), or the address alone.
fn parse_bootif(value: &str) -> Option<Mac> {
    let address = if value.len() == 20 { value.get(3..)? } else { value };
    Mac::parse(address).ok()
}

fn parse_sum(value: &str) -> Option<[u8; 32]> {
    let digits = value.strip_prefix("sha256:").filter(|digits| digits.len() == 64)?;
    let mut sum = [0; 32];
    for (index, byte) in sum.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_of_a_diskless_boot() {
        let sum = "ab".repeat(32);
        let args = BootArgs::parse(&format!(
            "quiet imgurl=http://10.0.0.1:80/a.sfs imgsum=sha256:{sum} XCAT=10.0.0.1:3001 NODE=n1 \
             BOOTIF=01-52-54-00-00-00-0a console=ttyS0 nonodestatus rootlimit=1G"
        ));
        assert_eq!(args.image_url.as_deref(), Some("http://10.0.0.1:80/a.sfs"));
        assert_eq!(args.image_sum, Some([0xab; 32]));
        assert_eq!(args.server, Some(Ipv4Addr::new(10, 0, 0, 1)));
        assert_eq!(args.node.as_deref(), Some("n1"));
        assert_eq!(args.boot_mac.unwrap().to_string(), "52:54:00:00:00:0a");
        assert!(args.silent);
        assert_eq!(args.root_limit.as_deref(), Some("1G"));
    }

    #[test]
    fn unusable_values_count_as_absent() {
        let args =
            BootArgs::parse("imgsum=md5:00 imgsum=sha256:zz BOOTIF=eth0 XCAT=!myipfn!:3001 NODE=");
        assert_eq!(args, BootArgs::default());
        let args = BootArgs::parse("BOOTIF=52:54:00:00:00:0a");
        assert_eq!(args.boot_mac.unwrap().to_string(), "52:54:00:00:00:0a");
    }
}
