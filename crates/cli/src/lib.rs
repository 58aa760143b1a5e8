//! The client: finds its command in `argv[0]`, sends it to the daemon as the original client does, and shows the answer.
//!
//! One thread, no async runtime, no tables: requests and rendering are pure, everything else waits in one `poll`.

mod bypass;
mod caller;
mod connection;
mod credentials;
mod help;
mod output;
mod program;
mod remote_shell;
mod render;
mod request;
mod session;
mod table_editor;
mod table_file;
mod xdshbak;

pub use caller::Caller;
pub use program::run;
pub use render::{Rendered, Stream, render};
pub use request::{Prepared, prepare};
pub use table_file::Upload;
