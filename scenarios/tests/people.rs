//! `scenarios users`, `scenarios suite` and `scenarios connect --user` as their users meet them.

#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping")]

mod command_line;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Stdio};

use command_line::{check, exit, folder, hold, scenarios, told, transcript};

/// A folder with keys of `suite` in `suite-keys`, and passwords in files.
fn suite(name: &str) -> PathBuf {
    let here = folder(name);
    let init = ["pki", "init", "suite", "--out", "suite-keys", "--seed", "1", "--quiet"];
    assert_eq!(exit(&here, &init), 0);
    for (file, password) in [("pw", "secret\n"), ("bad", "Secret\n"), ("empty", "\n")] {
        fs::write(here.join(file), password).unwrap();
    }
    fs::write(here.join("long"), "x".repeat(129)).unwrap();
    here
}

fn run(here: &Path, line: &str) -> i32 {
    exit(here, &line.split(' ').collect::<Vec<_>>())
}

#[test]
fn people_register_log_in_and_are_listed() {
    let here = suite("users");
    let lines = [
        "users register --user ann --password-file pw --seed 1",
        "users register --user ann --password-file pw --profile hardened --seed 2",
        "users register --user ann --password-file pw --profile hardened",
        "users register --user bob --password-file pw --profile hardened --seed 3 --quiet",
        "users list",
        "users list --profile hardened --format json",
        "users login --user ann --password-file pw",
        "users login --user ann --password-file bad",
        "users login --user ann --password-file pw --profile hardened",
        "users login --user ann --password-file bad --profile hardened",
        "users login --user eve --password-file pw",
        "users remove --user ann",
        "users remove --user ann",
        "users remove --user bob --profile hardened",
        "users list --profile hardened",
    ];
    transcript("users", &here, &lines);
    #[cfg(unix)]
    for file in ["data/auth.txt", "data/passwords.txt", "data/keys/ann_private.pem"] {
        use std::os::unix::fs::PermissionsExt;
        let about = fs::metadata(here.join("suite-keys").join(file)).unwrap();
        assert_eq!(about.permissions().mode() & 0o777, 0o600, "{file}");
    }
}

#[test]
fn what_is_wrong_with_a_user_is_a_line_and_changes_nothing() {
    let here = suite("users-wrong");
    fs::write(here.join("file"), "").unwrap();
    let lines = [
        "users list --keys nowhere",
        "users list --keys file",
        "users list --profile hardend",
        "users register --user ann",
        "users register --user ann --password-file missing",
        "users register --user ann --password-file empty",
        "users register --user ann --password-file long",
        "users register --user ../ann --password-file pw --profile hardened",
        "users register --user a,b --password-file pw --profile hardened",
        "users register --user Server --password-file pw --profile hardened",
        "users register --user ../ann --password-file pw",
        "users export-key --user ../ann --out x.pem",
        "users export-key --user nobody --out x.pem",
        "users list",
    ];
    transcript("users-wrong", &here, &lines);
    let newline = ["users", "register", "--user", "ann\nbob", "--password-file", "pw"];
    let hardened = [&newline[..], &["--profile", "hardened"]].concat();
    check("users-wrong-newline", &here, &hardened);
    // As built it is a weakness, of the password file only.
    assert_eq!(exit(&here, &newline), 0);
    let (code, _, stderr) = told(&here, &["users", "list"], "");
    assert_eq!((code, stderr.contains("auth.txt`: line 2: not a name")), (2, true), "{stderr}");
    assert!(!here.join("suite-keys/data/keys").exists());
    let people = fs::read_dir(here.join("suite-keys/crypto/certificates")).unwrap();
    assert_eq!(people.count(), 3, "of the authority and the server only");
    fs::write(here.join("suite-keys/data/passwords.txt"), "<<<<<<<\n").unwrap();
    fs::File::create(here.join("suite-keys/data/auth.txt")).unwrap().set_len(100 << 20).unwrap();
    let lines = [
        "users login --user ann --password-file pw",
        "users login --user ann --password-file pw --profile hardened",
    ];
    transcript("users-broken-store", &here, &lines);
    fs::remove_file(here.join("suite-keys/data/auth.txt")).unwrap();
}

#[test]
fn keys_go_out_and_come_in() {
    let here = suite("users-keys");
    assert_eq!(run(&here, "pki keygen --out small.pem --seed 4"), 0);
    let lines = [
        "users register --user ann --password-file pw --seed 1",
        "users export-key --user ann --out ann.pem",
        "users export-key --user ann --out ann.pem",
        "users export-key --user ann --out ann1.pem --encoding pkcs1",
        "users export-key --user ann --out public.pem --public",
        "pki show ann.pem",
        "pki show public.pem",
        "pki show suite-keys/data/keys/ann_public.pem",
        "pki verify suite-keys/crypto/certificates/ann.crt --ca suite-keys/crypto/certificates/ca_cert.pem --name ann",
        "pki keygen --out new.pem --seed 5",
        "users import-key --user ann --key new.pem",
        "users import-key --user ann --key public.pem --force",
        "users import-key --user eve --key new.pem --force",
        "users import-key --user ann --key new.pem --force",
        "pki show suite-keys/data/keys/ann_private.pem",
        "pki verify suite-keys/crypto/certificates/ann.crt --ca suite-keys/crypto/certificates/ca_cert.pem --name ann",
    ];
    transcript("users-keys", &here, &lines);
}

/// Many programs at the same time.
#[test]
fn nobody_is_lost_when_many_register_at_once() {
    let here = suite("users-crowd");
    let children: Vec<Child> = (0..12)
        .map(|number| {
            // A space: no keys, which would take their time.
            let name = format!("user {number}");
            let args = ["users", "register", "--user", &name, "--password-file", "pw", "-q"];
            scenarios(&here, &args).stderr(Stdio::null()).spawn().unwrap()
        })
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let (_, names, _) = told(&here, &["users", "list"], "");
    assert_eq!(names.lines().count(), 12, "{names}");
}

/// A server on a free port, stopped at the end.
struct Server {
    child: Child,
    address: String,
    /// Kept open: a log that cannot be written would be another test.
    _log: BufReader<ChildStderr>,
}

impl Server {
    fn start(here: &Path, args: &[&str]) -> Self {
        let args = [&["serve", "suite", "--listen", "0"], args].concat();
        let mut command = scenarios(here, &args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        log.read_line(&mut line).unwrap();
        let address = line.trim().rsplit(' ').next().unwrap().to_owned();
        Self { child, address, _log: log }
    }

    /// Its standard output, up to this many lines.
    fn lines(&mut self, count: usize) -> Vec<String> {
        let output = BufReader::new(self.child.stdout.take().unwrap());
        output.lines().take(count).map(Result::unwrap).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn who_is_registered_connects_and_nobody_else() {
    let here = suite("users-connect");
    for profile in ["as-built", "hardened"] {
        let register = format!("users register --user ann --password-file pw --profile {profile}");
        assert_eq!(run(&here, &register), 0);
        for (keys, user, password) in
            [(&["--keys", "suite-keys"][..], "ann", "secret"), (&[], "maged", "147258369")]
        {
            fs::write(here.join("right"), password).unwrap();
            let mut server = Server::start(&here, &[keys, &["--profile", profile]].concat());
            let connect = |user: &str, file: &str| {
                let to = ["connect", "suite", "--to", &server.address, "--profile", profile, "-q"];
                let says = ["--user", user, "--password-file", file, "--text", "hi"];
                // As built a frame in fifty is lost by chance: this one is not.
                exit(&here, &[&to[..], keys, &says, &["--seed", "1"]].concat())
            };
            let case = format!("{profile} {user}");
            assert_eq!(connect(user, "bad"), 1, "{case}");
            assert_eq!(connect("eve", "right"), 1, "{case}");
            assert_eq!(connect(user, "right"), 0, "{case}");
            assert_eq!(server.lines(1), [format!("{user}: hi")], "{case}");
        }
    }
    let lines = [
        "connect helo --user ann --password-file pw --text hi",
        "connect suite --user ann --text hi",
        "connect suite --keys suite-keys --text hi",
        "connect suite --password-file pw --text hi",
    ];
    transcript("connect-user", &here, &lines);
}

/// What somebody types, a line each.
fn typed(lines: &[&str]) -> String {
    lines.join("\n") + "\n"
}

#[test]
fn the_menu_works_from_a_pipe() {
    let here = suite("menu");
    assert_eq!(run(&here, "pki keygen --out new.pem --seed 5"), 0);
    let key = "000102030405060708090a0b0c0d0e0f";
    let sealed = "101112131415161718191a1b1c1d1e1f";
    let input = typed(&[
        "3",
        "9",
        "",
        "login",
        "ann",
        "secret",
        "1",
        "ann",
        "secret",
        "2",
        "ann",
        "Secret",
        "2",
        "ann",
        "secret",
        // Logged in.
        "1",
        "hello",
        key,
        "encrypt",
        "hello",
        "",
        "encrypt",
        "hello",
        "00",
        "decrypt",
        sealed,
        key,
        "decrypt",
        "zz",
        key,
        "hash",
        "abc",
        "",
        "hash",
        "abc",
        "md5",
        "hash",
        "abc",
        "crc32",
        "check-hash",
        "abc",
        "900150983cd24fb0d6963f7d28e17f72",
        "md5",
        "check-hash",
        "abd",
        "900150983cd24fb0d6963f7d28e17f72",
        "md5",
        "sign",
        "hello",
        "check-sign",
        "hello",
        "00",
        "",
        "check-sign",
        "hello",
        "00",
        "nobody",
        "export",
        "secret",
        "x.pem",
        "export",
        "public",
        "ann.pem",
        "export",
        "private",
        "ann.pem",
        "import",
        "nowhere.pem",
        "yes",
        "import",
        "new.pem",
        "no",
        "import",
        "new.pem",
        "yes",
        "file",
        "nowhere.png",
        "0",
        "users",
        "0",
        "never read",
    ]);
    let (code, stdout, stderr) = told(&here, &["suite", "--seed", "1"], &input);
    hold("menu", &format!("exit: {code}\n--- stdout\n{stdout}--- stderr\n{stderr}"));
    assert!(here.join("ann.pem").exists() && !here.join("x.pem").exists());
}

#[test]
fn the_menu_decrypts_and_believes_what_it_made() {
    let here = suite("menu-both-ways");
    let start = ["register", "ann", "secret", "login", "ann", "secret"];
    let quiet = ["suite", "--seed", "1", "--quiet"];
    let first = [&start[..], &["encrypt", "h\u{e9}llo", "", "sign", "hello"]].concat();
    let (_, stdout, _) = told(&here, &quiet, &typed(&first));
    let value = |title: &str| {
        let line = stdout.lines().find_map(|line| line.strip_prefix(title)).unwrap();
        line.trim().to_owned()
    };
    let (key, sealed) = (value("key:"), value("encrypted:"));
    let signature = value("signature:");
    let second = ["decrypt", &sealed, &key, "check-sign", "hello", &signature, "ann", "check-sign"];
    let second = [&start[3..], &second, &["Hello", &signature, "", "certificate"]].concat();
    let (code, stdout, _) = told(&here, &quiet, &typed(&second));
    assert_eq!(code, 0);
    assert!(stdout.starts_with("text: h\u{e9}llo\nsigned by `ann`\nNOT signed by `ann`\n"));
    assert!(stdout.ends_with("valid, by the authority of this folder\n"), "{stdout}");
}

#[test]
fn the_menu_sends_texts_and_files() {
    let here = suite("menu-send");
    fs::write(here.join("cat.png"), "meow").unwrap();
    for profile in ["as-built", "hardened"] {
        // A server knows who was registered when it started.
        let register = format!("users register --user ann --password-file pw --profile {profile}");
        assert_eq!(run(&here, &register), 0);
        let mut server = Server::start(&here, &["--keys", "suite-keys", "--profile", profile]);
        let args =
            ["suite", "--seed", "1", "--quiet", "--to", &server.address, "--profile", profile];
        let input = ["login", "ann", "secret", "text", "hi there", "file", "cat.png", "logout"];
        let (code, _, stderr) = told(&here, &args, &typed(&input));
        assert_eq!((code, stderr.contains("error")), (0, false), "{stderr}");
        let shown = server.lines(2);
        assert_eq!(shown.first().unwrap(), "ann: hi there", "{profile}: {stderr}");
        let file = shown.last().unwrap();
        assert!(file.starts_with("ann: received/") && file.contains("_cat.png"), "{file}");
    }
    // A server that is not there is no reason to leave.
    let args = ["suite", "--quiet", "--to", "127.0.0.1:1"];
    let input = typed(&["login", "ann", "secret", "text", "hi", "hash", "abc", "md5"]);
    let (code, stdout, stderr) = told(&here, &args, &input);
    assert_eq!(code, 0);
    assert!(stderr.contains("error: cannot connect to 127.0.0.1:1"), "{stderr}");
    assert_eq!(stdout, "md5: 900150983cd24fb0d6963f7d28e17f72\n");
}

#[test]
fn the_menu_ends_with_its_input_and_skips_what_is_no_line() {
    let here = suite("menu-end");
    for input in ["", "1", "1\nann\n", "2\nann\nsecret"] {
        assert_eq!(told(&here, &["suite", "-q"], input).0, 0, "{input:?}");
    }
    let long = "x".repeat(3 << 20);
    let (code, _, stderr) = told(&here, &["suite", "-q"], &format!("{long}\nnonsense\n"));
    assert_eq!(code, 0);
    assert!(stderr.contains("error: a line of more than 1048576 bytes\n"), "{stderr}");
    assert!(stderr.contains("error: no entry `nonsense` here"), "{stderr}");
    check("menu-no-folder", &here, &["suite", "--keys", "nowhere"]);
}
