//! The program in a process of its own, so that what is measured of it is its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::readers::Caller;

/// The first argument that has this bench be the program.
pub const SERVE: &str = "serve";

/// A running program, killed when this goes.
pub struct Program {
    child: Child,
    pub admin: Caller,
    _data: TempDir,
}

impl Program {
    /// Starts it on a new folder, and waits until it serves.
    pub fn start() -> Self {
        let data = TempDir::with_prefix("switchboard-").expect("a folder");
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args([SERVE, "--listen", "127.0.0.1:0", "--log", "error", "--data"]).arg(data.path());
        let mut child = command.stdout(Stdio::piped()).spawn().expect("start the program");
        let mut lines = BufReader::new(child.stdout.take().expect("what it prints")).lines();
        let (mut address, mut token) = (None, None);
        while address.is_none() || token.is_none() {
            let line = lines.next().expect("it ended before it served").expect("a line");
            address = address.or_else(|| address_in(&line));
            token =
                token.or_else(|| line.strip_prefix("First start: the admin token is ").map(str::to_owned));
        }
        // What it says later has a reader until it ends.
        std::thread::spawn(move || lines.for_each(drop));
        let admin = Caller::new(address.expect("an address"), token.expect("a token"));
        Self { child, admin, _data: data }
    }

    /// Mebibytes of it that are in memory.
    pub fn resident_mib(&self) -> f64 {
        crate::bombs::resident_mib_of(self.child.id())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().expect("kill the program");
        self.child.wait().expect("it ends");
    }
}

fn address_in(line: &str) -> Option<SocketAddr> {
    line.split_once("listens on http://")?.1.split(',').next()?.parse().ok()
}
