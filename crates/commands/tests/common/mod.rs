//! A store in a temporary directory with the services that commands need, and what the client
//! would print of their answers.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::path::Path;
use std::sync::Arc;

use base::{Clock, SystemClock};
use command::{Answer, FrontEnd};
use commands::{Request, Services, Sink, Upload, find, run};
use model::machine::Port;
use model::{BootView, Machine, ServerFacts};
use store::{Origin, Store};
use tables::Patch;
use tokio_util::sync::CancellationToken;

/// A machine with one network.
struct Host;

impl commands::Host for Host {
    fn machine(&self) -> Machine {
        let link = Port {
            name: "eth0".to_owned(),
            mtu: Some(9000),
            addresses: vec!["10.3.0.1/16".parse().expect("an address")],
        };
        Machine { host_name: "xcatmn".to_owned(), links: vec![link], gateway: None }
    }

    fn set_up(
        &self,
        part: commands::Part,
        _: Origin,
    ) -> commands::BoxFuture<'_, Result<Vec<String>, base::Failure>> {
        Box::pin(async move { Ok(vec![format!("{part:?}")]) })
    }
}

pub(crate) struct Cluster {
    pub(crate) services: Services,
    pub(crate) tasks: runtime::Tasks,
    pub(crate) dir: tempfile::TempDir,
}

impl Cluster {
    /// A cluster whose tables have what the patch says.
    pub(crate) async fn with(patch: Patch) -> Self {
        let tasks = runtime::Tasks::new(runtime::Shutdown::new());
        let dir = tempfile::tempdir().expect("a temporary directory");
        let hosts = dir.path().join("hosts");
        std::fs::write(&hosts, "127.0.0.1 localhost\n").expect("a hosts file");
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let store = Store::open(&dir.path().join("state"), clock.clone()).expect("a store");
        store
            .update(Origin::new("root", "seed"), move |_| Ok::<_, base::Failure>(patch))
            .await
            .expect("the seed fits");
        let snapshot = store.snapshot();
        let (view, _) = BootView::build(&snapshot, &ServerFacts::default());
        let services = Services {
            boot: Arc::new(runtime::View::new(snapshot.generation(), view)),
            store,
            followers: Arc::from([]),
            clock,
            events: tokio::sync::mpsc::channel(1).0,
            bmc: bmc::Client::start(&tasks).expect("sockets"),
            ipmi_port: bmc::PORT,
            ssh: Arc::default(),
            tools: Arc::new(image::Tools::installed(dir.path(), None)),
            hosts_file: Arc::new(tokio::sync::Mutex::new(hosts)),
            host: Arc::new(Host),
            share: Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets").into(),
            database: "SQLite".into(),
            status: Arc::new(Vec::new),
        };
        Self { services, tasks, dir }
    }

    /// Runs a command line as the client would.
    pub(crate) async fn answer(&self, line: &str) -> Answer {
        self.answer_to(line, None).await
    }

    /// The same, asked for by somebody else.
    pub(crate) async fn answer_as(&self, user: &str, line: &str) -> Answer {
        let request = Request { user: user.to_owned(), ..request_of(line) };
        self.answer_request(request).await
    }

    /// What `tabrestore` answers to rows for `table`.
    pub(crate) async fn restore_table(&self, table: &str, text: &str, add: bool) -> Answer {
        let upload = Upload { table: table.to_owned(), text: text.to_owned(), add };
        self.answer_request(Request { upload: Some(upload), ..request_of("tabrestore") }).await
    }

    /// The same, with a standard input.
    pub(crate) async fn answer_to(&self, line: &str, stdin: Option<&str>) -> Answer {
        let request = Request { stdin: stdin.map(str::to_owned), ..request_of(line) };
        self.answer_request(request).await
    }

    async fn answer_request(&self, request: Request) -> Answer {
        let (sink, mut items) = Sink::new(CancellationToken::new());
        let running = run(request, self.services.clone(), sink);
        let collecting = async {
            let mut answer = Answer::new();
            while let Some(item) = items.recv().await {
                answer.push(item);
            }
            answer
        };
        tokio::join!(running, collecting).1
    }
}

/// The request that the client makes of a command line. The command `xcat x` is written `xcat-x`.
fn request_of(line: &str) -> Request {
    let mut words = words(line);
    let name = words.remove(0);
    let front = find(&name).map_or(FrontEnd::Plain, |command| command.meta().front);
    let sent = front.send(&words, Path::new("/root"));
    Request {
        command: name,
        noderange: sent.noderange,
        args: sent.args,
        cwd: "/root".into(),
        user: "root".to_owned(),
        now: SystemClock.now(),
        ..Request::default()
    }
}

/// What a command prints, by stream, and its exit code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Printed {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: u8,
}

pub(crate) fn printed(answer: &Answer) -> Printed {
    let mut printed = Printed { stdout: String::new(), stderr: String::new(), code: 0 };
    for document in answer.documents(Some("xcatmn")) {
        let rendered = cli::render(&document, false);
        printed.code |= rendered.exit;
        for (stream, text) in rendered.lines {
            let text = String::from_utf8(text).expect("text");
            match stream {
                cli::Stream::Out => printed.stdout.push_str(&text),
                cli::Stream::Err => printed.stderr.push_str(&text),
            }
        }
    }
    printed
}

/// Splits a line of shell into words: quotes, but no expansion.
pub(crate) fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut started) = (Vec::new(), String::new(), None, false);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some('"'), '\\') => word.extend(chars.next()),
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => (quote, started) = (Some(c), true),
            (None, ' ') => {
                if started || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                started = false;
            }
            (_, c) => word.push(c),
        }
    }
    if started || !word.is_empty() {
        words.push(word);
    }
    words
}
