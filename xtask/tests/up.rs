//! What `./up` finds out about the machine that it runs on and about its settings, by the functions of its scripts.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "the script under test is a program")]

use std::path::Path;
use std::process::Command;

/// What a function of the library prints, called as `./up` calls it.
fn printed(call: &str, argument: &Path) -> String {
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("../container/lib.sh");
    let script = format!("set -euo pipefail; . \"$1\"; text=$({call} \"$2\"); echo \"$text\"");
    let output = Command::new("bash")
        .args(["-c", &script, "bash"])
        .args([&library, argument])
        .env_remove("XCAT_DEBIAN_MIRROR")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Whether a function succeeds, with lines coming in, and what it prints.
fn answered(call: &str, input: &str) -> (bool, String) {
    let container = Path::new(env!("CARGO_MANIFEST_DIR")).join("../container");
    let script = format!(
        "set -uo pipefail; cd \"$1\"; . ./lib.sh; . ./settings.sh; . ./ground.sh; {call} <<<\"$2\""
    );
    let output = Command::new("bash")
        .args(["-c", &script, "bash"])
        .arg(container)
        .arg(input)
        .output()
        .unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

#[test]
fn a_subnet_is_what_the_engine_takes() {
    for (text, right) in [
        ("10.5.107.0/24", true),
        ("10.0.0.0/8", true),
        ("10.5.107.9/24", false),
        ("010.5.107.0/24", false),
        ("10.5.107.0/33", false),
        ("10.5.107.0/08", false),
        ("10.5.107.0/31", false),
        ("10.5.256.0/24", false),
        ("banana", false),
    ] {
        assert_eq!(answered(&format!("is_subnet {text}"), "").0, right, "{text}");
    }
    for (address, subnet, right) in [
        ("10.5.107.1", "10.5.107.0/24", true),
        ("10.5.107.0", "10.5.107.0/24", false),
        ("10.5.107.255", "10.5.107.0/24", false),
        ("10.5.107.255", "10.5.0.0/16", true),
    ] {
        assert_eq!(
            answered(&format!("is_of_a_machine {address} {subnet}"), "").0,
            right,
            "{address}"
        );
    }
}

#[test]
fn a_bridge_goes_before_shorter_routes_and_those_with_a_metric() {
    let routes = "default via 10.5.107.254 dev eth0 proto dhcp metric 100\n\
                  10.5.0.0/16 dev eth0 proto kernel scope link src 10.5.0.7\n\
                  10.7.0.0/24 dev eth1 proto kernel scope link src 10.7.0.7 metric 101\n\
                  10.9.0.0/16 via 10.7.0.1 dev eth1\n";
    assert_eq!(answered("routers_of", routes).1, "10.5.107.254 eth0\n10.7.0.1 eth1");
    for (router, way) in [("10.5.107.254", "16 0"), ("10.7.0.1", "24 101"), ("10.9.1.1", "-1 0")] {
        assert_eq!(answered(&format!("way_to {router}"), routes).1, way, "{router}");
    }
    for (subnet, way, taken) in [
        ("10.5.107.0/24", "16 0", true),
        ("10.5.0.0/16", "16 0", false),
        ("10.7.0.0/24", "24 101", true),
        ("10.0.0.0/8", "24 0", false),
    ] {
        assert_eq!(answered(&format!("takes_way {subnet} {way}"), "").0, taken, "{subnet} {way}");
    }
}

/// A folder of apt's settings with these files.
fn settings(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("sources.list.d")).unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

#[test]
fn the_mirror_is_debians_and_not_that_of_another_product() {
    let docker = (
        "sources.list.d/docker.list",
        "deb [arch=amd64 signed-by=/etc/apt/keyrings/docker.gpg] https://download.example/linux/debian trixie stable\n",
    );
    let monitor = (
        "sources.list.d/monitor.list",
        "deb https://repo.example/monitor/6.0/debian trixie main\n",
    );
    let old = (
        "sources.list",
        "# deb http://commented.example/debian trixie main\n\
         deb-src http://sources.example/debian trixie-updates main\n\
         deb http://one.example/debian/ trixie main contrib\n\
         deb http://two.example/pub/debian trixie-updates main\n",
    );
    let new = (
        "sources.list.d/debian.sources",
        "Types: deb\n# a comment\nURIs: http://three.example/debian/\nSuites: trixie trixie-updates\n\
         Components: main non-free-firmware\nSigned-By: /x.gpg\n\n\
         Types: deb\nURIs: http://three.example/debian-security\nSuites: trixie-security\nComponents: main\n",
    );
    let disabled = (
        "sources.list.d/a.sources",
        "Enabled: no\nTypes: deb\nURIs: http://off.example/debian\nSuites: trixie-updates\nComponents: main\n\n\
         Types: deb-src\nURIs: http://src.example/debian\nSuites: trixie-updates\nComponents: main\n",
    );
    let only_release = ("sources.list", "deb http://four.example/debian trixie main\n");
    let ubuntu = ("sources.list", "deb http://archive.example/ubuntu noble-updates main\n");
    for (files, mirror) in [
        (&[docker, monitor, old][..], "http://two.example/pub/debian"),
        (&[docker, monitor, disabled, new], "http://three.example/debian"),
        (&[docker, only_release], "http://four.example/debian"),
        (&[docker, monitor, ubuntu], "http://deb.debian.org/debian"),
        (&[], "http://deb.debian.org/debian"),
    ] {
        let folder = settings(files);
        assert_eq!(printed("debian_mirror", folder.path()), mirror, "{files:?}");
    }
}

#[test]
fn settings_are_read_as_compose_reads_them() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = "XCAT_A=plain\nXCAT_B=\"in quotes # all\" # remark\nexport XCAT_C = 'single'\r\n#XCAT_D=off\n\
                XCAT_E=first\nXCAT_E=last   # remark\nXCAT_F=a#b\nXCAT_G=   # nothing\nXCAT_AB=other\n";
    std::fs::write(&file, text).unwrap();
    assert_eq!(
        printed("written", file.path()).lines().collect::<Vec<_>>(),
        [
            "XCAT_A=plain",
            "XCAT_B=in quotes # all",
            "XCAT_C=single",
            "XCAT_E=first",
            "XCAT_E=last",
            "XCAT_F=a#b",
            "XCAT_G=",
            "XCAT_AB=other",
        ]
    );
}

#[test]
fn a_distribution_without_apt_is_told_what_to_install() {
    for (release, words) in [
        (
            "ID=fedora\nPRETTY_NAME=\"Fedora Linux 43\"\n",
            "Fedora Linux 43, where ./up installs nothing: run 'dnf install moby-engine docker-compose'",
        ),
        (
            "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n",
            "docker-ce and docker-compose-plugin from Docker's own repository",
        ),
        ("ID=opensuse-leap\nID_LIKE=\"suse opensuse\"\n", "zypper install docker docker-compose"),
        ("ID=manjaro\nID_LIKE=arch\n", "pacman -S docker docker-compose"),
        (
            "ID=void\nPRETTY_NAME=Void\n",
            "this is Void, where ./up installs nothing: install the Docker engine",
        ),
        ("", "then run ./up again"),
    ] {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, release).unwrap();
        let said = printed("what_to_install", file.path());
        assert!(said.contains(words), "{release:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
    }
}
