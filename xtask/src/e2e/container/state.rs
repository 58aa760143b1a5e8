//! What outlives a container: everything that was acknowledged, with only `/.dbbackup` mounted.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::e2e::container::place::{Container, ok};
use crate::run::captured;

/// How often the container is killed and replaced.
const ROUNDS: u32 = 20;
/// What identifies a management node to clients and nodes.
const IDENTITY: &str = "cd /.dbbackup/state && sha256sum pki/ca/ca-cert.pem pki/ca/private/ca-key.pem pki/cert/server-cred.pem pki/client/client-cred.pem ssh/id_ed25519 ssh/id_ed25519.pub sshd/ssh_host_*_key";

pub(super) fn replace_twenty_times() -> Result<()> {
    let place = Container::new("xcate2e-replace")?;
    let (mut identity, mut written) = (String::new(), 0_u32);
    for round in 0..ROUNDS {
        place.start(&[])?;
        place.wait_until_healthy()?;
        let now = place.sh(IDENTITY)?;
        ensure!(round == 0 || now == identity, "round {round}: another identity");
        identity = now;
        let found = place.sh("nodels 2>/dev/null | grep -c '^w[0-9]' || true")?;
        let found: u32 = found.trim().parse()?;
        ensure!(
            found == written || found == written + 1,
            "round {round}: {written} were acknowledged, {found} are there"
        );
        let marked = place.sh("tabdump nodelist | grep -c 'e2e writer' || true")?;
        ensure!(marked.trim() == found.to_string(), "round {round}: half a definition: {marked}");
        written = write_until_killed(&place, found, 200 + 97 * round)?;
        place.remove()?;
    }
    ensure!(written > ROUNDS, "the writer wrote {written} definitions only");
    Ok(())
}

/// Defines node after node, each in a change of its own, until the container is killed; gives back how many were
/// acknowledged.
fn write_until_killed(place: &Container, written: u32, millis: u32) -> Result<u32> {
    let writer = format!(
        "docker exec {0} bash -c 'n={written}; while mkdef -t node -o w$n groups=all mgt=ipmi \"usercomment=e2e writer\" >/dev/null; do n=$((n + 1)); echo $n; done' & \
         sleep {1}.{2:03}; docker kill -s KILL {0} >/dev/null; wait",
        place.name,
        millis / 1000,
        millis % 1000
    );
    let output = captured(&["bash", "-c", &writer], Duration::from_mins(1))?;
    let last = output.stdout.lines().last().map(|line| line.trim().parse()).transpose()?;
    Ok(last.unwrap_or(written))
}

/// A dump as an xCAT of 2016 wrote it, of a small cluster.
const DUMP: &str = r##"mkdir -p $D && cd $D
for t in chain:node mac:node networks:netname nodegroup:groupname nodehm:node noderes:node nodetype:node policy:priority postscripts:node; do
    echo "#${t#*:}" >${t%:*}.csv
done
cat >site.csv <<'E'
#key,value,comments,disable
"domain","old.example",,
"master","10.98.7.101",,
"nameservers","10.98.7.101",,
"dhcplease","43200",,
E
cat >nodelist.csv <<'E'
#node,groups,status,statustime,appstatus,appstatustime,primarysn,hidden,updatestatus,updatestatustime,zonename,comments,disable
"cn1","compute,all","booted","10-11-2016 10:00:00",,,,,,,,"a ""quoted"" word",
"cn2","compute,all",,,,,,,,,,,
E
cat >hosts.csv <<'E'
#node,ip,hostnames,otherinterfaces,comments,disable
"compute","|cn(\d+)|10.98.7.($1+0)|",,,,
E
cat >passwd.csv <<'E'
#key,username,password,cryptmethod,authdomain,comments,disable
"system","root","old-secret",,,,
E
cat >teal.csv <<'E'
#nothing
E
"##;

pub(super) fn foreign_dump() -> Result<()> {
    let place = Container::new("xcate2e-dump")?;
    place.prepare(&format!("D=/.dbbackup; {DUMP}"))?;
    place.start(&[])?;
    place.wait_until_healthy()?;
    place.wait_for_line(&["restored the dump in /.dbbackup", "8 rows in 13 tables"])?;
    place.wait_for_line(&["left out of the dump", "teal.csv"])?;
    let nodes = place
        .sh("lsdef cn1,cn2 -i ip,groups; lsdef -t site -i domain,installdir; tabdump nodelist")?;
    for words in [
        "ip=10.98.7.1",
        "ip=10.98.7.2",
        "domain=old.example",
        "installdir=/install",
        r#"a ""quoted"" word"#,
    ] {
        ensure!(nodes.contains(words), "no {words}: {nodes}");
    }
    place.sh("chdef cn1 groups=changed,all && dumpxCATdb -p /.dbbackup")?;
    place.remove()?;
    place.start(&[])?;
    place.wait_until_healthy()?;
    ensure!(!place.log()?.contains("restored the dump"), "it was restored twice");
    ensure!(
        place.sh("lsdef cn1 -i groups")?.contains("changed"),
        "the dump was restored over a change"
    );
    drop(place);
    bad_dumps()
}

fn bad_dumps() -> Result<()> {
    for (change, words) in [
        (
            "echo '\"system\",\"me\",\"old-secret,' >>passwd.csv",
            &["passwd.csv", "line 3", "nothing of the dump"][..],
        ),
        (
            "sed -i '1s/comments/comments,flux/' nodelist.csv",
            &["nodelist.csv", "flux", "later release"],
        ),
        ("printf '#a\\n\"1\"\\n' >newtable.csv", &["newtable.csv", "no table 'newtable'"]),
        (
            "mkdir ../other && cp site.csv ../other/",
            &["several dumps", "/.dbbackup/dump", "/.dbbackup/other"],
        ),
        ("mv mac.csv mac.away", &["nothing of the dump", "it lacks mac.csv", "complete the files"]),
    ] {
        let place = Container::new("xcate2e-bad-dump")?;
        place.prepare(&format!("D=/.dbbackup/dump; {DUMP}\n{change}"))?;
        place.start(&[])?;
        place.ends(78, words)?;
        ensure!(!place.log()?.contains("old-secret"), "a secret in the log: {}", place.log()?);
        place.remove()?;
        let mend = match words[0] {
            "passwd.csv" => "sed -i '$d' passwd.csv",
            "nodelist.csv" => "sed -i '1s/,flux//' nodelist.csv",
            "several dumps" => "rm -r ../other",
            "nothing of the dump" => "mv mac.away mac.csv",
            _ => "rm newtable.csv",
        };
        place.prepare(&format!("cd /.dbbackup/dump; {mend}"))?;
        place.start(&[])?;
        place.wait_until_healthy()?;
        place.wait_for_line(&["restored the dump in /.dbbackup/dump", "8 rows"])?;
    }
    Ok(())
}

pub(super) fn unusable_database() -> Result<()> {
    let file = "/.dbbackup/state/tables.sqlite";
    for (change, words) in [
        // The version of the schema, four bytes at 60 of a SQLite file.
        (
            "printf '\\0\\0\\0\\143' | dd of=$F bs=1 seek=60 conv=notrunc status=none",
            ["schema version 99", "start the release that wrote it"],
        ),
        (
            "dd if=/dev/urandom of=$F bs=4096 seek=3 count=40 conv=notrunc status=none",
            ["tables.sqlite", "damaged"],
        ),
        ("head -c 20000 /dev/urandom >$F", ["tables.sqlite", "damaged"]),
    ] {
        let place = Container::new("xcate2e-database")?;
        place.start(&[])?;
        place.wait_until_healthy()?;
        ok(&["docker", "stop", "-t", "30", place.name])?;
        place.remove()?;
        place.prepare(&format!(
            "F={file}; test ! -e $F-wal; {change}; sha256sum $F >/.dbbackup/before"
        ))?;
        place.start(&[])?;
        place.ends(78, &words).with_context(|| change.to_owned())?;
        place.remove()?;
        place.prepare("sha256sum -c --quiet /.dbbackup/before")?;
    }
    Ok(())
}

pub(super) fn another_address() -> Result<()> {
    let place = Container::new("xcate2e-address")?;
    place.start(&[])?;
    place.wait_until_healthy()?;
    place.sh("chdef -t site clustersite nameservers=10.98.7.101,9.9.9.9 ntpservers=10.98.7.77")?;
    place.remove()?;
    let state = place.state_option();
    place.run(&[
        "--network",
        "xcate2e",
        "--ip",
        "10.98.7.150",
        "-v",
        &state,
        "--domainname",
        "clusters.com",
        "--add-host",
        "xcatmn.clusters.com:10.98.7.150",
    ])?;
    place.wait_until_healthy()?;
    place.wait_for_line(&[
        "10.98.7.101",
        "is now 10.98.7.150",
        "site.master",
        "site.nameservers",
    ])?;
    let site = place.sh("lsdef -t site -i master,nameservers,ntpservers")?;
    for value in ["master=10.98.7.150", "nameservers=10.98.7.150,9.9.9.9", "ntpservers=10.98.7.77"]
    {
        ensure!(site.contains(value), "{site}");
    }
    Ok(())
}

pub(super) fn shared_state() -> Result<()> {
    let (first, second) = (Container::new("xcate2e-one")?, Container::new("xcate2e-two")?);
    first.start(&[])?;
    first.wait_until_healthy()?;
    let state = first.state_option();
    second.run(&["--network", "none", "-v", &state])?;
    second.ends(1, &["in use by another process", "the container ends"])?;
    ensure!(first.sh("xcatd health && echo well")?.contains("well"), "the first one suffers");
    Ok(())
}
