//! Completion at a bash prompt, with names from a running daemon.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::Path;

use remote::Program;
use support::{TestDaemon, client, run};

/// Completes a line as readline does, and prints the words.
const COMPLETE: &str = r#"
. "$1"
COMP_LINE=$2 COMP_POINT=${#2} COMP_WORDBREAKS=$' \t\n"\'><=;|&(:'
compopt() { :; }
__xcat_complete
printf '%s\n' "${COMPREPLY[@]}"
"#;

struct Shell {
    script: String,
    path: String,
    socket: String,
}

impl Shell {
    async fn new(daemon: &TestDaemon) -> Self {
        let bin = daemon.dir.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        let test = std::env::current_exe().unwrap();
        let target = test.parent().and_then(Path::parent).unwrap();
        std::os::unix::fs::symlink(target.join("examples/xcat"), bin.join("xcat")).unwrap();
        let said = run(client().args(["help", "--completion", "bash"])).await;
        let script = daemon.dir.path().join("completion.bash");
        std::fs::write(&script, said.out).unwrap();
        Self {
            script: script.display().to_string(),
            path: format!("{}:/usr/bin:/bin", bin.display()),
            socket: daemon.config.socket.display().to_string(),
        }
    }

    async fn complete(&self, line: &str) -> String {
        let words = ["--norc", "-c", COMPLETE, "bash", &self.script, line];
        let program = Program::new("bash").args(words).clean_env();
        let program = program.env("PATH", &self.path).env("XCATSOCKET", &self.socket);
        let said = run(program.env("TERM", "dumb")).await;
        assert_eq!((said.err.as_str(), said.status), ("", 0), "{line}");
        said.out.lines().collect::<Vec<_>>().join(" ")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn words_are_completed_from_the_declarations_and_the_live_tables() {
    let daemon = TestDaemon::start().await;
    daemon.xcat(&["mkdef", "-t", "node", "cn[1-3]", "groups=compute,all"]).await;
    daemon.xcat(&["mkdef", "-t", "osimage", "-o", "trixie", "osvers=debian13"]).await;
    let shell = Shell::new(&daemon).await;
    let expected = [
        ("rpower c", "cn1 cn2 cn3 compute"),
        ("rpower cn1,compute,-cn", "cn1,compute,-cn1 cn1,compute,-cn2 cn1,compute,-cn3"),
        ("rpower all@com", "all@compute"),
        ("rpower cn1 o", "on off"),
        ("rpower --no", "--nodeps"),
        ("rpower -t 3 cn1", "cn1"),
        ("xcat rpower cn1 cy", "cycle"),
        ("xcat boot cn3", "cn3"),
        ("xcat hist", "history"),
        ("xcat help tabd", "tabdump"),
        ("tabdump noder", "noderes"),
        ("nodels all noderes.netb", "noderes.netboot"),
        ("lsdef -t osi", "osimage"),
        ("lsdef -t osimage -o t", "trixie"),
        ("chdef -t group -o compute wherev", "wherevals="),
        ("lsdef -i ip,netb", "ip,netboot"),
        // After a `=` readline replaces only what follows.
        ("nodeset cn1 osimage=tr", "trixie"),
        ("nodeset cn1 osim", "osimage osimage="),
        ("packimage t", "trixie"),
        ("lsdef -t nonsense -o t", ""),
    ];
    for (line, words) in expected {
        assert_eq!(shell.complete(line).await, words, "{line}");
    }
    let dir = daemon.stop().await;
    let log = std::fs::read_to_string(dir.path().join("log/commands.log")).unwrap();
    assert!(log.contains("mkdef") && !log.contains("xcat-complete"), "{log}");
}
