//! The service processor's half of sessions: opens them for known accounts and unwraps their requests.
//!
//! It answers the session commands itself and hands every other request to its owner, who replies through
//! [`Controller::answer`]. It keeps a bounded number of sessions: a new one takes the place of the oldest that never
//! finished its handshake, else of the oldest. No clock: sessions end by being closed or displaced.

use std::collections::VecDeque;

use base::Secret;

use super::{
    AuthCapabilities, CipherSuites, Command, Completion, Datagram, Entropy, Exchange, InvalidUser,
    OpenRequest, OpenResponse, Payload, Plain, Privilege, Rakp1, Rakp2, Rakp3, Rakp4, Request,
    Response, Sealed, Session, Status, Suite, UserName, rakp,
};

const SESSIONS_MAX: usize = 16;

/// Somebody who may log in.
#[derive(Debug, Clone)]
pub struct Account {
    name: UserName,
    password: Secret<String>,
    privilege: Privilege,
}

impl Account {
    /// An account whose name and password fit the protocol.
    pub fn new(
        name: &str,
        password: Secret<String>,
        privilege: Privilege,
    ) -> Result<Self, InvalidUser> {
        rakp::check_password(password.expose())?;
        Ok(Self { name: UserName::new(name.as_bytes())?, password, privilege })
    }
}

/// Where a request came from, so that its answer finds back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Outside of a session, wrapped as IPMI 1.5 does.
    Bare {
        /// Sequence number of the request.
        sequence: u8,
    },
    /// Outside of a session, as an RMCP+ payload.
    Plain {
        /// Sequence number of the request.
        sequence: u8,
    },
    /// Within a session.
    Session {
        /// The controller's session number.
        session: u32,
        /// Sequence number of the request.
        sequence: u8,
    },
}

/// What a received datagram led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Nothing; why.
    Ignored(&'static str),
    /// A packet to send back.
    Reply(Vec<u8>),
    /// A request that the owner answers.
    Request {
        /// Where the answer goes.
        origin: Origin,
        /// What is asked.
        request: Request,
    },
}

#[derive(Debug)]
enum Stage {
    Opened,
    Proving { exchange: Exchange, account: usize },
    Active { exchange: Exchange, account: usize, session: Session, privilege: Privilege },
}

#[derive(Debug)]
struct Slot {
    bmc: u32,
    console: u32,
    suite: Suite,
    stage: Stage,
}

/// The service processor's half of all its sessions.
#[derive(Debug)]
pub struct Controller {
    guid: [u8; 16],
    accounts: Vec<Account>,
    suites: Vec<Suite>,
    slots: VecDeque<Slot>,
}

impl Controller {
    /// A controller with this identity, these accounts and these cipher suites.
    pub fn new(guid: [u8; 16], accounts: Vec<Account>, suites: Vec<Suite>) -> Self {
        Self { guid, accounts, suites, slots: VecDeque::new() }
    }

    /// Replaces the accounts; open sessions stay.
    pub fn set_accounts(&mut self, accounts: Vec<Account>) {
        self.slots.retain(|slot| matches!(slot.stage, Stage::Opened));
        self.accounts = accounts;
    }

    /// Replaces the cipher suites offered.
    pub fn set_suites(&mut self, suites: Vec<Suite>) {
        self.suites = suites;
    }

    /// The controller's identity.
    pub fn guid(&self) -> [u8; 16] {
        self.guid
    }

    /// How many sessions are open or being opened.
    pub fn sessions(&self) -> usize {
        self.slots.len()
    }

    /// Takes a datagram from a console.
    pub fn receive(&mut self, bytes: &[u8], entropy: Entropy<'_>) -> Event {
        match Datagram::decode(bytes) {
            Ok(Datagram::Ping { tag }) => Event::Reply(Datagram::pong(tag)),
            Ok(Datagram::Pong { .. }) => Event::Ignored("a pong"),
            Ok(Datagram::Bare(body)) => self.outside(body, |sequence| Origin::Bare { sequence }),
            Ok(Datagram::Plain(plain)) => self.plain(&plain, entropy),
            Ok(Datagram::Sealed(sealed)) => self.sealed(&sealed, entropy),
            Err(_) => Event::Ignored("malformed datagram"),
        }
    }

    /// The packet that carries a response back; nothing if its session is gone.
    pub fn answer(
        &mut self,
        origin: Origin,
        response: &Response,
        entropy: Entropy<'_>,
    ) -> Option<Vec<u8>> {
        match origin {
            Origin::Bare { sequence } => Some(Datagram::bare(&response.encode(sequence))),
            Origin::Plain { sequence } => {
                Some(plain_packet(Payload::Ipmi, &response.encode(sequence)))
            }
            Origin::Session { session, sequence } => {
                let slot = self.slots.iter_mut().find(|slot| slot.bmc == session)?;
                let Stage::Active { session, .. } = &mut slot.stage else { return None };
                let mut iv = [0; 16];
                entropy(&mut iv);
                Some(session.seal(Payload::Ipmi, &response.encode(sequence), iv))
            }
        }
    }

    fn outside(&mut self, body: &[u8], origin: impl Fn(u8) -> Origin) -> Event {
        let Ok((request, sequence)) = Request::decode(body) else {
            return Event::Ignored("malformed message");
        };
        let response = match Command::read(&request) {
            Ok(Command::AuthCapabilities { .. }) => {
                let data = AuthCapabilities { rmcp_plus: true }.encode();
                request.respond(Completion::OK, data)
            }
            Ok(Command::CipherSuites { index }) => {
                let data = CipherSuites(self.suites.clone()).page(index);
                request.respond(Completion::OK, data)
            }
            Ok(Command::SystemGuid) => request.respond(Completion::OK, self.guid.to_vec()),
            Ok(_) => request.respond(Completion::PRIVILEGE, Vec::new()),
            Err(completion) => request.respond(completion, Vec::new()),
        };
        let packet = match origin(sequence) {
            Origin::Bare { .. } => Datagram::bare(&response.encode(sequence)),
            Origin::Plain { .. } | Origin::Session { .. } => {
                plain_packet(Payload::Ipmi, &response.encode(sequence))
            }
        };
        Event::Reply(packet)
    }

    fn plain(&mut self, plain: &Plain<'_>, entropy: Entropy<'_>) -> Event {
        let reply = match plain.payload {
            Payload::Ipmi if plain.session == 0 => {
                return self.outside(plain.body, |sequence| Origin::Plain { sequence });
            }
            Payload::OpenRequest => self.open(plain.body, entropy),
            Payload::Rakp1 => self.rakp1(plain.body, entropy),
            Payload::Rakp3 => self.rakp3(plain.body),
            Payload::Ipmi
            | Payload::Sol
            | Payload::OpenResponse
            | Payload::Rakp2
            | Payload::Rakp4 => None,
        };
        reply.map_or(Event::Ignored("unexpected or malformed payload"), Event::Reply)
    }

    fn open(&mut self, body: &[u8], entropy: Entropy<'_>) -> Option<Vec<u8>> {
        let request = OpenRequest::decode(body).ok()?;
        let suite = Suite::from_algorithms(request.algorithms);
        let response = match suite.filter(|suite| self.suites.contains(suite)) {
            Some(suite) => OpenResponse {
                tag: request.tag,
                status: Status::OK,
                privilege: granted(request.privilege),
                console: request.console,
                bmc: self.new_slot(request.console, suite, entropy),
                algorithms: request.algorithms,
            },
            None => OpenResponse {
                tag: request.tag,
                status: Status::SUITE,
                privilege: 0,
                console: request.console,
                bmc: 0,
                algorithms: [0; 3],
            },
        };
        Some(plain_packet(Payload::OpenResponse, &response.encode()))
    }

    fn new_slot(&mut self, console: u32, suite: Suite, entropy: Entropy<'_>) -> u32 {
        if self.slots.len() >= SESSIONS_MAX {
            let unfinished = |slot: &Slot| !matches!(slot.stage, Stage::Active { .. });
            let oldest = self.slots.iter().position(unfinished).unwrap_or(0);
            self.slots.remove(oldest);
        }
        let mut number = [0; 4];
        entropy(&mut number);
        let mut bmc = u32::from_le_bytes(number).max(1);
        while self.slots.iter().any(|slot| slot.bmc == bmc) {
            bmc = bmc.wrapping_add(1).max(1);
        }
        self.slots.push_back(Slot { bmc, console, suite, stage: Stage::Opened });
        bmc
    }

    fn slot(&mut self, bmc: u32) -> Option<&mut Slot> {
        self.slots.iter_mut().find(|slot| slot.bmc == bmc)
    }

    fn rakp1(&mut self, body: &[u8], entropy: Entropy<'_>) -> Option<Vec<u8>> {
        let message = Rakp1::decode(body).ok()?;
        let answer = self.prove(&message, entropy).unwrap_or_else(|status| Rakp2 {
            tag: message.tag,
            status,
            console: self.slot(message.bmc).map_or(0, |slot| slot.console),
            nonce: [0; 16],
            guid: [0; 16],
            proof: Vec::new(),
        });
        Some(plain_packet(Payload::Rakp2, &answer.encode()))
    }

    fn prove(&mut self, message: &Rakp1, entropy: Entropy<'_>) -> Result<Rakp2, Status> {
        let guid = self.guid;
        let index = self.accounts.iter().position(|account| account.name == message.user);
        let account = index.ok_or(Status::NAME)?;
        let Account { password, privilege, .. } = self.accounts[account].clone();
        let wanted = message.role & 0x0f;
        if wanted > privilege.code() {
            return Err(Status::PRIVILEGE);
        }
        let slot = self.slot(message.bmc).ok_or(Status::SESSION)?;
        let exchange = match &slot.stage {
            Stage::Active { .. } => return Err(Status::SESSION),
            Stage::Proving { exchange, .. } if exchange.console_nonce == message.nonce => {
                exchange.clone()
            }
            Stage::Opened | Stage::Proving { .. } => new_exchange(slot, message, guid, entropy),
        };
        let answer = Rakp2 {
            tag: message.tag,
            status: Status::OK,
            console: slot.console,
            nonce: exchange.bmc_nonce,
            guid,
            proof: exchange.bmc_proof(password.expose()),
        };
        slot.stage = Stage::Proving { exchange, account };
        Ok(answer)
    }

    fn rakp3(&mut self, body: &[u8]) -> Option<Vec<u8>> {
        let message = Rakp3::decode(body).ok()?;
        if message.status != Status::OK {
            self.slots.retain(|slot| slot.bmc != message.bmc);
            return None;
        }
        let console = self.slot(message.bmc).map_or(0, |slot| slot.console);
        let (status, check) = match self.trust(&message) {
            Ok(check) => (Status::OK, check),
            Err(status) => (status, Vec::new()),
        };
        let answer = Rakp4 { tag: message.tag, status, console, check };
        Some(plain_packet(Payload::Rakp4, &answer.encode()))
    }

    fn trust(&mut self, message: &Rakp3) -> Result<Vec<u8>, Status> {
        let index = self.slots.iter().position(|slot| slot.bmc == message.bmc);
        let slot = &mut self.slots[index.ok_or(Status::SESSION)?];
        let (Stage::Proving { exchange, account } | Stage::Active { exchange, account, .. }) =
            &slot.stage
        else {
            return Err(Status::SESSION);
        };
        let password = self.accounts.get(*account).ok_or(Status::NAME)?.password.expose();
        if !rakp::same(&exchange.console_proof(password), &message.proof) {
            return Err(Status::INTEGRITY);
        }
        let check = exchange.check(password);
        if matches!(slot.stage, Stage::Proving { .. }) {
            let (exchange, account) = (exchange.clone(), *account);
            let session = exchange.bmc_session(password);
            let privilege = Privilege::User;
            slot.stage = Stage::Active { exchange, account, session, privilege };
        }
        Ok(check)
    }

    fn sealed(&mut self, sealed: &Sealed<'_>, entropy: Entropy<'_>) -> Event {
        let Some(slot) = self.slots.iter_mut().find(|slot| slot.bmc == sealed.session) else {
            return Event::Ignored("no such session");
        };
        let Stage::Active { session, privilege, account, .. } = &mut slot.stage else {
            return Event::Ignored("session is not open yet");
        };
        let Ok(body) = session.open(sealed) else { return Event::Ignored("packet is not genuine") };
        let Ok((request, sequence)) = Request::decode(&body) else {
            return Event::Ignored("malformed message");
        };
        let origin = Origin::Session { session: slot.bmc, sequence };
        let limit = self.accounts.get(*account).map(|account| account.privilege);
        let response = match Command::read(&request) {
            Ok(command) if command.privilege() > *privilege => {
                request.respond(Completion::PRIVILEGE, Vec::new())
            }
            Ok(Command::SetPrivilege(wanted)) if Some(wanted) > limit => {
                request.respond(Completion(0x80), Vec::new())
            }
            Ok(Command::SetPrivilege(wanted)) => {
                *privilege = wanted;
                request.respond(Completion::OK, vec![wanted.code()])
            }
            Ok(Command::CloseSession(number)) => {
                return self.close(origin, number, &request, entropy);
            }
            Ok(_) | Err(_) => return self.other(origin, request, entropy),
        };
        self.reply(origin, &response, entropy)
    }

    fn close(
        &mut self,
        origin: Origin,
        number: u32,
        request: &Request,
        entropy: Entropy<'_>,
    ) -> Event {
        let known = self.slots.iter().any(|slot| slot.bmc == number);
        let completion = if known { Completion::OK } else { Completion(0x87) };
        let event = self.reply(origin, &request.respond(completion, Vec::new()), entropy);
        self.slots.retain(|slot| slot.bmc != number);
        event
    }

    fn other(&mut self, origin: Origin, request: Request, entropy: Entropy<'_>) -> Event {
        let response = match Command::read(&request) {
            Ok(Command::AuthCapabilities { .. }) => {
                request.respond(Completion::OK, AuthCapabilities { rmcp_plus: true }.encode())
            }
            Ok(Command::CipherSuites { index }) => {
                let data = CipherSuites(self.suites.clone()).page(index);
                request.respond(Completion::OK, data)
            }
            Ok(Command::SystemGuid) => request.respond(Completion::OK, self.guid.to_vec()),
            Ok(_) | Err(_) => return Event::Request { origin, request },
        };
        self.reply(origin, &response, entropy)
    }

    fn reply(&mut self, origin: Origin, response: &Response, entropy: Entropy<'_>) -> Event {
        let packet = self.answer(origin, response, entropy);
        packet.map_or(Event::Ignored("session is gone"), Event::Reply)
    }
}

/// The highest privilege to announce: the one asked for, or the highest there is when it is left open.
fn granted(asked: u8) -> u8 {
    if asked == 0 { Privilege::Administrator.code() } else { asked }
}

fn plain_packet(payload: Payload, body: &[u8]) -> Vec<u8> {
    Plain { payload, session: 0, body }.encode()
}

fn new_exchange(slot: &Slot, message: &Rakp1, guid: [u8; 16], entropy: Entropy<'_>) -> Exchange {
    let mut bmc_nonce = [0; 16];
    entropy(&mut bmc_nonce);
    Exchange {
        suite: slot.suite,
        console: slot.console,
        bmc: slot.bmc,
        console_nonce: message.nonce,
        bmc_nonce,
        guid,
        role: message.role,
        user: message.user.clone(),
    }
}
