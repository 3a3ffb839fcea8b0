//! What a control plane did to the files of its database, and whom it answered meanwhile, in the order in which the system was
//! asked for it.

use std::collections::HashMap;

/// The two files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum File {
    Database = 0,
    Log = 1,
}

/// One thing that it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Write {
        file: File,
        at: usize,
        bytes: Vec<u8>,
    },
    Truncate {
        file: File,
        length: usize,
    },
    /// The system has said that the file is on the disk.
    Synced(File),
    /// Bytes for somebody else.
    Sent(Vec<u8>),
}

/// Reads what strace wrote: `<thread> <call>(<arguments>) = <result>`, all strings in hexadecimal. A call that others came in
/// between of has two lines.
pub(super) fn read(text: &str) -> Vec<Deed> {
    let mut deeds = Vec::new();
    let mut syncing: HashMap<&str, File> = HashMap::new();
    for line in text.lines() {
        let Some((thread, line)) = line.split_once(' ') else {
            continue;
        };
        let line = line.trim_start();
        if line.contains("fsync resumed>") || line.contains("fdatasync resumed>") {
            deeds.extend(syncing.remove(thread).map(Deed::Synced));
            continue;
        }
        let Some((call, arguments)) = line.split_once('(') else {
            continue;
        };
        match call {
            "fsync" | "fdatasync" => {
                let Some(file) = file_of(arguments) else { continue };
                if arguments.ends_with("<unfinished ...>") {
                    syncing.insert(thread, file);
                } else {
                    assert!(arguments.ends_with("= 0"), "{line}");
                    deeds.push(Deed::Synced(file));
                }
            }
            "pwrite64" => {
                let Some(file) = file_of(arguments) else { continue };
                let (bytes, rest) = quoted(arguments);
                // Length and place come after the bytes.
                let mut numbers = rest
                    .split([',', ')', ' '])
                    .filter_map(|part| part.parse::<usize>().ok());
                let (length, at) = (numbers.next().unwrap(), numbers.next().unwrap());
                assert_eq!(length, bytes.len(), "strace has cut the bytes short");
                deeds.push(Deed::Write { file, at, bytes });
            }
            "ftruncate" => {
                let Some(file) = file_of(arguments) else { continue };
                let length = arguments
                    .split([',', ')', ' '])
                    .find_map(|part| part.parse().ok())
                    .unwrap();
                deeds.push(Deed::Truncate { file, length });
            }
            "unlink" | "rename" => {
                let (name, _) = quoted(arguments);
                assert!(which(&name).is_none(), "a file of the database goes away: {line}");
            }
            "sendto" | "writev" if arguments.contains('"') => {
                let mut rest = arguments;
                let mut sent = Vec::new();
                while rest.contains('"') {
                    let (bytes, after) = quoted(rest);
                    sent.extend(bytes);
                    rest = after;
                }
                deeds.push(Deed::Sent(sent));
            }
            _ => {}
        }
    }
    deeds
}

/// The file of a descriptor, which stands behind it as `12<path>`.
fn file_of(arguments: &str) -> Option<File> {
    let (_, path) = arguments.split_once('<')?;
    which(&bytes_of(path.split_once('>')?.0))
}

fn which(path: &[u8]) -> Option<File> {
    if path.ends_with(b"keyward.db") {
        Some(File::Database)
    } else if path.ends_with(b"keyward.db-wal") {
        Some(File::Log)
    } else {
        None
    }
}

/// The first string, and what follows it.
fn quoted(text: &str) -> (Vec<u8>, &str) {
    let (_, text) = text.split_once('"').unwrap();
    let (inside, rest) = text.split_once('"').unwrap();
    (bytes_of(inside), rest)
}

/// `\x41\x42` as bytes.
fn bytes_of(text: &str) -> Vec<u8> {
    let digits = text.split("\\x").skip(1);
    digits
        .map(|digits| u8::from_str_radix(digits, 16).unwrap())
        .collect()
}

/// A format that is read wrongly would show nothing and pass.
pub(super) fn is_read_as_strace_writes_it() {
    let hex = |text: &str| {
        text.bytes()
            .map(|byte| format!("\\x{byte:02x}"))
            .collect::<String>()
    };
    let (database, log) = (hex("/a/keyward.db"), hex("/a/keyward.db-wal"));
    let text = format!(
        "12 pwrite64(9<{log}>, \"\\x01\\x02\", 2, 4096) = 2\n12 fsync(9<{log}> <unfinished ...>\n\
         7   writev(5<{}>, [{{iov_base=\"{}\", iov_len=4}}, {{iov_base=\"{}\", iov_len=1}}], 2) = 5\n\
         12 <... fsync resumed>) = 0\n12 ftruncate(8<{database}>, 8192) = 0\n12 fdatasync(8<{database}>) = 0\n\
         7 write(4<{}>, \"\\x00\", 1) = 1\n",
        hex("socket:[1]"),
        hex("HTTP"),
        hex("!"),
        hex("anon_inode:[eventfd]"),
    );
    assert_eq!(
        read(&text),
        [
            Deed::Write {
                file: File::Log,
                at: 4096,
                bytes: vec![1, 2]
            },
            Deed::Sent(b"HTTP!".to_vec()),
            Deed::Synced(File::Log),
            Deed::Truncate {
                file: File::Database,
                length: 8192
            },
            Deed::Synced(File::Database),
        ]
    );
}
