//! The table of commands: how each is written, what it does, and an example.

use std::pin::Pin;

use super::session::{Fail, Output, Session};
use super::{
    actors, backups, cluster, confirm, node, partitions, people, print, rows, talk, tenants,
};
use super::{watch, words};

/// What a command does with the words after its name.
pub(crate) type Handler = for<'a> fn(&'a Session, &'a [String]) -> Doing<'a>;
/// A command that is being done.
pub(crate) type Doing<'a> = Pin<Box<dyn Future<Output = Result<Output, Fail>> + Send + 'a>>;

/// One command.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Command {
    /// One or two words.
    pub(crate) name: &'static str,
    /// The words after the name: `<must>` and `[may]`; `…` stands for any number.
    pub(crate) takes: &'static str,
    pub(crate) about: &'static str,
    pub(crate) example: &'static str,
    pub(crate) run: Handler,
    /// What is at stake, if that is asked about before it is done.
    pub(crate) risk: Option<Risk>,
}

/// What a command puts at stake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Risk {
    /// It can be set right afterwards.
    Mild(&'static str),
    /// There is no way back: the first word is asked for again.
    Grave(&'static str),
}

impl Command {
    pub(crate) const fn new(
        name: &'static str,
        takes: &'static str,
        about: &'static str,
        example: &'static str,
        run: Handler,
    ) -> Self {
        Self { name, takes, about, example, run, risk: None }
    }

    /// Asked about first.
    pub(crate) const fn risks(mut self, what: &'static str) -> Self {
        self.risk = Some(Risk::Mild(what));
        self
    }

    /// Asked about first, with the name of what it is done to.
    pub(crate) const fn ends(mut self, what: &'static str) -> Self {
        self.risk = Some(Risk::Grave(what));
        self
    }

    /// How many words it takes, at least and at most.
    fn arity(&self) -> (usize, usize) {
        let must = self.takes.matches('<').count();
        let may = self.takes.matches('[').count();
        if self.takes.contains('…') { (must, usize::MAX) } else { (must, must + may) }
    }

    fn usage(&self) -> String {
        format!("{} {}", self.name, self.takes).trim_end().to_owned()
    }
}

/// All commands, in the order of the help.
pub(crate) fn all() -> impl Iterator<Item = &'static Command> {
    [
        cluster::COMMANDS,
        partitions::COMMANDS,
        node::COMMANDS,
        actors::COMMANDS,
        rows::COMMANDS,
        backups::COMMANDS,
        tenants::COMMANDS,
        people::COMMANDS,
        talk::COMMANDS,
    ]
    .into_iter()
    .flatten()
}

/// A command that was written rightly, and the words after its name.
pub(crate) struct Ready {
    command: &'static Command,
    words: Vec<String>,
}

/// Reads a line. `None` if it says nothing, or was help, which is written at once.
pub(crate) fn read(line: &str) -> Result<Option<Ready>, Fail> {
    let words = words::split(line).map_err(Fail::Usage)?;
    match words.first().map(String::as_str) {
        None => return Ok(None),
        Some("help" | "?") => return help(&words[1..]).map(|()| None),
        Some(_) => {}
    }
    let (command, rest) = find(&words)?;
    let (least, most) = command.arity();
    if !(least..=most).contains(&rest.len()) {
        return Err(Fail::Usage(format!(
            "usage: {}\n  for example: {}",
            command.usage(),
            command.example
        )));
    }
    Ok(Some(Ready { command, words: rest.to_vec() }))
}

impl Ready {
    /// Asks whether it is meant, if much is at stake.
    pub(crate) async fn confirm(&self, session: &Session) -> Result<(), Fail> {
        match self.command.risk {
            None => Ok(()),
            Some(risk) => confirm::ask(session, self.command.name, risk, &self.words).await,
        }
    }

    pub(crate) async fn run(&self, session: &Session) -> Result<Output, Fail> {
        (self.command.run)(session, &self.words).await
    }

    /// Whether it can be repeated without doing anything.
    pub(crate) fn can_be_watched(&self) -> bool {
        self.command.risk.is_none() && !["tail", "tenants export"].contains(&self.command.name)
    }
}

/// Does what a line says. `watch [seconds] COMMAND` repeats it.
pub(crate) async fn execute(session: &Session, line: &str) -> Result<(), Fail> {
    if let Some((every, line)) = watch::asked(line)? {
        return watch::run(session, line, every).await;
    }
    let Some(ready) = read(line)? else { return Ok(()) };
    ready.confirm(session).await?;
    let output = ready.run(session).await?;
    output.lines(session.json).iter().for_each(|line| print::line(line));
    Ok(())
}

/// The command that the words begin with, and the words after it. A group's name alone means its
/// list or its status.
pub(crate) fn find(words: &[String]) -> Result<(&'static Command, &[String]), Fail> {
    let [first, rest @ ..] = words else { return Err(Fail::Usage("nothing was asked".to_owned())) };
    if let Some(second) = rest.first()
        && let Some(command) = all().find(|command| command.name == format!("{first} {second}"))
    {
        return Ok((command, &rest[1..]));
    }
    if let Some(command) = all().find(|command| command.name == first) {
        return Ok((command, rest));
    }
    for more in ["list", "status"] {
        let name = format!("{first} {more}");
        if let Some(command) = all().find(|command| command.name == name && rest.is_empty()) {
            return Ok((command, rest));
        }
    }
    Err(Fail::Usage(unknown(words)))
}

fn unknown(words: &[String]) -> String {
    let first = words[0].as_str();
    let group: Vec<&str> =
        all().map(|command| command.name).filter(|name| begins(name, first)).collect();
    if !group.is_empty() {
        return format!("{first} is followed by one of:\n  {}", group.join("\n  "));
    }
    let given = words.iter().take(2).map(String::as_str).collect::<Vec<_>>().join(" ");
    let near = |name: &&str| words::distance(name, &given).min(words::distance(head(name), first));
    let nearest = all().map(|command| command.name).min_by_key(near).filter(|name| near(name) <= 2);
    match nearest {
        Some(name) => format!("there is no command {first:?}; did you mean {name:?}?"),
        None => format!("there is no command {first:?}; `help` lists them"),
    }
}

fn head(name: &str) -> &str {
    name.split_once(' ').map_or(name, |(head, _)| head)
}

fn begins(name: &str, first: &str) -> bool {
    head(name) == first && name != first
}

fn help(words: &[String]) -> Result<(), Fail> {
    let asked = words.join(" ");
    let fits = |command: &&Command| command.name == asked || head(command.name) == asked;
    let found: Vec<&Command> = all().filter(|command| asked.is_empty() || fits(command)).collect();
    if found.is_empty() {
        return Err(Fail::Usage(unknown(words)));
    }
    if asked.is_empty() {
        let lines: Vec<(String, &str)> =
            found.iter().map(|command| (command.usage(), command.about)).collect();
        print::facts(&lines);
        print::line("");
        print::facts(&[
            ("watch [seconds] COMMAND", "repeat a command and redraw; control-C ends it"),
            ("help COMMAND", "more about a command, with an example"),
            ("exit", "or control-D: leave"),
        ]);
        print::line("\nA <tenant> is an id (ten_…) or the tenant's name, a <node> is node-2 or 2.");
        return Ok(());
    }
    for command in found {
        print::line(&command.usage());
        print::line(&format!("  {}", command.about));
        if let Some(Risk::Mild(what) | Risk::Grave(what)) = command.risk {
            print::line(&format!("  asks first: {what}"));
        }
        print::line(&format!("  for example: {}", command.example));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn words(line: &str) -> Vec<String> {
        words::split(line).unwrap()
    }

    #[track_caller]
    fn check(line: &str, name: &str, rest: &[&str]) {
        let words = words(line);
        let (command, left) = find(&words).unwrap();
        assert_eq!(
            (command.name, left),
            (name, &rest.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()[..])
        );
    }

    #[test]
    fn commands_are_found_by_one_or_two_words() {
        check("nodes", "nodes", &[]);
        check("top 5", "top", &["5"]);
        check("tenants", "tenants list", &[]);
        check("cluster", "cluster status", &[]);
        check("partitions", "partitions", &[]);
        check("partition move 3 node-1 node-4", "partition move", &["3", "node-1", "node-4"]);
        check("tenants show Shop", "tenants show", &["Shop"]);
        check("dead-letters replay 00ff", "dead-letters replay", &["00ff"]);
    }

    #[track_caller]
    fn refused(line: &str, why: &str) {
        let Err(Fail::Usage(text)) = find(&words(line)) else { panic!("{line:?} is a command") };
        assert!(text.contains(why), "{text:?} does not say {why:?}");
    }

    #[test]
    fn mistakes_get_a_hint() {
        refused("nods", "did you mean \"nodes\"");
        refused("tenant list", "did you mean \"tenants list\"");
        refused("tenants drop x", "tenants show");
        refused("node", "node drain");
        refused("make coffee", "`help` lists them");
    }

    #[test]
    fn examples_are_commands_of_the_right_length() {
        for command in all() {
            let words = words(command.example);
            let (found, rest) = find(&words).unwrap_or_else(|_| panic!("{}", command.example));
            assert_eq!(found.name, command.name, "{}", command.example);
            let (least, most) = command.arity();
            assert!((least..=most).contains(&rest.len()), "{}", command.example);
        }
    }

    #[test]
    fn names_are_distinct() {
        let names: BTreeSet<&str> = all().map(|command| command.name).collect();
        assert_eq!(names.len(), all().count());
    }

    #[test]
    fn what_cannot_be_undone_has_a_name_to_ask_for() {
        for command in all() {
            if let Some(Risk::Grave(_)) = command.risk {
                assert!(command.takes.starts_with('<'), "{}", command.name);
            }
        }
    }

    #[test]
    fn the_guide_shows_every_command() {
        const GUIDE: &str = include_str!("../../../docs/operations/shell.md");
        for command in all() {
            let usage = format!("`{}`", command.usage());
            assert!(GUIDE.contains(&usage), "docs/operations/shell.md lacks {usage}");
            assert!(GUIDE.contains(&format!("impresario> {}", command.name)), "{}", command.name);
        }
    }
}
