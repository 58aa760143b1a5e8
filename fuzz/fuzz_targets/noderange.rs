//! Noderanges over a small universe: no text makes the expansion panic, and the result is sorted and bounded.
#![no_main]

use std::borrow::Cow;

use base::NodeName;
use libfuzzer_sys::fuzz_target;
use noderange::{Mode, Universe, expand};

const NODES: &[&str] = &["cn1", "cn2", "cn10", "rack1u2", "gpu-a"];

struct Small;

impl Universe for Small {
    fn node(&self, name: &str) -> Option<NodeName> {
        NODES.contains(&name).then(|| NodeName::parse(name).ok()).flatten()
    }

    fn nodes(&self) -> Vec<NodeName> {
        NODES.iter().filter_map(|name| NodeName::parse(name).ok()).collect()
    }

    fn group(&self, name: &str) -> Option<Vec<NodeName>> {
        match name {
            "all" => Some(self.nodes()),
            "cn" => Some(self.nodes().into_iter().take(3).collect()),
            "none" => Some(Vec::new()),
            _ => None,
        }
    }

    fn has_column(&self, table: &str, column: &str) -> bool {
        table == "nodehm" && column == "mgt"
    }

    fn cell(&self, _table: &str, _column: &str, node: &NodeName) -> Cow<'_, str> {
        Cow::Borrowed(if node.as_str().starts_with("cn") { "ipmi" } else { "" })
    }

    fn read_file(&self, path: &str) -> Option<String> {
        match path {
            "/list" => Some("cn1\n# nothing\ncn2 gpu-a\n".to_owned()),
            "/loop" => Some("^/loop\n".to_owned()),
            _ => None,
        }
    }
}

fuzz_target!(|text: &str| {
    for mode in [Mode::Verify, Mode::NoVerify, Mode::Generic] {
        let Ok(expansion) = expand(text, &Small, mode) else { continue };
        assert!(expansion.names.is_sorted());
        if mode == Mode::Verify {
            assert!(expansion.names.len() <= NODES.len());
        }
    }
});
