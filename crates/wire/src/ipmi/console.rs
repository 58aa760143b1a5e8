//! The client's half of a session, from the first question to the close.
//!
//! ```text
//! Asking --capabilities--> Opening --suite--> Proving --RAKP 2--> Trusting --RAKP 4--> Raising --privilege--> Ready
//! ```
//!
//! Every state remembers the packet it waits for an answer to, so that [`Console::again`] can repeat it: a step of the
//! handshake with the same bytes, a packet of the session sealed anew (a controller drops a repeated number). What
//! does not fit is ignored with a reason, never fatal: anybody can send a datagram. Only the controller's explicit
//! refusal, or a proof that is wrong, ends the attempt.

use base::Secret;

use super::{
    AuthCapabilities, Command, Completion, Datagram, Entropy, Exchange, InvalidUser, OpenRequest,
    OpenResponse, Payload, Plain, Privilege, Rakp1, Rakp2, Rakp3, Rakp4, Request, Response,
    Session, Status, Suite, UserName, rakp,
};

/// Find the user by name alone, whatever privilege the name has.
const BY_NAME: u8 = 0x10;

/// With what to log in.
#[derive(Debug, Clone)]
pub struct Login {
    user: UserName,
    password: Secret<String>,
    suite: Suite,
    privilege: Privilege,
}

impl Login {
    /// A login whose user and password fit the protocol.
    pub fn new(
        user: &str,
        password: Secret<String>,
        suite: Suite,
        privilege: Privilege,
    ) -> Result<Self, InvalidUser> {
        let user = UserName::new(user.as_bytes())?;
        rakp::check_password(password.expose())?;
        Ok(Self { user, password, suite, privilege })
    }
}

/// Why there is no session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The controller speaks only IPMI 1.5.
    #[error("does not offer IPMI 2.0 sessions")]
    NoRmcpPlus,
    /// The controller refused a step.
    #[error("refused: {0}")]
    Status(Status),
    /// The controller's proof or check is not made with our password.
    #[error("knows another password")]
    Proof,
    /// The controller did not grant the privilege.
    #[error("privilege not granted: {0}")]
    Privilege(Completion),
}

/// What a received datagram led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Nothing; why.
    Ignored(&'static str),
    /// The next packet to send.
    Send(Vec<u8>),
    /// The session is open.
    Ready,
    /// The answer to the request that was sent.
    Answer(Response),
    /// There will be no session.
    Refused(Refusal),
}

#[derive(Debug)]
enum State {
    Asking,
    Opening { console: u32 },
    Proving { exchange: Exchange },
    Trusting { exchange: Exchange },
    Raising { session: Session },
    Ready { session: Session },
    Over,
}

/// The client's half of a session.
#[derive(Debug)]
pub struct Console {
    login: Login,
    state: State,
    /// Tag of the handshake, then sequence number of the request: what the next answer must repeat.
    tag: u8,
    /// What is waiting for an answer.
    pending: Pending,
}

#[derive(Debug)]
enum Pending {
    Nothing,
    Bytes(Vec<u8>),
    Request(Request),
}

impl Console {
    /// A console that is about to ask, and its first packet.
    pub fn new(login: Login) -> (Self, Vec<u8>) {
        let request = Command::AuthCapabilities { privilege: login.privilege }.request();
        let packet = Datagram::bare(&request.encode(0));
        let pending = Pending::Bytes(packet.clone());
        (Self { login, state: State::Asking, tag: 0, pending }, packet)
    }

    /// Whether the controller has not answered anything yet.
    pub fn is_asking(&self) -> bool {
        matches!(self.state, State::Asking)
    }

    /// Whether the offered cipher suite is what waits for an answer: silence is a reason to try another one.
    pub fn is_opening(&self) -> bool {
        matches!(self.state, State::Opening { .. })
    }

    /// Whether requests can be sent.
    pub fn is_ready(&self) -> bool {
        matches!(self.state, State::Ready { .. })
    }

    /// The packet to repeat when no answer came.
    pub fn again(&mut self, entropy: Entropy<'_>) -> Option<Vec<u8>> {
        match &self.pending {
            Pending::Nothing => None,
            Pending::Bytes(bytes) => Some(bytes.clone()),
            Pending::Request(request) => {
                let body = request.encode(self.tag);
                self.seal(&body, entropy)
            }
        }
    }

    /// The packet that asks `request`; nothing while there is no session.
    pub fn request(&mut self, request: Request, entropy: Entropy<'_>) -> Option<Vec<u8>> {
        self.tag = (self.tag + 1) & 0x3f;
        let packet = self.seal(&request.encode(self.tag), entropy)?;
        self.pending = Pending::Request(request);
        Some(packet)
    }

    /// The packet that closes the session.
    pub fn close(&mut self, entropy: Entropy<'_>) -> Option<Vec<u8>> {
        let (State::Raising { session } | State::Ready { session }) = &self.state else {
            return None;
        };
        let command = Command::CloseSession(session.remote());
        self.request(command.request(), entropy)
    }

    /// Takes a datagram from the controller.
    pub fn receive(&mut self, bytes: &[u8], entropy: Entropy<'_>) -> Progress {
        let Ok(datagram) = Datagram::decode(bytes) else {
            return Progress::Ignored("malformed datagram");
        };
        let state = std::mem::replace(&mut self.state, State::Over);
        match (state, datagram) {
            (State::Asking, Datagram::Bare(body)) => self.capabilities(body, entropy),
            (State::Opening { console }, Datagram::Plain(plain)) => {
                self.opened(console, &plain, entropy)
            }
            (State::Proving { exchange }, Datagram::Plain(plain)) => self.proven(exchange, &plain),
            (State::Trusting { exchange }, Datagram::Plain(plain)) => {
                self.trusted(exchange, &plain, entropy)
            }
            (State::Raising { mut session }, Datagram::Sealed(sealed)) => {
                let response = self.open(&mut session, &sealed);
                self.raised(session, response)
            }
            (State::Ready { mut session }, Datagram::Sealed(sealed)) => {
                let response = self.open(&mut session, &sealed);
                self.state = State::Ready { session };
                self.answered(response)
            }
            (state, _) => self.stay(state, "datagram does not fit the state"),
        }
    }

    fn stay(&mut self, state: State, why: &'static str) -> Progress {
        self.state = state;
        Progress::Ignored(why)
    }

    fn refuse(&mut self, refusal: Refusal) -> Progress {
        self.state = State::Over;
        self.pending = Pending::Nothing;
        Progress::Refused(refusal)
    }

    fn send(&mut self, state: State, payload: Payload, body: &[u8]) -> Progress {
        let packet = Plain { payload, session: 0, body }.encode();
        self.state = state;
        self.pending = Pending::Bytes(packet.clone());
        Progress::Send(packet)
    }

    fn capabilities(&mut self, body: &[u8], entropy: Entropy<'_>) -> Progress {
        let data = match Response::decode(body) {
            Ok((response, _)) if response.completion.is_ok() && response.command == 0x38 => {
                response.data
            }
            _ => return self.stay(State::Asking, "not an answer about capabilities"),
        };
        match AuthCapabilities::decode(&data) {
            Ok(capabilities) if capabilities.rmcp_plus => self.ask_to_open(entropy),
            Ok(_) => self.refuse(Refusal::NoRmcpPlus),
            Err(_) => self.stay(State::Asking, "capabilities are cut short"),
        }
    }

    fn ask_to_open(&mut self, entropy: Entropy<'_>) -> Progress {
        let mut number = [0; 4];
        entropy(&mut number);
        let console = u32::from_le_bytes(number).max(1);
        self.tag = 1;
        let algorithms = self.login.suite.algorithms();
        let open = OpenRequest { tag: self.tag, privilege: 0, console, algorithms };
        self.send(State::Opening { console }, Payload::OpenRequest, &open.encode())
    }

    fn opened(&mut self, console: u32, plain: &Plain<'_>, entropy: Entropy<'_>) -> Progress {
        let state = State::Opening { console };
        let response = match OpenResponse::decode(plain.body) {
            Ok(response) if is(plain, Payload::OpenResponse) && response.tag == self.tag => {
                response
            }
            _ => return self.stay(state, "not the answer to opening"),
        };
        if response.status != Status::OK {
            return self.refuse(Refusal::Status(response.status));
        }
        if response.console != console {
            return self.stay(state, "an answer for another session");
        }
        if response.algorithms != self.login.suite.algorithms() {
            return self.refuse(Refusal::Status(Status::SUITE));
        }
        let mut console_nonce = [0; 16];
        entropy(&mut console_nonce);
        let exchange = Exchange {
            suite: self.login.suite,
            console,
            bmc: response.bmc,
            console_nonce,
            bmc_nonce: [0; 16],
            guid: [0; 16],
            role: BY_NAME | self.login.privilege.code(),
            user: self.login.user.clone(),
        };
        self.prove(exchange)
    }

    fn prove(&mut self, exchange: Exchange) -> Progress {
        self.tag = 2;
        let message = Rakp1 {
            tag: self.tag,
            bmc: exchange.bmc,
            nonce: exchange.console_nonce,
            role: exchange.role,
            user: exchange.user.clone(),
        };
        self.send(State::Proving { exchange }, Payload::Rakp1, &message.encode())
    }

    fn proven(&mut self, mut exchange: Exchange, plain: &Plain<'_>) -> Progress {
        let answer = match Rakp2::decode(plain.body) {
            Ok(answer) if is(plain, Payload::Rakp2) && answer.tag == self.tag => answer,
            _ => return self.stay(State::Proving { exchange }, "not the answer to RAKP 1"),
        };
        if answer.status != Status::OK {
            return self.refuse(Refusal::Status(answer.status));
        }
        if answer.console != exchange.console {
            return self.stay(State::Proving { exchange }, "RAKP 2 of another session");
        }
        exchange.bmc_nonce = answer.nonce;
        exchange.guid = answer.guid;
        let password = self.login.password.expose();
        if !rakp::same(&exchange.bmc_proof(password), &answer.proof) {
            return self.refuse(Refusal::Proof);
        }
        self.tag = 3;
        let proof = exchange.console_proof(password);
        let message = Rakp3 { tag: self.tag, status: Status::OK, bmc: exchange.bmc, proof };
        self.send(State::Trusting { exchange }, Payload::Rakp3, &message.encode())
    }

    fn trusted(&mut self, exchange: Exchange, plain: &Plain<'_>, entropy: Entropy<'_>) -> Progress {
        let answer = match Rakp4::decode(plain.body) {
            Ok(answer) if is(plain, Payload::Rakp4) && answer.tag == self.tag => answer,
            _ => return self.stay(State::Trusting { exchange }, "not the answer to RAKP 3"),
        };
        if answer.status != Status::OK {
            return self.refuse(Refusal::Status(answer.status));
        }
        let password = self.login.password.expose();
        if !rakp::same(&exchange.check(password), &answer.check) {
            return self.refuse(Refusal::Proof);
        }
        let session = exchange.console_session(password);
        self.state = State::Raising { session };
        self.tag = 0;
        let command = Command::SetPrivilege(self.login.privilege);
        match self.request(command.request(), entropy) {
            Some(packet) => Progress::Send(packet),
            None => Progress::Ignored("no session to raise"),
        }
    }

    fn raised(&mut self, session: Session, response: Result<Response, &'static str>) -> Progress {
        match response {
            Ok(response) if response.completion.is_ok() => {
                self.pending = Pending::Nothing;
                self.state = State::Ready { session };
                Progress::Ready
            }
            Ok(response) => {
                let refusal = Refusal::Privilege(response.completion);
                self.state = State::Ready { session };
                self.pending = Pending::Nothing;
                Progress::Refused(refusal)
            }
            Err(why) => self.stay(State::Raising { session }, why),
        }
    }

    fn answered(&mut self, response: Result<Response, &'static str>) -> Progress {
        match response {
            Ok(response) => {
                self.pending = Pending::Nothing;
                Progress::Answer(response)
            }
            Err(why) => Progress::Ignored(why),
        }
    }

    /// The response in a sealed packet, if it answers the pending request.
    fn open(
        &self,
        session: &mut Session,
        sealed: &super::Sealed<'_>,
    ) -> Result<Response, &'static str> {
        let body = session.open(sealed).map_err(|_| "packet is not of this session")?;
        if sealed.payload != Payload::Ipmi {
            return Err("payload is not a message");
        }
        let (response, sequence) = Response::decode(&body).map_err(|_| "malformed message")?;
        let Pending::Request(request) = &self.pending else {
            return Err("nothing was asked");
        };
        let fits = (request.net_fn, request.command) == (response.net_fn, response.command);
        if fits && sequence == self.tag { Ok(response) } else { Err("answer to another request") }
    }

    fn seal(&mut self, body: &[u8], entropy: Entropy<'_>) -> Option<Vec<u8>> {
        let (State::Raising { session } | State::Ready { session }) = &mut self.state else {
            return None;
        };
        let mut iv = [0; 16];
        entropy(&mut iv);
        Some(session.seal(Payload::Ipmi, body, iv))
    }
}

fn is(plain: &Plain<'_>, payload: Payload) -> bool {
    plain.payload == payload
}
