//! A constant for every table, so that naming one that does not exist does not compile.

use super::TableId;

/// The table `auditlog`.
pub const AUDITLOG: TableId = TableId(0);
/// The table `bootparams`.
pub const BOOTPARAMS: TableId = TableId(1);
/// The table `boottarget`.
pub const BOOTTARGET: TableId = TableId(2);
/// The table `cfgmgt`.
pub const CFGMGT: TableId = TableId(3);
/// The table `chain`.
pub const CHAIN: TableId = TableId(4);
/// The table `deps`.
pub const DEPS: TableId = TableId(5);
/// The table `discoverydata`.
pub const DISCOVERYDATA: TableId = TableId(6);
/// The table `domain`.
pub const DOMAIN: TableId = TableId(7);
/// The table `eventlog`.
pub const EVENTLOG: TableId = TableId(8);
/// The table `firmware`.
pub const FIRMWARE: TableId = TableId(9);
/// The table `hosts`.
pub const HOSTS: TableId = TableId(10);
/// The table `hwinv`.
pub const HWINV: TableId = TableId(11);
/// The table `hypervisor`.
pub const HYPERVISOR: TableId = TableId(12);
/// The table `ipmi`.
pub const IPMI: TableId = TableId(13);
/// The table `iscsi`.
pub const ISCSI: TableId = TableId(14);
/// The table `kit`.
pub const KIT: TableId = TableId(15);
/// The table `kitcomponent`.
pub const KITCOMPONENT: TableId = TableId(16);
/// The table `kitrepo`.
pub const KITREPO: TableId = TableId(17);
/// The table `kvm_masterdata`.
pub const KVM_MASTERDATA: TableId = TableId(18);
/// The table `kvm_nodedata`.
pub const KVM_NODEDATA: TableId = TableId(19);
/// The table `linuximage`.
pub const LINUXIMAGE: TableId = TableId(20);
/// The table `litefile`.
pub const LITEFILE: TableId = TableId(21);
/// The table `litetree`.
pub const LITETREE: TableId = TableId(22);
/// The table `mac`.
pub const MAC: TableId = TableId(23);
/// The table `mic`.
pub const MIC: TableId = TableId(24);
/// The table `monitoring`.
pub const MONITORING: TableId = TableId(25);
/// The table `monsetting`.
pub const MONSETTING: TableId = TableId(26);
/// The table `mp`.
pub const MP: TableId = TableId(27);
/// The table `mpa`.
pub const MPA: TableId = TableId(28);
/// The table `networks`.
pub const NETWORKS: TableId = TableId(29);
/// The table `nics`.
pub const NICS: TableId = TableId(30);
/// The table `nimimage`.
pub const NIMIMAGE: TableId = TableId(31);
/// The table `nodegroup`.
pub const NODEGROUP: TableId = TableId(32);
/// The table `nodehm`.
pub const NODEHM: TableId = TableId(33);
/// The table `nodelist`.
pub const NODELIST: TableId = TableId(34);
/// The table `nodepos`.
pub const NODEPOS: TableId = TableId(35);
/// The table `noderes`.
pub const NODERES: TableId = TableId(36);
/// The table `nodetype`.
pub const NODETYPE: TableId = TableId(37);
/// The table `notification`.
pub const NOTIFICATION: TableId = TableId(38);
/// The table `openbmc`.
pub const OPENBMC: TableId = TableId(39);
/// The table `osdistro`.
pub const OSDISTRO: TableId = TableId(40);
/// The table `osdistroupdate`.
pub const OSDISTROUPDATE: TableId = TableId(41);
/// The table `osimage`.
pub const OSIMAGE: TableId = TableId(42);
/// The table `passwd`.
pub const PASSWD: TableId = TableId(43);
/// The table `pdu`.
pub const PDU: TableId = TableId(44);
/// The table `pduoutlet`.
pub const PDUOUTLET: TableId = TableId(45);
/// The table `performance`.
pub const PERFORMANCE: TableId = TableId(46);
/// The table `policy`.
pub const POLICY: TableId = TableId(47);
/// The table `postscripts`.
pub const POSTSCRIPTS: TableId = TableId(48);
/// The table `ppc`.
pub const PPC: TableId = TableId(49);
/// The table `ppcdirect`.
pub const PPCDIRECT: TableId = TableId(50);
/// The table `ppchcp`.
pub const PPCHCP: TableId = TableId(51);
/// The table `prescripts`.
pub const PRESCRIPTS: TableId = TableId(52);
/// The table `prodkey`.
pub const PRODKEY: TableId = TableId(53);
/// The table `rack`.
pub const RACK: TableId = TableId(54);
/// The table `routes`.
pub const ROUTES: TableId = TableId(55);
/// The table `servicenode`.
pub const SERVICENODE: TableId = TableId(56);
/// The table `site`.
pub const SITE: TableId = TableId(57);
/// The table `statelite`.
pub const STATELITE: TableId = TableId(58);
/// The table `storage`.
pub const STORAGE: TableId = TableId(59);
/// The table `switch`.
pub const SWITCH: TableId = TableId(60);
/// The table `switches`.
pub const SWITCHES: TableId = TableId(61);
/// The table `taskstate`.
pub const TASKSTATE: TableId = TableId(62);
/// The table `token`.
pub const TOKEN: TableId = TableId(63);
/// The table `virtsd`.
pub const VIRTSD: TableId = TableId(64);
/// The table `vm`.
pub const VM: TableId = TableId(65);
/// The table `vmmaster`.
pub const VMMASTER: TableId = TableId(66);
/// The table `vpd`.
pub const VPD: TableId = TableId(67);
/// The table `websrv`.
pub const WEBSRV: TableId = TableId(68);
/// The table `winimage`.
pub const WINIMAGE: TableId = TableId(69);
/// The table `zone`.
pub const ZONE: TableId = TableId(70);
/// The table `zvm`.
pub const ZVM: TableId = TableId(71);
/// The table `zvmivp`.
pub const ZVMIVP: TableId = TableId(72);
