//! The table of commands: how each is written, what it does, and an example.

use std::pin::Pin;

use super::print;
use super::session::{Fail, Output, Session};
use super::{node, people, tenants, words};

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
}

impl Command {
    pub(crate) const fn new(
        name: &'static str,
        takes: &'static str,
        about: &'static str,
        example: &'static str,
        run: Handler,
    ) -> Self {
        Self { name, takes, about, example, run }
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
    [node::COMMANDS, tenants::COMMANDS, people::COMMANDS].into_iter().flatten()
}

/// Does what a line says.
pub(crate) async fn execute(session: &Session, line: &str) -> Result<(), Fail> {
    let words = words::split(line).map_err(Fail::Usage)?;
    match words.first().map(String::as_str) {
        None => return Ok(()),
        Some("help" | "?") => return help(&words[1..]),
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
    // Boxed: the largest command decides, and few are so large.
    let output = (command.run)(session, rest).await?;
    output.print(session.json);
    Ok(())
}

/// The command that the words begin with, and the words after it. A group's name alone means its
/// list.
fn find(words: &[String]) -> Result<(&'static Command, &[String]), Fail> {
    let [first, rest @ ..] = words else { return Err(Fail::Usage("nothing was asked".to_owned())) };
    if let Some(second) = rest.first()
        && let Some(command) = all().find(|command| command.name == format!("{first} {second}"))
    {
        return Ok((command, &rest[1..]));
    }
    if let Some(command) = all().find(|command| command.name == first) {
        return Ok((command, rest));
    }
    let list = format!("{first} list");
    if let Some(command) = all().find(|command| command.name == list && rest.is_empty()) {
        return Ok((command, rest));
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
            ("help COMMAND", "more about a command, with an example"),
            ("exit", "or control-D: leave"),
        ]);
        print::line("\nA <tenant> is an id (ten_…) or the tenant's name.");
        return Ok(());
    }
    for command in found {
        print::line(&command.usage());
        print::line(&format!("  {}", command.about));
        print::line(&format!("  for example: {}", command.example));
    }
    Ok(())
}

/// What may stand where the line ends: names of commands.
pub(crate) fn completions(line: &str) -> Vec<String> {
    let line = line.trim_start();
    let mut found: Vec<String> = all()
        .map(|command| command.name)
        .chain(["help", "exit"])
        .filter(|name| name.starts_with(line))
        .map(|name| {
            // One word at a time.
            let end = name[line.len()..].find(' ').map_or(name.len(), |blank| line.len() + blank);
            name[..end].to_owned()
        })
        .collect();
    if let Some(asked) = line.strip_prefix("help ") {
        found = completions(asked).into_iter().map(|name| format!("help {name}")).collect();
    }
    found.dedup();
    found
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
        check("top profile 5", "top", &["profile", "5"]);
        check("tenants", "tenants list", &[]);
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
    fn completion_goes_word_by_word() {
        assert_eq!(completions("no"), ["nodes"]);
        assert_eq!(completions("ten"), ["tenants"]);
        assert!(completions("tenants s").contains(&"tenants show".to_owned()));
        assert_eq!(completions("help no"), ["help nodes"]);
        assert_eq!(completions("nothing"), Vec::<String>::new());
    }
}
