//! The per-node iPXE script, in xCAT's xNBA form (spec/provision.md section 3).
//!
//! The server is `${next-server}` throughout, so that one text serves a node whichever of our
//! addresses it booted from.

use std::fmt::Write as _;

use tables::Snapshot;

use crate::cell::{cell, field, row};
use crate::node::BootParams;
use crate::view::BootView;

/// Which of a node's scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Variant {
    /// `nodes/<node>`: for BIOS.
    Bios,
    /// `nodes/<node>.uefi`: for UEFI, where the kernel must be told its initramfs by name.
    Uefi,
}

/// The script of `node`, or the reason why it has none.
pub fn script(view: &BootView, node: &str, variant: Variant) -> Result<String, String> {
    let boot = BootParams::read(&view.snapshot, node);
    let state = boot.state.as_deref().unwrap_or_default();
    match (boot.word(), boot.kernel.as_deref()) {
        ("", None) => Err(format!("{node} has no boot state; run nodeset {node} osimage=IMAGE")),
        ("offline", _) => Err(format!("{node} is set offline")),
        ("boot", _) => Ok(format!("#!gpxe\n#boot\n{}\n", exit(variant))),
        (_, None) => {
            Err(format!("{node} is in state '{state}' and has no kernel; run nodeset again"))
        }
        (_, Some(kernel)) if needs_pxelinux(kernel) => {
            Err(format!("the kernel {kernel} of {node} needs PXELINUX, which is not served"))
        }
        (_, Some(kernel)) => Ok(linux(view, node, &boot, kernel, variant)),
    }
}

/// How a script hands on to the next boot device. xCAT writes `exit` for UEFI too, but that tells EDK2
/// of a success, after which it shows its menu and waits instead of going on.
fn exit(variant: Variant) -> &'static str {
    match variant {
        Variant::Bios => "exit",
        Variant::Uefi => "exit 1",
    }
}

fn needs_pxelinux(kernel: &str) -> bool {
    let comboot = std::path::Path::new(kernel).extension().is_some_and(|suffix| suffix == "c32");
    comboot || kernel.contains('!') || kernel.ends_with("memdisk")
}

fn linux(view: &BootView, node: &str, boot: &BootParams, kernel: &str, variant: Variant) -> String {
    let base = format!("http://${{next-server}}{}/tftpboot/", view.site().port_suffix());
    let arguments = arguments(&view.snapshot, node, boot);
    let bootif = if arguments.is_empty() {
        "BOOTIF=${netX/mac}".to_owned()
    } else {
        format!("{arguments} BOOTIF=01-${{netX/mac:hexhyp}}")
    };
    let named =
        if variant == Variant::Uefi && boot.initrd.is_some() { " initrd=initrd" } else { "" };
    let (bootif, kernel) = (in_line(&bootif), in_line(kernel));
    let mut text = format!(
        "#!gpxe\n#{}\nimgfetch -n kernel {base}{}\nimgload kernel\nimgargs kernel {bootif}{named}\n",
        in_line(boot.state.as_deref().unwrap_or_default()),
        relative(&kernel),
    );
    if let Some(initrd) = boot.initrd.as_deref() {
        // A String never refuses what is written to it.
        let _infallible = writeln!(text, "imgfetch -n initrd {base}{}", relative(&in_line(initrd)));
    }
    text.push_str("imgexec kernel\n");
    text
}

/// The text of a cell as a part of one line: what would begin another command becomes a blank.
fn in_line(text: &str) -> String {
    text.replace(char::is_control, " ")
}

fn relative(path: &str) -> &str {
    let path = path.trim_start_matches('/');
    path.strip_prefix("tftpboot/").unwrap_or(path)
}

/// The kernel arguments of nodeset, then those of the administrator for the node and for the image.
pub(crate) fn arguments(snapshot: &Snapshot, node: &str, boot: &BootParams) -> String {
    let image = cell(snapshot, "nodetype", "provmethod", node);
    let linux = image.and_then(|image| row(snapshot, "linuximage", &image).cloned());
    let linux = linux.as_ref();
    let of_image = if linux.and_then(|row| field(row, "boottarget")).is_some() {
        None
    } else {
        linux.and_then(|row| field(row, "addkcmdline"))
    };
    let added = [boot.addkcmdline.as_deref(), of_image].into_iter().flatten();
    // Words for the installed system only are marked.
    let words = added.flat_map(str::split_whitespace).filter(|word| !word.starts_with("R::"));
    let mut text = boot.kcmdline.as_deref().unwrap_or_default().trim().to_owned();
    for word in words {
        let separator = if text.is_empty() { "" } else { " " };
        text = text + separator + &expand(snapshot, node, word);
    }
    text.replace("!myipfn!", "${next-server}")
}

/// Replaces `#NODEATTRIB:table:column#` and `#TABLE:table:$NODE:column#` by the node's values.
fn expand(snapshot: &Snapshot, node: &str, word: &str) -> String {
    let mut out = String::new();
    let mut rest = word;
    while let Some((before, after)) = rest.split_once('#') {
        out.push_str(before);
        let found = after
            .split_once('#')
            .and_then(|(text, tail)| Some((lookup(snapshot, node, text)?, tail)));
        let (value, tail) = found.unwrap_or_else(|| ("#".to_owned(), after));
        out.push_str(&value);
        rest = tail;
    }
    out + rest
}

fn lookup(snapshot: &Snapshot, node: &str, macro_text: &str) -> Option<String> {
    let parts: Vec<&str> = macro_text.split(':').collect();
    let (["NODEATTRIB", table, column] | ["TABLE", table, "$NODE" | "THISNODE", column]) =
        parts[..]
    else {
        return None;
    };
    Some(cell(snapshot, table, column, node).map(|text| text.to_string()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn both(view: &BootView, node: &str) -> [Result<String, String>; 2] {
        [script(view, node, Variant::Bios), script(view, node, Variant::Uefi)]
    }

    #[test]
    fn a_diskless_node_loads_kernel_and_initramfs() {
        let view = testing::view(&[]);
        let [bios, uefi] = both(&view, "n1").map(Result::unwrap);
        assert_eq!(
            bios,
            "#!gpxe\n\
             #netboot debian12-x86_64-compute\n\
             imgfetch -n kernel http://${next-server}/tftpboot/xcat/osimage/deb12/kernel\n\
             imgload kernel\n\
             imgargs kernel imgurl=http://${next-server}:80/install/x.sfs XCAT=${next-server}:3001 quiet BOOTIF=01-${netX/mac:hexhyp}\n\
             imgfetch -n initrd http://${next-server}/tftpboot/xcat/osimage/deb12/initrd-stateless.gz\n\
             imgexec kernel\n"
        );
        assert_eq!(uefi, bios.replace(":hexhyp}\n", ":hexhyp} initrd=initrd\n"));
    }

    #[test]
    fn other_states_have_their_scripts_or_reasons() {
        let state = |state| testing::view(&[("chain", "n1", "currstate", state)]);
        let [bios, uefi] = both(&state("boot"), "n1").map(Result::unwrap);
        assert_eq!((&*bios, &*uefi), ("#!gpxe\n#boot\nexit\n", "#!gpxe\n#boot\nexit 1\n"));
        assert_eq!(
            script(&state("offline"), "n1", Variant::Uefi).unwrap_err(),
            "n1 is set offline"
        );
        let never = script(&testing::view(&[]), "n2", Variant::Bios).unwrap_err();
        assert_eq!(never, "n2 has no boot state; run nodeset n2 osimage=IMAGE");
        let port = testing::view(&[("site", "httpport", "value", "8080")]);
        assert!(
            script(&port, "n1", Variant::Bios)
                .unwrap()
                .contains("http://${next-server}:8080/tftpboot/")
        );
    }

    #[test]
    fn a_cell_stays_on_its_line() {
        let view = testing::view(&[
            ("chain", "n1", "currstate", "netboot x\nshell"),
            ("bootparams", "n1", "kernel", "k\nshell"),
            ("bootparams", "n1", "initrd", "i\r\nshell"),
            ("bootparams", "n1", "kcmdline", "a\nshell"),
        ]);
        for script in both(&view, "n1") {
            let script = script.unwrap();
            assert_eq!(script.lines().count(), 7, "{script}");
            assert!(!script.contains("\nshell") && !script.contains('\r'), "{script}");
        }
    }

    #[test]
    fn arguments_of_the_administrator_are_expanded_and_filtered() {
        let view = testing::view(&[
            ("bootparams", "n1", "addkcmdline", "a=#NODEATTRIB:nodetype:arch# R::installed b#c"),
            ("linuximage", "deb12", "addkcmdline", "m=#TABLE:mac:$NODE:interface#"),
        ]);
        let text = script(&view, "n1", Variant::Bios).unwrap();
        assert!(text.contains(" quiet a=x86_64 b#c m= BOOTIF="), "{text}");
    }
}
