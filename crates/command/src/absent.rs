//! The commands of xCAT that this product does not have, so that whoever calls one, also a script, is told
//! so in one line instead of "command not found". They are linked as the others are.
//!
//! Whoever adds a command removes its line here; a test holds the two lists apart.

use Dir::{Bin, Sbin};
use Reason::{Later, Retired, Unneeded};

use crate::list::find;
use crate::meta::Dir;

/// A command that does not exist here.
#[derive(Clone, Copy, Debug)]
pub struct Absent {
    /// The name of the program.
    pub name: &'static str,
    /// Where it was installed.
    pub dir: Dir,
    /// Why it is not here.
    pub reason: Reason,
    /// What it is to do, what it did, or what takes its place, depending on the reason.
    pub about: &'static str,
}

/// Why a command does not exist here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nobody has written it yet.
    Later,
    /// What it served is gone.
    Retired,
    /// What it did needs no command here.
    Unneeded,
}

impl Absent {
    /// The one line that it answers.
    pub fn message(&self) -> String {
        let Self { name, about, .. } = self;
        let text = match self.reason {
            Later => format!("{name} is not available in this release: it is to {about}"),
            Retired => format!("{name} is retired: {about}"),
            Unneeded => format!("{name} is not needed: {about}"),
        };
        self.instead().map_or_else(|| text.clone(), |instead| format!("{text}; use {instead}"))
    }

    /// What serves the same purpose here.
    fn instead(&self) -> Option<&'static str> {
        let at = INSTEAD.binary_search_by(|(name, _)| (*name).cmp(self.name)).ok()?;
        Some(INSTEAD[at].1)
    }
}

/// The command called `name`, when this product does not have it.
pub fn absent(name: &str) -> Option<Absent> {
    let at = ABSENT.binary_search_by(|(_, _, other, _)| (*other).cmp(name)).ok()?;
    absents().nth(at).filter(|absent| find(absent.name).is_none())
}

/// All commands that this product does not have, sorted by name.
pub fn absents() -> impl ExactSizeIterator<Item = Absent> {
    ABSENT.iter().map(|(reason, dir, name, about)| Absent {
        name,
        dir: *dir,
        reason: *reason,
        about,
    })
}

/// Reason, directory, name, and what is said, sorted by name.
#[rustfmt::skip]
static ABSENT: &[(Reason, Dir, &str, &str)] = &[
    (Later, Bin, "addkit", "unpack a kit of software and register what is in it"),
    (Later, Bin, "addkitcomp", "add components of a kit to an image"),
    (Later, Bin, "bmcdiscover", "find service processors in a range of addresses"),
    (Later, Bin, "buildkit", "build kits of software"),
    (Retired, Bin, "cfghost", "it configured hosts of virtual machines"),
    (Retired, Bin, "cfgve", "it configured virtual environments of RHEV"),
    (Retired, Bin, "cfm2xcat", "it turned the file lists of CSM into ours"),
    (Retired, Bin, "chhypervisor", "it configured hypervisors of RHEV and z/VM"),
    (Later, Bin, "chkkitcomp", "check whether components of a kit fit an image"),
    (Retired, Bin, "chkosimage", "it checked the packages of AIX images"),
    (Later, Bin, "chvlan", "change which nodes are in a VLAN"),
    (Later, Bin, "chvlanports", "change the VLAN of ports of switches"),
    (Later, Bin, "chvm", "change the resources of virtual machines"),
    (Later, Bin, "chzone", "change a zone of ssh keys"),
    (Retired, Sbin, "cleanup_ops_bm_node", "OpenStack called it when it gave a node back"),
    (Later, Bin, "clonevm", "make virtual machines from another one"),
    (Retired, Bin, "configfpc", "it configured fan and power controllers of NeXtScale"),
    (Retired, Sbin, "configmic", "it configured Xeon Phi cards"),
    (Later, Sbin, "copycds", "take a distribution from its media and define images of it"),
    (Later, Bin, "copycds-cdrom", "take a distribution from a drive of the client"),
    (Retired, Bin, "csm2xcat", "it took over the database of CSM"),
    (Unneeded, Bin, "db2sqlsetup", "the tables are in a store of our own, and DB2 is not used"),
    (Retired, Sbin, "deploy_ops_bm_node", "OpenStack called it when it deployed a node"),
    (Retired, Sbin, "flashmic", "it wrote the firmware of Xeon Phi cards"),
    (Later, Bin, "geninitrd", "make the initial RAM disk of an image again"),
    (Later, Bin, "gennr", "expand or shorten a noderange for other programs"),
    (Later, Bin, "getmacs", "read the MAC addresses of nodes from their hardware"),
    (Retired, Bin, "getslnodes", "it listed the servers of a SoftLayer account"),
    (Retired, Bin, "getslnodes.py", "it helped getslnodes with a SoftLayer account"),
    (Unneeded, Bin, "getxcatdocs", "the documentation comes with the product"),
    (Later, Bin, "groupfiles4dsh", "write the groups as files for dsh"),
    (Later, Bin, "ilitefile", "list the files that an image keeps writable"),
    (Later, Bin, "imgcapture", "make an image of a running node"),
    (Later, Bin, "imgexport", "pack an image with everything that belongs to it"),
    (Later, Bin, "imgimport", "unpack an image that was exported"),
    (Unneeded, Bin, "khrem", "the keys of nodes are known before they are asked for"),
    (Later, Bin, "litefile", "tell a node which files it keeps writable"),
    (Later, Bin, "liteimg", "make a statelite image of a built one"),
    (Later, Bin, "litetree", "tell a node where its persistent files are"),
    (Retired, Bin, "lsflexnode", "it listed partitions of Flex blades"),
    (Retired, Bin, "lshwconn", "it listed the connections between an HMC and its machines"),
    (Later, Bin, "lskit", "list kits"),
    (Later, Bin, "lskitcomp", "list components of kits"),
    (Later, Bin, "lskitdeployparam", "list the parameters of kits"),
    (Later, Bin, "lskmodules", "list the kernel modules in packages and driver disks"),
    (Later, Bin, "lslite", "show the statelite settings of nodes and images"),
    (Retired, Bin, "lsslp", "it found Power and Flex hardware by SLP"),
    (Later, Bin, "lstree", "show service nodes, virtual machines and their nodes as a tree"),
    (Retired, Bin, "lsve", "it listed virtual environments of RHEV"),
    (Later, Bin, "lsvlan", "list VLANs and what is in them"),
    (Later, Bin, "lsvm", "list virtual machines and their resources"),
    (Retired, Sbin, "makeclouddata", "it filled tables for OpenStack"),
    (Later, Bin, "makeconfluentcfg", "write the configuration of confluent"),
    (Later, Sbin, "makeconservercf", "write the configuration of conserver"),
    (Later, Sbin, "makegocons", "register consoles of nodes"),
    (Later, Sbin, "makeknownhosts", "write the host keys of nodes into known_hosts"),
    (Unneeded, Sbin, "makenamed.conf", "the daemon answers DNS queries by itself"),
    (Later, Bin, "makentp", "set up the time service of the management node"),
    (Later, Sbin, "makeroutes", "add and remove routes"),
    (Retired, Bin, "mkdsklsnode", "it set up diskless nodes of AIX"),
    (Later, Bin, "mkdummyimage", "make an empty image to try things with"),
    (Retired, Bin, "mkflexnode", "it made partitions of Flex blades"),
    (Retired, Bin, "mkhwconn", "it connected an HMC with its machines"),
    (Later, Sbin, "mknb", "build the image that unknown machines boot for discovery"),
    (Retired, Bin, "mknimimage", "it made NIM images of AIX"),
    (Later, Bin, "mkvlan", "make a VLAN for nodes"),
    (Later, Bin, "mkvm", "make virtual machines"),
    (Later, Bin, "mkzone", "make a zone of ssh keys"),
    (Retired, Bin, "modifygrub", "it made servers of SoftLayer boot for discovery"),
    (Later, Bin, "monadd", "register a monitoring plug-in"),
    (Later, Bin, "moncfg", "configure a monitoring product for nodes"),
    (Later, Bin, "mondecfg", "take the configuration of a monitoring product away"),
    (Later, Bin, "monls", "list monitoring plug-ins"),
    (Later, Bin, "monrm", "remove a monitoring plug-in"),
    (Later, Bin, "monshow", "show what monitoring has collected"),
    (Later, Bin, "monstart", "start monitoring nodes"),
    (Later, Bin, "monstop", "stop monitoring nodes"),
    (Unneeded, Bin, "mysqlsetup", "the tables are in a store of our own, and MySQL is not used"),
    (Retired, Bin, "nimnodecust", "it installed software on nodes of AIX"),
    (Retired, Bin, "nimnodeset", "it set up the installation of AIX nodes"),
    (Retired, Bin, "nodeaddunmged", "it added unmanaged nodes for Platform Cluster Manager"),
    (Retired, Bin, "nodechmac", "it exchanged a MAC address for Platform Cluster Manager"),
    (Retired, Bin, "nodechprofile", "it exchanged profiles of nodes for Platform Cluster Manager"),
    (Later, Bin, "nodediscoverdef", "say which node a discovered machine is"),
    (Later, Bin, "nodediscoverls", "list the machines that were discovered"),
    (Later, Bin, "nodediscoverstart", "start the discovery of machines"),
    (Later, Bin, "nodediscoverstatus", "tell whether discovery runs"),
    (Later, Bin, "nodediscoverstop", "end the discovery of machines"),
    (Retired, Bin, "nodeimport", "it made nodes from host files for Platform Cluster Manager"),
    (Retired, Bin, "noderefresh", "it refreshed nodes for Platform Cluster Manager"),
    (Retired, Bin, "noderegenips", "it gave nodes new addresses for Platform Cluster Manager"),
    (Retired, Bin, "opsaddbmnode", "it registered nodes with OpenStack"),
    (Retired, Bin, "opsaddimage", "it registered images with OpenStack"),
    (Later, Bin, "pasu", "change firmware settings of many nodes"),
    (Later, Bin, "pcons", "run a command on the consoles of many nodes"),
    (Later, Sbin, "pcp_collect", "collect performance data of nodes"),
    (Later, Bin, "pdudiscover", "find power distribution units in a range of addresses"),
    (Unneeded, Bin, "pgsqlsetup", "the tables are in a store of our own, and PostgreSQL is not used"),
    (Later, Bin, "piflash", "write firmware of many nodes"),
    (Later, Bin, "pping", "ping many nodes at once"),
    (Later, Sbin, "pping2", "ping many nodes at once"),
    (Later, Bin, "ppping", "let nodes ping each other"),
    (Unneeded, Sbin, "proxydhcp-xcat", "the daemon answers network boots of all kinds by itself"),
    (Later, Bin, "prsync", "copy files to many nodes with rsync"),
    (Later, Bin, "pscp", "copy files to many nodes with scp"),
    (Later, Bin, "psh", "run a command on many nodes over ssh"),
    (Retired, Bin, "pushinitrd", "it wrote initial RAM disks to servers of SoftLayer"),
    (Later, Bin, "rbeacon", "switch the locating light of nodes"),
    (Retired, Bin, "rbootseq", "it set the boot order of blades and Power machines"),
    (Later, Bin, "rcons", "open the console of a node"),
    (Later, Bin, "regnotif", "register a program that is told of changes to tables"),
    (Later, Bin, "renergy", "read and set the energy management of machines"),
    (Later, Bin, "replaycons", "play a recorded console"),
    (Unneeded, Sbin, "rescanplugins", "there are no plug-ins: every command is part of the daemon"),
    (Unneeded, Sbin, "restartxcatd", "the container starts the daemon again: restart that"),
    (Later, Bin, "reventlog", "read and clear the event log of service processors"),
    (Later, Bin, "rflash", "list and update firmware"),
    (Later, Bin, "rinstall", "choose an image for nodes and boot them into it"),
    (Later, Bin, "rinv", "list the hardware of nodes"),
    (Retired, Bin, "rmdsklsnode", "it removed diskless nodes of AIX"),
    (Retired, Bin, "rmflexnode", "it removed partitions of Flex blades"),
    (Retired, Bin, "rmhwconn", "it took the connections between an HMC and its machines away"),
    (Retired, Bin, "rmhypervisor", "it removed hypervisors of RHEV"),
    (Later, Bin, "rmigrate", "move running virtual machines"),
    (Later, Sbin, "rmimage", "remove the files of an image"),
    (Later, Bin, "rmkit", "remove kits"),
    (Later, Bin, "rmkitcomp", "remove components of a kit from an image"),
    (Retired, Bin, "rmnimimage", "it removed NIM images of AIX"),
    (Later, Bin, "rmosdistro", "remove the media of a distribution"),
    (Later, Bin, "rmvlan", "remove a VLAN"),
    (Later, Bin, "rmvm", "remove virtual machines"),
    (Later, Bin, "rmzone", "remove a zone of ssh keys"),
    (Retired, Bin, "rnetboot", "it booted partitions of Power machines through an HMC"),
    (Retired, Bin, "rollupdate", "it updated nodes through the scheduler LoadLeveler"),
    (Later, Bin, "rscan", "list the machines behind a service processor"),
    (Later, Sbin, "rshell_api", "run commands on switches"),
    (Retired, Bin, "rshutdown", "it shut ESX hosts down"),
    (Later, Bin, "rspconfig", "configure service processors"),
    (Later, Bin, "rspreset", "restart service processors"),
    (Later, Sbin, "runcmdinstaller", "run commands inside an installer"),
    (Retired, Bin, "runrollupdate", "it was the inner half of rollupdate"),
    (Unneeded, Sbin, "runsqlcmd", "the tables are in a store of our own, which takes no SQL"),
    (Later, Bin, "rvitals", "read the sensors of nodes"),
    (Later, Sbin, "setupiscsidev", "make iSCSI targets for nodes"),
    (Later, Bin, "sinv", "compare what nodes answer with templates"),
    (Retired, Bin, "slpdiscover", "it found service processors by SLP"),
    (Later, Sbin, "snmove", "move nodes to another service node"),
    (Retired, Bin, "softlayer_storage.py", "it attached storage of SoftLayer"),
    (Unneeded, Sbin, "stopstartxcatd", "the container starts the daemon again: restart that"),
    (Retired, Bin, "swapnodes", "it exchanged the places of two Power nodes"),
    (Retired, Bin, "switchblade", "it switched keyboard and drive of a chassis to a blade"),
    (Later, Bin, "switchdiscover", "find switches in a range of addresses"),
    (Later, Bin, "tcons", "open the text console of a virtual machine"),
    (Later, Bin, "unregnotif", "end the notification of changes to tables"),
    (Later, Sbin, "updateSNimage", "add what service nodes need to an image"),
    (Later, Bin, "updatenode", "bring files, software, scripts and keys to running nodes"),
    (Retired, Bin, "verifynode", "it verified OpenStack nodes on z/VM"),
    (Later, Bin, "wcons", "open consoles in windows"),
    (Retired, Bin, "webportal", "it served the web portal"),
    (Retired, Bin, "webrun", "it served the web interface"),
    (Later, Bin, "winstall", "install nodes and show their consoles in windows"),
    (Later, Bin, "wkill", "close the windows of consoles"),
    (Later, Bin, "wvid", "open the graphical console of a node"),
    (Unneeded, Bin, "xCATWorld", "it is an example of how plug-ins are written, and there are no plug-ins"),
    (Retired, Bin, "xcat2nim", "it defined AIX nodes for NIM"),
    (Later, Sbin, "xcat_traphandler", "take SNMP traps"),
    (Retired, Bin, "xcatchroot", "it ran a command inside an AIX image"),
    (Later, Sbin, "xcatdebug", "trace what the daemon does"),
    (Later, Sbin, "xcatnodemon", "watch the status of nodes"),
    (Unneeded, Bin, "xcatperftest", "it measures the Perl implementation; benches/ measures this one"),
    (Later, Bin, "xcatprobe", "check whether everything is in order"),
    (Retired, Sbin, "xcatsetup", "it defined a cluster of Power machines from one file"),
    (Later, Sbin, "xcatsnap", "collect what support needs to know"),
    (Unneeded, Bin, "xcattest", "it tests the Perl implementation; this one has tests of its own"),
    (Later, Bin, "xcoll", "group nodes that print the same"),
    (Later, Bin, "xcsv", "turn lines about nodes into CSV"),
    (Later, Bin, "xdcp", "copy files to nodes and from them"),
    (Later, Sbin, "xdshcoll", "group nodes that print the same"),
    (Later, Bin, "xpbsnodes", "show the state of nodes in PBS"),
    (Later, Bin, "xtcd.pl", "open consoles in terminals"),
    (Retired, Bin, "zvmMsg", "it formatted messages of z/VM"),
    (Retired, Bin, "zxcatCopyCloneList.pl", "it copied lists of z/VM clones"),
    (Retired, Bin, "zxcatIVP.pl", "it verified an installation on z/VM"),
    (Retired, Bin, "zxcatexport.pl", "it exported data of z/VM"),
    (Retired, Bin, "zxcatimport.pl", "it imported data of z/VM"),
];

/// What serves the purpose of an absent command, sorted by name.
static INSTEAD: &[(&str, &str)] = &[
    ("csm2xcat", "mkdef -z"),
    ("geninitrd", "genimage IMAGE"),
    ("gennr", "nodels NODERANGE"),
    ("getmacs", "chdef NODE mac=ADDRESS"),
    ("groupfiles4dsh", "nodels GROUP"),
    ("lstree", "lsdef NODE -i servicenode,vmhost"),
    ("mkdummyimage", "xcat lab up COUNT"),
    ("monshow", "lsxcatd -a"),
    ("nimnodeset", "nodeset NODES osimage=IMAGE"),
    ("nodechmac", "chdef NODE mac=ADDRESS"),
    ("nodediscoverdef", "chdef NODE mac=ADDRESS"),
    ("nodeimport", "mkdef -z"),
    ("pping", "nodestat NODES"),
    ("pping2", "nodestat NODES"),
    ("psh", "xdsh NODES COMMAND"),
    ("rbootseq", "rsetboot NODES net"),
    ("rinstall", "nodeset NODES osimage=IMAGE, then rsetboot NODES net, then rpower NODES boot"),
    ("rnetboot", "rsetboot NODES net, then rpower NODES boot"),
    ("rshutdown", "rpower NODES softoff"),
    ("runsqlcmd", "tabdump and chtab"),
    ("winstall", "nodeset NODES osimage=IMAGE, then rsetboot NODES net, then rpower NODES boot"),
    ("xcatdebug", "lsxcatd -a and xcat boot NODES"),
    ("xcatprobe", "lsxcatd -a and xcat boot NODES"),
    ("xcatsetup", "mkdef -z"),
    ("xcatsnap", "lsxcatd -a and xcat history"),
    ("xpbsnodes", "nodestat NODES"),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Names of the original that are served otherwise: the generic front ends, the daemon, and a page of
    /// the manual that is no command.
    const ELSEWHERE: &[&str] = &["noderange", "xcatDBcmds", "xcatclient", "xcatclientnnr", "xcatd"];

    #[test]
    fn the_list_is_sorted_and_names_no_command_that_exists() {
        assert!(ABSENT.windows(2).all(|pair| pair[0].2 < pair[1].2));
        let both: Vec<_> = absents().filter(|absent| find(absent.name).is_some()).collect();
        assert!(both.is_empty(), "remove these lines: {both:?}");
        for absent in absents() {
            assert!(!absent.message().contains('\n') && !absent.about.ends_with('.'));
        }
    }

    #[test]
    fn every_name_of_the_original_is_known() {
        let Ok(commands) = std::fs::read_to_string("../../../shared/spec/commands.tsv") else {
            println!("NOT TESTED: ../shared/spec/commands.tsv is missing");
            return;
        };
        let names: HashSet<&str> =
            commands.lines().skip(1).filter_map(|line| line.split('\t').next()).collect();
        assert!(names.len() > 200, "{}", names.len());
        let known = |name: &&str| {
            find(name).is_some() || absent(name).is_some() || ELSEWHERE.contains(name)
        };
        let unknown: Vec<_> = names.iter().filter(|name| !known(name)).collect();
        assert!(unknown.is_empty(), "{unknown:?}");
        assert!(absents().all(|absent| names.contains(absent.name)));
    }

    #[test]
    fn what_is_used_instead_exists() {
        assert!(INSTEAD.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for (name, instead) in INSTEAD {
            let steps = instead.split(", then ").flat_map(|step| step.split(" and "));
            for step in steps {
                let words: Vec<String> = step.split_whitespace().map(str::to_owned).collect();
                let exists = crate::resolve("xcat", &words).is_some()
                    || words.first().zip(words.get(1)).is_some_and(|(program, rest)| {
                        crate::resolve(program, std::slice::from_ref(rest)).is_some()
                    });
                assert!(exists, "{name}: {step}");
            }
        }
    }

    #[test]
    fn each_reason_has_its_sentence() {
        let message = |name| absent(name).unwrap().message();
        assert_eq!(
            message("mkdsklsnode"),
            "mkdsklsnode is retired: it set up diskless nodes of AIX"
        );
        assert!(message("rescanplugins").starts_with("rescanplugins is not needed: there are no"));
        assert!(message("rinstall").ends_with(
            "; use nodeset NODES osimage=IMAGE, then rsetboot NODES net, then rpower NODES boot"
        ));
        assert!(absent("lsdef").is_none() && absent("frobnicate").is_none());
    }
}
