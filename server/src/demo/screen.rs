//! How the tour looks.

use std::cell::Cell;
use std::io::{IsTerminal, stdout};

use serde_json::Value;

use crate::shell::print;

const WIDTH: usize = 100;

/// Where the tour is shown.
#[derive(Debug)]
pub(crate) struct Screen {
    colours: bool,
    step: Cell<u32>,
}

#[derive(Clone, Copy)]
enum Ink {
    Bold,
    Dim,
    Green,
    Red,
}

impl Screen {
    pub(crate) fn new() -> Self {
        Self { colours: stdout().is_terminal(), step: Cell::new(0) }
    }

    /// The next step, and why it is there.
    pub(crate) fn step(&self, title: &str, about: &str) {
        self.step.set(self.step.get() + 1);
        self.heading(&format!("{}  {title}", self.step.get()));
        print::line(&format!("   {about}"));
    }

    pub(crate) fn heading(&self, title: &str) {
        let rule = "─".repeat(WIDTH.saturating_sub(title.chars().count() + 4));
        print::line(&format!("\n{}", self.ink(Ink::Bold, &format!("── {title} {rule}"))));
    }

    /// What is asked.
    pub(crate) fn asks(&self, method: &str, path: &str, body: Option<&Value>) {
        let body = body.map_or_else(String::new, |body| format!(" {body}"));
        print::line(&format!("   → {}", cut(&format!("{method} {path}{body}"))));
    }

    /// What comes back.
    pub(crate) fn answers(&self, text: &str) {
        print::line(&self.ink(Ink::Dim, &format!("   ← {}", cut(text))));
    }

    pub(crate) fn note(&self, text: &str) {
        print::line(&format!("   {text}"));
    }

    /// A figure that was compared.
    pub(crate) fn check(&self, passed: bool, name: &str, text: &str) {
        let mark = if passed { self.ink(Ink::Green, "✓") } else { self.ink(Ink::Red, "✗") };
        print::line(&format!("   {mark} {name:34} {text}"));
    }

    pub(crate) fn verdict(&self, passed: bool, text: &str) {
        print::line(&self.ink(if passed { Ink::Green } else { Ink::Red }, text));
    }

    fn ink(&self, ink: Ink, text: &str) -> String {
        if !self.colours {
            return text.to_owned();
        }
        let code = match ink {
            Ink::Bold => 1,
            Ink::Dim => 2,
            Ink::Green => 32,
            Ink::Red => 31,
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// At most one line of the screen.
fn cut(text: &str) -> String {
    const MOST: usize = WIDTH - 6;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(MOST - 1).collect();
    short.push('…');
    short
}
