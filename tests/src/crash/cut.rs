//! A loss of power: what was not synchronised when the process died reaches the disk in part or not at all.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use fastrand::Rng;
use tempfile::TempDir;
use tokio::process::Command;

/// What a disk writes whole or not at all.
const SECTOR: u64 = 512;

/// The library that is loaded into a host to know what was not synchronised.
pub struct Shim {
    library: PathBuf,
    logs: TempDir,
}

/// What a loss of power does to writes that were not synchronised.
#[derive(Clone, Copy, Debug)]
enum Loss {
    /// None of them reached the disk.
    All,
    /// The first ones did, and a part of the next.
    TheLatest,
    /// Any of their sectors did: a disk writes in the order it likes.
    Some,
}

/// A write or a truncation, with what it replaced.
struct Undo {
    resizes: bool,
    old_size: u64,
    at: u64,
    bytes: u64,
    old: Vec<u8>,
}

/// What undoing took away, to be done again in part.
enum Redo {
    Resize(u64),
    Write { at: u64, new: Vec<u8> },
}

impl Shim {
    /// None where nothing can be loaded into another process before the C library.
    pub fn load() -> Option<Self> {
        if !cfg!(target_os = "linux") {
            return None;
        }
        let library = crate::support::built("libcut_shim.so");
        Some(Self { library, logs: TempDir::new().unwrap() })
    }

    /// Has a host watched that works in this folder; it may die in its n-th operation on a file there.
    pub fn watch(&self, command: &mut Command, folder: &Path, die_at: Option<usize>) {
        command.env("LD_PRELOAD", &self.library);
        command.env("SWITCHBOARD_CUT_FOLDER", fs::canonicalize(folder).unwrap());
        command.env("SWITCHBOARD_CUT_LOG", self.logs.path());
        if let Some(operation) = die_at {
            command.env("SWITCHBOARD_CUT_AT", operation.to_string());
        }
    }

    /// Cuts the power of a host that is dead; the files to which something was written that was not
    /// synchronised.
    pub fn cut(&self, folder: &Path, rng: &mut Rng) -> Vec<PathBuf> {
        let loss = [Loss::All, Loss::TheLatest, Loss::Some][rng.usize(..3)];
        let mut unsynchronised = Vec::new();
        for (file, undos) in self.take_logs() {
            lose(&file, undos, loss, rng);
            unsynchronised.push(file);
        }
        // Shared memory, not a file that anybody synchronises.
        let _ = fs::remove_file(folder.join("switchboard.db-shm"));
        unsynchronised
    }

    /// The logs, which are empty from then on. A file that is gone has nothing to lose.
    fn take_logs(&self) -> BTreeMap<PathBuf, Vec<Undo>> {
        let mut logs = BTreeMap::new();
        for entry in fs::read_dir(self.logs.path()).unwrap() {
            let log = entry.unwrap().path();
            let (file, undos) = read(&fs::read(&log).unwrap());
            fs::remove_file(log).unwrap();
            if file.exists() {
                logs.insert(file, undos);
            }
        }
        logs
    }
}

/// A log, as the shim writes it. An entry that broke off is of a write that was not begun.
fn read(log: &[u8]) -> (PathBuf, Vec<Undo>) {
    let mut rest = log;
    let mut take = |bytes: u64| rest.split_off(..usize::try_from(bytes).unwrap());
    let number = |bytes: &[u8]| u64::from_le_bytes(bytes.try_into().unwrap());
    let Some(path) = take(8).and_then(|it| take(number(it))) else { return Default::default() };
    let path = PathBuf::from(OsStr::from_bytes(path));
    let mut undos = Vec::new();
    while let Some(head) = take(40) {
        let [kind, old_size, at, bytes, old] = [0, 8, 16, 24, 32].map(|it| number(&head[it..it + 8]));
        let Some(old) = take(old) else { break };
        undos.push(Undo { resizes: kind == 1, old_size, at, bytes, old: old.to_vec() });
    }
    (path, undos)
}

/// Undoes everything, the latest first, and does again what reached the disk.
fn lose(file: &Path, undos: Vec<Undo>, loss: Loss, rng: &mut Rng) {
    let file = OpenOptions::new().read(true).write(true).open(file).unwrap();
    let mut redos: Vec<Redo> = undos.into_iter().rev().map(|it| it.carry_out(&file)).collect();
    redos.reverse();
    let reached = match loss {
        Loss::All => 0,
        Loss::TheLatest | Loss::Some => rng.usize(..=redos.len()),
    };
    for (number, redo) in redos.iter().enumerate() {
        match loss {
            Loss::All => {}
            Loss::TheLatest if number < reached => redo.carry_out(&file, |_| true),
            // The one that was under way.
            Loss::TheLatest if number == reached => redo.carry_out(&file, |_| rng.bool()),
            Loss::TheLatest => {}
            Loss::Some => redo.carry_out(&file, |_| rng.bool()),
        }
    }
}

impl Undo {
    fn carry_out(self, file: &File) -> Redo {
        let redo = match self.resizes {
            true => Redo::Resize(self.at),
            false => Redo::Write { at: self.at, new: read_up_to(file, self.at, self.bytes) },
        };
        file.set_len(self.old_size).unwrap();
        file.write_all_at(&self.old, self.at).unwrap();
        redo
    }
}

impl Redo {
    /// Does it again, as far as its sectors reached the disk.
    fn carry_out(&self, file: &File, mut reached: impl FnMut(u64) -> bool) {
        match self {
            Self::Resize(to) if reached(0) => file.set_len(*to).unwrap(),
            Self::Resize(_) => {}
            Self::Write { at, new } => {
                let end = at + new.len() as u64;
                let mut from = *at;
                while from < end {
                    let to = ((from / SECTOR + 1) * SECTOR).min(end);
                    if reached(from / SECTOR) {
                        let part = &new[(from - at) as usize..(to - at) as usize];
                        file.write_all_at(part, from).unwrap();
                    }
                    from = to;
                }
            }
        }
    }
}

/// What a file has there; less where it ends.
fn read_up_to(file: &File, at: u64, bytes: u64) -> Vec<u8> {
    let end = file.metadata().unwrap().len().min(at + bytes);
    let mut found = vec![0; usize::try_from(end.saturating_sub(at)).unwrap()];
    file.read_exact_at(&mut found, at).unwrap();
    found
}
