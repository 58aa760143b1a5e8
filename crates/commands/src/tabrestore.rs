//! tabrestore: replaces the rows of a table by those of a CSV file that the client has sent.

use base::{ErrorKind, Failure};
use command::{Answer, Item};
use tables::csv::{self, CsvError};
use tables::{Row, TableId};

use crate::call::{Call, Upload};
use crate::future::BoxFuture;
use crate::restore::{Content, Existing, restore};
use crate::run::blocking;
use crate::services::Services;
use crate::shape::{Behaviour, Command};
use crate::sink::Sink;

pub(crate) static COMMAND: Command = Command::new("tabrestore", Behaviour::Procedure(tabrestore));

/// The exit code for a file that does not fit its table.
const UNFIT: u8 = 4;

fn tabrestore(
    mut call: Call,
    services: Services,
    sink: Sink,
) -> BoxFuture<'static, Result<(), Failure>> {
    Box::pin(async move {
        let Some(upload) = call.upload.take() else {
            return Err(Failure::new(ErrorKind::Usage, "one CSV file is required"));
        };
        let existing = if upload.add { Existing::Kept } else { Existing::Replaced };
        call.args = described(&upload);
        let (table, rows) = match blocking(move || read(&upload)).await? {
            Ok(read) => read,
            Err(item) => {
                sink.send(item).await;
                return Ok(());
            }
        };
        let contents = vec![Content { table, rows }];
        restore(&call, "tabrestore", (&services, &sink), (contents, existing), Answer::new()).await
    })
}

/// The command line that stands for the upload in the history.
fn described(upload: &Upload) -> Vec<String> {
    let add = upload.add.then(|| "-a".to_owned());
    add.into_iter().chain([format!("{}.csv", upload.table)]).collect()
}

fn no_table(name: &str) -> String {
    let name = name.escape_debug();
    let near = command::did_you_mean(&name.to_string(), TableId::all().map(TableId::name));
    let hint = near.map(|near| format!("; {near}")).unwrap_or_default();
    format!("Unable to open {name}: there is no such table, and a file is named TABLE.csv{hint}")
}

fn read(upload: &Upload) -> Result<(TableId, Vec<Row>), Item> {
    let error = |text: String, code| Item::Error { text, code };
    let table =
        tables::table(&upload.table).ok_or_else(|| error(no_table(&upload.table), UNFIT))?;
    let rows = csv::parse(table, &upload.text).map_err(|problem| {
        let code = match problem {
            CsvError::NoHeader | CsvError::NoColumn { .. } => 1,
            CsvError::Line { .. } | CsvError::Row { .. } => UNFIT,
        };
        error(base::chain(&problem), code)
    })?;
    Ok((table, rows))
}
