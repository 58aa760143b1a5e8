//! The names of the image: our own, and those of the original project, so that a compose file written for it works as it is.

use crate::image::arch::Arch;

const OURS: &str = "xcat-rs";

/// The names for one tag.
#[derive(Debug)]
pub(crate) struct Names {
    tag: String,
    version: String,
}

impl Names {
    /// Names for a tag; `latest` is the release under its own number too.
    pub(crate) fn new(tag: &str, version: &str) -> Self {
        Self { tag: tag.to_owned(), version: version.to_owned() }
    }

    fn tags(&self) -> Vec<&str> {
        let release = (self.tag == "latest").then_some(self.version.as_str());
        std::iter::once(self.tag.as_str()).chain(release).collect()
    }

    fn tagged(&self, name: &str) -> Vec<String> {
        self.tags().iter().map(|tag| format!("{name}:{tag}")).collect()
    }

    /// The names that mean the right image on every machine.
    pub(crate) fn common(&self) -> Vec<String> {
        self.tagged(OURS)
    }

    /// The names that the original project's image of an architecture had.
    pub(crate) fn original(&self, arch: Arch) -> Vec<String> {
        arch.original_image().map_or_else(Vec::new, |name| self.tagged(name))
    }

    /// All names of the image of one architecture, the first being ours.
    pub(crate) fn of(&self, arch: Arch) -> Vec<String> {
        [self.common(), self.original(arch)].concat()
    }

    /// The names of an image that lies beside those of other architectures: a name that only one of them may have is
    /// amd64's.
    pub(crate) fn beside_others(&self, arch: Arch) -> Vec<String> {
        let mut names = vec![format!("{OURS}:{}-{}", self.tag, arch.name())];
        let all = self.of(arch).into_iter();
        names.extend(all.filter(|name| arch == Arch::Amd64 || !name.starts_with(OURS)));
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_has_our_names_and_the_original_ones() {
        let names = Names::new("latest", "1.2.3");
        assert_eq!(
            names.of(Arch::Ppc64le),
            [
                "xcat-rs:latest",
                "xcat-rs:1.2.3",
                "xcat/xcat-ubuntu-ppc64le:latest",
                "xcat/xcat-ubuntu-ppc64le:1.2.3",
            ]
        );
        assert_eq!(Names::new("dev", "1.2.3").of(Arch::Arm64), ["xcat-rs:dev"]);
    }

    #[test]
    fn beside_others_no_name_is_there_twice() {
        let names = Names::new("dev", "1.2.3");
        let mut all: Vec<_> =
            Arch::ALL.into_iter().flat_map(|arch| names.beside_others(arch)).collect();
        assert_eq!(
            all,
            [
                "xcat-rs:dev-amd64",
                "xcat-rs:dev",
                "xcat/xcat-ubuntu-x86_64:dev",
                "xcat-rs:dev-arm64",
                "xcat-rs:dev-ppc64le",
                "xcat/xcat-ubuntu-ppc64le:dev",
            ]
        );
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
