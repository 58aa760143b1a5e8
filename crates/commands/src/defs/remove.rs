//! rmdef: removes objects.

use base::Failure;
use command::Answer;
use tables::{Patch, objects};

use super::ask::{Ask, Verb};
use super::beside::Beside;
use super::draft::Draft;
use super::{edit, info};
use crate::call::Call;
use crate::chtab::apply;
use crate::shape::{Behaviour, Command, Help};

pub(crate) static COMMAND: Command = Command {
    name: "rmdef",
    behaviour: Behaviour::Procedure(|call, services, sink| {
        edit(&COMMAND, rmdef, (call, services, sink))
    }),
    help: Help::Own,
};

fn rmdef(call: &Call, beside: &Beside) -> Result<(Patch, Answer), Failure> {
    let ask = match Ask::read(call, Verb::Remove, beside) {
        Ok(ask) => ask,
        Err(answer) => return Ok((Patch::new(), answer)),
    };
    if ask.has("a") && !ask.has("f") {
        let text = "You must use the '-f' option when using the '-a' option.";
        return Ok((Patch::new(), ask.misused(text)));
    }
    let mut answer = Answer::new();
    let mut draft = Draft::of(&call.snapshot);
    let mut removed = Vec::new();
    for (kind, name) in &ask.objects {
        if !objects::exists(&draft.snapshot, *kind, name) {
            answer.error(format!("Could not find an object named '{name}' of type '{kind}'."));
            continue;
        }
        let patch = objects::remove(&draft.snapshot, *kind, name).map_err(|e| apply(&e))?;
        draft.apply(patch)?;
        removed.push(name.as_str());
    }
    if removed.is_empty() {
        info(&mut answer, "No objects have been removed from the xCAT database.");
    } else if ask.has("V") {
        info(&mut answer, "The following objects were removed:");
        removed.sort_unstable();
        for name in removed {
            info(&mut answer, name);
        }
    } else {
        info(&mut answer, format!("{} object definitions have been removed.", removed.len()));
    }
    Ok((draft.patch, answer))
}
