//! What goes wrong with programs: each thing is a finding of its own, and nothing of them is left.

use std::fs;
use std::thread::{sleep, spawn};

use rustix::process::{Pid, test_kill_process, test_kill_process_group};

use super::super::process::Process;
use super::*;

fn sh(code: &str) -> Vec<String> {
    words(&["sh", "-c", code])
}

fn is_gone(process: u32) -> bool {
    let process = Pid::from_raw(i32::try_from(process).unwrap()).unwrap();
    // What was killed is reaped by whoever is above it, which may take a moment.
    (0..100).any(|_| {
        #[expect(clippy::disallowed_methods, reason = "the process is not ours to wait for")]
        sleep(Duration::from_millis(10));
        let zombie = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero()));
        test_kill_process(process).is_err() || zombie.is_ok_and(|stat| stat.contains(") Z "))
    })
}

/// Numbers printed as `pid N`.
fn pids(text: &str) -> Vec<u32> {
    text.lines().filter_map(|line| line.strip_prefix("pid ")?.parse().ok()).collect()
}

#[test]
fn a_program_that_does_not_exist_is_named() {
    for (server, client, expected) in [
        (
            "no-such-program",
            "true",
            "the server cannot be started: `no-such-program`: No such file",
        ),
        (
            "./no-such-program",
            "true",
            "the server cannot be started: `./no-such-program`: No such file",
        ),
        ("./echo.toml", "true", "the server cannot be started: `./echo.toml`: Permission denied"),
    ] {
        let target = on_stdout(words(&[server]), words(&[client]));
        let error = attacked(&target, lines(), Vec::new()).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    if has("python3") {
        let target = on_stdout(server(ANSWER), words(&["no-such-program"]));
        let error = attacked(&target, lines(), Vec::new()).unwrap_err().to_string();
        assert!(error.starts_with("the client cannot be started: `no-such-program`"), "{error}");
    }
    let target = on_stdout(words(&["sh", "{port}", "{port3}"]), words(&["true"]));
    let error = attacked(&target, lines(), Vec::new()).unwrap_err().to_string();
    assert_eq!(error, "the server's command has `{port3}`; ports of the layout: `data`");
}

#[test]
fn a_server_that_never_starts_is_a_finding() {
    let mut target = on_stdout(sh("echo hello >&2; sleep 60"), words(&["true"]));
    target.server.start = Duration::from_millis(200);
    let run = honest(&target);
    let said = findings(&run);
    assert!(
        said[0].starts_with("the server did not start: it did not listen on port "),
        "{said:?}"
    );
    assert!(said[0].ends_with("within 200ms; its last words: `hello`"), "{said:?}");
    assert_eq!((said.len(), run.output.server.stderr.as_str()), (1, "hello\n"));

    target.server.ready = Ready::Line("ready".to_owned());
    let said = findings(&honest(&target));
    assert!(said[0].contains("it printed no line with `ready` within 200ms"), "{said:?}");

    target.server.command = sh("echo no key >&2; exit 3");
    let expected = "the server did not start: it ended with status 3 before it was ready; its last words: `no key`";
    assert_eq!(findings(&honest(&target)), [expected]);
    target.server.command = sh("exit 89");
    assert_eq!(findings(&honest(&target)), ["the server says that this is not implemented"]);
}

#[test]
fn a_server_may_be_ready_by_a_line() {
    if !has("python3") {
        return;
    }
    let mut target = on_stdout(server(ANSWER), client(ASK));
    target.server.ready = Ready::Line("ready".to_owned());
    let run = honest(&target);
    assert_eq!((findings(&run), run.trace.frames.len()), (vec![], 2));
    assert!(run.remarks.is_empty(), "{:?}", run.remarks);
    target.server.ready = Ready::Listens;
    assert_eq!(honest(&target).remarks.len(), 1);
}

#[test]
fn what_is_not_implemented_is_said_so() {
    if !has("python3") {
        return;
    }
    for body in ["sys.exit(89)", "claim(**{'not-implemented': True}); time.sleep(60)"] {
        let run = honest(&on_stdout(server(ANSWER), client(body)));
        assert_eq!(findings(&run), ["the client says that this is not implemented"], "{body}");
    }
}

/// How it hangs that neither ends, one way or the other.
fn hangs(server_does: &str, client_does: &str) -> Vec<String> {
    let mut target = on_stdout(server(server_does), client(client_does));
    target.limit = Duration::from_millis(1500);
    let run = honest(&target);
    assert!(!run.open_ends.is_empty() && !run.trace.frames.is_empty());
    findings(&run)
}

#[test]
fn a_server_that_owes_an_answer_hangs() {
    if has("python3") {
        let expected = "the server hung: the client did not end within 1s 500ms; the last frame, 1 (MSG), went \
                        to the server";
        assert_eq!(hangs("stream.readline(); time.sleep(60)", ASK), [expected]);
    }
}

#[test]
fn a_client_that_has_its_answer_and_does_not_end_hangs() {
    if has("python3") {
        let expected = "the client hung: the client did not end within 1s 500ms; the last frame, 2 (ACK), went \
                        to the client";
        let stays = "stream.write(b'Ma\\n'); stream.flush(); time.sleep(60)";
        assert_eq!(hangs(ANSWER, stays), [expected]);
    }
}

#[test]
fn a_client_that_never_comes_hangs() {
    if has("python3") {
        let mut target = on_stdout(server(ANSWER), sh("sleep 60"));
        target.limit = Duration::from_millis(200);
        let expected = "the client hung: it did not connect within 200ms, nor end";
        assert_eq!(findings(&honest(&target)), [expected]);
    }
}

#[test]
fn a_death_is_told_with_the_frame_before_it() {
    if !has("python3") {
        return;
    }
    let dies = "stream.readline(); os.kill(os.getpid(), signal.SIGSEGV)";
    let run = honest(&on_stdout(server(dies), client(ASK)));
    assert_eq!(
        findings(&run),
        ["the server died: SIGSEGV ended it after frame 1 (MSG); its last words: `ready`"]
    );
    let dies = format!("{ASK}\nsys.exit('bad frame')");
    let run = honest(&on_stdout(server(ANSWER), client(&dies)));
    let expected =
        "the client died: it ended with status 1 after frame 2 (ACK); its last words: `bad frame`";
    assert_eq!(findings(&run), [expected]);
    let refuses = format!("{ASK}\nclaim(rejected='mac')\nsys.exit(1)");
    assert_eq!(findings(&honest(&on_stdout(server(ANSWER), client(&refuses)))), [""; 0]);
}

#[test]
fn a_listener_that_is_gone_is_no_death() {
    if !has("python3") {
        return;
    }
    let once = format!("listener.close()\n{ANSWER}\ntime.sleep(60)");
    let twice = format!(
        "{ASK}\ntime.sleep(0.4)\nsocket.create_connection(('127.0.0.1', int(sys.argv[1]))).recv(1)"
    );
    let run = honest(&on_stdout(
        server(&once),
        client(&format!("try:\n{}\nexcept OSError: pass", indented(&twice))),
    ));
    let said = findings(&run);
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].starts_with("the server's listener is gone: it "), "{said:?}");
}

#[test]
fn a_flood_of_output_blocks_nobody_and_is_not_kept() {
    if !has("python3") {
        return;
    }
    let flood = format!("{ANSWER}\nwhile True: sys.stdout.write('x' * 65536)");
    let floods =
        "for _ in range(300): sys.stdout.write('y' * 65536); sys.stderr.write('z' * 65536)\n";
    let run = honest(&on_stdout(server(&flood), client(&format!("{floods}{ASK}"))));
    assert_eq!(findings(&run), [""; 0]);
    assert_eq!(run.trace.frames.len(), 2);
    assert_eq!(run.output.client.stderr.len(), 1024);
}

#[test]
fn what_a_target_starts_is_stopped_with_it() {
    if !has("python3") {
        return;
    }
    // One child ends when asked to, one does not, and neither has a parent that would see to it.
    let children = "kept = subprocess.Popen(['sh', '-c', 'sleep 60'])\n\
                    deaf = subprocess.Popen(['sh', '-c', 'trap \"\" TERM; sleep 60; sleep 60'])\n\
                    for one in (kept, deaf): say(f'pid {one.pid}')\n\
                    say(f'pid {os.getpid()}')\n";
    let run = honest(&on_stdout(
        server(&format!("{children}{ANSWER}")),
        client(&format!("{ASK}\nos.fork() or time.sleep(60)")),
    ));
    assert_eq!(findings(&run), [""; 0]);
    let pids = pids(&run.output.server.stdout);
    assert_eq!(pids.len(), 3, "{:?}", run.output);
    for pid in pids {
        assert!(is_gone(pid), "{pid} is left");
    }
}

#[test]
fn a_program_that_is_dropped_is_gone() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let _context = runtime.enter();
    let command = sh("trap '' TERM; sleep 60 & sleep 60");
    let process =
        Process::start(Side::Server, &command, &Program::new(Vec::new(), examples()), None)
            .unwrap();
    let group = process.group();
    assert!(test_kill_process_group(group).is_ok());
    drop(process);
    assert!(is_gone(u32::try_from(group.as_raw_nonzero().get()).unwrap()));
}

#[test]
fn an_interrupt_leaves_what_happened_so_far() {
    if !has("python3") {
        return;
    }
    let body = format!("claim(sent='one')\n{ASK}\ntime.sleep(60)");
    let target = on_stdout(server(ANSWER), client(&body));
    let stop = Interrupt::default();
    let trigger = stop.clone();
    let other = spawn(move || {
        #[expect(clippy::disallowed_methods, reason = "somebody presses Ctrl-C after a while")]
        sleep(Duration::from_millis(1200));
        trigger.trigger();
    });
    let attacker = Attacker::new(lines(), Vec::new().into());
    let run =
        run(&target, lines(), &["data".to_owned()], attacker, Prompt::default(), &stop).unwrap();
    other.join().unwrap();
    assert!(run.interrupted && stop.is_triggered());
    assert_eq!(findings(&run), [""; 0]);
    assert_eq!((claims(&run), run.trace.frames.len()), (vec!["client #1 sent one".to_owned()], 2));

    // Before it began.
    let attacker = Attacker::new(lines(), Vec::new().into());
    let run = super::super::run(
        &target,
        lines(),
        &["data".to_owned()],
        attacker,
        Prompt::default(),
        &stop,
    )
    .unwrap();
    assert!(run.interrupted && run.trace.frames.is_empty() && run.findings.is_empty());
}
