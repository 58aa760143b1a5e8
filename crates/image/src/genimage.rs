//! `genimage`: from a list of packages to a tree, a kernel and an initramfs.
//!
//! Everything is made beside the image and put in place at the end: a genimage that fails, is
//! cancelled or is killed leaves the image as it was.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use remote::{Line, Output, Program, Stream};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::bootstrap::Bootstrap;
use crate::error::ImageError;
use crate::initramfs;
use crate::kernel;
use crate::modules::ModuleTree;
use crate::packages::{self, PackageList};
use crate::spec::{OsImageSpec, Sink, Tools};
use crate::work::{Workplace, away};

/// How long installing the packages may take: a slow mirror and a thousand packages.
const BOOTSTRAP: Duration = Duration::from_hours(2);
/// How long one script of the administrator may take.
const POSTINSTALL: Duration = Duration::from_mins(30);

/// What genimage will do for one image.
#[derive(Debug)]
struct Plan {
    bootstrap: Bootstrap,
    lists: Vec<PathBuf>,
    postinstall: Vec<Script>,
}

/// A script of the administrator with its own arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Script {
    path: PathBuf,
    args: Vec<String>,
}

/// Builds the image `spec`.
pub async fn genimage(
    spec: &OsImageSpec,
    tools: &Tools,
    sink: &Sink,
    cancel: &CancellationToken,
) -> Result<(), ImageError> {
    check(spec)?;
    let plan = Plan::make(spec, tools)?;
    let (image, dir) = (spec.name.clone(), spec.rootimgdir.clone());
    let place = away(move || Workplace::open(&image, &dir)).await?;
    let built = Build { spec, tools, sink, cancel, plan: &plan }.run(&place).await;
    // closing removes a tree: the one that failed, or the one that was replaced
    away(move || {
        drop(place);
        Ok(())
    })
    .await?;
    built?;
    sink.say(format!("The image {} is built in {}.", spec.name, spec.rootimgdir.display())).await;
    Ok(())
}

/// Whether the definition has what both commands need.
pub(crate) fn check(spec: &OsImageSpec) -> Result<(), ImageError> {
    let attributes = [
        ("osvers", spec.osvers.is_empty()),
        ("osarch", spec.osarch.is_empty()),
        ("profile", spec.profile.is_empty()),
        ("rootimgdir", spec.rootimgdir.as_os_str().is_empty()),
    ];
    match attributes.iter().find(|(_, empty)| *empty) {
        Some((attribute, _)) => Err(ImageError::Missing { image: spec.name.clone(), attribute }),
        None => Ok(()),
    }
}

impl Plan {
    fn make(spec: &OsImageSpec, tools: &Tools) -> Result<Self, ImageError> {
        let none = || ImageError::NoPkglist {
            image: spec.name.clone(),
            profile: spec.profile.clone(),
            osvers: spec.osvers.clone(),
            osarch: spec.osarch.clone(),
        };
        let mut lists = spec.pkglists.clone();
        if lists.is_empty() {
            lists.push(packages::find(spec, tools, "pkglist").ok_or_else(none)?);
        }
        lists.extend(spec.otherpkglists.iter().cloned());
        let packages = PackageList::read(&lists)?;
        let found = packages::find(spec, tools, "postinstall");
        let postinstall = match spec.postinstall.as_slice() {
            [] => found.into_iter().map(|path| Script { path, args: Vec::new() }).collect(),
            given => given.iter().filter_map(|line| Script::parse(line)).collect(),
        };
        Ok(Self { bootstrap: Bootstrap::plan(spec, tools, packages)?, lists, postinstall })
    }
}

impl Script {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let path = PathBuf::from(words.next()?);
        Some(Self { path, args: words.map(str::to_owned).collect() })
    }

    fn program(&self, spec: &OsImageSpec, tree: &Path, kernel: &str) -> Program {
        let joined = |paths: &[PathBuf]| {
            let paths: Vec<_> = paths.iter().map(|path| path.to_string_lossy()).collect();
            paths.join(",")
        };
        let mut program = Program::new(&self.path)
            .arg(tree)
            .args([&spec.osvers, &spec.osarch, &spec.profile])
            .args(&self.args)
            .env("IMG_NAME", &spec.name)
            .env("IMG_ARCH", &spec.osarch)
            .env("IMG_OSVER", &spec.osvers)
            .env("IMG_PROFILE", &spec.profile)
            .env("IMG_KERNELVERSION", kernel)
            .env("IMG_PKGLIST", joined(&spec.pkglists))
            .env("IMG_PKGDIR", spec.pkgdirs.join(","))
            .env("IMG_OTHERPKGLIST", joined(&spec.otherpkglists))
            .env("IMG_OTHERPKGDIR", spec.otherpkgdirs.join(","))
            .env("IMG_ROOTIMGDIR", &spec.rootimgdir)
            .deadline(POSTINSTALL);
        for (name, value) in &spec.environment {
            program = program.env(name, value);
        }
        program
    }
}

/// One run of a plan.
struct Build<'a> {
    spec: &'a OsImageSpec,
    tools: &'a Tools,
    sink: &'a Sink,
    cancel: &'a CancellationToken,
    plan: &'a Plan,
}

impl Build<'_> {
    async fn run(&self, place: &Workplace) -> Result<(), ImageError> {
        let tree = place.scratch("rootimg");
        self.install_packages(&tree).await?;
        for script in &self.plan.postinstall {
            self.run_postinstall(script, &tree).await?;
        }
        self.make_kernel_and_initramfs(place, &tree).await?;
        for name in ["rootimg", "kernel", "initrd-stateless.gz"] {
            place.put(name)?;
        }
        Ok(())
    }

    async fn install_packages(&self, tree: &Path) -> Result<(), ImageError> {
        let bootstrap = &self.plan.bootstrap;
        let lists: Vec<_> = self.plan.lists.iter().map(|list| list.display().to_string()).collect();
        let (image, mirror) = (&self.spec.name, bootstrap.mirror());
        self.sink.say(format!("Building {image} from {mirror} with {}", lists.join(", "))).await;
        let program = bootstrap.program(self.tools, tree).deadline(BOOTSTRAP);
        let output = self.follow(&program, progress_of).await?;
        if output.success() {
            return Ok(());
        }
        Err(bootstrap.failure(&output, &self.spec.rootimgdir))
    }

    async fn run_postinstall(&self, script: &Script, tree: &Path) -> Result<(), ImageError> {
        let kernel = kernel::find(&self.spec.name, tree).map(|kernel| kernel.version);
        let program = script.program(self.spec, tree, &kernel.unwrap_or_default());
        self.sink.say(format!("Running {}", script.path.display())).await;
        let output = self.follow(&program, |line| Some(line.text.clone())).await?;
        if output.success() {
            return Ok(());
        }
        Err(ImageError::Step {
            image: self.spec.name.clone(),
            step: format!("postinstall script {}", script.path.display()),
            exit: output.exit,
            reason: output.last_line().to_owned(),
        })
    }

    async fn make_kernel_and_initramfs(
        &self,
        place: &Workplace,
        tree: &Path,
    ) -> Result<(), ImageError> {
        let kernel = kernel::find(&self.spec.name, tree)?;
        self.sink.say(format!("Making the initramfs for kernel {}", kernel.version)).await;
        let target = place.scratch("kernel");
        let drivers = self.spec.netdrivers.clone();
        let agent = self.tools.agent_for(&self.spec.osarch);
        let initrd = place.scratch("initrd-stateless.gz");
        let assemble = move || {
            fs::copy(&kernel.file, &target).map_err(ImageError::io("write", &target))?;
            make_initramfs(&kernel.modules, &agent, &drivers, &initrd)
        };
        let absent = away(assemble).await?;
        if !absent.is_empty() {
            let absent = absent.join(", ");
            self.sink
                .say(format!("The kernel has no modules {absent}; they may be built in"))
                .await;
        }
        Ok(())
    }

    /// Runs a program and says those of its lines that `choose` picks.
    async fn follow(
        &self,
        program: &Program,
        choose: impl Fn(&Line) -> Option<String>,
    ) -> Result<Output, ImageError> {
        let (send, mut lines) = mpsc::channel::<Line>(64);
        let say = async {
            while let Some(line) = lines.recv().await {
                if let Some(text) = choose(&line) {
                    self.sink.say(text).await;
                }
            }
        };
        let (output, ()) = tokio::join!(program.run_lines(self.cancel, send), say);
        output.map_err(|source| ImageError::Run { image: self.spec.name.clone(), source })
    }
}

/// mmdebstrap marks its own steps; the rest is for when it fails.
fn progress_of(line: &Line) -> Option<String> {
    let step = line.text.strip_prefix("I: ")?;
    let noise = ["skipping", "automatically chosen", "chroot architecture", "running --", "main()"];
    let wanted =
        line.stream == Stream::Stderr && !noise.iter().any(|start| step.starts_with(start));
    wanted.then(|| step.to_owned())
}

fn make_initramfs(
    modules: &Path,
    agent: &Path,
    drivers: &[String],
    target: &Path,
) -> Result<Vec<String>, ImageError> {
    let tree = ModuleTree::read(modules).map_err(ImageError::io("read the modules in", modules))?;
    let init = fs::read(agent).map_err(ImageError::io("read", agent))?;
    let drivers: Vec<&str> = drivers.iter().map(|name| name.trim_end_matches(".ko")).collect();
    let (bytes, absent) = initramfs::assemble(&tree, &init, &drivers)
        .map_err(ImageError::io("assemble the initramfs from", modules))?;
    fs::write(target, bytes).map_err(ImageError::io("write", target))?;
    Ok(absent)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn fixture(dir: &Path, mmdebstrap: &str) -> (OsImageSpec, Tools) {
        let write = |name: &str, text: &str| {
            let path = dir.join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            path
        };
        let spec = OsImageSpec {
            name: "img".into(),
            osvers: "debian13".into(),
            osarch: "x86_64".into(),
            profile: "lab".into(),
            rootimgdir: dir.join("image"),
            pkglists: vec![write("pkglist", "kmod\n")],
            ..OsImageSpec::default()
        };
        let mut tools = Tools::installed(dir, None);
        tools.mmdebstrap = write("mmdebstrap", mmdebstrap);
        tools.node_program = write("agent", "agent");
        (spec, tools)
    }

    /// Stands in for mmdebstrap: a tree with a kernel and its modules.
    const BUILDS: &str = "#!/bin/sh\nfor last; do case $last in */rootimg) t=$last;; esac; done\n\
        echo 'I: installing packages...' >&2\nmkdir -p $t/boot $t/usr/lib/modules/6.1/kernel\n\
        echo k > $t/boot/vmlinuz-6.1\necho m > $t/usr/lib/modules/6.1/kernel/loop.ko\n\
        echo kernel/loop.ko: > $t/usr/lib/modules/6.1/modules.dep\n: > $t/usr/lib/modules/6.1/modules.alias\n";

    #[tokio::test]
    async fn a_build_leaves_tree_kernel_and_initramfs() {
        let dir = tempfile::tempdir().unwrap();
        let (mut spec, tools) = fixture(dir.path(), BUILDS);
        let script = dir.path().join("post");
        fs::write(&script, "#!/bin/sh\necho $2 $5 $IMG_KERNELVERSION > $1/mark\n").unwrap();
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        spec.postinstall = vec![format!("{} extra", script.display())];
        let (send, mut lines) = mpsc::channel(64);
        genimage(&spec, &tools, &Sink::to(send), &CancellationToken::new()).await.unwrap();
        assert_eq!(fs::read_to_string(spec.kernel()).unwrap(), "k\n");
        assert!(spec.initrd().is_file());
        assert_eq!(fs::read_to_string(spec.tree().join("mark")).unwrap(), "debian13 extra 6.1\n");
        assert!(!spec.rootimgdir.join(".new").exists());
        let mut said = Vec::new();
        while let Some(line) = lines.recv().await {
            said.push(line);
        }
        assert!(said.contains(&"installing packages...".to_owned()), "{said:?}");
    }

    #[tokio::test]
    async fn a_failed_build_says_why_and_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (spec, tools) = fixture(dir.path(), BUILDS);
        let cancel = CancellationToken::new();
        genimage(&spec, &tools, &Sink::nowhere(), &cancel).await.unwrap();
        let broken = "#!/bin/sh\necho \"Err: Could not resolve 'deb.debian.org'\"; exit 1\n";
        let (spec, tools) = fixture(dir.path(), broken);
        let error = genimage(&spec, &tools, &Sink::nowhere(), &cancel).await.unwrap_err();
        let text = base::Failure::from(error).to_string();
        assert!(text.contains("mirror http://deb.debian.org/debian cannot be used"), "{text}");
        assert!(text.contains("; hint: "), "{text}");
        assert_eq!(fs::read_to_string(spec.kernel()).unwrap(), "k\n");
        assert!(!spec.rootimgdir.join(".new").exists());
    }

    #[tokio::test]
    async fn an_incomplete_definition_is_refused() {
        let spec = OsImageSpec { name: "img".into(), ..OsImageSpec::default() };
        let tools = Tools::installed(Path::new("/nowhere"), None);
        let error = genimage(&spec, &tools, &Sink::nowhere(), &CancellationToken::new()).await;
        assert_eq!(error.unwrap_err().to_string(), "osimage img has no osvers");
    }
}
