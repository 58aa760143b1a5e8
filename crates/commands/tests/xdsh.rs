//! xdsh, with a script in the place of ssh that runs on this machine what it was to run on a node.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use common::{Cluster, printed};
use remote::ssh::SshOptions;
use tables::{Patch, ids};

/// Notes its arguments beside itself and runs the last one; `n9` cannot be reached.
const SSH: &str = "#!/bin/sh\nfor last; do :; done\nprintf '%s\\n' \"$@\" > \"$0.$$.args\"\n\
                   case \"$*\" in *'-- n9 '*) echo unreachable >&2; exit 255;; esac\n\
                   exec sh -c \"$last\"\n";

async fn cluster() -> Cluster {
    let mut patch = Patch::new();
    for node in ["n1", "n2", "n9"] {
        patch.set(ids::NODELIST, &[node], &[("groups", Some("all"))]);
    }
    patch.set(tables::table("hosts").unwrap(), &["n2"], &[("ip", Some("127.7.0.2"))]);
    let mut cluster = Cluster::with(patch).await;
    let program = executable(&cluster, "ssh", SSH);
    cluster.services.ssh = SshOptions { program, ..SshOptions::default() }.into();
    cluster
}

fn executable(cluster: &Cluster, name: &str, text: &str) -> PathBuf {
    let path = cluster.dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// The arguments of the runs of ssh.
fn runs(cluster: &Cluster) -> Vec<Vec<String>> {
    let files = std::fs::read_dir(cluster.dir.path()).unwrap().map(|entry| entry.unwrap().path());
    let noted = files.filter(|path| path.extension().is_some_and(|suffix| suffix == "args"));
    let read = |path: PathBuf| std::fs::read_to_string(path).unwrap();
    noted.map(|path| read(path).lines().map(str::to_owned).collect()).collect()
}

#[tokio::test]
async fn lines_carry_the_node_and_codes_are_errors() {
    let cluster = cluster().await;
    let one = printed(&cluster.answer("xdsh n1 'echo a; echo b; echo bad >&2; exit 3'").await);
    assert_eq!(one.stdout, "n1: a\nn1: b\n");
    let failed = "Error: [xcatmn]:  n1 remote Command had return code: 3 \n";
    assert_eq!((one.stderr, one.code), (format!("[xcatmn]: n1: bad\n{failed}"), 1));
    let away = printed(&cluster.answer("xdsh n9,n1 -z echo here").await);
    assert_eq!(away.stdout, "n1: here\nn1: Remote_command_rc = 0\n");
    assert!(away.stderr.contains("n9: unreachable\n"), "{}", away.stderr);
    assert!(away.stderr.contains("n9 remote shell had error code: 255"), "{}", away.stderr);
    assert_eq!(away.code, 1);
    let silent = printed(&cluster.answer("xdsh n1 -Q echo here").await);
    assert_eq!((&*silent.stdout, &*silent.stderr, silent.code), ("", "", 0));
}

#[tokio::test]
async fn ssh_gets_the_address_the_name_and_the_user() {
    let cluster = cluster().await;
    printed(&cluster.answer("xdsh n2 -l ann -o '-oPort=2200' true").await);
    let runs = runs(&cluster);
    let [run] = runs.as_slice() else { panic!("{runs:?}") };
    for words in [["-o", "HostKeyAlias=n2"], ["-o", "Port=2200"], ["-l", "ann"]] {
        assert!(run.windows(2).any(|pair| pair == words), "{words:?} in {run:?}");
    }
    assert_eq!(run[run.len() - 3..], ["--", "127.7.0.2", "true"]);
}

#[tokio::test]
async fn whoever_is_not_root_is_nobody_else_on_the_nodes() {
    let cluster = cluster().await;
    for (line, refused) in [
        ("xdsh n1 -l root id", "bob may not run commands as root"),
        ("xdsh n1 -o -oUser=root id", "only root may set the ssh option User"),
        ("xdsh n1 -o '-o ProxyCommand=x' id", "only root may set the ssh option ProxyCommand"),
    ] {
        let said = printed(&cluster.answer_as("bob", line).await);
        assert_eq!((said.stdout.as_str(), said.code), ("", 1), "$ {line}");
        assert!(said.stderr.contains(refused), "$ {line}: {}", said.stderr);
    }
    let nobody = printed(&cluster.answer_as("", "xdsh n1 id").await);
    assert_eq!(nobody.code, 1);
    assert!(runs(&cluster).is_empty());
    assert_eq!(printed(&cluster.answer_as("bob", "xdsh n1 echo hi").await).stdout, "n1: hi\n");
    assert!(runs(&cluster)[0].windows(2).any(|pair| pair == ["-l", "bob"]));
}

#[tokio::test]
async fn a_script_travels_with_its_arguments() {
    let cluster = cluster().await;
    let script = executable(
        &cluster,
        "job",
        "#!/bin/sh\necho \"$1 of $2\"\ncat <<'END_OF_SCRIPT'\nEND\nEND_OF_SCRIPT\nexit 4\n",
    );
    let line = format!("xdsh n1 -e {} one two", script.display());
    let said = printed(&cluster.answer(&line).await);
    assert_eq!(said.stdout, "n1: one of two\nn1: END\n");
    assert!(said.stderr.contains("return code: 4"), "{}", said.stderr);
    let missing = printed(&cluster.answer("xdsh n1 -e /no/such/file").await);
    assert_eq!(missing.stderr, "Error: [xcatmn]: File /no/such/file does not exist\n");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
    let said = printed(&cluster.answer_as("bob", &line).await);
    assert!(said.stderr.contains("cannot be sent: permission denied"), "{}", said.stderr);
}

#[tokio::test]
async fn a_file_of_variables_and_sudo_go_before_the_command() {
    let cluster = cluster().await;
    executable(&cluster, "sudo", "#!/bin/sh\necho as root: \"$@\"\n");
    let file = executable(&cluster, "vars", "# of the site\nMARK='a b'\n");
    let line = format!("xdsh n1 -E {} 'sh -c \"echo \\$MARK\"'", file.display());
    assert_eq!(printed(&cluster.answer(&line).await).stdout, "n1: a b\n");
    let path = format!("PATH={}:$PATH; true; ", cluster.dir.path().display());
    let file = executable(&cluster, "path", &path);
    let said = printed(&cluster.answer(&format!("xdsh n1 -E {} --sudo id", file.display())).await);
    assert_eq!(said.stdout, "n1: as root: id\n");
    let missing = printed(&cluster.answer("xdsh n1 -E /no/such id").await);
    assert_eq!(missing.stderr, "Error: [xcatmn]: File /no/such does not exist\n");
}

#[tokio::test]
async fn each_option_that_is_not_there_is_refused_in_one_line() {
    let cluster = cluster().await;
    for (line, told) in [
        ("xdsh n1 -K", "get root's key when they boot"),
        ("xdsh -i /image id", "run: chroot IMAGE COMMAND"),
        ("xdsh n1 -B id", "set XCATBYPASS=1"),
        ("xdsh n1 -q", "there are no contexts"),
        ("xdsh n1 -T id", "-m tells when each node starts"),
        ("xdsh n1 --devicetype IBSwitch::Qlogic id", "--devicetype is not available yet"),
        ("xdsh n1 -r /usr/bin/rsh id", "the remote shell '/usr/bin/rsh' is not available"),
    ] {
        let said = printed(&cluster.answer(line).await);
        assert!(said.stderr.contains(told), "$ {line}\n{said:?}");
        assert_eq!((said.stderr.lines().count(), &*said.stdout, said.code), (1, "", 1), "$ {line}");
    }
    assert!(runs(&cluster).is_empty());
    assert_eq!(printed(&cluster.answer("xdsh n1 -r /usr/bin/ssh echo a").await).stdout, "n1: a\n");
}

#[tokio::test]
async fn a_silent_node_is_ended_and_a_talking_one_is_not() {
    let cluster = cluster().await;
    let said = printed(&cluster.answer("xdsh n1 -t 1 'echo a; sleep 600'").await);
    assert_eq!((&*said.stdout, said.code), ("n1: a\n", 1));
    let told = "n1: [xcatmn]: Error: no output for 1 s; the command was ended\n";
    assert_eq!(said.stderr, told);
}

#[tokio::test]
async fn nodes_are_verified_and_monitored() {
    let cluster = cluster().await;
    let said = printed(&cluster.answer("xdsh n2 -v -o -oPort=1 id").await);
    assert!(said.stderr.contains("n2 is not responding"), "{said:?}");
    assert!(runs(&cluster).is_empty());
    let port = tokio::net::TcpListener::bind("127.7.0.2:0").await.unwrap();
    let number = port.local_addr().unwrap().port();
    let line = format!("xdsh n2 -v -m -o -oPort={number} echo a");
    let said = printed(&cluster.answer(&line).await);
    let told = "dsh>  Remote_command_started n2\nn2: a\ndsh>  Remote_command_successful n2\n";
    assert_eq!((&*said.stdout, said.code), (told, 0), "{said:?}");
}

#[tokio::test]
async fn cleaning_up_empties_one_directory_only() {
    let cluster = cluster().await;
    let kept = cluster.dir.path().join("it's kept");
    std::fs::create_dir(&kept).unwrap();
    std::fs::write(kept.join("copy"), "x").unwrap();
    let site =
        |directory: &str| format!("chdef -t site clustersite \"nodesyncfiledir={directory}\"");
    cluster.answer(&site(&kept.display().to_string())).await;
    let said = printed(&cluster.answer("xdsh n1 -c").await);
    assert_eq!((&*said.stderr, said.code), ("", 0));
    assert!(kept.is_dir() && std::fs::read_dir(&kept).unwrap().next().is_none());
    for bad in ["/", "/var", "tmp/x/y", "/a/b/../../c"] {
        cluster.answer(&site(bad)).await;
        let said = printed(&cluster.answer("xdsh n1 -c").await);
        assert!(said.stderr.contains("is not to be emptied; hint: set it to"), "{bad}: {said:?}");
    }
}

#[tokio::test]
async fn much_output_loses_no_line() {
    let cluster = cluster().await;
    let said = printed(&cluster.answer("xdsh n1 'seq 1 200000'").await);
    assert_eq!(said.stdout.lines().count(), 200_000);
    assert!(said.stdout.starts_with("n1: 1\nn1: 2\n") && said.stdout.ends_with("n1: 200000\n"));
}

#[tokio::test]
async fn a_timeout_beyond_all_time_is_none() {
    let cluster = cluster().await;
    let said = printed(&cluster.answer("xdsh n1 -t 18446744073709551615 echo hi").await);
    assert_eq!((&*said.stdout, &*said.stderr), ("n1: hi\n", ""));
    let said = printed(&cluster.answer("xdsh n1 -t soon echo hi").await);
    assert!(said.code == 1 && said.stderr.contains("the timeout 'soon' is not a number"));
}
