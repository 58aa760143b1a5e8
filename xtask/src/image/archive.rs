//! The archive: an OCI layout and the manifest of docker's own format in one tar, so that docker, podman, containerd and
//! skopeo load it. Written without an engine. The same layers, settings and date give the same bytes.
//!
//! An archive of one architecture has all of the image's names. One of several has an index of them under our names, and each
//! image alone under those of the original project; what knows no index (docker's classic store) finds each architecture under a tag of its own, and
//! amd64 under the plain names besides.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::image::arch::Arch;
use crate::image::files::pack;
use crate::image::names::Names;
use crate::image::{BUILD, SHORT, digest, quietly, text};
use crate::run::captured;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// The image of one architecture: the tars of its layers, lowest first.
#[derive(Debug)]
pub(crate) struct Image {
    pub(crate) arch: Arch,
    /// The folder of the programs in its last layer.
    pub(crate) programs: PathBuf,
    pub(crate) layers: Vec<PathBuf>,
}

/// What all images of an archive have in common.
#[derive(Debug)]
pub(crate) struct Release {
    pub(crate) names: Names,
    pub(crate) version: String,
    pub(crate) revision: String,
    /// Seconds since 1970 of the commit that it was made from.
    pub(crate) epoch: String,
    /// The `config` object: how the image is run.
    pub(crate) settings: Value,
}

/// A blob in the layout.
struct Blob {
    digest: String,
    size: u64,
}

/// Writes the archive, using `folder` for the layout.
pub(crate) fn write(images: &[Image], release: &Release, folder: &Path, tar: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder.join("blobs/sha256"))?;
    let mut manifests = Vec::new();
    let mut docker = Vec::new();
    for image in images {
        let (manifest, entry) = add_image(image, images.len() > 1, release, folder)?;
        manifests.push(manifest);
        docker.push(entry);
    }
    let index = match (&manifests[..], images) {
        ([manifest], [image]) => {
            let names = release.names.of(image.arch);
            names.iter().map(|name| named(manifest.clone(), name)).collect()
        }
        _ => of_several(images, &manifests, release, folder)?,
    };
    write_json(&folder.join("index.json"), &index_of(&index))?;
    write_json(&folder.join("manifest.json"), &Value::from(docker))?;
    write_json(&folder.join("oci-layout"), &json!({ "imageLayoutVersion": "1.0.0" }))?;
    pack(folder, &layout_names(folder)?, &release.epoch, tar)
}

/// The descriptors of several images: their index under the names that mean all of them, each alone under those of the
/// original project, which had one for each architecture.
fn of_several(
    images: &[Image],
    manifests: &[Value],
    release: &Release,
    folder: &Path,
) -> Result<Vec<Value>> {
    let index = add_index(manifests, folder)?;
    let common = release.names.common();
    let mut all: Vec<Value> = common.iter().map(|name| named(index.clone(), name)).collect();
    for (image, manifest) in images.iter().zip(manifests) {
        let names = release.names.original(image.arch);
        all.extend(names.iter().map(|name| named(manifest.clone(), name)));
    }
    Ok(all)
}

/// Adds the blobs of one image; returns its descriptor and its entry in docker's manifest.
fn add_image(
    image: &Image,
    several: bool,
    release: &Release,
    folder: &Path,
) -> Result<(Value, Value)> {
    let mut layers = Vec::new();
    let mut contents = Vec::new();
    for tar in &image.layers {
        contents.push(format!("sha256:{}", digest(tar)?));
        layers.push(add_layer(tar, folder)?);
    }
    let config = add_json(&configuration(image.arch, &contents, release)?, folder)?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor(CONFIG, &config),
        "layers": layers.iter().map(|layer| descriptor(LAYER, layer)).collect::<Vec<_>>(),
    });
    let manifest = add_json(&manifest, folder)?;
    let mut described = descriptor(MANIFEST, &manifest);
    described["platform"] = image.arch.platform();
    let names = if several {
        release.names.beside_others(image.arch)
    } else {
        release.names.of(image.arch)
    };
    let entry = json!({
        "Config": path(&config),
        "RepoTags": names,
        "Layers": layers.iter().map(path).collect::<Vec<_>>(),
    });
    Ok((described, entry))
}

fn configuration(arch: Arch, contents: &[String], release: &Release) -> Result<Value> {
    let created = rfc3339(&release.epoch)?;
    let mut settings = release.settings.clone();
    settings["Labels"] = json!({
        "org.opencontainers.image.title": "xCAT management node",
        "org.opencontainers.image.version": release.version,
        "org.opencontainers.image.revision": release.revision,
    });
    let history =
        contents.iter().map(|_| json!({ "created": created, "created_by": "cargo xtask image" }));
    Ok(json!({
        "created": created,
        "architecture": arch.name(),
        "os": "linux",
        "config": settings,
        "rootfs": { "type": "layers", "diff_ids": contents },
        "history": history.collect::<Vec<_>>(),
    }))
}

fn rfc3339(epoch: &str) -> Result<String> {
    let output = captured(&["date", "-u", "-d", &format!("@{epoch}"), "+%FT%TZ"], SHORT)?;
    anyhow::ensure!(output.status == 0, "{}", output.stderr);
    Ok(output.stdout.trim().to_owned())
}

/// Adds a compressed layer; the compressed file is kept beside the tar until that is made anew.
fn add_layer(tar: &Path, folder: &Path) -> Result<Blob> {
    let packed = PathBuf::from(format!("{}.gz", text(tar)?));
    let is_current = match (fs::metadata(&packed), fs::metadata(tar)) {
        (Ok(packed), Ok(tar)) => packed.modified()? >= tar.modified()?,
        _ => false,
    };
    if !is_current {
        let partial = PathBuf::from(format!("{}.partial", text(&packed)?));
        let line = r#"gzip -6nc "$1" >"$2" && mv "$2" "$3""#;
        quietly(&["sh", "-ec", line, "sh", text(tar)?, text(&partial)?, text(&packed)?], BUILD)?;
    }
    add_file(&packed, folder)
}

fn add_json(value: &Value, folder: &Path) -> Result<Blob> {
    let draft = folder.join("draft");
    write_json(&draft, value)?;
    let blob = add_file(&draft, folder)?;
    fs::remove_file(&draft)?;
    Ok(blob)
}

fn add_file(file: &Path, folder: &Path) -> Result<Blob> {
    let blob = Blob { digest: digest(file)?, size: fs::metadata(file)?.len() };
    fs::copy(file, folder.join(path(&blob))).with_context(|| file.display().to_string())?;
    Ok(blob)
}

fn add_index(manifests: &[Value], folder: &Path) -> Result<Value> {
    Ok(descriptor(INDEX, &add_json(&index_of(manifests), folder)?))
}

fn index_of(manifests: &[Value]) -> Value {
    json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests })
}

fn path(blob: &Blob) -> String {
    format!("blobs/sha256/{}", blob.digest)
}

fn descriptor(kind: &str, blob: &Blob) -> Value {
    json!({ "mediaType": kind, "digest": format!("sha256:{}", blob.digest), "size": blob.size })
}

/// A descriptor under a name: as podman and skopeo read it, and as containerd does.
fn named(mut descriptor: Value, name: &str) -> Value {
    descriptor["annotations"] = json!({
        "io.containerd.image.name": containerd_name(name),
        "org.opencontainers.image.ref.name": name,
    });
    descriptor
}

fn containerd_name(name: &str) -> String {
    let library = if name.contains('/') { "" } else { "library/" };
    format!("docker.io/{library}{name}")
}

fn write_json(file: &Path, value: &Value) -> Result<()> {
    fs::write(file, serde_json::to_vec(value)?).with_context(|| file.display().to_string())
}

fn layout_names(folder: &Path) -> Result<Vec<String>> {
    let mut names = vec!["blobs/".to_owned(), "blobs/sha256/".to_owned()];
    for entry in fs::read_dir(folder.join("blobs/sha256"))? {
        names.push(format!("blobs/sha256/{}", entry?.file_name().to_string_lossy()));
    }
    names.extend(["index.json", "manifest.json", "oci-layout"].map(str::to_owned));
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release() -> Release {
        Release {
            names: Names::new("latest", "1.2.3"),
            version: "1.2.3".to_owned(),
            revision: "abc".to_owned(),
            epoch: "1700000000".to_owned(),
            settings: json!({ "Entrypoint": ["/init"] }),
        }
    }

    /// Writes an archive of these architectures and returns its layout and its digest.
    fn written(architectures: &[Arch]) -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().unwrap();
        let images: Vec<_> = architectures
            .iter()
            .map(|&arch| {
                let layer = folder.path().join(format!("{}.tar", arch.name()));
                fs::write(&layer, arch.name()).unwrap();
                Image { arch, programs: PathBuf::new(), layers: vec![layer] }
            })
            .collect();
        let tar = folder.path().join("out.tar");
        write(&images, &release(), &folder.path().join("layout"), &tar).unwrap();
        let digest = digest(&tar).unwrap();
        (folder, digest)
    }

    fn document(folder: &tempfile::TempDir, name: &str) -> Value {
        let bytes = fs::read(folder.path().join("layout").join(name)).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    fn blob(folder: &tempfile::TempDir, digest: &Value) -> Value {
        document(folder, &digest.as_str().unwrap().replace("sha256:", "blobs/sha256/"))
    }

    #[test]
    fn written_twice_it_is_the_same() {
        assert_eq!(written(&Arch::ALL).1, written(&Arch::ALL).1);
    }

    #[test]
    fn one_architecture_has_every_name() {
        let (folder, _) = written(&[Arch::Ppc64le]);
        let names = document(&folder, "manifest.json")[0]["RepoTags"].clone();
        assert_eq!(names, json!(release().names.of(Arch::Ppc64le)));
        let index = document(&folder, "index.json");
        let of_index: Vec<_> = index["manifests"].as_array().unwrap().iter().collect();
        assert_eq!(of_index.len(), 4);
        assert_eq!(
            of_index[2]["annotations"]["io.containerd.image.name"],
            "docker.io/xcat/xcat-ubuntu-ppc64le:latest"
        );
        let manifest = blob(&folder, &of_index[0]["digest"]);
        let config = blob(&folder, &manifest["config"]["digest"]);
        assert_eq!(config["architecture"], "ppc64le");
        assert_eq!(config["created"], "2023-11-14T22:13:20Z");
        assert_eq!(config["config"]["Entrypoint"], json!(["/init"]));
    }

    #[test]
    fn several_architectures_are_one_name() {
        let (folder, _) = written(&Arch::ALL);
        let index = document(&folder, "index.json");
        let entries = index["manifests"].as_array().unwrap();
        let names: Vec<&str> = entries
            .iter()
            .map(|it| it["annotations"]["org.opencontainers.image.ref.name"].as_str().unwrap())
            .collect();
        assert_eq!(
            names,
            [
                "xcat-rs:latest",
                "xcat-rs:1.2.3",
                "xcat/xcat-ubuntu-x86_64:latest",
                "xcat/xcat-ubuntu-x86_64:1.2.3",
                "xcat/xcat-ubuntu-ppc64le:latest",
                "xcat/xcat-ubuntu-ppc64le:1.2.3",
            ]
        );
        assert_eq!(entries[2]["platform"]["architecture"], "amd64");
        assert_eq!(entries[4]["platform"]["architecture"], "ppc64le");
        let inner = blob(&folder, &index["manifests"][0]["digest"]);
        let platforms: Vec<_> = inner["manifests"].as_array().unwrap().iter().collect();
        let architectures: Vec<_> =
            platforms.iter().map(|image| &image["platform"]["architecture"]).collect();
        assert_eq!(architectures, ["amd64", "arm64", "ppc64le"]);
    }
}
