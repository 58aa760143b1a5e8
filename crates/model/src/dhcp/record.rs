//! A decision as the flight recorder keeps it.

use base::Timestamp;
use wire::dhcp::Message;

use super::{Decision, Reply};
use crate::boot_file::Firmware;
use crate::flight::{BootEvent, Step};

/// The event that a message and what was decided about it make.
pub fn record(message: &Message, decision: &Decision, time: Timestamp) -> BootEvent {
    let firmware = Firmware::of(&message.options);
    let asker = firmware.map_or_else(|| "an operating system".to_owned(), Firmware::describe);
    let kind =
        message.options.message_type().map_or_else(|| "BOOTP".to_owned(), |kind| kind.to_string());
    let (node, step, text) = match decision {
        Decision::Offer(reply) => {
            let step = if firmware.is_some() { Step::DhcpOffer } else { Step::Address };
            (Some(&reply.node), step, format!("{kind} from {asker}: offered {}", granted(reply)))
        }
        Decision::Ack(reply) => {
            let step = if firmware.is_some() { Step::DhcpAck } else { Step::Address };
            (Some(&reply.node), step, format!("{kind} from {asker}: granted {}", granted(reply)))
        }
        Decision::Nak(reply) => {
            let reason = reply.message.options.text(wire::dhcp::code::MESSAGE).unwrap_or_default();
            (Some(&reply.node), Step::DhcpNak, format!("{kind} from {asker}: refused: {reason}"))
        }
        Decision::Silent(silence) => {
            (silence.node(), Step::DhcpSilent, format!("{kind} from {asker}: {silence}"))
        }
    };
    BootEvent { time, node: node.cloned(), mac: message.hardware.mac(), step, text }
}

fn granted(reply: &Reply) -> String {
    let file = reply.message.boot_file().map(|file| format!(", boot file {file}"));
    let address = reply.message.yiaddr;
    let address =
        if address.is_unspecified() { "its settings".to_owned() } else { address.to_string() };
    address + &file.unwrap_or_default()
}
