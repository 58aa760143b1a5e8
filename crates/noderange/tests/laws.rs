//! The laws that hold for every expression, over a universe of twenty nodes in two groups.

use std::borrow::Cow;

use base::NodeName;
use noderange::{Expansion, Expression, Mode, Universe, expand};
use proptest::prelude::*;

struct Twenty;

fn name(number: usize) -> NodeName {
    NodeName::parse(&format!("n{number:02}")).expect("a valid name")
}

impl Universe for Twenty {
    fn node(&self, text: &str) -> Option<NodeName> {
        // asked a million times by one text, so nothing is made for a name that is not there
        let number: usize = text.strip_prefix('n').filter(|it| it.len() == 2)?.parse().ok()?;
        (number < 20).then(|| name(number))
    }
    fn nodes(&self) -> Vec<NodeName> {
        (0..20).map(name).collect()
    }
    fn group(&self, text: &str) -> Option<Vec<NodeName>> {
        match text {
            "low" => Some((0..10).map(name).collect()),
            "even" => Some((0..20).step_by(2).map(name).collect()),
            _ => None,
        }
    }
    fn has_column(&self, table: &str, column: &str) -> bool {
        (table, column) == ("nodehm", "mgt")
    }
    fn cell(&self, _: &str, _: &str, node: &NodeName) -> Cow<'_, str> {
        Cow::Borrowed(if node.as_str() < "n05" { "ipmi" } else { "" })
    }
    fn read_file(&self, path: &str) -> Option<String> {
        (path == "f").then(|| "low\n-n01\n".to_owned())
    }
}

fn verified(text: &str) -> Expansion {
    expand(text, &Twenty, Mode::Verify).expect("a valid expression")
}

fn names(text: &str) -> Vec<String> {
    verified(text).nodes().iter().map(ToString::to_string).collect()
}

fn operand() -> impl Strategy<Value = String> {
    prop_oneof![
        (0_usize..22).prop_map(|n| format!("n{n:02}")),
        (0_usize..20, 0_usize..22).prop_map(|(a, b)| format!("n[{a:02}-{b:02}]")),
        (0_usize..20, 0_usize..4).prop_map(|(a, b)| format!("n{a:02}+{b}")),
        Just("low".to_owned()),
        Just("even".to_owned()),
        Just("/n1.*".to_owned()),
        Just("mgt==ipmi".to_owned()),
        Just("^f".to_owned()),
        Just("nosuch".to_owned()),
    ]
}

fn expression() -> impl Strategy<Value = String> {
    operand().prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a},{b}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a}@{b}")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a},-({b})")),
            inner.prop_map(|a| format!("({a})")),
        ]
    })
}

proptest! {
    #[test]
    fn results_are_sorted_and_unique(text in expression()) {
        let names = names(&text);
        prop_assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "{text}: {names:?}");
    }

    #[test]
    fn union_and_exclusion_and_intersection_are_those_of_sets(a in operand(), b in operand()) {
        let (of_a, of_b) = (names(&a), names(&b));
        let in_b = |name: &&String| of_b.contains(name);
        let mut union: Vec<String> = of_a.iter().chain(&of_b).cloned().collect();
        union.sort();
        union.dedup();
        prop_assert_eq!(names(&format!("{a},{b}")), union);
        let without: Vec<String> = of_a.iter().filter(|n| !in_b(n)).cloned().collect();
        prop_assert_eq!(names(&format!("{a},-{b}")), without.clone());
        prop_assert_eq!(names(&format!("-{b},{a}")), without);
        let common: Vec<String> = of_a.iter().filter(in_b).cloned().collect();
        prop_assert_eq!(names(&format!("{a}@{b}")), common);
    }

    #[test]
    fn what_is_printed_means_what_was_read(text in expression()) {
        let printed = Expression::parse(&text).unwrap().to_string();
        prop_assert_eq!(verified(&printed), verified(&text), "printed {}", &printed);
        prop_assert_eq!(Expression::parse(&printed).unwrap().to_string(), printed);
    }

    #[test]
    fn no_text_panics(text in "[-a-c0-3@,()\\[\\]+:^/=~!'.é]{0,24}") {
        for mode in [Mode::Verify, Mode::NoVerify, Mode::Generic] {
            if let Ok(expansion) = expand(&text, &Twenty, mode) {
                prop_assert!(expansion.names.windows(2).all(|pair| pair[0] < pair[1]));
            }
        }
        if let Ok(parsed) = Expression::parse(&text) {
            // what is well formed is read again as it was: the law above
            prop_assert!(parsed.to_string().len() <= 2 * text.len() + 2);
        }
    }
}
