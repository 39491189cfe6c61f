use crate::condition::{Condition, Range};
use crate::parse::Parser;
use crate::parse::fields::Fields;
use crate::problem::{Pointer, codes};
use crate::time::Span;
use crate::tracker::{EventPattern, Step, TrackerKind, TrackerSpec};
use crate::tree::Tree;
use crate::{COUNT_IN_WINDOW_MAX, COUNT_MAX, STEPS_MAX};

impl Parser<'_> {
    /// `{"event": …}` and `{"no_event": …}`.
    pub(super) fn performed(
        &mut self,
        key: &'static str,
        fields: &mut Fields<'_>,
        depth: usize,
    ) -> Option<Condition> {
        let event = fields.take(key).and_then(|(tree, at)| self.name(tree, &at));
        let filter = self.filter(fields, depth);
        let window = self.window(fields);
        let never = key == "no_event";
        let range = if never {
            Some(Range { min: None, max: Some(0) })
        } else {
            let max = if fields.has("within_last") { COUNT_IN_WINDOW_MAX } else { COUNT_MAX };
            self.range(fields, max)
        };
        let more: &[&'static str] = if never {
            &["where", "within_last"]
        } else {
            &["where", "at_least", "at_most", "exactly", "within_last"]
        };
        fields.close(more, &mut self.problems);
        let pattern = EventPattern { event: event?, filter: filter.ok()? };
        let (range, window) = (range?, window.ok()?);
        let kind = match window {
            None => TrackerKind::Count(pattern),
            Some(_) => TrackerKind::Times { pattern, keep: range.keep() },
        };
        Some(Condition::Performed { spec: TrackerSpec::new(kind), range, window })
    }

    /// `Err` if there is one but it is wrong.
    fn window(&mut self, fields: &mut Fields<'_>) -> Result<Option<Span>, ()> {
        match fields.take("within_last") {
            None => Ok(None),
            Some((tree, at)) => self.span(tree, &at, Span::SECOND).map(Some).ok_or(()),
        }
    }

    fn range(&mut self, fields: &mut Fields<'_>, max: u32) -> Option<Range> {
        let mut bound = |key| fields.take(key).map(|(tree, at)| (self.count(tree, &at, max), at));
        let (exactly, at_least, at_most) = (bound("exactly"), bound("at_least"), bound("at_most"));
        let range = match (exactly, at_least, at_most) {
            (Some((count, _)), None, None) => {
                let count = count?;
                Range { min: Some(count), max: Some(count) }
            }
            (Some((_, at)), _, _) => {
                let message = "\"exactly\" cannot stand beside \"at_least\" or \"at_most\"";
                self.problems.add(&at, codes::CONFLICTING_KEYS, message);
                return None;
            }
            (None, None, None) => Range { min: Some(1), max: None },
            (None, at_least, at_most) => {
                let min = at_least.map(|(count, at)| count.map(|count| (count, at)));
                let max = at_most.map(|(count, _)| count);
                // Present but wrong: reported by `count` already.
                if min == Some(None) || max == Some(None) {
                    return None;
                }
                self.between(min.flatten(), max.flatten())?
            }
        };
        Some(Range { min: range.min.filter(|min| *min > 0), max: range.max })
    }

    fn between(&mut self, min: Option<(u32, Pointer)>, max: Option<u32>) -> Option<Range> {
        if let Some((min, at)) = &min {
            let message = match max {
                None if *min == 0 => "\"at_least\": 0 always holds".to_owned(),
                Some(max) if *min > max => {
                    format!("\"at_least\": {min} is above \"at_most\": {max}, so this never holds")
                }
                None | Some(_) => return Some(Range { min: Some(*min), max }),
            };
            self.problems.add(at, codes::INVALID_RANGE, message);
            return None;
        }
        Some(Range { min: None, max })
    }

    /// `{"sequence": […]}`.
    pub(super) fn sequence(&mut self, fields: &mut Fields<'_>, depth: usize) -> Option<Condition> {
        let steps = fields.take("sequence").and_then(|(tree, at)| self.steps(tree, &at, depth));
        let window = self.window(fields);
        fields.close(&["within_last"], &mut self.problems);
        let spec = TrackerSpec::new(TrackerKind::Sequence(steps?));
        Some(Condition::Sequence { spec, window: window.ok()? })
    }

    fn steps(&mut self, tree: &Tree, at: &Pointer, depth: usize) -> Option<Vec<Step>> {
        let items = self.list(tree, at, "a sequence")?;
        if items.len() < 2 || items.len() > STEPS_MAX {
            let message = format!("a sequence has 2 to {STEPS_MAX} steps");
            self.problems.add(at, codes::WRONG_LENGTH, message);
            return None;
        }
        let steps: Vec<Option<Step>> = items
            .iter()
            .enumerate()
            .map(|(index, item)| self.step(item, &at.index(index), index == 0, depth))
            .collect();
        steps.into_iter().collect()
    }

    /// A step: the name of an event, or an object.
    fn step(&mut self, tree: &Tree, at: &Pointer, first: bool, depth: usize) -> Option<Step> {
        if !self.admit(at, depth) {
            return None;
        }
        if let Tree::Text(_) = tree {
            let event = self.name(tree, at)?;
            return Some(Step { pattern: EventPattern { event, filter: None }, within: None });
        }
        let mut fields = Fields::open(tree, at, "a step", &mut self.problems)?;
        let event =
            fields.demand("event", &mut self.problems).and_then(|(tree, at)| self.name(tree, &at));
        let filter = self.filter(&mut fields, depth);
        let within = match fields.take("within") {
            None => Ok(None),
            Some((_, at)) if first => {
                let message = "the first step has no step before it to be within reach of";
                self.problems.add(&at, codes::CONFLICTING_KEYS, message);
                Err(())
            }
            Some((tree, at)) => self.span(tree, &at, Span::SECOND).map(Some).ok_or(()),
        };
        let more: &[&'static str] = if first { &["where"] } else { &["where", "within"] };
        fields.close(more, &mut self.problems);
        let pattern = EventPattern { event: event?, filter: filter.ok()? };
        Some(Step { pattern, within: within.ok()? })
    }
}
