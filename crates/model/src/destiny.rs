//! What a node is told when it asks what to do (spec/provision.md section 7).

use base::NodeName;

use crate::node::BootParams;
use crate::view::BootView;

/// The state of a node with neither a state nor a chain of states: it waits.
const WAITING: &str = "standby";

/// The state of a node and what it loads in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destiny {
    /// The state, as `nodeset NODE stat` shows it.
    pub state: String,
    /// Where images come from.
    pub image_server: Option<String>,
    /// What `bootparams` says.
    pub boot: BootParams,
}

/// The destiny of `node`; the error says why there is none.
pub fn destiny(view: &BootView, node: &NodeName) -> Result<Destiny, String> {
    let cell = |table, column| view.cell(table, column, node.as_str()).map(|text| text.to_string());
    let state = match (cell("chain", "currstate"), cell("chain", "chain")) {
        (Some(state), _) => state,
        (None, None) => WAITING.to_owned(),
        (None, Some(chain)) => {
            return Err(format!(
                "node {node} is to begin its chain '{chain}', which is not available yet; hint: \
                 give it a state with nodeset {node}"
            ));
        }
    };
    let image_server = cell("noderes", "tftpserver")
        .or_else(|| cell("noderes", "xcatmaster"))
        .or_else(|| view.site().master.clone());
    Ok(Destiny { state, image_server, boot: BootParams::read(view.snapshot(), node.as_str()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn of(changes: &[(&str, &str, &str, &str)]) -> Result<Destiny, String> {
        destiny(&testing::view(changes), &NodeName::parse("n9").unwrap())
    }

    #[test]
    fn a_node_is_told_its_state_or_waits() {
        let node = ("nodelist", "n9", "groups", "all");
        let waiting = of(&[node]).unwrap();
        assert_eq!(
            (&*waiting.state, waiting.image_server.as_deref()),
            ("standby", Some("10.1.0.1"))
        );
        let told = of(&[
            node,
            ("chain", "n9", "currstate", "netboot debian13-x86_64-compute"),
            ("bootparams", "n9", "kernel", "xcat/k"),
            ("noderes", "n9", "tftpserver", "10.1.0.2"),
        ])
        .unwrap();
        assert_eq!(told.state, "netboot debian13-x86_64-compute");
        assert_eq!(told.image_server.as_deref(), Some("10.1.0.2"));
        assert_eq!(told.boot.kernel.as_deref(), Some("xcat/k"));
        let chained = of(&[node, ("chain", "n9", "chain", "runcmd=bmcsetup,shell")]).unwrap_err();
        assert!(chained.contains("node n9 is to begin its chain"), "{chained}");
    }
}
