//! Names that cross boundaries, parsed once at the edge.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Why a text is not a name of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a valid {what}: {reason}")]
pub struct InvalidName {
    text: String,
    what: &'static str,
    reason: &'static str,
}

impl InvalidName {
    /// What is wrong with it, without the name.
    pub const fn reason(&self) -> &'static str {
        self.reason
    }
}

/// The name of a node as the tables know it: one to 255 visible ASCII characters, none of which
/// means something in a noderange list, in a shell or in a boot script. It begins neither with a
/// dash, which programs take for an option, nor with a dot, which file systems take for a directory.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(Arc<str>);

/// What noderanges, shells and boot scripts give a meaning to.
const SPECIAL: &[u8] = b",@^()[]|/'\"`$;&<>\\*?{}#!";

impl NodeName {
    /// The longest name, in bytes (the limit of a DNS name, RFC 1035 section 2.3.4).
    pub const MAX: usize = 255;

    /// Checks and wraps `text`.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let invalid = |reason| InvalidName {
            text: text.escape_debug().to_string(),
            what: "node name",
            reason,
        };
        if text.is_empty() {
            return Err(invalid("it is empty"));
        }
        if text.len() > Self::MAX {
            return Err(invalid("it is longer than 255 bytes"));
        }
        if text.starts_with(['-', '.']) {
            return Err(invalid("it begins with a dash or a dot"));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic() && !SPECIAL.contains(&byte)) {
            return Err(invalid("it has a character that node names cannot have"));
        }
        Ok(Self(text.into()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for NodeName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for NodeName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl FromStr for NodeName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        Self::parse(text)
    }
}

/// An Ethernet hardware address; prints as `02:00:00:00:00:0a`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mac([u8; 6]);

impl Mac {
    /// The address with these octets, in wire order.
    pub const fn new(octets: [u8; 6]) -> Self {
        Self(octets)
    }

    /// The octets in wire order.
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }

    /// Reads six pairs of hexadecimal digits separated by `:` or `-`, or not separated at all.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let invalid = || InvalidName {
            text: text.escape_debug().to_string(),
            what: "MAC address",
            reason: "write it as 02:00:00:00:00:0a",
        };
        let digits: Vec<u8> = text.bytes().filter(|byte| !b":-".contains(byte)).collect();
        let hexadecimal = digits.iter().all(u8::is_ascii_hexdigit);
        if digits.len() != 12 || !hexadecimal || !matches!(text.len(), 12 | 17) {
            return Err(invalid());
        }
        let mut octets = [0; 6];
        for (octet, pair) in octets.iter_mut().zip(digits.chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| invalid())?;
            *octet = u8::from_str_radix(pair, 16).map_err(|_| invalid())?;
        }
        Ok(Self(octets))
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, rest @ ..] = self.0;
        write!(f, "{first:02x}")?;
        rest.iter().try_for_each(|octet| write!(f, ":{octet:02x}"))
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Mac {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_names_refuse_what_a_noderange_gives_meaning_to() {
        for good in ["n1", "web-a-01", "host5.cl", "~x", "n_1"] {
            assert_eq!(NodeName::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "a,b", "a b", "a\n", "n[1-2]", "a@b", "\u{e9}", "(x", "^f", "a/b"] {
            assert!(NodeName::parse(bad).is_err(), "{bad:?}");
        }
        for bad in
            ["-n", ".", "..", ".n", "$(x)", "a;b", "a`b`", "${net0/mac}", "a&b", "a\\b", "n*"]
        {
            assert!(NodeName::parse(bad).is_err(), "{bad:?}");
        }
        assert!(NodeName::parse(&"n".repeat(256)).is_err());
    }

    #[test]
    fn macs_are_read_in_the_usual_spellings_and_print_in_one() {
        for text in ["02:00:00:00:00:0A", "02-00-00-00-00-0a", "02000000000a"] {
            assert_eq!(Mac::parse(text).unwrap().to_string(), "02:00:00:00:00:0a");
        }
        for bad in
            ["", "02:00:00:00:00", "02:00:00:00:00:zz", "02:00:00:00:00:0a:0b", "+2:00:00:00:00:0a"]
        {
            assert!(Mac::parse(bad).is_err(), "{bad:?}");
        }
    }
}
