//! `cargo xtask e2e`: the product as its user meets it, on a real engine with virtual machines that boot from the network.
//!
//! Cases run in their written order. Those of the journey build on each other, so the first that fails ends the journey;
//! a case of bad input needs only what it names. What a failure needs to be understood is kept in `artifacts/e2e/`, and its ends are shown.

mod bad_input;
pub(crate) mod container;
mod evidence;
mod journey;
mod patience;
mod world;

use std::time::Instant;

use anyhow::{Result, bail};

use crate::e2e::world::World;
use crate::say::say;

/// Whether later cases can go on without a case.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// The rest of the journey stands on it.
    Step,
    /// Nothing else depends on it.
    Aside,
}

struct Case {
    name: &'static str,
    role: Role,
    run: fn(&mut World) -> Result<()>,
}

const fn step(name: &'static str, run: fn(&mut World) -> Result<()>) -> Case {
    Case { name, role: Role::Step, run }
}

const fn aside(name: &'static str, run: fn(&mut World) -> Result<()>) -> Case {
    Case { name, role: Role::Aside, run }
}

/// Everything, in the order in which it can be run.
const CASES: &[Case] = &[
    step("up brings a healthy management node", journey::up),
    step("up again is quick and changes nothing", journey::up_again),
    aside("root logs in over ssh with the default password", journey::ssh_login),
    aside("the prompt of docker attach survives exit", journey::attach),
    aside("bad input: unknown node", bad_input::unknown_node),
    aside("bad input: unknown osimage", bad_input::unknown_osimage),
    step("lab defines a BIOS and a UEFI node", journey::define_lab),
    step("mkdef defines a range", journey::define_range),
    aside("bad input: image not packed", bad_input::image_not_packed),
    aside("bad input: mirror down", bad_input::mirror_down),
    step("genimage builds the image", journey::genimage),
    step("packimage publishes it", journey::packimage),
    step("nodeset answers with the image", journey::nodeset),
    step("rpower on boots both nodes", journey::power_on),
    step("xdsh reaches both nodes", journey::xdsh),
    step("the administrator's postscript has run", journey::postscript),
    aside("xcat boot tells the whole story", journey::boot_report),
    step("a killed and replaced container loses nothing", journey::replace),
    step("rpower reset boots them again", journey::reset),
    aside("bad input: wrong password of the service processor", bad_input::wrong_password),
    aside("bad input: silent service processor", bad_input::silent_bmc),
    aside("bad input: unknown MAC", bad_input::unknown_mac),
    aside("bad input: port 67 taken", bad_input::port_taken),
    aside("bad input: /install full", bad_input::install_full),
];

/// Runs the cases whose names contain the pattern; the last line is the count.
pub(crate) fn run(pattern: &str) -> Result<()> {
    let mut world = World::new()?;
    let (mut passed, mut failed, mut journey_over) = (0_usize, 0_usize, false);
    for case in CASES.iter().filter(|case| case.name.contains(pattern)) {
        if journey_over {
            say(&format!("not reached  {}", case.name));
            failed += 1;
        } else if attempt(case, &mut world) {
            passed += 1;
        } else {
            failed += 1;
            journey_over = case.role == Role::Step;
        }
    }
    world.end();
    say(&format!("{passed} passed, {failed} failed"));
    if failed > 0 {
        bail!("the end-to-end test failed; see artifacts/e2e/");
    }
    Ok(())
}

fn attempt(case: &Case, world: &mut World) -> bool {
    say(&format!("running      {}", case.name));
    let begun = Instant::now();
    let result = (case.run)(world);
    let seconds = begun.elapsed().as_secs_f64();
    match result {
        Ok(()) => {
            say(&format!("ok {seconds:7.1} s  {}", case.name));
            true
        }
        Err(error) => {
            say(&format!("FAILED {seconds:.1} s  {}: {error:#}", case.name));
            world.keep_evidence(case.name);
            false
        }
    }
}
