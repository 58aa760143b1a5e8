//! Every command of the product, sorted by name.

mod boot;
mod dumps;
mod network;
mod objects;
mod system;
mod tables;

use crate::meta::Meta;

/// The commands, sorted by name.
pub static ALL: &[&Meta] = &[
    &objects::CHDEF,
    &tables::CHTAB,
    &dumps::DUMPXCATDB,
    &boot::GENIMAGE,
    &tables::GETTAB,
    &objects::LSDEF,
    &system::LSXCATD,
    &network::MAKEDHCP,
    &network::MAKEDNS,
    &network::MAKEHOSTS,
    &network::MAKENETWORKS,
    &objects::MKDEF,
    &tables::NODEADD,
    &tables::NODECH,
    &tables::NODEGRPCH,
    &tables::NODELS,
    &dumps::NODEPURGE,
    &tables::NODERM,
    &boot::NODESET,
    &boot::NODESTAT,
    &boot::PACKIMAGE,
    &dumps::RESTOREXCATDB,
    &objects::RMDEF,
    &boot::RPOWER,
    &boot::RSETBOOT,
    &tables::TABCH,
    &tables::TABDUMP,
    &dumps::TABEDIT,
    &tables::TABGREP,
    &dumps::TABPRUNE,
    &dumps::TABRESTORE,
    &system::XCAT_BOOT,
    &network::XCAT_CHECK,
    &system::XCAT_COMPLETE,
    &dumps::XCAT_HISTORY,
    &system::XCAT_LAB,
    &dumps::XCAT_UNDO,
    &system::XCATCONFIG,
    &boot::XDSH,
    &boot::XDSHBAK,
];

/// The command called `name`.
pub fn find(name: &str) -> Option<&'static Meta> {
    let at = ALL.binary_search_by(|meta| meta.name.cmp(name)).ok()?;
    Some(ALL[at])
}

/// The command that `program arguments` means, and the arguments that are left: the program
/// `xcat` takes its first argument as the rest of its name (`xcat boot`) or as the name itself.
pub fn resolve<'a>(program: &str, args: &'a [String]) -> Option<(&'static Meta, &'a [String])> {
    if program != "xcat" {
        return find(program).map(|meta| (meta, args));
    }
    let (first, rest) = args.split_first()?;
    find(&format!("xcat-{first}")).or_else(|| find(first)).map(|meta| (meta, rest))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_list_is_sorted_and_its_entries_are_complete() {
        assert!(ALL.windows(2).all(|pair| pair[0].name < pair[1].name));
        for meta in ALL {
            assert!(!meta.usage.is_empty(), "{} has no usage", meta.name);
            assert!(!meta.summary.is_empty() && !meta.summary.ends_with('.'), "{}", meta.name);
            let names: Vec<&str> =
                meta.options.iter().flat_map(|option| option.names).copied().collect();
            let distinct: HashSet<&str> = names.iter().copied().collect();
            assert_eq!(names.len(), distinct.len(), "{} has an option twice", meta.name);
            assert!(meta.help().starts_with("Usage: "));
        }
    }

    #[test]
    fn sub_commands_are_found_by_both_names() {
        let args: Vec<String> = ["boot", "n1"].map(str::to_owned).into();
        let (meta, rest) = resolve("xcat", &args).unwrap();
        assert_eq!((meta.name, rest), ("xcat-boot", &args[1..]));
        let args: Vec<String> = ["lsdef".to_owned()].into();
        assert_eq!(resolve("xcat", &args).unwrap().0.name, "lsdef");
        assert_eq!(resolve("xcat-boot", &args).unwrap().0.name, "xcat-boot");
        assert!(resolve("frobnicate", &args).is_none());
    }
}
