//! Claims on every channel, and what is wrong with them; the example, and the contract's own programs.

use judge::properties::{Finished, PROPERTIES};
use judge::property::{Outcome, Property};
use protocol::endpoint::Check;

use super::*;

/// What an example does: the program as it is, or the fixed one.
fn example(fixed: bool) -> Target {
    let mut server = words(&["python3", "server.py", "--port", "{port}"]);
    let mut client = words(&["python3", "client.py", "--port", "{port}"]);
    if fixed {
        server.push("--fixed".to_owned());
        client.push("--fixed".to_owned());
    }
    on_stdout(server, client)
}

fn flip() -> Vec<Rule> {
    let field = ("field", Arg::Text("body".to_owned()));
    vec![rule(first_of_client(), "flip", &[field, ("bit", Arg::Number(0))])]
}

fn replay() -> Vec<Rule> {
    vec![rule(first_of_client(), "replay", &[("times", Arg::Number(1))])]
}

/// What is violated, by an attack on this target.
fn violated(target: &Target, rules: Vec<Rule>) -> (Run, Vec<Property>) {
    let honest_run = attacked(target, echo(), Vec::new()).unwrap();
    let run = attacked(target, echo(), rules).unwrap();
    let of = |run: &Run| {
        let finished = Finished {
            trace: &run.trace,
            open_ends: &run.open_ends,
            honest_run: &honest_run.trace,
            largest_frame: 65537,
            searches: &judge::search::Searches::default(),
        };
        let broken = PROPERTIES.iter().filter(|spec| {
            let mut monitor = spec.monitor.make();
            run.trace.claims.iter().for_each(|record| monitor.observe(record));
            monitor.conclude(&finished).outcome == Outcome::Violated
        });
        broken.map(|spec| spec.property).collect::<Vec<_>>()
    };
    assert_eq!(of(&honest_run), [], "{:?}", claims(&honest_run));
    let broken = of(&run);
    (run, broken)
}

fn first_refusal(run: &Run) -> Option<Check> {
    run.trace.claims.iter().find_map(|record| match record.claim.fact {
        Fact::Rejected(reject) => Some(reject.check),
        _ => None,
    })
}

#[test]
fn the_example_says_what_it_accepts() {
    if !has("python3") {
        return;
    }
    let run = attacked(&example(false), echo(), Vec::new()).unwrap();
    assert_eq!(findings(&run), [""; 0], "{:?}", run.output);
    let of = |who: &str| -> Vec<String> {
        claims(&run)
            .into_iter()
            .filter_map(|line| line.strip_prefix(who).map(str::to_owned))
            .collect()
    };
    assert_eq!(
        of("client "),
        [
            "#1 sent pay bob 100",
            "#1 delivered pay bob 100",
            "#1 acknowledged pay bob 100",
            "#1 sent pay carol 7",
            "#1 delivered pay carol 7",
            "#1 acknowledged pay carol 7",
            "#1 ended: clean end",
        ]
    );
    assert_eq!(of("server ").iter().filter(|line| line.contains("delivered")).count(), 2);
    assert_eq!(of("server ").last().unwrap(), "#1 ended: clean end");
    assert_eq!(run.trace.frames.len(), 4);
    assert!(run.open_ends.is_empty() && !run.interrupted);
    assert!(run.output.client.stdout.contains("pay bob 100"));
    assert_in_order(&run);
}

#[test]
fn a_replay_is_taken_by_the_example_and_refused_by_the_fixed_one() {
    if !has("python3") {
        return;
    }
    let (run, broken) = violated(&example(false), replay());
    assert_eq!(broken, [Property::DeliveryAtMostOnce], "{:?}", claims(&run));
    assert_eq!((first_refusal(&run), findings(&run)), (None, vec![]));
    let (run, broken) = violated(&example(true), replay());
    assert_eq!(broken, [], "{:?}", claims(&run));
    assert_eq!((first_refusal(&run), findings(&run)), (Some(Check::Sequence), vec![]));
}

#[test]
fn a_flipped_bit_is_refused_by_both() {
    if !has("python3") {
        return;
    }
    for fixed in [false, true] {
        let (run, broken) = violated(&example(fixed), flip());
        assert_eq!(broken, [], "{:?}", claims(&run));
        assert_eq!((first_refusal(&run), findings(&run)), (Some(Check::Mac), vec![]));
    }
}

#[test]
fn claims_may_be_on_standard_error_or_in_a_file() {
    if !has("python3") {
        return;
    }
    let say =
        "print(json.dumps({'ended': 'clean'}), file=sys.stderr, flush=True)\nsay('{\"ended\": 3}')";
    let mut target = on_stdout(server(ANSWER), client(&format!("{ASK}\n{say}")));
    target.judged_from = JudgedFrom::Claims(Channel::Stderr);
    assert_eq!(claims(&honest(&target)), ["client #1 ended: clean end"]);

    let write = "open(sys.argv[2], 'a').write('{\"sent\": \"one\"}\\n{\"ended\": \"clean\"}')\n\
                 assert sys.argv[2] == os.environ['MEDDLE_CLAIMS']\n";
    target.client.command = client(&format!("{write}{ASK}"));
    target.client.command.push("{claims}".to_owned());
    target.judged_from = JudgedFrom::Claims(Channel::File);
    let run = honest(&target);
    assert_eq!(findings(&run), [""; 0], "{:?}", run.output);
    assert_eq!(claims(&run), ["client #1 sent one", "client #1 ended: clean end"]);
}

#[test]
fn claims_that_cannot_be_read_are_told_and_those_before_count() {
    if !has("python3") {
        return;
    }
    let cases = [
        ("claim(delivred='a')", "line 2 on standard output: `delivred` is no claim; did you mean"),
        (
            "say('{\"sent\": \"' + 2000000 * 'x' + '\"}')",
            "line 2 on standard output: it has more than",
        ),
        ("while True: claim(logged='x')", "more than 10000 claims"),
        ("claim(sent=3)", "line 2 on standard output: `sent` needs a message"),
        ("say('{\"delivered\": {\"text\": \"a\"')", "begins like a claim, and is no JSON"),
        (
            "say('note: {\"delivered\": \"a\"}')",
            "a claim (\"delivered\") stands behind other text, and must be alone on its line",
        ),
        ("claim(logged='x', connection=7)", "one is about connection 7, and there were only 1"),
    ];
    for (body, expected) in cases {
        let first = "claim(sent='first')\n";
        let mut target =
            on_stdout(server(ANSWER), client(&format!("{first}{body}\nclaim(sent='last')")));
        target.limit = Duration::from_secs(2);
        let run = honest(&target);
        let said = findings(&run).join("; ");
        assert!(
            said.contains("claims of the client cannot be read: ") && said.contains(expected),
            "{said}"
        );
        assert_eq!(claims(&run)[0], "client #1 sent first");
        // One about a connection that there never was is told at the end.
        let goes_on = body.contains("connection=7");
        assert_eq!(claims(&run).iter().any(|claim| claim.contains("last")), goes_on, "{body}");
    }
    let write =
        "open(os.environ['MEDDLE_CLAIMS'], 'w').write('{\"sent\": \"a\"}\\n\\nnonsense\\n')";
    let mut target = on_stdout(server(ANSWER), client(write));
    target.judged_from = JudgedFrom::Claims(Channel::File);
    let run = honest(&target);
    let said = findings(&run);
    assert!(said[0].contains("line 3 on a file: `nonsense` is no JSON"), "{said:?}");
    assert_eq!(claims(&run), ["client #1 sent a"]);
}

#[test]
fn a_file_of_claims_cannot_be_taken_back_nor_replaced() {
    if !has("python3") {
        return;
    }
    let claim = "name = os.environ['MEDDLE_CLAIMS']\n\
                 def tell(mode, line): open(name, mode).write(line + '\\n')\n\
                 tell('a', '{\"sent\": \"one\"}')\n";
    let with = |body: &str| {
        let mut target = on_stdout(server(ANSWER), client(&format!("{claim}{body}\n{ASK}")));
        target.judged_from = JudgedFrom::Claims(Channel::File);
        honest(&target)
    };
    // It is opened anew, cut to nothing, and written from the beginning.
    let run = with("tell('w', '{\"ended\": \"clean\"}')");
    assert_eq!(claims(&run), ["client #1 sent one", "client #1 ended: clean end"]);
    assert_eq!(findings(&run), [""; 0]);
    for (body, how) in [
        ("os.remove(name)", "its file of claims: it is gone"),
        ("os.remove(name); tell('w', 'x')", "its file of claims: another file is in its place"),
    ] {
        let said = findings(&with(body)).join("; ");
        assert!(said.contains(how), "{said}");
    }
}

/// Many notes, one after the other as fast as they go: the server claims each before it answers, the client believes that it arrived once
/// it has the answer.
#[test]
fn a_claim_never_comes_before_what_it_rests_on() {
    if !has("python3") {
        return;
    }
    let takes = "for line in stream:\n    claim(delivered=line[1:-1].decode())\n    \
                 stream.write(b'A\\n'); stream.flush()";
    let sends = "for n in range(200):\n    claim(sent='note %d' % n)\n    \
                 stream.write(b'Mnote %d\\n' % n); stream.flush(); stream.readline()\n    \
                 claim(acknowledged='note %d' % n)";
    let mut target = on_stdout(server(takes), client(sends));
    target.limit = Duration::from_mins(5);
    let run = honest(&target);
    let said = claims(&run);
    let place = |line: &str| said.iter().position(|said| said == line).unwrap();
    for n in 0..200 {
        let sent = place(&format!("client #1 sent note {n}"));
        let delivered = place(&format!("server #1 delivered note {n}"));
        let believed = place(&format!("client #1 acknowledged note {n}"));
        assert!(sent < delivered && delivered < believed, "{n}: {said:?}");
    }
    assert_eq!(run.prompt, [true, true]);
    assert_in_order(&run);
}

#[test]
fn claims_that_come_when_it_is_stopped_do_not_count() {
    if !has("python3") {
        return;
    }
    let late = "signal.signal(signal.SIGTERM, lambda *_: (claim(ended='aborted'), os._exit(0)))\n";
    let run = honest(&on_stdout(server(&format!("{late}{ANSWER}")), client(ASK)));
    assert!(claims(&run).is_empty());
    let remarks = run.remarks.join("; ");
    assert!(remarks.contains("1 claims of the server came only when it was stopped"), "{remarks}");
}

#[test]
fn connections_and_names_are_as_claimed() {
    if !has("python3") {
        return;
    }
    let twice = "stream.close(); connection.close()\n\
                 connection = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n\
                 stream = connection.makefile('rwb')\n";
    let own = "claim(sent='b', connection=1, local='ann', peer='bob')";
    let body = format!("{ASK}\n{twice}claim(sent='a')\n{ASK}\n{own}");
    let run = honest(&on_stdout(server(ANSWER), client(&body)));
    // Of two connections the newest is meant, unless the claim says otherwise.
    assert_eq!(claims(&run), ["client #2 sent a", "ann #1 sent b"]);
}

#[test]
fn the_words_of_the_contract_are_those_that_are_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/claims.md");
    let text = std::fs::read_to_string(path).unwrap();
    for word in super::super::claims::WORDS {
        assert!(text.contains(&format!("\n| `{word}` |")), "{word}");
    }
    let checks: Vec<&str> = Check::ALL.iter().map(|check| check.name()).collect();
    let told = text.replace("\n  ", " ");
    assert!(told.contains(&checks.join(", ")), "{checks:?}");
    let c = text.split("```c\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let python =
        text.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let folder = std::env::temp_dir().join(format!("meddle-contract-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    if has("cc") {
        std::fs::write(folder.join("claim.c"), c).unwrap();
        let mut made = Command::new("cc");
        made.args(["-Wall", "-Werror", "claim.c", "-o", "claim"]).current_dir(&folder);
        let made = made.status().unwrap();
        assert!(made.success());
        let said = Command::new(folder.join("claim")).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&said.stdout), "{\"delivered\": {\"hex\": \"6869\"}}\n");
    }
    if has("python3") {
        let file = folder.join("claims");
        let ran = Command::new("python3").args(["-c", python]).env(CLAIMS_VARIABLE, &file).status();
        assert!(ran.unwrap().success());
        let said = std::fs::read_to_string(file).unwrap();
        assert_eq!(said.lines().count(), 2);
        for line in said.lines() {
            use super::super::claims::{Among, Line, parse};
            assert!(matches!(parse(line.as_bytes(), Among::Claims), Ok(Line::Claim(_))));
        }
    }
    std::fs::remove_dir_all(folder).unwrap();
}
