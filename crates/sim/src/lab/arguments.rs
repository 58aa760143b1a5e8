//! The arguments of `xcat-lab`. Pure.

use std::path::PathBuf;

use base::{ErrorKind, Failure};

use super::plan::FirmwareKind;
use super::serve::Serve;

/// How it is called.
pub const USAGE: &str = "\
usage: xcat lab up N [OPTION...]      plug N virtual machines in, define and boot them
       xcat lab down [--keep]         remove them, and their definitions unless --keep
       xcat lab status                what there is
       xcat lab console NODE [-f]     what NODE printed on its serial line; -f follows

options of up:
  --uefi                   all machines start by UEFI
  --firmware bios,uefi     firmware of the machines, in turn
  --define-only            do not build an image, do not power on
  --memory MIB             memory of each machine (1024)
  --osimage NAME           the image to boot (debian13-x86_64-netboot-lab)
  --prefix NAME            node names are NAME01, NAME02, ... (vnode)
  --accelerator kvm|tcg    instead of finding out what works
for all:
  --container NAME         the management node (xcatmn, or $XCAT_NAME)
  --mgt-network NAME       its network of the nodes (mgtnet)
  --svc-network NAME       its network of the service processors (svcnet)
  --state DIR              the lab's files (/var/lib/xcat-lab)
";

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Make or grow the lab.
    Up(u16),
    /// Remove it.
    Down {
        /// Leave the definitions.
        keep: bool,
    },
    /// Show it.
    Status,
    /// Show serial output.
    Console {
        /// Of this node.
        node: String,
        /// Go on until interrupted.
        follow: bool,
    },
    /// Be the background process.
    Serve {
        /// Leave the terminal.
        background: bool,
    },
    /// Show how it is called.
    Help,
}

/// All arguments with their defaults.
#[derive(Debug, Clone)]
pub struct Arguments {
    /// What is to be done.
    pub order: Order,
    /// The management node's container.
    pub container: String,
    /// Its network of the nodes.
    pub management_network: String,
    /// Its network of the service processors.
    pub service_network: String,
    /// The lab's directory.
    pub state: PathBuf,
    /// Firmware of the machines, in turn.
    pub firmware: Vec<FirmwareKind>,
    /// Memory of each machine, in MiB.
    pub memory: u32,
    /// `kvm` or `tcg`.
    pub accelerator: Option<String>,
    /// Image to boot.
    pub osimage: String,
    /// Beginning of the node names.
    pub prefix: String,
    /// Only hardware and definitions.
    pub define_only: bool,
    /// Bridges of the background process.
    bridges: (String, String),
}

impl Arguments {
    /// Reads the arguments after the program's name; `container` is the default of `--container`.
    pub fn parse(words: &[String], container: &str) -> Result<Self, Failure> {
        let mut parsed = Self::defaults(container);
        let mut plain = Vec::new();
        let (mut keep, mut follow, mut background) = (false, false, false);
        let mut rest = words.iter();
        while let Some(word) = rest.next() {
            let (name, inline) = match word.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
                _ => (word.as_str(), None),
            };
            let mut value = || {
                let value = inline.clone().or_else(|| rest.next().cloned());
                value.ok_or_else(|| usage(format!("{name} needs a value")))
            };
            match name {
                "--keep" => keep = true,
                "-f" | "--follow" => follow = true,
                "--background" => background = true,
                "--uefi" => parsed.firmware = vec![FirmwareKind::Uefi],
                "--define-only" => parsed.define_only = true,
                "-h" | "--help" => plain.insert(0, "help".to_owned()),
                _ if name.starts_with('-') => parsed.set(name, value()?)?,
                _ => plain.push(word.clone()),
            }
        }
        parsed.order = order(&plain, keep, follow, background)?;
        Ok(parsed)
    }

    fn defaults(container: &str) -> Self {
        Self {
            order: Order::Help,
            container: container.to_owned(),
            management_network: "mgtnet".into(),
            service_network: "svcnet".into(),
            state: "/var/lib/xcat-lab".into(),
            firmware: vec![FirmwareKind::Bios],
            memory: 1024,
            accelerator: None,
            osimage: "debian13-x86_64-netboot-lab".into(),
            prefix: "vnode".into(),
            define_only: false,
            bridges: ("mgtbr".into(), "svcbr".into()),
        }
    }

    fn set(&mut self, name: &str, value: String) -> Result<(), Failure> {
        match name {
            "--container" => self.container = value,
            "--mgt-network" => self.management_network = value,
            "--svc-network" => self.service_network = value,
            "--state" => self.state = value.into(),
            "--osimage" => self.osimage = value,
            "--bridge" => self.bridges.0 = value,
            "--svc-bridge" => self.bridges.1 = value,
            "--prefix" => self.prefix = prefix(value)?,
            "--firmware" => self.firmware = firmware(&value)?,
            "--memory" => self.memory = memory(&value)?,
            "--accelerator" if value == "kvm" || value == "tcg" => self.accelerator = Some(value),
            "--accelerator" => return Err(usage("--accelerator is kvm or tcg".into())),
            other => return Err(usage(format!("unknown option {other}"))),
        }
        Ok(())
    }

    /// The set-up of the background process.
    pub fn serve(&self) -> Serve {
        Serve {
            state: self.state.clone(),
            management_bridge: self.bridges.0.clone(),
            service_bridge: self.bridges.1.clone(),
            memory: self.memory,
            accelerator: self.accelerator.clone(),
            bmc_port: wire::ipmi::PORT,
        }
    }
}

fn order(plain: &[String], keep: bool, follow: bool, background: bool) -> Result<Order, Failure> {
    let words: Vec<&str> = plain.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] | ["help", ..] => Ok(Order::Help),
        ["up", count] => {
            let count = count.parse().map_err(|_| usage(format!("'{count}' is not a number")))?;
            Ok(Order::Up(count))
        }
        ["up"] => Ok(Order::Up(2)),
        ["down"] => Ok(Order::Down { keep }),
        ["status"] => Ok(Order::Status),
        ["console", node] => Ok(Order::Console { node: node_name(node)?, follow }),
        ["console"] => Err(usage("the name of a node is missing".to_owned())),
        ["serve"] => Ok(Order::Serve { background }),
        _ => Err(usage(format!("cannot make sense of '{}'", words.join(" ")))),
    }
}

fn node_name(text: &str) -> Result<String, Failure> {
    let name = base::NodeName::parse(text);
    name.map(|name| name.as_str().to_owned())
        .map_err(|error| Failure::from_error(ErrorKind::Usage, &error))
}

fn prefix(text: String) -> Result<String, Failure> {
    let fits = text.len() <= 32
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if fits { Ok(text) } else { Err(usage(format!("'{text}' cannot begin a node name"))) }
}

fn firmware(text: &str) -> Result<Vec<FirmwareKind>, Failure> {
    let one = |word: &str| match word {
        "bios" => Ok(FirmwareKind::Bios),
        "uefi" => Ok(FirmwareKind::Uefi),
        other => Err(usage(format!("'{other}' is not a firmware: bios or uefi"))),
    };
    text.split(',').map(one).collect()
}

fn memory(text: &str) -> Result<u32, Failure> {
    let number = text.parse().ok().filter(|number| (256..=65536).contains(number));
    number.ok_or_else(|| usage(format!("'{text}' is not a memory size of 256 to 65536 MiB")))
}

fn usage(message: String) -> Failure {
    Failure::new(ErrorKind::Usage, message).hint("see 'xcat lab --help'")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, Failure> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Arguments::parse(&words, "xcatmn")
    }

    #[test]
    fn up_takes_a_number_and_options_in_any_place() {
        let parsed = parse("up --firmware bios,uefi 2 --memory=512 --define-only").unwrap();
        assert_eq!(parsed.order, Order::Up(2));
        assert_eq!(parsed.firmware, [FirmwareKind::Bios, FirmwareKind::Uefi]);
        assert_eq!((parsed.memory, parsed.define_only), (512, true));
        assert_eq!(parse("up 3 --uefi").unwrap().firmware, [FirmwareKind::Uefi]);
    }

    #[test]
    fn the_other_orders() {
        assert_eq!(parse("down --keep").unwrap().order, Order::Down { keep: true });
        let console = Order::Console { node: "vnode01".into(), follow: true };
        assert_eq!(parse("console vnode01 -f").unwrap().order, console);
        assert_eq!(parse("").unwrap().order, Order::Help);
        assert_eq!(parse("up --help").unwrap().order, Order::Help);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "up two",
            "up 2 3",
            "dance",
            "up 2 --memory 1",
            "up 2 --firmware coreboot",
            "up 2 --nonsense 1",
            "up 2 --memory",
            "console ../x",
            "up 1 --prefix ../x",
            "up 1 --accelerator xen",
        ] {
            let failure = parse(line).unwrap_err();
            assert_eq!(failure.kind, ErrorKind::Usage, "{line}");
        }
    }
}
