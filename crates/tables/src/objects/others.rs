//! The attributes of every object type but nodes and groups.

use super::def::{AttributeDef, Condition, attribute, literal, object};
use crate::schema::ids;

const BY_BPROFILE: &[Condition] = &[object("bprofile")];
const BY_CFGFILE: &[Condition] = &[object("cfgfile")];
const BY_FILENAME: &[Condition] = &[object("filename")];
const BY_IMAGENAME: &[Condition] = &[object("imagename")];
const BY_INSTALLDIR: &[Condition] = &[literal("key", "installdir")];
const BY_KITCOMPNAME: &[Condition] = &[object("kitcompname")];
const BY_KITNAME: &[Condition] = &[object("kitname")];
const BY_KITREPONAME: &[Condition] = &[object("kitreponame")];
const BY_MASTER: &[Condition] = &[literal("key", "master")];
const BY_NAME: &[Condition] = &[object("name")];
const BY_NETNAME: &[Condition] = &[object("netname")];
const BY_NODE: &[Condition] = &[object("node")];
const BY_OSDISTRONAME: &[Condition] = &[object("osdistroname")];
const BY_OSUPDATENAME: &[Condition] = &[object("osupdatename")];
const BY_PRIORITY: &[Condition] = &[object("priority")];
const BY_RACKNAME: &[Condition] = &[object("rackname")];
const BY_RECID: &[Condition] = &[object("recid")];
const BY_ROUTENAME: &[Condition] = &[object("routename")];
const BY_XCATDPORT: &[Condition] = &[literal("key", "xcatdport")];
const BY_ZONENAME: &[Condition] = &[object("zonename")];

pub(super) const AUDITLOG: &[AttributeDef] = &[
    attribute("recid", ids::AUDITLOG, "recid", BY_RECID),
    attribute("audittime", ids::AUDITLOG, "audittime", BY_RECID),
    attribute("userid", ids::AUDITLOG, "userid", BY_RECID),
    attribute("clientname", ids::AUDITLOG, "clientname", BY_RECID),
    attribute("clienttype", ids::AUDITLOG, "clienttype", BY_RECID),
    attribute("command", ids::AUDITLOG, "command", BY_RECID),
    attribute("noderange", ids::AUDITLOG, "noderange", BY_RECID),
    attribute("args", ids::AUDITLOG, "args", BY_RECID),
    attribute("status", ids::AUDITLOG, "status", BY_RECID),
    attribute("comments", ids::AUDITLOG, "comments", BY_RECID),
    attribute("disable", ids::AUDITLOG, "disable", BY_RECID),
];

pub(super) const BOOTTARGET: &[AttributeDef] = &[
    attribute("bprofile", ids::BOOTTARGET, "bprofile", BY_BPROFILE),
    attribute("kernel", ids::BOOTTARGET, "kernel", BY_BPROFILE),
    attribute("initrd", ids::BOOTTARGET, "initrd", BY_BPROFILE),
    attribute("kcmdline", ids::BOOTTARGET, "kcmdline", BY_BPROFILE),
    attribute("comments", ids::BOOTTARGET, "comments", BY_BPROFILE),
];

pub(super) const EVENTLOG: &[AttributeDef] = &[
    attribute("recid", ids::EVENTLOG, "recid", BY_RECID),
    attribute("eventtime", ids::EVENTLOG, "eventtime", BY_RECID),
    attribute("eventtype", ids::EVENTLOG, "eventtype", BY_RECID),
    attribute("monitor", ids::EVENTLOG, "monitor", BY_RECID),
    attribute("monnode", ids::EVENTLOG, "monnode", BY_RECID),
    attribute("node", ids::EVENTLOG, "node", BY_RECID),
    attribute("application", ids::EVENTLOG, "application", BY_RECID),
    attribute("component", ids::EVENTLOG, "component", BY_RECID),
    attribute("id", ids::EVENTLOG, "id", BY_RECID),
    attribute("severity", ids::EVENTLOG, "severity", BY_RECID),
    attribute("message", ids::EVENTLOG, "message", BY_RECID),
    attribute("rawdata", ids::EVENTLOG, "rawdata", BY_RECID),
    attribute("comments", ids::EVENTLOG, "comments", BY_RECID),
    attribute("disable", ids::EVENTLOG, "disable", BY_RECID),
];

pub(super) const FIRMWARE: &[AttributeDef] = &[
    attribute("cfgfile", ids::FIRMWARE, "cfgfile", BY_CFGFILE),
    attribute("comments", ids::FIRMWARE, "comments", BY_CFGFILE),
    attribute("disable", ids::FIRMWARE, "disable", BY_CFGFILE),
];

pub(super) const KIT: &[AttributeDef] = &[
    attribute("kitname", ids::KIT, "kitname", BY_KITNAME),
    attribute("basename", ids::KIT, "basename", BY_KITNAME),
    attribute("description", ids::KIT, "description", BY_KITNAME),
    attribute("version", ids::KIT, "version", BY_KITNAME),
    attribute("release", ids::KIT, "release", BY_KITNAME),
    attribute("ostype", ids::KIT, "ostype", BY_KITNAME),
    attribute("isinternal", ids::KIT, "isinternal", BY_KITNAME),
    attribute("kitdeployparams", ids::KIT, "kitdeployparams", BY_KITNAME),
    attribute("kitdir", ids::KIT, "kitdir", BY_KITNAME),
];

pub(super) const KITCOMPONENT: &[AttributeDef] = &[
    attribute("kitcompname", ids::KITCOMPONENT, "kitcompname", BY_KITCOMPNAME),
    attribute("description", ids::KITCOMPONENT, "description", BY_KITCOMPNAME),
    attribute("kitname", ids::KITCOMPONENT, "kitname", BY_KITCOMPNAME),
    attribute("kitreponame", ids::KITCOMPONENT, "kitreponame", BY_KITCOMPNAME),
    attribute("basename", ids::KITCOMPONENT, "basename", BY_KITCOMPNAME),
    attribute("version", ids::KITCOMPONENT, "version", BY_KITCOMPNAME),
    attribute("release", ids::KITCOMPONENT, "release", BY_KITCOMPNAME),
    attribute("serverroles", ids::KITCOMPONENT, "serverroles", BY_KITCOMPNAME),
    attribute("kitpkgdeps", ids::KITCOMPONENT, "kitpkgdeps", BY_KITCOMPNAME),
    attribute("prerequisite", ids::KITCOMPONENT, "prerequisite", BY_KITCOMPNAME),
    attribute("driverpacks", ids::KITCOMPONENT, "driverpacks", BY_KITCOMPNAME),
    attribute("kitcompdeps", ids::KITCOMPONENT, "kitcompdeps", BY_KITCOMPNAME),
    attribute("postbootscripts", ids::KITCOMPONENT, "postbootscripts", BY_KITCOMPNAME),
    attribute("genimage_postinstall", ids::KITCOMPONENT, "genimage_postinstall", BY_KITCOMPNAME),
    attribute("exlist", ids::KITCOMPONENT, "exlist", BY_KITCOMPNAME),
];

pub(super) const KITREPO: &[AttributeDef] = &[
    attribute("kitreponame", ids::KITREPO, "kitreponame", BY_KITREPONAME),
    attribute("kitname", ids::KITREPO, "kitname", BY_KITREPONAME),
    attribute("osbasename", ids::KITREPO, "osbasename", BY_KITREPONAME),
    attribute("osmajorversion", ids::KITREPO, "osmajorversion", BY_KITREPONAME),
    attribute("osminorversion", ids::KITREPO, "osminorversion", BY_KITREPONAME),
    attribute("osarch", ids::KITREPO, "osarch", BY_KITREPONAME),
    attribute("compat_osbasenames", ids::KITREPO, "compat_osbasenames", BY_KITREPONAME),
    attribute("kitrepodir", ids::KITREPO, "kitrepodir", BY_KITREPONAME),
];

pub(super) const MONITORING: &[AttributeDef] = &[
    attribute("name", ids::MONITORING, "name", BY_NAME),
    attribute("nodestatmon", ids::MONITORING, "nodestatmon", BY_NAME),
    attribute("comments", ids::MONITORING, "comments", BY_NAME),
    attribute("disable", ids::MONITORING, "disable", BY_NAME),
];

pub(super) const NETWORK: &[AttributeDef] = &[
    attribute("netname", ids::NETWORKS, "netname", BY_NETNAME),
    attribute("net", ids::NETWORKS, "net", BY_NETNAME),
    attribute("mask", ids::NETWORKS, "mask", BY_NETNAME),
    attribute("mgtifname", ids::NETWORKS, "mgtifname", BY_NETNAME),
    attribute("gateway", ids::NETWORKS, "gateway", BY_NETNAME),
    attribute("dhcpserver", ids::NETWORKS, "dhcpserver", BY_NETNAME),
    attribute("tftpserver", ids::NETWORKS, "tftpserver", BY_NETNAME),
    attribute("nameservers", ids::NETWORKS, "nameservers", BY_NETNAME),
    attribute("ntpservers", ids::NETWORKS, "ntpservers", BY_NETNAME),
    attribute("logservers", ids::NETWORKS, "logservers", BY_NETNAME),
    attribute("dynamicrange", ids::NETWORKS, "dynamicrange", BY_NETNAME),
    attribute("nodehostname", ids::NETWORKS, "nodehostname", BY_NETNAME),
    attribute("ddnsdomain", ids::NETWORKS, "ddnsdomain", BY_NETNAME),
    attribute("vlanid", ids::NETWORKS, "vlanid", BY_NETNAME),
    attribute("domain", ids::NETWORKS, "domain", BY_NETNAME),
    attribute("staticrange", ids::NETWORKS, "staticrange", BY_NETNAME),
    attribute("staticrangeincrement", ids::NETWORKS, "staticrangeincrement", BY_NETNAME),
    attribute("mtu", ids::NETWORKS, "mtu", BY_NETNAME),
    attribute("usercomment", ids::NETWORKS, "comments", BY_NETNAME),
];

pub(super) const NOTIFICATION: &[AttributeDef] = &[
    attribute("filename", ids::NOTIFICATION, "filename", BY_FILENAME),
    attribute("tables", ids::NOTIFICATION, "tables", BY_FILENAME),
    attribute("tableops", ids::NOTIFICATION, "tableops", BY_FILENAME),
    attribute("comments", ids::NOTIFICATION, "comments", BY_FILENAME),
];

pub(super) const OSDISTRO: &[AttributeDef] = &[
    attribute("osdistroname", ids::OSDISTRO, "osdistroname", BY_OSDISTRONAME),
    attribute("basename", ids::OSDISTRO, "basename", BY_OSDISTRONAME),
    attribute("majorversion", ids::OSDISTRO, "majorversion", BY_OSDISTRONAME),
    attribute("minorversion", ids::OSDISTRO, "minorversion", BY_OSDISTRONAME),
    attribute("arch", ids::OSDISTRO, "arch", BY_OSDISTRONAME),
    attribute("type", ids::OSDISTRO, "type", BY_OSDISTRONAME),
    attribute("dirpaths", ids::OSDISTRO, "dirpaths", BY_OSDISTRONAME),
];

pub(super) const OSDISTROUPDATE: &[AttributeDef] = &[
    attribute("osupdatename", ids::OSDISTROUPDATE, "osupdatename", BY_OSUPDATENAME),
    attribute("osdistroname", ids::OSDISTROUPDATE, "osdistroname", BY_OSUPDATENAME),
    attribute("dirpath", ids::OSDISTROUPDATE, "dirpath", BY_OSUPDATENAME),
    attribute("downloadtime", ids::OSDISTROUPDATE, "downloadtime", BY_OSUPDATENAME),
    attribute("usercomment", ids::OSDISTROUPDATE, "comments", BY_OSUPDATENAME),
];

pub(super) const OSIMAGE: &[AttributeDef] = &[
    attribute("imagename", ids::OSIMAGE, "imagename", BY_IMAGENAME),
    attribute("groups", ids::OSIMAGE, "groups", BY_IMAGENAME),
    attribute("imagetype", ids::OSIMAGE, "imagetype", BY_IMAGENAME),
    attribute("description", ids::OSIMAGE, "description", BY_IMAGENAME),
    attribute("provmethod", ids::OSIMAGE, "provmethod", BY_IMAGENAME),
    attribute("osdistroname", ids::OSIMAGE, "osdistroname", BY_IMAGENAME),
    attribute("osupdatename", ids::OSIMAGE, "osupdatename", BY_IMAGENAME),
    attribute("cfmdir", ids::OSIMAGE, "cfmdir", BY_IMAGENAME),
    attribute("rootfstype", ids::OSIMAGE, "rootfstype", BY_IMAGENAME).when("imagetype", "linux"),
    attribute("nfsrootopts", ids::OSIMAGE, "nfsrootopts", BY_IMAGENAME).when("imagetype", "linux"),
    attribute("profile", ids::OSIMAGE, "profile", BY_IMAGENAME),
    attribute("osname", ids::OSIMAGE, "osname", BY_IMAGENAME),
    attribute("osvers", ids::OSIMAGE, "osvers", BY_IMAGENAME),
    attribute("osarch", ids::OSIMAGE, "osarch", BY_IMAGENAME),
    attribute("synclists", ids::OSIMAGE, "synclists", BY_IMAGENAME),
    attribute("postscripts", ids::OSIMAGE, "postscripts", BY_IMAGENAME),
    attribute("postbootscripts", ids::OSIMAGE, "postbootscripts", BY_IMAGENAME),
    attribute("serverrole", ids::OSIMAGE, "serverrole", BY_IMAGENAME),
    attribute("isdeletable", ids::OSIMAGE, "isdeletable", BY_IMAGENAME),
    attribute("kitcomponents", ids::OSIMAGE, "kitcomponents", BY_IMAGENAME),
    attribute("template", ids::LINUXIMAGE, "template", BY_IMAGENAME).when("imagetype", "linux"),
    attribute("boottarget", ids::LINUXIMAGE, "boottarget", BY_IMAGENAME).when("imagetype", "linux"),
    attribute("addkcmdline", ids::LINUXIMAGE, "addkcmdline", BY_IMAGENAME)
        .when("imagetype", "linux"),
    attribute("pkglist", ids::LINUXIMAGE, "pkglist", BY_IMAGENAME).when("imagetype", "linux"),
    attribute("pkgdir", ids::LINUXIMAGE, "pkgdir", BY_IMAGENAME).when("imagetype", "linux"),
    attribute("otherpkglist", ids::LINUXIMAGE, "otherpkglist", BY_IMAGENAME)
        .when("imagetype", "linux"),
    attribute("otherpkgdir", ids::LINUXIMAGE, "otherpkgdir", BY_IMAGENAME)
        .when("imagetype", "linux"),
    attribute("exlist", ids::LINUXIMAGE, "exlist", BY_IMAGENAME).when("imagetype", "linux"),
    attribute("postinstall", ids::LINUXIMAGE, "postinstall", BY_IMAGENAME)
        .when("imagetype", "linux"),
    attribute("rootimgdir", ids::LINUXIMAGE, "rootimgdir", BY_IMAGENAME).when("imagetype", "linux"),
    attribute("kerneldir", ids::LINUXIMAGE, "kerneldir", BY_IMAGENAME).when("imagetype", "linux"),
    attribute("nodebootif", ids::LINUXIMAGE, "nodebootif", BY_IMAGENAME).when("imagetype", "linux"),
    attribute("otherifce", ids::LINUXIMAGE, "otherifce", BY_IMAGENAME).when("imagetype", "linux"),
    attribute("netdrivers", ids::LINUXIMAGE, "netdrivers", BY_IMAGENAME).when("imagetype", "linux"),
    attribute("kernelver", ids::LINUXIMAGE, "kernelver", BY_IMAGENAME).when("imagetype", "linux"),
    attribute("krpmver", ids::LINUXIMAGE, "krpmver", BY_IMAGENAME).when("imagetype", "linux"),
    attribute("permission", ids::LINUXIMAGE, "permission", BY_IMAGENAME).when("imagetype", "linux"),
    attribute("dump", ids::LINUXIMAGE, "dump", BY_IMAGENAME).when("imagetype", "linux"),
    attribute("crashkernelsize", ids::LINUXIMAGE, "crashkernelsize", BY_IMAGENAME)
        .when("imagetype", "linux"),
    attribute("partitionfile", ids::LINUXIMAGE, "partitionfile", BY_IMAGENAME)
        .when("imagetype", "linux"),
    attribute("driverupdatesrc", ids::LINUXIMAGE, "driverupdatesrc", BY_IMAGENAME)
        .when("imagetype", "linux"),
    attribute("usercomment", ids::LINUXIMAGE, "comments", BY_IMAGENAME).when("imagetype", "linux"),
    attribute("template", ids::WINIMAGE, "template", BY_IMAGENAME).when("imagetype", "windows"),
    attribute("installto", ids::WINIMAGE, "installto", BY_IMAGENAME).when("imagetype", "windows"),
    attribute("partitionfile", ids::WINIMAGE, "partitionfile", BY_IMAGENAME)
        .when("imagetype", "windows"),
    attribute("winpepath", ids::WINIMAGE, "winpepath", BY_IMAGENAME).when("imagetype", "windows"),
    attribute("nimtype", ids::NIMIMAGE, "nimtype", BY_IMAGENAME).when("imagetype", "NIM"),
    attribute("nimmethod", ids::NIMIMAGE, "nimmethod", BY_IMAGENAME).when("imagetype", "NIM"),
    attribute("lpp_source", ids::NIMIMAGE, "lpp_source", BY_IMAGENAME).when("imagetype", "NIM"),
    attribute("spot", ids::NIMIMAGE, "spot", BY_IMAGENAME).when("imagetype", "NIM"),
    attribute("root", ids::NIMIMAGE, "root", BY_IMAGENAME).when("imagetype", "NIM"),
    attribute("dump", ids::NIMIMAGE, "dump", BY_IMAGENAME).when("imagetype", "NIM"),
    attribute("configdump", ids::NIMIMAGE, "configdump", BY_IMAGENAME).when("imagetype", "NIM"),
    attribute("paging", ids::NIMIMAGE, "paging", BY_IMAGENAME).when("imagetype", "NIM"),
    attribute("resolv_conf", ids::NIMIMAGE, "resolv_conf", BY_IMAGENAME).when("imagetype", "NIM"),
    attribute("image_data", ids::NIMIMAGE, "image_data", BY_IMAGENAME).when("imagetype", "NIM"),
    attribute("tmp", ids::NIMIMAGE, "tmp", BY_IMAGENAME).when("imagetype", "NIM"),
    attribute("home", ids::NIMIMAGE, "home", BY_IMAGENAME).when("imagetype", "NIM"),
    attribute("shared_home", ids::NIMIMAGE, "shared_home", BY_IMAGENAME).when("imagetype", "NIM"),
    attribute("shared_root", ids::NIMIMAGE, "shared_root", BY_IMAGENAME).when("imagetype", "NIM"),
    attribute("script", ids::NIMIMAGE, "script", BY_IMAGENAME).when("imagetype", "NIM"),
    attribute("fb_script", ids::NIMIMAGE, "fb_script", BY_IMAGENAME).when("imagetype", "NIM"),
    attribute("bosinst_data", ids::NIMIMAGE, "bosinst_data", BY_IMAGENAME).when("imagetype", "NIM"),
    attribute("installp_bundle", ids::NIMIMAGE, "installp_bundle", BY_IMAGENAME)
        .when("imagetype", "NIM"),
    attribute("otherpkgs", ids::NIMIMAGE, "otherpkgs", BY_IMAGENAME).when("imagetype", "NIM"),
    attribute("mksysb", ids::NIMIMAGE, "mksysb", BY_IMAGENAME).when("imagetype", "NIM"),
    attribute("usercomment", ids::NIMIMAGE, "comments", BY_IMAGENAME).when("imagetype", "NIM"),
    attribute("environvar", ids::OSIMAGE, "environvar", BY_IMAGENAME),
];

pub(super) const PDU: &[AttributeDef] = &[
    attribute("node", ids::PDU, "node", BY_NODE).when("nodetype", "pdu"),
    attribute("nodetype", ids::PDU, "nodetype", BY_NODE).when("nodetype", "pdu"),
    attribute("outlet", ids::PDU, "outlet", BY_NODE).when("nodetype", "pdu"),
];

pub(super) const POLICY: &[AttributeDef] = &[
    attribute("priority", ids::POLICY, "priority", BY_PRIORITY),
    attribute("name", ids::POLICY, "name", BY_PRIORITY),
    attribute("host", ids::POLICY, "host", BY_PRIORITY),
    attribute("commands", ids::POLICY, "commands", BY_PRIORITY),
    attribute("noderange", ids::POLICY, "noderange", BY_PRIORITY),
    attribute("parameters", ids::POLICY, "parameters", BY_PRIORITY),
    attribute("time", ids::POLICY, "time", BY_PRIORITY),
    attribute("rule", ids::POLICY, "rule", BY_PRIORITY),
    attribute("usercomment", ids::POLICY, "comments", BY_PRIORITY),
];

pub(super) const RACK: &[AttributeDef] = &[
    attribute("rackname", ids::RACK, "rackname", BY_RACKNAME),
    attribute("displayname", ids::RACK, "displayname", BY_RACKNAME),
    attribute("num", ids::RACK, "num", BY_RACKNAME),
    attribute("height", ids::RACK, "height", BY_RACKNAME),
    attribute("room", ids::RACK, "room", BY_RACKNAME),
    attribute("usercomment", ids::RACK, "comments", BY_RACKNAME),
];

pub(super) const ROUTE: &[AttributeDef] = &[
    attribute("routename", ids::ROUTES, "routename", BY_ROUTENAME),
    attribute("net", ids::ROUTES, "net", BY_ROUTENAME),
    attribute("mask", ids::ROUTES, "mask", BY_ROUTENAME),
    attribute("gateway", ids::ROUTES, "gateway", BY_ROUTENAME),
    attribute("ifname", ids::ROUTES, "ifname", BY_ROUTENAME),
    attribute("usercomment", ids::ROUTES, "comments", BY_ROUTENAME),
];

pub(super) const SITE: &[AttributeDef] = &[
    attribute("master", ids::SITE, "value", BY_MASTER),
    attribute("installdir", ids::SITE, "value", BY_INSTALLDIR),
    attribute("xcatdport", ids::SITE, "value", BY_XCATDPORT),
];

pub(super) const TASKSTATE: &[AttributeDef] = &[
    attribute("node", ids::TASKSTATE, "node", BY_NODE),
    attribute("command", ids::TASKSTATE, "command", BY_NODE),
    attribute("state", ids::TASKSTATE, "state", BY_NODE),
    attribute("pid", ids::TASKSTATE, "pid", BY_NODE),
    attribute("reserve", ids::TASKSTATE, "reserve", BY_NODE),
    attribute("disable", ids::TASKSTATE, "disable", BY_NODE),
];

pub(super) const ZONE: &[AttributeDef] = &[
    attribute("zonename", ids::ZONE, "zonename", BY_ZONENAME),
    attribute("sshkeydir", ids::ZONE, "sshkeydir", BY_ZONENAME),
    attribute("sshbetweennodes", ids::ZONE, "sshbetweennodes", BY_ZONENAME),
    attribute("defaultzone", ids::ZONE, "defaultzone", BY_ZONENAME),
    attribute("usercomment", ids::ZONE, "comments", BY_ZONENAME),
];
