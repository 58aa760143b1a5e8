//! `cargo xtask`: the menu of everything that is done to this repository rather than by it.

mod check;
mod durability;
mod e2e;
mod image;
mod pages;
mod reference;
mod run;
mod say;
mod tidy;

use std::process::ExitCode;

use crate::say::say;

const USAGE: &str = "\
usage: cargo xtask COMMAND
  tidy            layers, headers, owned dependencies, sizes
  gen [--check]   write the generated pages of docs/reference, or say which are not up to date
  check           fmt, tidy, clippy, tests, generated pages
  durability [N]  kill the daemon N times (250) while clients write; nothing acknowledged may be lost
  e2e [PATTERN]   the journey on a real engine: ./up, images, two network-booted nodes (root, Debian)
  e2e container [PATTERN | --short]
                  the container on a real engine: starts, logins, replacements, wirings, bad input";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["tidy"] => tidy::tidy(),
        ["gen"] => reference::run(reference::Mode::Write),
        ["gen", "--check"] => reference::run(reference::Mode::Check),
        ["check"] => check::check(),
        ["durability"] => durability::run(durability::ROUNDS),
        ["durability", rounds] => durability::run(rounds),
        ["e2e"] => e2e::run(""),
        ["e2e", "container"] => e2e::container::run(""),
        ["e2e", "container", pattern] => e2e::container::run(pattern),
        ["e2e", pattern] => e2e::run(pattern),
        ["image", ref arguments @ ..] => image::run(arguments),
        _ => {
            say(USAGE);
            say(image::USAGE);
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("xtask: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
