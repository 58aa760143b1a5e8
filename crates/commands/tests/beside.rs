//! lsdef, mkdef and chdef with what is not in the tables: templates, the lists of images, the logs, and
//! definitions as XML.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use common::{Cluster, printed};
use tables::{ObjectType, Patch, Row, ids};

const ONE: &str = "1 object definitions have been created or modified.\n";

async fn empty() -> Cluster {
    Cluster::with(Patch::new()).await
}

async fn stdout(cluster: &Cluster, line: &str) -> String {
    let printed = printed(&cluster.answer(line).await);
    assert_eq!((printed.code, printed.stderr.as_str()), (0, ""), "$ {line}");
    printed.stdout
}

async fn stderr(cluster: &Cluster, line: &str) -> String {
    let printed = printed(&cluster.answer(line).await);
    assert_eq!(printed.code, 1, "$ {line}\n{}", printed.stdout);
    printed.stderr.replace("[xcatmn]: ", "")
}

#[tokio::test]
async fn templates_are_listed_by_type_and_in_full() {
    let cluster = empty().await;
    let nodes = stdout(&cluster, "lsdef -t node --template").await;
    assert!(nodes.contains("x86_64-template  (node)\n") && !nodes.contains("(osimage)"), "{nodes}");
    assert_eq!(stdout(&cluster, "lsdef --template").await, nodes);
    let all = stdout(&cluster, "lsdef -a --template").await;
    assert!(all.contains("x86_64-template (node)\n") && all.contains(" (network)\n"), "{all}");
    let one = stdout(&cluster, "lsdef --template x86_64-template").await;
    assert!(one.starts_with("Object name: x86_64-template\n    arch=x86_64\n    bmc=MANDATORY:"));
    let stanza = stdout(&cluster, "lsdef --template x86_64-template -z").await;
    assert!(stanza.contains("\nx86_64-template:\n    objtype=node\n    arch=x86_64\n"), "{stanza}");
    let picked = stdout(&cluster, "lsdef -t node --template -i arch -w mgt==kvm").await;
    assert_eq!(picked.lines().count(), 4, "{picked}");
    let missing = stderr(&cluster, "lsdef --template nosuch").await;
    assert_eq!(missing, "Error: Could not find nosuch in xCAT templates.\n");
}

#[tokio::test]
async fn every_template_is_a_definition_of_its_type() {
    let cluster = empty().await;
    for kind in ObjectType::ALL {
        let listed = printed(&cluster.answer(&format!("lsdef -t {kind} --template -z")).await);
        let mut names = Vec::new();
        for line in listed.stdout.lines() {
            if let Some(name) = line.strip_suffix(':') {
                names.push(name.to_owned());
            } else if let Some((attribute, value)) = line.trim().split_once('=') {
                let known = attribute == "objtype" || kind.has_attribute(attribute);
                assert!(known && !value.is_empty(), "{names:?}: {line}");
            }
        }
        for name in names {
            let given = match kind {
                ObjectType::Network => "net=10.7.0.0 mask=255.255.0.0 mgtifname=eth0",
                ObjectType::Node => "ip=10.0.0.1 bmc=10.0.1.1 vmhost=h vmnics=br0",
                _ => "usercomment=x",
            };
            // Not every template has every attribute that is given here: those it has not are left out.
            let shown = stdout(&cluster, &format!("lsdef -t {kind} --template {name}")).await;
            let given: Vec<&str> = given
                .split(' ')
                .filter(|pair| {
                    let attribute = pair.split_once('=').map_or("", |(attribute, _)| attribute);
                    shown.contains(&format!("    {attribute}="))
                })
                .collect();
            let line =
                format!("mkdef -t {kind} -o made-{name} --template {name} {}", given.join(" "));
            let made = printed(&cluster.answer(&line).await);
            assert_eq!((made.stdout.as_str(), made.code), (ONE, 0), "$ {line}\n{}", made.stderr);
            let shown = stdout(&cluster, &format!("lsdef -t {kind} -o made-{name}")).await;
            assert!(!shown.contains("MANDATORY") && !shown.contains("OPTIONAL"), "{shown}");
        }
    }
}

#[tokio::test]
async fn what_a_template_leaves_open_must_be_given() {
    let cluster = empty().await;
    let missing = stderr(&cluster, "mkdef -t node n1 --template x86_64-template ip=10.0.0.1").await;
    assert_eq!(missing, "Error: The attribute \"bmc\" must be specified!\n");
    let line = "mkdef -t node n[1-2] --template x86_64-template ip=10.0.0.1 bmc=10.0.1.1 groups=a";
    assert!(stdout(&cluster, line).await.starts_with("2 object definitions"));
    let shown = stdout(&cluster, "lsdef n2 -i groups,mgt,mac,netboot").await;
    assert_eq!(shown, "Object name: n2\n    groups=a\n    mac=\n    mgt=ipmi\n    netboot=xnba\n");
    stdout(&cluster, "chdef n2 status=booted").await;
    stdout(&cluster, "mkdef -t node n3 --template n2 ip=10.0.0.3").await;
    let shown = stdout(&cluster, "lsdef n3 -i arch,ip,status").await;
    assert_eq!(shown, "Object name: n3\n    arch=x86_64\n    ip=10.0.0.3\n    status=\n");
    assert_eq!(
        stderr(&cluster, "mkdef -t node n4 --template nosuch ip=10.0.0.3").await,
        "Error: Could not find the template object named 'nosuch' of type 'node'.\n"
    );
    assert_eq!(
        stderr(&cluster, "mkdef -t node n3 --template n3 ip=10.0.0.3").await,
        "Error: The template node cannot be the same as the node to create.\n"
    );
}

#[tokio::test]
async fn images_are_filled_in_from_the_sites_lists_and_ours() {
    let cluster = empty().await;
    let install = cluster.dir.path().join("install");
    let custom = install.join("custom/netboot/debian");
    fs::create_dir_all(&custom).unwrap();
    fs::write(custom.join("lab.pkglist"), "vim\n").unwrap();
    fs::write(custom.join("lab.postinstall"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(custom.join("lab.postinstall"), fs::Permissions::from_mode(0o755)).unwrap();
    stdout(&cluster, &format!("chdef -t site installdir={}", install.display())).await;
    let basis = "osvers=debian13 osarch=x86_64";
    let line = format!("mkdef img1 -u profile=compute provmethod=netboot {basis}");
    assert_eq!(stdout(&cluster, &line).await, ONE);
    let shown = stdout(&cluster, "lsdef -t osimage img1").await;
    for part in [
        "    imagetype=linux\n",
        "    osdistroname=debian13-x86_64\n",
        "    osname=Linux\n",
        &format!("    otherpkgdir={}/post/otherpkgs/debian13/x86_64\n", install.display()),
        &format!("    pkgdir={}/debian13/x86_64\n", install.display()),
        "/netboot/debian/compute.x86_64.pkglist\n",
        "/netboot/debian/compute.exlist\n",
        &format!("    rootimgdir={}/netboot/debian13/x86_64/compute\n", install.display()),
    ] {
        assert!(shown.contains(part), "{part} is not in\n{shown}");
    }
    stdout(&cluster, "chdef -t osimage -o img1 -u profile=lab").await;
    stdout(&cluster, "chdef -t osimage -o img1 pkglist= ").await;
    stdout(&cluster, "chdef -t osimage -o img1 -u").await;
    let shown = stdout(&cluster, "lsdef -t osimage img1").await;
    assert!(shown.contains(&format!("pkglist={}/lab.pkglist\n", custom.display())), "{shown}");
    for (line, error) in [
        ("mkdef img2 -u profile=x", "The profile and provmethod are all need to be specified."),
        ("mkdef img2 -u profile=x provmethod=y", "The provmethod: y is incorrect."),
        (
            "mkdef img2 -u profile=x provmethod=netboot osvers=win10 pkglist=/x",
            "win10 can not work with pkglist.",
        ),
        (
            "mkdef img2 -u profile=../x provmethod=netboot osvers=debian13",
            "The profile '../x' cannot be part of a path.",
        ),
        ("chdef -t osimage -o img1 -u -p profile=x", "Cannot use '-u' with '-p' or '-m'."),
    ] {
        let stderr = stderr(&cluster, line).await;
        assert!(stderr.starts_with(&format!("Error: {error}\n")), "$ {line}\n{stderr}");
    }
    assert!(stderr(&cluster, "lsdef -t osimage img2").await.contains("Could not find"));
}

#[tokio::test]
async fn nodes_show_what_their_image_is_made_of() {
    let cluster = empty().await;
    stdout(&cluster, "mkdef img -t osimage profile=compute provmethod=netboot osvers=debian13")
        .await;
    stdout(&cluster, "mkdef -t node n1 groups=all provmethod=img").await;
    stdout(
        &cluster,
        "mkdef -t node n2 groups=all provmethod=netboot os=debian13 arch=x86_64 profile=compute",
    )
    .await;
    stdout(&cluster, "mkdef -t node n3 groups=all provmethod=netboot").await;
    assert!(stdout(&cluster, "lsdef n1 --osimage").await.contains("    osvers=debian13\n"));
    let shown = stdout(&cluster, "lsdef n2 --osimage").await;
    assert!(shown.contains("    rootimgdir=/install/netboot/debian13/x86_64/compute\n"), "{shown}");
    let missing = stderr(&cluster, "lsdef n3 --osimage").await;
    assert!(missing.starts_with("Error: Missing attributes for node n3"), "{missing}");
}

#[tokio::test]
async fn entries_of_the_logs_are_objects() {
    let cluster = empty().await;
    assert_eq!(
        stderr(&cluster, "lsdef -t auditlog").await,
        "Error: Could not get objects of type 'auditlog'.\n"
    );
    for (user, command) in [("root", "lsdef"), ("eve", "rpower")] {
        let cells = [("userid", user), ("command", command)];
        let row = Row::new(ids::AUDITLOG, cells).unwrap();
        cluster.services.store.append_log(vec![row]).await.unwrap();
    }
    assert_eq!(stdout(&cluster, "lsdef -t auditlog").await, "1  (auditlog)\n2  (auditlog)\n");
    let one = stdout(&cluster, "lsdef -t auditlog -o 2 -i userid,command,noderange").await;
    assert_eq!(one, "Object name: 2\n    command=rpower\n    noderange=\n    userid=eve\n");
    let found = stdout(&cluster, "lsdef -t auditlog -w userid==root -i command -c").await;
    assert_eq!(found, "1: command=lsdef\n");
    assert!(stderr(&cluster, "lsdef -t auditlog -o 7").await.starts_with("Error: Could not find"));
}

#[tokio::test]
async fn xml_is_written_and_read_again() {
    let cluster = empty().await;
    stdout(
        &cluster,
        "mkdef -t node n[1-2] groups=all nicips.eth1=11.1.0.5 usercomment='a <b> & c'",
    )
    .await;
    stdout(&cluster, "mkdef -t group g members=n1").await;
    let xml = stdout(&cluster, "lsdef -t node,group -l -x").await;
    assert!(xml.starts_with("<xcatobjects>\n  <object>\n"), "{xml}");
    assert!(xml.contains("    <nicips.eth1>11.1.0.5</nicips.eth1>\n"), "{xml}");
    stdout(&cluster, "rmdef -t group -o g").await;
    stdout(&cluster, "rmdef all").await;
    let made = printed(&cluster.answer_to("mkdef -x", Some(&xml)).await);
    assert!(
        made.stdout.ends_with("object definitions have been created or modified.\n"),
        "{made:?}"
    );
    assert_eq!((made.code, made.stderr.as_str()), (0, ""));
    // The group that only its members had made is defined now.
    let again = stdout(&cluster, "lsdef -t node,group -l -x").await;
    let without = |text: &str| text.replace("    <grouptype>static</grouptype>\n", "");
    assert_eq!(without(&again), without(&xml));
    let broken = printed(&cluster.answer_to("chdef -x", Some("<xcatobjects><object>")).await);
    assert!(broken.stderr.contains("the XML cannot be read: "), "{}", broken.stderr);
    assert_eq!(broken.code, 1);
}
