//! Bytes to values and back: xCAT's XML frames, DHCP, TFTP, IPv6 router advertisements, RMCP+/IPMI.
//!
//! Pure functions over slices: no sockets, no files, no clock.

pub mod dhcp;
pub mod ipmi;
pub mod ipv6;
pub mod tftp;
pub mod xml;
